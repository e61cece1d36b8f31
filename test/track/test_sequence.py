import numpy as np

from dreamitate_core import se3
from dreamitate_track.detect import Hypothesis, distinct
from dreamitate_track.sequence import best_path, best_paths, filled, turned_over


def seen_at(x: float, turn: float, score: float) -> Hypothesis:
    return Hypothesis(se3.make_transform(se3.exp([0, 0, 0, 0, 0, turn])[:3, :3], (x, 0, 1)), score)


def test_a_flip_in_one_frame_is_outvoted_by_its_neighbours() -> None:
    frames = [[seen_at(0.02 * t, 0.0, 500.0), seen_at(0.02 * t, 3.1, 400.0)] for t in range(12)]
    frames[5] = [seen_at(0.1, 3.1, 520.0), seen_at(0.1, 0.0, 480.0)]
    assert best_path(frames) == [0] * 5 + [1] + [0] * 6
    poses, seen = filled(frames, best_path(frames))
    assert seen.all()
    rivals = turned_over(frames, poses, [])
    assert [[h.score for h in frame] for frame in rivals] == [[400.0]] * 5 + [[520.0]] + [[400.0]] * 6
    assert best_path(rivals) == [0] * 12


def test_frames_without_evidence_are_bridged() -> None:
    frames = [[seen_at(0.02 * t, 0.0, 500.0)] for t in range(12)]
    frames[0], frames[6] = [seen_at(0.4, 2.0, -300.0)], []
    path = best_path(frames)
    assert path[0] == -1
    assert path[6] == -1
    poses, seen = filled(frames, path)
    assert seen.sum() == 10
    np.testing.assert_allclose(poses[6, :3, 3], (0.12, 0, 1), atol=1e-9)


def test_nothing_seen_is_an_empty_path() -> None:
    assert best_path([[] for _ in range(12)]) == [-1] * 12


def test_distinct_keeps_the_best_of_each_neighbourhood() -> None:
    kept = distinct([seen_at(0, 0, 1), seen_at(0.001, 0.01, 3), seen_at(0, 3.0, 2)], 5, 0.2, 0.02)
    assert [h.score for h in kept] == [3, 2]


def test_two_tools_are_never_in_one_place() -> None:
    """The right one scores higher where the left one is, as mirrored tools do."""
    left = [[seen_at(0.0, 0.0, 500.0), seen_at(0.3, 0.0, 450.0)] for _ in range(12)]
    right = [[seen_at(0.001, 0.0, 480.0), seen_at(0.3, 0.0, 470.0)] for _ in range(12)]
    radii_m = np.array([0.1, 0.1])
    assert best_paths([left, right], radii_m) == [[0] * 12, [1] * 12]
    assert best_paths([right, left], radii_m) == [[1] * 12, [0] * 12]


def test_a_tool_that_is_not_there_leaves_the_other_its_place() -> None:
    left = [[seen_at(0.0, 0.0, 500.0)] for _ in range(12)]
    nowhere: list[list[Hypothesis]] = [[] for _ in range(12)]
    assert best_paths([left, nowhere], np.array([0.1, 0.1])) == [[0] * 12, [-1] * 12]


def test_three_tools_with_many_hypotheses_each_are_kept_apart() -> None:
    places = np.arange(16) * 0.3
    frame = [seen_at(x, 0.0, 500.0 - 10 * n) for n, x in enumerate(places)]
    assert best_paths([[frame] * 12] * 3, np.full(3, 0.1)) == [[0] * 12, [1] * 12, [2] * 12]


def test_rivals_are_not_looked_for_where_another_tool_is() -> None:
    frames = [[seen_at(0.0, 0.0, 500.0), seen_at(0.31, 3.0, 480.0), seen_at(0.01, 3.0, 300.0)] for _ in range(12)]
    own, other = (np.stack([seen_at(x, 0.0, 1.0).pose] * 12) for x in (0.0, 0.3))
    assert [[h.score for h in frame] for frame in turned_over(frames, own, [other])] == [[300.0]] * 12

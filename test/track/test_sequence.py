import numpy as np

from dreamitate_core import se3
from dreamitate_track.detect import Hypothesis, distinct
from dreamitate_track.sequence import best_path, filled, margin


def seen_at(x: float, turn: float, score: float) -> Hypothesis:
    return Hypothesis(se3.make_transform(se3.exp([0, 0, 0, 0, 0, turn])[:3, :3], (x, 0, 1)), score)


def test_a_flip_in_one_frame_is_outvoted_by_its_neighbours() -> None:
    frames = [[seen_at(0.02 * t, 0.0, 500.0), seen_at(0.02 * t, 3.1, 400.0)] for t in range(12)]
    frames[5] = [seen_at(0.1, 3.1, 520.0), seen_at(0.1, 0.0, 480.0)]
    assert best_path(frames) == [0] * 5 + [1] + [0] * 6
    assert 0 < margin(frames, best_path(frames)) < 0.5


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

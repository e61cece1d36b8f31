"""The folder holds all that it promises, and its page shows all that it holds, whole or cut short."""

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dreamitate import ending
from dreamitate.report import FILE_NOTES, STAGE_FILES, headline
from dreamitate.run_folder import (
    CANCELED,
    COMPLETED,
    FAILED,
    Ending,
    RunFolder,
    read_json,
    read_motion,
    side_by_side,
    write_json,
)
from dreamitate_core.arms import load_arms
from dreamitate_core.clip import read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import read_plan
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import read_tracks
from dreamitate_core.video import read_mp4

MakeRollout = Callable[..., RunFolder]


class Page(HTMLParser):
    """What a page holds: its text, its pictures and videos, its links; complains about what it would fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.sources: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.open_tags: list[str] = []
        self.feed(path.read_text())
        assert self.open_tags == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag in ("img", "video"):
            self.sources.append((tag, str(values["src"])))
        if tag == "a":
            self.links.append(str(values["href"]))
        assert tag not in ("script", "link", "iframe")
        if tag not in ("img", "meta"):
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_whole_rollout(make_rollout: MakeRollout) -> None:
    folder = make_rollout().path
    assert re.fullmatch(r"\d{8}T\d{6}Z_sweeping_1001", folder.name)
    assert set(FILE_NOTES) - {"rollout", "log", "demonstration", "refused.txt", "judged.txt"} <= {
        path.name for path in folder.iterdir()
    }
    assert len(read_clip(folder / "dream").video.view_1) == 13
    assert set(read_tracks(folder / "track.npz")) == {"brush"}
    assert read_plan(folder / "plan.npz").notes == ["height raised by <3 mm>"]
    for name, frames in (("dream", 13), ("tracked", 13), ("execution", 12)):
        assert read_mp4(folder / f"{name}.mp4").shape == (frames, 112, 2 * 192, 3)
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["ended"] == COMPLETED
    assert verdict["success"] is True
    assert verdict["settings"]["seed"] == 1001
    assert verdict["versions"]["numpy"] == np.__version__
    assert {"machine", "git_revision", "started", "finished", "figures", "text"} <= set(verdict)
    assert json.loads((folder / "timings.json").read_text()) == {
        "dream": 2.5,
        "track": 1.5,
        "plan": 0.1,
        "execute": 5.0,
    }


def test_page_of_a_whole_rollout_is_self_contained(make_rollout: MakeRollout) -> None:
    folder = make_rollout().path
    page = Page(folder / "index.html")
    for part in ("Task done", "21.0 mm", "obstacles touched", "1 of 3 particles", "1001", "lost", "together"):
        assert part in page.text
    assert "height raised by <3 mm>" in page.text  # escaped, not swallowed
    assert "task:=sweeping robot:=ur5 seed:=1001" in page.text
    videos = [source for tag, source in page.sources if tag == "video"]
    for source, name in zip(videos, ("dream.mp4", "tracked.mp4", "execution.mp4"), strict=True):
        assert base64.b64decode(source.removeprefix("data:video/mp4;base64,")) == (folder / name).read_bytes()
    assert all(source.startswith("data:image/") for tag, source in page.sources if tag == "img")
    assert len(page.sources) == 3 + 6  # videos; two photos, strip, preview, path, joints
    assert page.links
    assert all((folder / link).exists() for link in page.links)


@pytest.mark.parametrize(
    ("stage", "missing", "kept"),
    [
        ("dream", 6, ["photo_1.png"]),
        ("track", 5, ["dream.mp4", "strip.jpg"]),
        ("plan", 2, ["tracked.mp4", "path_3d.png"]),
        ("execute", 1, ["plan.npz", "joints.png", "path_3d.png"]),
    ],
)
def test_page_of_a_failed_rollout_says_what_is_missing_and_why(
    make_rollout: MakeRollout, stage: str, missing: int, kept: list[str]
) -> None:
    folder = make_rollout(stage, "Because of <a reason>.").path
    for name in kept:
        assert (folder / name).is_file()
    assert not (folder / STAGE_FILES[stage]).exists()
    page = Page(folder / "index.html")
    assert f"Not carried through: {stage} failed" in page.text
    assert f"{stage.capitalize()} failed: Because of <a reason>." in page.text
    boxes = (folder / "index.html").read_text().count('<div class="missing">')
    assert boxes == missing


def test_cut_off_rollout_is_closed_with_the_reason(make_rollout: MakeRollout) -> None:
    """A killed coordinator writes no verdict: the command does it, names the stage, and never overwrites one."""
    folder = make_rollout("plan", finish=False)
    (folder.path / "track.npz").write_bytes(b"half")
    ending.close_what_was_cut_off(folder, "executor was killed by SIGKILL", interrupted=False)
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["failed_stage"]) == (FAILED, "plan")
    assert "executor was killed by SIGKILL" in Page(folder.path / "index.html").text
    ending.close_what_was_cut_off(folder, "something else", interrupted=True)
    assert read_json(folder.path / "verdict.json") == verdict


def test_interrupted_rollout(make_rollout: MakeRollout) -> None:
    folder = make_rollout("track", finish=False)
    ending.close_what_was_cut_off(folder, "interrupted by SIGINT", interrupted=True)
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["failed_stage"]) == (CANCELED, "track")
    lines = ending.last_lines(folder.path)
    assert "Stopped on request during track" in lines
    assert "interrupted by SIGINT" in lines
    assert str(folder.path) in lines
    assert (folder.path / "index.html").as_uri() in lines


def test_empty_folder_still_gives_a_page(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, {"task": "sweeping", "seed": 3})
    page = Page(folder.finish(Ending(FAILED, "photos", "no cameras")))
    assert "no cameras" in page.text


def test_task_not_done_is_said(make_rollout: MakeRollout) -> None:
    folder = make_rollout()
    folder.finish(Ending(COMPLETED, success=False, text="0 of 3 particles.", blame="track", reason="the track was off"))
    page = Page(folder.path / "index.html")
    assert "Carried through; task not done (to blame: track)" in page.text
    assert "ran; to blame" in page.text
    assert "task not done" in ending.last_lines(folder.path)


def test_headlines_differ() -> None:
    said = {
        headline({"ended": ended, "success": success, "failed_stage": None})
        for ended, success in [(COMPLETED, True), (COMPLETED, False), (COMPLETED, None), (FAILED, None)]
    }
    said |= {headline({"ended": CANCELED}), headline({}), headline({"ended": "running"})}
    assert len(said) == 6


def test_folders_of_one_second_do_not_meet(tmp_path: Path) -> None:
    settings = {"task": "sweeping", "seed": 1}
    paths = {RunFolder.create(tmp_path, settings).path for _ in range(3)}
    assert len(paths) == 3


def test_unwritable_root_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(DreamitateError, match="cannot be made"):
        RunFolder.create(tmp_path / "runs", {"task": "sweeping", "seed": 1})


def test_json_of_numpy_and_cut_short(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": np.float64(1.5), "n": np.int64(2), "path": tmp_path})
    assert read_json(tmp_path / "a.json") == {"x": 1.5, "n": 2, "path": str(tmp_path)}
    (tmp_path / "a.json").write_text('{"x": 1')
    assert read_json(tmp_path / "a.json") == {}


def test_side_by_side_starts_with_both_photos(make_rollout: MakeRollout) -> None:
    clip = read_clip(make_rollout().path / "dream")
    pictures = side_by_side(clip.video, clip.background_2)
    assert len(pictures) == 13
    assert (pictures[0] == np.hstack([clip.video.view_1[0], clip.background_2])).all()
    assert (pictures[12] == np.hstack([clip.video.view_1[12], clip.video.view_2[11]])).all()


def test_afterthoughts_of_a_simulated_rollout(make_rollout: MakeRollout) -> None:
    """The made-up sweep meets no particle of the real scene: the dream is to blame, and the figures are measured."""
    folder = make_rollout()
    folder.finish(Ending(COMPLETED, success=False, figures={"closest_particle_m": 0.2}, text="0 of 3 particles."))
    ending.add_afterthoughts(folder)
    verdict = read_json(folder.path / "verdict.json")
    assert verdict["blame"] == "dream"
    assert verdict["figures"]["closest_particle_m"] == 0.2
    assert verdict["figures"]["tracking_error_m"] == pytest.approx(0.0, abs=1e-6)
    assert verdict["figures"]["following_error_m"] < 0.01
    assert "to blame: dream" in Page(folder.path / "index.html").text
    assert "to blame: dream" in ending.last_lines(folder.path)


def test_no_afterthoughts_without_a_verdict(make_rollout: MakeRollout) -> None:
    folder = make_rollout("plan", "refused")
    before = read_json(folder.path / "verdict.json")
    ending.add_afterthoughts(folder)
    assert read_json(folder.path / "verdict.json") == before


def test_tool_poses_follow_from_joints(make_rollout: MakeRollout) -> None:
    """With joints alone, as ROS gives them: the home pose of the arm puts the tool where the robot's model says."""
    arm = load_arms(load_task("sweeping"))[0]
    folder = make_rollout()
    folder.add_motion(np.array([0.0, 1.0]), np.tile(arm.robot.home, (2, 1)))
    poses = read_motion(folder.path, arm).transform_tool_to_table
    assert poses.shape == (2, 4, 4)
    assert np.allclose(poses[0], poses[1])
    assert 0.0 < poses[0, 2, 3] < 1.0
    assert np.linalg.norm(poses[0, :2, 3] - (0.0, 0.52)) < 0.95

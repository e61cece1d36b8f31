"""A made-up rollout: the true shapes and files, without simulator, model, tracker or planner."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamitate.run_folder import COMPLETED, FAILED, Ending, RunFolder
from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.clip import Clip
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import StereoVideo
from dreamitate_exec.preview import preview

WIDTH, HEIGHT, FPS = 192, 112, 4.0
SETTINGS = {"task": "sweeping", "seed": 1001, "robot": "ur5", "generator": "replay", "tracker": "region"}

MakeRollout = Callable[..., RunFolder]


def made_up_poses() -> np.ndarray:
    """A sweep: transform_tool_to_table (12, 4, 4)."""
    t = np.linspace(0.0, 1.0, 12)
    twist = np.zeros((12, 6))
    twist[:, 5] = -1.0 + 0.4 * t
    poses = se3.exp(twist)
    poses[:, :3, 3] = np.stack([-0.18 + 0.28 * t, -0.1 + 0.2 * t, np.full(12, 0.003)], axis=-1)
    return poses


def made_up_clip() -> Clip:
    rig = load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)
    tool = load_tool("brush")
    assert rig.transform_reference_to_table is not None
    transform_table_to_reference = se3.inverse(rig.transform_reference_to_table)
    photos, views = [], []
    for camera in rig.cameras:
        photo = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        frames = []
        for pose in made_up_poses():
            pixels, _ = camera.project(
                se3.transform_points(transform_table_to_reference @ pose, np.asarray(tool.mesh.vertices))
            )
            frame = cv2.fillConvexPoly(photo.copy(), cv2.convexHull(pixels.astype(np.int32)), (30, 160, 90))
            frames.append(np.asarray(frame, np.uint8))
        photos.append(photo)
        views.append(np.stack(frames))
    video = StereoVideo(np.concatenate([photos[0][None], views[0]]), views[1], FPS)
    truth = {"brush": transform_table_to_reference @ made_up_poses()}
    return Clip(video, photos[0], photos[1], rig, [tool], {"task": "sweeping"}, truth)


def made_up_track(clip: Clip) -> ToolTrajectory:
    status = np.array([0, 1, 2, 2, 2, 3, 2, 2, 2, 2, 2, 4])
    covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
    assert clip.truth is not None
    poses = clip.truth["brush"]
    return ToolTrajectory("brush", "reference", clip.video.time_s, poses, covariance, np.linspace(0.5, 1, 12), status)


def made_up_plan() -> Plan:
    poses = made_up_poses()
    time_s = np.linspace(0.0, 4.0, 100)
    fine = poses[np.minimum(np.arange(100) * 12 // 100, 11)]
    position = np.sin(time_s[:, None] * np.linspace(0.2, 1.0, 6))
    names = [f"joint_{k}" for k in range(6)]
    velocity = np.gradient(position, time_s, axis=0)
    notes = ["height raised by <3 mm>"]
    return Plan(names, time_s, position, velocity, 0 * position, fine, np.linspace(0.5, 3.5, 12), poses, notes)


FILES_FROM = {
    "dream": ("dream", "dream.mp4"),
    "track": ("track.npz", "tracked.mp4"),
    "plan": ("plan.npz", "preview.png"),
    "execute": ("motion.npz", "execution.mp4"),
}
"""What is missing where a rollout ended in a stage: that stage's files and all later ones'."""


@pytest.fixture(scope="session")
def whole_rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of a rollout that was carried through, without a verdict yet."""
    folder = RunFolder.create(tmp_path_factory.mktemp("made_up"), SETTINGS)
    clip, plan = made_up_clip(), made_up_plan()
    folder.add_photos(clip.background_1, clip.background_2)
    folder.add_dream(clip)
    folder.add_tracks({"brush": made_up_track(clip)}, clip.video, clip.background_2)
    folder.add_plan(plan)
    assert clip.rig.transform_reference_to_table is not None
    track = made_up_track(clip).in_frame("table", clip.rig.transform_reference_to_table)
    tool = load_tool("brush")
    folder.add_preview(preview(track, plan, load_task("sweeping"), load_robot("ur5"), tool), "made up")
    folder.add_motion(plan.time_s, plan.position, plan.transform_tool_to_table)
    folder.add_execution(list(zip(clip.video.view_1[1:], clip.video.view_2, strict=True)), 8.0)
    return folder.path


@pytest.fixture
def make_rollout(tmp_path: Path, whole_rollout: Path) -> MakeRollout:
    """Make a rollout's folder that got as far as the stage `until` and failed there, or was carried through."""

    def make(until: str = "", reason: str = "", finish: bool = True) -> RunFolder:
        path = tmp_path / "runs" / whole_rollout.name
        shutil.copytree(whole_rollout, path)
        folder = RunFolder(path)
        stages = list(FILES_FROM)
        for stage in stages[stages.index(until) :] if until else []:
            for name in FILES_FROM[stage]:
                shutil.rmtree(path / name) if (path / name).is_dir() else (path / name).unlink()
        for stage, seconds in zip(stages, (2.5, 1.5, 0.1, 5.0), strict=True):
            if stage == until:
                break
            folder.add_timing(stage, seconds)
        if finish and until:
            folder.finish(Ending(FAILED, until, reason))
        elif finish:
            figures = {"closest_particle_m": 0.021, "obstacles_touched": 1.0}
            folder.finish(Ending(COMPLETED, success=True, figures=figures, text="1 of 3 particles on the star."))
        return folder

    return make

"""A rollout's folder under `runs/`: everything that was seen, dreamed, tracked, planned and done, as it comes.

photo_1.png, photo_2.png   the scene before the dream          plan.npz        the planned joints
preview.png                what was about to be done, before the arm moved
dream/, dream.mp4          the dreamed clip; both views        motion.npz      the joints as they moved
track.npz, tracked.mp4     where the tools are; drawn over it  execution.mp4   both cameras during the motion
timings.json               seconds per stage                   verdict.json    how it ended, figures, all settings
path_3d.png, joints.png, strip.jpg, index.html                 made from the others by `report.write_page`
refused.txt, judged.txt    of several dreams: why nothing of this one was carried out, or what came of it
attempt_1/, attempt_2/ ... the same of other attempts, which were refused or not the best: above is the best or running
rollout/                   the bag, if one was recorded
What there is of each arm is there of the second one too: plan_2.npz, motion_2.npz, preview_2.png, ...
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.arms import ArmSetup
from dreamitate_core.arrays import write_arrays
from dreamitate_core.clip import Clip, write_clip, write_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan, write_plan
from dreamitate_core.trajectory import ToolTrajectory, write_tracks
from dreamitate_core.video import Images, StereoVideo, write_mp4

from . import provenance
from .motion import Motion

if TYPE_CHECKING:  # it takes the arms' libraries along, which most that read a folder do without
    from dreamitate_exec.preview import Preview

STAGES = ("dream", "track", "plan", "execute")

RUNNING, COMPLETED, FAILED, CANCELED = "running", "completed", "failed", "canceled"

OF_ALL_ATTEMPTS = ("verdict.json", "timings.json", "log", "rollout")
"""What stays where it is when an attempt is put away."""


@dataclass
class Ending:
    """How a rollout ended, apart from whether the task succeeded.

    ended: "completed" (all stages ran), "failed", "canceled" or "running"; failed_stage: the stage that could not be
    carried through, or None; reason: why, in one line; success: the judge's verdict, None where there was none;
    figures: what the judge measured, SI units; text: the verdict in one line; blame: where all stages ran but the task
    failed, the stage that is to blame (`blame.py`).
    """

    ended: str = RUNNING
    failed_stage: str | None = None
    reason: str = ""
    success: bool | None = None
    figures: dict[str, float] = field(default_factory=dict)
    text: str = ""
    blame: str | None = None


class RunFolder:
    """The folder of one rollout, filled stage by stage. A folder that is left early stays readable."""

    def __init__(self, path: Path) -> None:
        """Take up the folder that is there."""
        self.path = Path(path)
        self._timings: dict[str, float] = read_json(self.path / "timings.json")

    @classmethod
    def create(cls, root: Path, settings: dict[str, Any]) -> "RunFolder":
        """Make `root/<UTC time>_<task>_<seed>/` for a rollout with these settings (at least task and seed).

        Raises DreamitateError where the folder cannot be written.
        """
        name = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}_{settings['task']}_{settings['seed']}"
        path = _make_new(Path(root), name)
        record = {
            **asdict(Ending()),
            "settings": settings,
            "started": _now(),
            "git_revision": provenance.git_revision(),
            "versions": provenance.versions(),
            "machine": provenance.machine(),
        }
        write_json(path / "verdict.json", record)
        return cls(path)

    def put_away(self, number: int) -> None:
        """Move what an attempt left into a folder of its own inside this one."""
        path = self.path / f"attempt_{number}"
        path.mkdir(exist_ok=True)
        for file in list(self.path.iterdir()):
            if file.name not in OF_ALL_ATTEMPTS and not file.name.startswith(("attempt_", ".")):
                file.rename(path / file.name)

    def adopt(self, number: int) -> None:
        """Move what an attempt left back into this folder."""
        path = self.path / f"attempt_{number}"
        for file in path.iterdir():
            file.rename(self.path / file.name)
        path.rmdir()

    def add_photos(self, photo_1: Images, photo_2: Images) -> None:
        """Keep the pictures (H, W, 3) of the scene that the dream starts from."""
        write_image(self.path / "photo_1.png", photo_1)
        write_image(self.path / "photo_2.png", photo_2)

    def add_dream(self, clip: Clip, others: Sequence[Clip] = ()) -> None:
        """Keep the dreamed clip, both its views side by side as a video, and the dreams that were not taken."""
        write_clip(self.path / "dream", clip)
        for number, other in enumerate(others, start=2):
            write_clip(self.path / "other_dreams" / f"{number}", other)
        write_mp4(self.path / "dream.mp4", side_by_side(clip.video, clip.background_2), clip.video.fps)

    def add_tracks(self, tracks: dict[str, ToolTrajectory], overlay: StereoVideo, background_2: Images) -> None:
        """Keep the tracked tools, and the video with them drawn over it."""
        write_tracks(self.path / "track.npz", tracks)
        write_mp4(self.path / "tracked.mp4", side_by_side(overlay, background_2), overlay.fps)

    def add_plan(self, plan: Plan, number: int = 0) -> None:
        """Keep the planned joint trajectory; number: of the arm."""
        write_plan(self.path / of_arm("plan.npz", number), plan)

    def add_preview(self, seen: "Preview", title: str, number: int = 0) -> None:
        """Keep the picture of what is about to be done, or was refused; number: of the arm."""
        from .preview_figure import draw_preview  # matplotlib: only when there is something to draw

        draw_preview(self.path / of_arm("preview.png", number), seen, title)

    def add_motion(
        self,
        time_s: NDArray[np.float64],
        position: NDArray[np.float64],
        transform_tool_to_table: NDArray[np.float64] | None = None,
        number: int = 0,
    ) -> None:
        """Keep how an arm moved: time_s (N,) from the plan's start, position (N, dof) rad, tool poses (N, 4, 4)."""
        arrays = {"time_s": np.asarray(time_s, float), "position": np.asarray(position, float)}
        if transform_tool_to_table is not None:
            arrays["transform_tool_to_table"] = np.asarray(transform_tool_to_table, float)
        write_arrays(self.path / of_arm("motion.npz", number), arrays)

    def add_execution(self, views: Sequence[tuple[Images, Images]], fps: float) -> None:
        """Keep what both cameras saw while the arm moved, side by side. No pictures, no file."""
        if views:
            write_mp4(self.path / "execution.mp4", [np.hstack(pair) for pair in views], fps)

    def add_refusal(self, why: str) -> None:
        """Keep why the running attempt was refused."""
        (self.path / "refused.txt").write_text(f"{why}\n")

    def add_judgement(self, text: str) -> None:
        """Keep what came of the running attempt, one of several."""
        (self.path / "judged.txt").write_text(f"{text}\n")

    def add_timing(self, stage: str, seconds: float) -> None:
        """Keep how long a stage took, in all attempts together."""
        self._timings[stage] = round(self._timings.get(stage, 0.0) + float(seconds), 3)
        write_json(self.path / "timings.json", self._timings)

    def add_settings(self, **settings: Any) -> None:
        """Keep what turned out on the way: a checkpoint's hash, a goal's UUID."""
        record = read_json(self.path / "verdict.json")
        record["settings"] = {**record.get("settings", {}), **settings}
        write_json(self.path / "verdict.json", record)

    def metadata(self) -> dict[str, str]:
        """Return what a bag of the run should say about it: the settings and the sources' git revision."""
        record = read_json(self.path / "verdict.json")
        kept = {**record.get("settings", {}), "git_revision": record.get("git_revision", "")}
        return {name: str(value) for name, value in kept.items()}

    def finish(self, ending: Ending) -> Path:
        """Write `verdict.json` and the page, and return the page's path. A later call replaces both."""
        record = {**read_json(self.path / "verdict.json"), **asdict(ending), "finished": _now()}
        write_json(self.path / "verdict.json", record)
        from .report import write_page  # matplotlib: only when there is something to draw

        return write_page(self.path)


def of_arm(name: str, number: int) -> str:
    """Return what a file of an arm is called: motion.npz of the first, motion_2.npz of the second."""
    stem, _, suffix = name.partition(".")
    return name if number == 0 else f"{stem}_{number + 1}.{suffix}"


def read_motion(folder: Path, arm: ArmSetup, number: int = 0) -> Motion:
    """Return an arm's motion that a folder holds; where only joints were measured, the tool's poses follow from them.

    Raises DreamitateError where it is missing or cut short.
    """
    path = folder / of_arm("motion.npz", number)
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        time_s, position = arrays["time_s"], arrays["position"]
    except (OSError, ValueError, KeyError) as error:
        raise DreamitateError(f"{path} cannot be read: {error}.") from None
    poses = arrays.get("transform_tool_to_table")
    return Motion(time_s, position, poses if poses is not None else _tool_poses(position, arm))


def side_by_side(video: StereoVideo, background_2: Images) -> list[Images]:
    """Return 13 pictures (H, 2W, 3) of both views at t = 0..12; camera 2's first one is its photo, of any size."""
    if background_2.shape != video.view_2.shape[1:]:
        background_2 = np.asarray(cv2.resize(background_2, (video.width, video.height)), np.uint8)
    return [np.hstack(pair) for pair in zip(video.view_1, [background_2, *video.view_2], strict=True)]


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file of ours holds; nothing where it is missing or was cut short."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file, which is never seen half written."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(data, indent=1, default=_plain) + "\n")
    os.replace(partial, path)


def _tool_poses(position: NDArray[np.float64], arm: ArmSetup) -> NDArray[np.float64]:
    """Return where an arm's tool is, (N, 4, 4) in the table frame, at joint positions (N, dof)."""
    from dreamitate_exec.chain import Chain

    flange = Chain(arm.robot).flange(position)
    return np.asarray(arm.transform_base_to_table @ flange @ arm.tool.transform_tool_to_flange, float)


def _plain(value: object) -> object:
    """Return what JSON can hold for numpy's numbers and for paths."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _make_new(root: Path, name: str) -> Path:
    for suffix in ["", *(f"_{k}" for k in range(2, 100))]:
        path = root / f"{name}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise DreamitateError(f"The rollout's folder {path} cannot be made: {error.strerror}.") from None
        return path
    raise DreamitateError(f"{root} is full of rollouts named {name}.")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

"""What a person changes about a clip's track: boxes, poses, and tracking again. The page's state, without HTTP."""

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.trajectory import Status, ToolTrajectory, write_tracks
from dreamitate_core.video import STEPS

from .hints import ToolHints, hints_to_json, parse_hints
from .overlay import draw_overlay
from .track import track

Image = NDArray[np.uint8]


class Session:
    """One clip, its hints and its last track. Every method may be called from any thread."""

    def __init__(self, clip: Clip, tracker: str, hints: dict[str, ToolHints], out: Path, hints_path: Path) -> None:
        self._clip, self._tracker, self._out, self._hints_path = clip, tracker, out, hints_path
        self._lock = threading.Lock()
        self._hints = hints
        self._tracks: dict[str, ToolTrajectory] = {}
        self._drawn = clip.video
        self._runs = 0
        self._worker: threading.Thread | None = None
        self._stage, self._fraction, self._problem = "", 0.0, ""
        self._stopped = False

    def state(self) -> dict[str, Any]:
        """Return what the page shows, as JSON."""
        with self._lock:
            tools = [
                {
                    "name": tool.name,
                    "status": [Status(int(s)).name.lower() for s in self._tracks[tool.name].status],
                    "score": self._tracks[tool.name].score.round(2).tolist(),
                }
                if tool.name in self._tracks
                else {"name": tool.name, "status": [], "score": []}
                for tool in self._clip.tools
            ]
            return {
                "width": self._clip.video.width,
                "height": self._clip.video.height,
                "tools": tools,
                "hints": {
                    name: {
                        "boxes": [[step + 1, view + 1, *box.tolist()] for (step, view), box in hints.boxes.items()],
                        "poses": sorted(step + 1 for step in hints.poses),
                    }
                    for name, hints in self._hints.items()
                },
                "running": self._worker is not None,
                "stage": self._stage,
                "fraction": self._fraction,
                "problem": self._problem,
                "runs": self._runs,
            }

    def picture(self, view: int, step: int, drawn: bool) -> Image:
        """Return the picture (H, W, 3) of view 1 or 2 at t = 1..12, with the tool drawn over it or without."""
        with self._lock:
            video = self._drawn if drawn else self._clip.video
        return video.view_1[step] if view == 1 else video.view_2[step - 1]

    def set_box(self, tool: str, step: int, view: int, box: list[float] | None) -> None:
        """Keep a box for t = 1..12 and view 1 or 2; None removes it. Raises DreamitateError for what is no box."""
        place = step - 1, view - 1
        with self._lock:
            if box is None:
                self._of(tool).boxes.pop(place, None)
                return
        text = json.dumps({tool: [{"step": step, "view": view, "box": box}]})
        found = parse_hints(text, self._clip, "the page")
        with self._lock:
            self._of(tool).boxes[place] = found[tool].boxes[place]

    def turn_over(self, tool: str, step: int, axis: int) -> None:
        """Keep the pose of a step, turned half about the tool's axis 0..2, as what the tracker must start from."""
        with self._lock:
            if tool not in self._tracks or not 1 <= step <= STEPS or axis not in (0, 1, 2):
                raise DreamitateError(f"There is no pose of {tool!r} at step {step} to turn about axis {axis}.")
            middle = next(t.mesh.bounds.mean(axis=0) for t in self._clip.tools if t.name == tool)
            turn = Rotation.from_rotvec(np.pi * np.eye(3)[axis]).as_matrix()
            motion = se3.make_transform(turn, middle - turn @ middle)
            self._of(tool).poses[step - 1] = self._tracks[tool].transform_tool_to_frame[step - 1] @ motion

    def forget_pose(self, tool: str, step: int) -> None:
        """Drop what `turn_over` kept for a step."""
        with self._lock:
            self._of(tool).poses.pop(step - 1, None)

    def start(self) -> None:
        """Track in the background with the hints as they are. Raises DreamitateError while that is under way."""
        with self._lock:
            if self._worker is not None:
                raise DreamitateError("The clip is being tracked already. Wait until it is done.")
            hints = {n: ToolHints(dict(h.boxes), dict(h.masks), dict(h.poses)) for n, h in self._hints.items()}
            self._stage, self._fraction, self._problem = "starting", 0.0, ""
            self._worker = threading.Thread(target=self._track, args=(hints,), daemon=True)
            self._worker.start()

    def save(self) -> list[str]:
        """Write the track and the hints; return the files. Raises DreamitateError where nothing is tracked yet."""
        with self._lock:
            if not self._tracks:
                raise DreamitateError("There is no track to save yet.")
            try:
                write_tracks(self._out, self._tracks)
                self._hints_path.write_text(hints_to_json(self._hints))
            except OSError as error:
                raise DreamitateError(f"{error.filename} cannot be written: {error.strerror}.") from None
            return [str(self._out), str(self._hints_path)]

    def tracks(self) -> dict[str, ToolTrajectory]:
        """Return the last tracks."""
        with self._lock:
            return self._tracks

    def stop(self) -> None:
        """End the tracking that is under way, and wait for its end."""
        self._stopped = True
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.join()

    def _of(self, tool: str) -> ToolHints:
        """Return the tool's hints, to be changed."""
        if tool not in [t.name for t in self._clip.tools]:
            raise DreamitateError(f"The clip has no tool {tool!r}.")
        return self._hints.setdefault(tool, ToolHints())

    def _progress(self, stage: str, fraction: float) -> None:
        if self._stopped:
            raise Cancelled
        with self._lock:
            self._stage, self._fraction = stage, fraction

    def _track(self, hints: dict[str, ToolHints]) -> None:
        problem = ""
        try:
            tracks = track(self._clip, self._tracker, self._progress, hints)
            drawn = draw_overlay(self._clip, tracks)
            with self._lock:
                self._tracks, self._drawn = tracks, drawn
        except Cancelled:
            problem = "Cancelled."
        except DreamitateError as error:
            problem = str(error)
        except Exception as error:  # a defect must not leave the page waiting
            problem = f"A defect: {type(error).__name__}: {error}"
        with self._lock:
            self._problem, self._stage, self._fraction = problem, "", 1.0
            self._runs += 1
            self._worker = None


def png(image: Image) -> bytes:
    """Return the PNG of a picture (H, W, 3) RGB."""
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])

"""The user's own MegaPose or HappyPose in a process of its own, spoken to over pipes."""

import contextlib
import os
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress
from dreamitate_core.tool import Tool

from .worker import wire

Array = NDArray[np.float64]

PYTHON, MODEL = "DREAMITATE_MEGAPOSE_PYTHON", "DREAMITATE_MEGAPOSE_MODEL"
DEFAULT_MODEL = "megapose-1.0-RGB-multi-hypothesis"
STEPS_TO_HAVE_IT = (
    "Install HappyPose (github.com/agimus-project/happypose) in a Python environment of its own, set"
    " HAPPYPOSE_DATA_DIR, run `python -m happypose.toolbox.utils.download --megapose_models` there, and set"
    f" {PYTHON} to that environment's python."
)
SCRIPT = Path(__file__).parent / "worker" / "megapose_worker.py"
LOOK_S = 0.2
END_S = 5.0


@dataclass(frozen=True)
class Guess:
    """One hypothesis. asked: index of what it answers; pose: transform_tool_to_camera (4, 4); score: 0..1."""

    asked: int
    pose: Array
    score: float


class Estimator:
    """A worker with a loaded model and the tools' meshes. Use it in a `with` statement.

    Raises DreamitateError that names the steps where the environment, the library or the weights are missing.
    """

    def __init__(self, tools: Sequence[Tool], progress: Progress, environment: Mapping[str, str] = os.environ) -> None:
        python = environment.get(PYTHON, "")
        if not python:
            raise DreamitateError(f"The tracker 'megapose' needs {PYTHON}, which is not set. {STEPS_TO_HAVE_IT}")
        self._progress = progress
        self._stage = "loading MegaPose"
        self._folder = tempfile.TemporaryDirectory(prefix="dreamitate-megapose-")
        self._log: IO[str] = (Path(self._folder.name) / "log").open("w+")
        try:
            self._process = subprocess.Popen(
                [python, str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=dict(environment),
            )
        except OSError as error:
            self._log.close()
            self._folder.cleanup()
            raise DreamitateError(f"{PYTHON}={python} cannot be run: {error.strerror}. {STEPS_TO_HAVE_IT}") from None
        try:
            self._load(tools, environment.get(MODEL, DEFAULT_MODEL))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Estimator":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the worker: by the end of its input, or by force."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()

    def detect(self, image: NDArray[np.uint8], K: Array, tools: list[str], boxes: Array) -> list[Guess]:
        """Return hypotheses of each of the tools in its box (N, 4) left, top, right, bottom of image (H, W, 3)."""
        self._stage = "MegaPose: looking for the tool"
        return self._guesses("detect", tools, image=image, K=K, boxes=boxes)

    def refine(self, image: NDArray[np.uint8], K: Array, tools: list[str], poses: Array) -> list[Guess]:
        """Return one refined pose for each pose (N, 4, 4) of the tools."""
        self._stage = "MegaPose: tracking on"
        return self._guesses("refine", tools, image=image, K=K, poses=poses)

    def _load(self, tools: Sequence[Tool], model: str) -> None:
        meshes = []
        for index, tool in enumerate(tools):
            path = Path(self._folder.name) / f"{index}.ply"
            tool.mesh.export(path)
            meshes.append([tool.name, str(path)])
        self._ask({"do": "load", "model": model, "meshes": meshes})

    def _guesses(self, work: str, tools: list[str], **arrays: NDArray[Any]) -> list[Guess]:
        answer = self._ask({"do": work, "labels": tools}, **arrays)
        guesses = []
        for pose, score, asked in zip(answer["poses"], answer["scores"], answer["owner"], strict=True):
            if np.isfinite(pose).all() and np.isfinite(score) and 0 <= asked < len(tools):
                se3.check_transform(pose, "pose from MegaPose")
                guesses.append(Guess(int(asked), np.array(pose), float(np.clip(score, 0, 1))))
        return guesses

    def _ask(self, header: dict[str, Any], **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the worker's answer; `progress` is called while it works, and may end it by raising."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            wire.send(self._process.stdin, header, **arrays)
            while not select.select([self._process.stdout], [], [], LOOK_S)[0]:
                self._progress(self._stage, 0.0)
            answer, found = wire.receive(self._process.stdout)
        except (wire.ClosedError, ValueError) as error:
            raise DreamitateError(
                f"MegaPose's process ended or sent nonsense ({error}). {self._last_words()}"
            ) from None
        except BaseException:
            self._process.kill()  # cancelled: nobody waits for the answer
            raise
        if "refused" in answer:
            raise DreamitateError(f"The tracker 'megapose' cannot start: {answer['refused']}. {STEPS_TO_HAVE_IT}")
        if "failed" in answer:
            raise DreamitateError(
                f"MegaPose failed: {answer['failed']}. Its own messages end with: {self._last_words()}"
            )
        return found

    def _last_words(self) -> str:
        """Return the end of what the worker printed."""
        self._log.flush()
        lines = (Path(self._folder.name) / "log").read_text(errors="replace").split("\n")
        return " / ".join(line.strip() for line in lines[-4:] if line.strip()) or "It printed nothing."

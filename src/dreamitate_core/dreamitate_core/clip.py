"""The clip folder: what the stages hand to each other on disk (README, "The clip folder")."""

import json
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from . import se3
from .arrays import write_arrays
from .camera import StereoRig, read_rig, write_rig
from .errors import DreamitateError
from .goal import Mask, check_mask, read_mask, write_mask
from .numbers import read_number
from .tool import Tool, tool_from_settings
from .video import STEPS, Images, StereoVideo, from_frames, read_mp4, write_mp4


@dataclass
class Clip:
    """A dream, a demonstration or a tracker's test case.

    background_1, background_2: (H, W, 3) RGB, the bare scene; rig: cameras of the video's size; info: `clip.json`
    (task, fps, seed, what made it); truth: per tool transform_tool_to_reference (12, 4, 4) at t = 1..12; goals: the
    masks (H, W) of each view that are blended into all pictures, in tasks that have one (`goal.py`).
    """

    video: StereoVideo
    background_1: Images
    background_2: Images
    rig: StereoRig
    tools: list[Tool]
    info: dict[str, Any] = field(default_factory=dict)
    truth: dict[str, NDArray[np.float64]] | None = None
    goals: tuple[Mask, Mask] | None = None


def read_image(path: Path) -> Images:
    """Return the picture (H, W, 3) RGB. Raises DreamitateError where it is missing, broken or grey."""
    if not Path(path).is_file():
        raise DreamitateError(f"There is no picture {path}.")
    if _ends_early(Path(path).read_bytes()):
        raise DreamitateError(f"{path} cannot be read as a picture: the JPEG file ends too early. Copy it again.")
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DreamitateError(f"{path} cannot be read as a picture.")
    if image.ndim != 3 or image.dtype != np.uint8:
        raise DreamitateError(f"{path} must be an 8-bit colour picture; it has shape {image.shape} of {image.dtype}.")
    return np.asarray(cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2RGB), np.uint8)


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG file's last scan has no end; the rest would be read as grey."""
    return data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def write_image(path: Path, image: Images) -> None:
    """Write a picture (H, W, 3) RGB."""
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise DreamitateError(f"The picture {path} cannot be written. Is the folder there and writable?")


def read_clip(folder: Path) -> Clip:
    """Return the clip in a folder. Raises DreamitateError that names the file that is missing or wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DreamitateError(f"There is no clip folder {folder}.")
    info = _read_json(folder / "clip.json") if (folder / "clip.json").is_file() else {}
    if not isinstance(info, dict):
        raise DreamitateError(f"{folder}/clip.json must hold named values, such as fps.")
    rig = read_rig(folder / "cameras.json")
    video = from_frames(_read_frames(folder), read_number(info.get("fps", 4.0), f"fps in {folder}/clip.json"))
    for name, camera in zip(("camera_1", "camera_2"), rig.cameras, strict=True):
        if (camera.width, camera.height) != (video.width, video.height):
            raise DreamitateError(
                f"{folder}: the video is {video.width}x{video.height} but {name} is {camera.width}x{camera.height}."
                " cameras.json must describe the cropped and resized pictures."
            )
    backgrounds = [read_image(folder / f"background_{i}.png") for i in (1, 2)]
    for i, background in enumerate(backgrounds, start=1):
        if background.shape != (video.height, video.width, 3):
            raise DreamitateError(f"{folder}/background_{i}.png must be {video.width}x{video.height} as the video is.")
    entries = _read_json(folder / "tools.json")
    if not isinstance(entries, list):
        raise DreamitateError(f"{folder}/tools.json must be a list of tools; see the clip folder in the README.")
    tools = [tool_from_settings(entry, folder, f"{folder}/tools.json") for entry in entries]
    truth, goals = _read_truth(folder / "truth.npz"), _read_goals(folder, video)
    return Clip(video, backgrounds[0], backgrounds[1], rig, tools, info, truth, goals)


def clip_folders(data: Path, most: int = 0) -> list[Path]:
    """Return the clip folders in `data` by name, the first `most` of them if not 0."""
    folders = sorted(path.parent for path in Path(data).glob("*/clip.json"))
    return folders[: most or None]


def write_clip(folder: Path, clip: Clip, lossless: bool = True) -> None:
    """Write a clip folder; it appears under its name only when it is whole. Lossless frames, or one H.264 file."""
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if lossless:
        (partial / "frames").mkdir()
        for index, frame in enumerate(clip.video.frames()):
            write_image(partial / "frames" / f"{index:03d}.png", frame)
    else:
        write_mp4(partial / "video.mp4", clip.video.frames(), clip.video.fps)
    write_image(partial / "background_1.png", clip.background_1)
    write_image(partial / "background_2.png", clip.background_2)
    for i, mask in enumerate(clip.goals or (), start=1):
        write_mask(partial / f"goal_{i}.png", mask)
    write_rig(partial / "cameras.json", clip.rig)
    tools = [write_tool(partial, tool) for tool in clip.tools]
    (partial / "tools.json").write_text(json.dumps(tools, indent=1) + "\n")
    (partial / "clip.json").write_text(json.dumps({**clip.info, "fps": clip.video.fps}, indent=1) + "\n")
    if clip.truth is not None:
        write_arrays(partial / "truth.npz", clip.truth)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def write_tool(folder: Path, tool: Tool) -> dict[str, Any]:
    """Put the tool's mesh beside the clip, in metres, with its colours, and return its entry in `tools.json`."""
    mesh_name = f"{tool.name}.ply"
    tool.mesh.export(folder / mesh_name)
    return {
        **tool.settings,
        "name": tool.name,
        "mesh": mesh_name,
        "units": "m",
        "transform_tool_to_flange": tool.transform_tool_to_flange.tolist(),
        "tip": tool.tip.tolist(),
    }


def _read_frames(folder: Path) -> Images:
    if (folder / "frames").is_dir():
        paths = [folder / "frames" / f"{index:03d}.png" for index in range(2 * STEPS + 1)]
        frames = [read_image(path) for path in paths]
        for path, frame in zip(paths, frames, strict=True):
            if frame.shape != frames[0].shape:
                raise DreamitateError(f"{path} is {frame.shape[1]}x{frame.shape[0]}, unlike the first frame.")
        return np.stack(frames)
    if (folder / "video.mp4").is_file():
        return read_mp4(folder / "video.mp4")
    raise DreamitateError(f"{folder} has neither frames/ nor video.mp4.")


def _read_goals(folder: Path, video: StereoVideo) -> tuple[Mask, Mask] | None:
    paths = [folder / f"goal_{i}.png" for i in (1, 2)]
    if not any(path.is_file() for path in paths):
        return None
    one, two = (read_mask(path) for path in paths)
    for mask, path in ((one, paths[0]), (two, paths[1])):
        check_mask(mask, video.width, video.height, str(path))
    return one, two


def _read_truth(path: Path) -> dict[str, NDArray[np.float64]] | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error, AttributeError, NotImplementedError) as error:
        raise DreamitateError(f"{path} cannot be read: {error}.") from None
    return {name: se3.check_transform(poses, f"{name} in {path}") for name, poses in arrays.items()}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise DreamitateError(f"There is no file {path}.") from None
    except (ValueError, RecursionError) as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None

"""What a clip teaches about a tool's colours: its own shades, not those of a thing that a pose covers too."""

import numpy as np
import trimesh

from dreamitate_core.task import load_task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import Status
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.scene import make_scene
from dreamitate_track.detect import Eyes
from dreamitate_track.learn import clear_frames, learned
from dreamitate_track.maps import make_maps
from dreamitate_track.model import make_model
from dreamitate_track.palette import SHIFT, histogram, palette_of
from dreamitate_track.scene import Level
from dreamitate_track.track import track as track_clip

SIZE = 64
GREEN, SHADED, GREY = (40, 200, 60), (28, 150, 42), (70, 70, 75)


def one_colour_box() -> tuple[Eyes, np.ndarray]:
    """Return a green box seen by two cameras in one place, and its poses (12, 4, 4)."""
    box = trimesh.creation.box((0.2, 0.1, 0.02))
    box.visual = trimesh.visual.ColorVisuals(box, face_colors=np.tile([*GREEN, 255], (12, 1)))
    model = make_model(Tool("box", box, None, np.eye(4), np.zeros(3), {}))
    pose = np.eye(4)
    pose[2, 3] = 0.3
    return Eyes(model, np.stack([np.eye(4)] * 2), np.full((2, 4), SIZE / 2.0)), np.tile(pose, (12, 1, 1))


def level_of(images: np.ndarray, eyes: Eyes) -> Level:
    bare = np.zeros((2, SIZE, SIZE, 3), np.float32)
    return Level(images, bare, np.ones((2, SIZE, SIZE), np.float32), eyes.intrinsics, np.ones((12, 2), np.bool_))


def test_a_grey_thing_beside_a_green_tool_does_not_make_it_grey() -> None:
    eyes, poses = one_colour_box()
    images = np.zeros((12, 2, SIZE, SIZE, 3), np.uint8)
    images[..., : SIZE // 2, :], images[..., SIZE // 2 :, :] = SHADED, GREY  # the pose covers both
    palette = palette_of(np.array([GREEN], float), histogram(np.zeros((1, 3), np.uint8)))
    taught = learned(palette, None, level_of(images, eyes), eyes, poses, np.ones(12, np.bool_))
    shaded, grey = (tuple(np.array(colour) >> SHIFT) for colour in (SHADED, GREY))
    assert taught.parts[0][shaded] > 2 * palette.parts[0][shaded]
    assert taught.parts[0][grey] < 0.05 * taught.parts[0][shaded]


def test_frames_whose_pose_lies_half_beside_the_tool_do_not_teach() -> None:
    eyes, poses = one_colour_box()
    images = np.zeros((12, 2, SIZE, SIZE, 3), np.uint8)
    images[:] = SHADED
    images[5, :, :, SIZE // 2 :] = GREY  # half of what the pose covers
    palette = palette_of(np.array([GREEN], float), histogram(np.zeros((1, 3), np.uint8)))
    maps = make_maps(level_of(images, eyes), palette)
    seen = np.arange(12) != 2
    assert np.flatnonzero(~clear_frames(eyes, maps, poses, seen)).tolist() == [2, 5]


def test_two_near_tools_beside_dark_sleeves_are_not_taken_for_them() -> None:
    # In some frames the first search puts the left tool half on the sleeve.
    person = Demonstration(make_scene(load_task("rotation"), 100010, "train"))
    clip = person.film(next(person.successes()), 384, 224)
    assert clip.truth is not None
    for name, track in track_clip(clip).items():
        assert (track.status == Status.OK).all(), name
        off_mm = 1e3 * np.linalg.norm((track.transform_tool_to_frame - clip.truth[name])[:, :3, 3], axis=1)
        assert off_mm.max() < 10.0, name

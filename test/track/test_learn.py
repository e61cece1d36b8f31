"""What a clip teaches about a tool's colours: its own shades, not those of a thing that a pose covers too."""

import numpy as np
import trimesh

from dreamitate_core.tool import Tool
from dreamitate_track.detect import Eyes
from dreamitate_track.learn import learned
from dreamitate_track.model import make_model
from dreamitate_track.palette import SHIFT, histogram, palette_of
from dreamitate_track.scene import Level

SIZE = 64
GREEN, SHADED, GREY = (40, 200, 60), (28, 150, 42), (70, 70, 75)


def test_a_grey_thing_beside_a_green_tool_does_not_make_it_grey() -> None:
    box = trimesh.creation.box((0.2, 0.1, 0.02))
    box.visual = trimesh.visual.ColorVisuals(box, face_colors=np.tile([*GREEN, 255], (12, 1)))
    model = make_model(Tool("box", box, None, np.eye(4), np.zeros(3), {}))
    eyes = Eyes(model, np.stack([np.eye(4)] * 2), np.full((2, 4), SIZE / 2.0))
    pose = np.eye(4)
    pose[2, 3] = 0.3
    images = np.zeros((12, 2, SIZE, SIZE, 3), np.uint8)
    images[..., : SIZE // 2, :], images[..., SIZE // 2 :, :] = SHADED, GREY  # the pose covers both
    bare = np.zeros((2, SIZE, SIZE, 3), np.float32)
    level = Level(images, bare, np.ones((2, SIZE, SIZE), np.float32), eyes.intrinsics, np.ones((12, 2), np.bool_))
    palette = palette_of(np.array([GREEN], float), histogram(np.zeros((1, 3), np.uint8)))
    taught = learned(palette, None, level, eyes, np.tile(pose, (12, 1, 1)), np.ones(12, np.bool_))
    shaded, grey = (tuple(np.array(colour) >> SHIFT) for colour in (SHADED, GREY))
    assert taught.parts[0][shaded] > 2 * palette.parts[0][shaded]
    assert taught.parts[0][grey] < 0.05 * taught.parts[0][shaded]

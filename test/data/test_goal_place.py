"""Goal masks from how a demonstration leaves the object."""

import numpy as np
import pytest

from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_data.goal_place import final_masks
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.gl import mujoco
from dreamitate_sim.renderer import Renderer
from dreamitate_sim.scene import Scene, make_scene
from dreamitate_sim.silhouette import goal_masks
from dreamitate_sim.world import build_world, scene_rig

SIZE = (384, 224)
TOOLS = [load_tool("pusher")]


@pytest.fixture(scope="module", params=[("train", 5), ("test", 1003)])
def scene(request: pytest.FixtureRequest) -> Scene:
    split, seed = request.param
    return make_scene(load_task("push_shape"), seed, split)


def bare(scene: Scene) -> np.ndarray:
    """What both cameras see (2, H, W, 3) when nobody is there, with the cameras' noise."""
    model = build_world(scene, scene_rig(scene)).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, scene_rig(scene)) as renderer:
        pictures = np.stack([renderer.render(data, index, *SIZE) for index in (1, 2)])
    noise = np.random.default_rng(scene.seed).normal(0, 3, pictures.shape)
    return np.clip(pictures + noise, 0, 255).astype(np.uint8)


def test_the_mask_is_the_silhouette_of_the_object_where_it_was_left(scene: Scene) -> None:
    assert scene.goal is not None
    left = Scene(scene.task, scene.seed, scene.split, (scene.goal,), scene.marks, scene.look, scene.goal)
    masks = final_masks(bare(scene), bare(left), TOOLS)
    for mask, true in zip(masks, goal_masks(scene.goal, load_rig("paper").cropped_and_resized(*SIZE)), strict=True):
        assert ((mask > 0) & (true > 0)).sum() / ((mask > 0) | (true > 0)).sum() > 0.85


def test_an_object_that_was_not_moved_is_no_goal(scene: Scene) -> None:
    with pytest.raises(DreamitateError, match="no object lies elsewhere than before in view 1"):
        final_masks(bare(scene), bare(scene), TOOLS)


def test_a_tool_that_stays_is_named() -> None:
    scene = make_scene(load_task("push_shape"), 1003, "test")
    person = Demonstration(scene)
    clip = person.film(next(person.successes()), *SIZE)
    with pytest.raises(DreamitateError, match="the tool is still in view"):
        final_masks(np.stack([clip.background_1, clip.background_2]), clip.video.pairs()[-1], TOOLS)


def test_an_arm_that_reaches_in_is_named(scene: Scene) -> None:
    assert scene.goal is not None
    left = Scene(scene.task, scene.seed, scene.split, (scene.goal,), scene.marks, scene.look, scene.goal)
    last = bare(left)
    last[:, 60:, 150:190] = (200, 160, 130)
    with pytest.raises(DreamitateError, match="something reaches into view 1"):
        final_masks(bare(scene), last, TOOLS)

"""Pictures agree with the rig's intrinsics, and leave the actors out where a bare scene is asked for."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_sim.gl import mujoco
from dreamitate_sim.renderer import Renderer
from dreamitate_sim.scene import Scene, make_scene
from dreamitate_sim.world import build_world, scene_rig

POINTS = np.array([[0.0, 0.0, 0.05], [0.25, 0.18, 0.02], [-0.3, -0.15, 0.15], [0.28, -0.2, 0.1], [-0.1, 0.05, 0.3]])
RADIUS = 0.012


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(load_task("sweeping"), 1000, "test")


def off_centre(rig: StereoRig) -> StereoRig:
    """The rig with principal points away from the middle, and unequal focal lengths."""
    cameras = []
    for camera, offset in zip(rig.cameras, ((31.0, -17.0), (-22.0, 11.0)), strict=True):
        K = camera.K.copy()
        K[:2, 2] += offset
        K[1, 1] *= 1.02
        cameras.append(replace(camera, K=K))
    return replace(rig, camera_1=cameras[0], camera_2=cameras[1])


@pytest.mark.parametrize("size", [(1280, 720), (768, 448), (384, 224)])
@pytest.mark.parametrize("centred", [True, False])
def test_known_points_are_seen_where_the_rig_says(scene: Scene, size: tuple[int, int], centred: bool) -> None:
    rig = scene_rig(scene) if centred else off_centre(scene_rig(scene))
    bare = replace(scene, objects=(), marks=())
    spec = build_world(bare, rig)
    for index, point in enumerate(POINTS):
        spec.worldbody.add_geom(name=f"ball_{index}", type=mujoco.mjtGeom.mjGEOM_SPHERE, pos=point, size=[RADIUS, 0, 0])
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    small = rig.cropped_and_resized(*size)
    assert small.transform_reference_to_table is not None
    points = se3.transform_points(se3.inverse(small.transform_reference_to_table), POINTS)
    with Renderer(model, rig) as renderer:
        for camera_index in (1, 2):
            ids = renderer.geoms(data, camera_index, *size)
            pixels, depth = small.cameras[camera_index - 1].project(points)
            for index in range(len(POINTS)):
                v, u = np.nonzero(ids == model.geom(f"ball_{index}").id)
                seen = np.array([u.mean(), v.mean()])
                # A ball's outline is an ellipse whose middle lies a little outside the image of its centre.
                principal = small.cameras[camera_index - 1].K[:2, 2]
                middle = principal + (pixels[index] - principal) / (1.0 - (RADIUS / depth[index]) ** 2)
                assert np.linalg.norm(seen - middle) < 0.3, (index, seen - middle)


def test_a_bare_picture_lacks_the_actors(scene: Scene) -> None:
    rig = scene_rig(scene)
    pictures = []
    for with_actor in (False, True):
        spec = build_world(scene, rig)
        if with_actor:
            geom = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0, 0, 0.3], size=[0.1, 0.1, 0.01])
            geom.group = 2
        model = spec.compile()
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        with Renderer(model, rig) as renderer:
            pictures.append([renderer.render(data, 1, 192, 112, bare=bare) for bare in (True, False)])
    np.testing.assert_array_equal(pictures[0][0], pictures[0][1])
    np.testing.assert_array_equal(pictures[0][0], pictures[1][0])
    assert (pictures[1][0] != pictures[1][1]).any()


def test_a_picture_that_is_too_large_is_refused(scene: Scene) -> None:
    rig = scene_rig(scene)
    model = build_world(scene, rig).compile()
    with Renderer(model, rig) as renderer, pytest.raises(DreamitateError, match="4000x3000"):
        renderer.render(mujoco.MjData(model), 1, 4000, 3000)


def test_missing_gl_is_said_in_one_line() -> None:
    code = (
        "import sys\n"
        "from dreamitate_core.errors import DreamitateError\n"
        "sys.modules['OpenGL'] = None\n"
        "try:\n"
        "    from dreamitate_sim.gl import make_current\n"
        "    make_current()\n"
        "except DreamitateError as error:\n"
        "    print(error)\n"
    )
    environment = {**os.environ, "MUJOCO_GL": "egl"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "libegl1 libopengl0 libgl1-mesa-dri" in done.stdout


def test_a_picture_is_whole_after_another_renderer_was_closed(scene: Scene) -> None:
    rig = scene_rig(scene)
    model = build_world(scene, rig).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, rig) as renderer:
        before = renderer.render(data, 1, 384, 224)
        with Renderer(model, rig) as other:
            other.render(data, 1, 768, 448)
        np.testing.assert_array_equal(renderer.render(data, 1, 384, 224), before)

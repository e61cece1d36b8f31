"""Ways in which a clip can be damaged: pictures, cameras, meshes. Each takes a generator of random numbers, the clip
and another clip, and returns a damaged copy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool
from dreamitate_core.video import STEPS, StereoVideo

Images = NDArray[np.uint8]
Rng = np.random.Generator
Damage = Callable[[Rng, Clip, Clip], Clip]

DAMAGES: dict[str, Damage] = {}
FATAL = {
    "view_missing",
    "cameras_together",
    "cameras_in_millimetres",
    "intrinsics_nan",
    "intrinsics_negative",
    "extrinsics_infinite",
    "extrinsics_no_rotation",
    "mesh_in_millimetres",
    "mesh_tiny",
    "mesh_empty",
    "mesh_nan",
    "mesh_skin",
    "tools_none",
    "tools_same_name",
}
"""Damages that must be refused with an error that names what is wrong."""


def damage(function: Damage) -> Damage:
    """Enter a way of damaging under its name."""
    DAMAGES[function.__name__] = function
    return function


def _frames(clip: Clip, change: Callable[[int, int, Images], Any]) -> Clip:
    """Return the clip with each picture at step 0..11 and view 0..1 passed through `change`."""
    pairs = clip.video.pairs()
    new = [
        [np.asarray(change(step, view, pairs[step, view].copy()), np.uint8) for view in (0, 1)] for step in range(STEPS)
    ]
    return _with_pairs(clip, np.array(new))


def _with_pairs(clip: Clip, pairs: Images) -> Clip:
    video = StereoVideo(np.concatenate([clip.video.view_1[:1], pairs[:, 0]]), pairs[:, 1].copy(), clip.video.fps)
    return replace(clip, video=video)


def _cameras(clip: Clip, change: Callable[[int, Camera], Camera]) -> Clip:
    one, two = (change(view, camera) for view, camera in enumerate(clip.rig.cameras))
    return replace(clip, rig=replace(clip.rig, camera_1=one, camera_2=two))


def _second(clip: Clip, transform: Any) -> Clip:
    return _cameras(clip, lambda v, c: replace(c, transform_camera_to_reference=transform) if v else c)


def _mesh(clip: Clip, change: Callable[[trimesh.Trimesh], Any]) -> Clip:
    tool = clip.tools[0]
    mesh = tool.mesh.copy()
    return replace(clip, tools=[replace(tool, mesh=change(mesh) or mesh), *clip.tools[1:]])


# Pictures


@damage
def black_frames(rng: Rng, clip: Clip, other: Clip) -> Clip:
    dark = rng.random((STEPS, 2)) < rng.uniform(0.1, 0.9)
    return _frames(clip, lambda s, v, image: image * (not dark[s, v]))


@damage
def view_missing(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gone, grey = rng.integers(2), rng.integers(256)
    return _frames(clip, lambda s, v, image: np.full_like(image, grey) if v == gone else image)


@damage
def view_frozen(rng: Rng, clip: Clip, other: Clip) -> Clip:
    frozen, at = rng.integers(2), rng.integers(STEPS)
    held = clip.video.pairs()[at, frozen]
    return _frames(clip, lambda s, v, image: held if v == frozen else image)


@damage
def nothing_moves(rng: Rng, clip: Clip, other: Clip) -> Clip:
    bare = clip.background_1, clip.background_2
    return _frames(clip, lambda s, v, image: bare[v] + rng.integers(0, 3, image.shape).astype(np.uint8))


@damage
def views_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _with_pairs(clip, clip.video.pairs()[:, ::-1])


@damage
def frames_shuffled(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _with_pairs(clip, clip.video.pairs()[rng.permutation(STEPS)])


@damage
def views_out_of_step(rng: Rng, clip: Clip, other: Clip) -> Clip:
    pairs = clip.video.pairs()
    pairs[:, 1] = np.roll(pairs[:, 1], rng.integers(1, STEPS), axis=0)
    return _with_pairs(clip, pairs)


@damage
def frames_of_another(rng: Rng, clip: Clip, other: Clip) -> Clip:
    strange = rng.random((STEPS, 2)) < rng.uniform(0.1, 0.6)
    pairs = _bare_pairs(other)
    return _frames(clip, lambda s, v, image: pairs[s, v] if strange[s, v] else image)


@damage
def noise(rng: Rng, clip: Clip, other: Clip) -> Clip:
    sigma = rng.uniform(5, 150)
    return _frames(clip, lambda s, v, image: np.clip(image + rng.normal(0, sigma, image.shape), 0, 255))


@damage
def salt(rng: Rng, clip: Clip, other: Clip) -> Clip:
    share = rng.uniform(0.01, 0.6)

    def spoil(step: int, view: int, image: Images) -> Images:
        where = rng.random(image.shape[:2]) < share
        image[where] = rng.integers(0, 256, (int(where.sum()), 3))
        return image

    return _frames(clip, spoil)


@damage
def jpeg(rng: Rng, clip: Clip, other: Clip) -> Clip:
    quality = int(rng.integers(1, 20))
    return _frames(clip, lambda s, v, i: cv2.imdecode(cv2.imencode(".jpg", i, [1, quality])[1], cv2.IMREAD_COLOR))


@damage
def blur(rng: Rng, clip: Clip, other: Clip) -> Clip:
    sigma = rng.uniform(1, 12)
    return _frames(clip, lambda s, v, image: cv2.GaussianBlur(image, (0, 0), sigma))


@damage
def pixelated(rng: Rng, clip: Clip, other: Clip) -> Clip:
    small, size = int(rng.integers(4, 40)), (clip.video.width, clip.video.height)
    return _frames(
        clip, lambda s, v, i: cv2.resize(cv2.resize(i, (small, small)), size, interpolation=cv2.INTER_NEAREST)
    )


@damage
def colours_inverted(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: 255 - image)


@damage
def colours_gone(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2))


@damage
def colour_cast(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gain, offset = rng.uniform(0.2, 2.0, 3), rng.uniform(-80, 80, 3)
    return _frames(clip, lambda s, v, image: np.clip(image * gain + offset, 0, 255))


@damage
def flicker(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: np.clip(image * rng.uniform(0.1, 2.5), 0, 255))


@damage
def views_mirrored(rng: Rng, clip: Clip, other: Clip) -> Clip:
    which = rng.integers(1, 4)
    return _frames(clip, lambda s, v, image: image[:, ::-1] if which >> v & 1 else image)


@damage
def views_shifted(rng: Rng, clip: Clip, other: Clip) -> Clip:
    by = rng.integers(-40, 41, (2, 2))
    return _frames(clip, lambda s, v, image: np.roll(image, by[v], axis=(0, 1)))


@damage
def bars(rng: Rng, clip: Clip, other: Clip) -> Clip:
    height, width = clip.video.height, clip.video.width
    corners = rng.integers(0, [width, height], (4, 2, 2))
    colours = rng.integers(0, 256, (4, 3))

    def cover(step: int, view: int, image: Images) -> Images:
        for (a, b), colour in zip(corners, colours, strict=True):
            cv2.rectangle(image, a.tolist(), b.tolist(), colour.tolist(), -1)
        return image

    return _frames(clip, cover)


@damage
def decoy(rng: Rng, clip: Clip, other: Clip) -> Clip:
    """A ball or a stick of one of the tool's own colours crosses the table; both cameras see it where it is."""
    colours = np.asarray(clip.tools[0].mesh.visual.face_colors, int)[:, :3]
    colour = colours[rng.integers(len(colours))]
    start, end = (np.array([*rng.uniform((-0.2, -0.12), (0.2, 0.12)), 0.02]) for _ in range(2))
    stick = rng.uniform(-0.08, 0.08, 3) * rng.integers(0, 2)
    radius_m = rng.uniform(0.008, 0.03)
    assert clip.rig.transform_reference_to_table is not None
    to_reference = se3.inverse(clip.rig.transform_reference_to_table)

    def put(step: int, view: int, image: Images) -> Images:
        camera = clip.rig.cameras[view]
        middle = start + (end - start) * step / (STEPS - 1)
        pixels, depth = camera.project(se3.transform_points(to_reference, np.stack([middle - stick, middle + stick])))
        thick = max(1, round(2 * radius_m * float(camera.K[0, 0]) / float(depth.mean())))
        one, two = pixels.round().astype(int).tolist()
        cv2.line(image, one, two, (0.8 * colour).astype(int).tolist(), thick, cv2.LINE_AA)
        return image

    return _frames(clip, put)


@damage
def backgrounds_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=clip.background_2, background_2=clip.background_1)


@damage
def backgrounds_of_another(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=other.background_1, background_2=other.background_2)


@damage
def backgrounds_black(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=np.zeros_like(clip.background_1), background_2=np.zeros_like(clip.background_2))


@damage
def backgrounds_with_hand(rng: Rng, clip: Clip, other: Clip) -> Clip:
    one, two = clip.video.pairs()[rng.integers(STEPS)]
    return replace(clip, background_1=one, background_2=two)


# Cameras


@damage
def cameras_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _second(clip, se3.inverse(clip.rig.camera_2.transform_camera_to_reference))


@damage
def cameras_together(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _second(clip, np.eye(4))


@damage
def cameras_moved(rng: Rng, clip: Clip, other: Clip) -> Clip:
    twist = rng.normal(0, rng.choice([0.02, 0.1, 0.5]), 6)
    return _second(clip, clip.rig.camera_2.transform_camera_to_reference @ se3.exp(twist))


@damage
def cameras_turned_away(rng: Rng, clip: Clip, other: Clip) -> Clip:
    turned = clip.rig.camera_2.transform_camera_to_reference @ se3.exp([0, 0, 0, *rng.normal(0, 3, 3)])
    return _second(clip, turned)


@damage
def cameras_in_millimetres(rng: Rng, clip: Clip, other: Clip) -> Clip:
    moved = clip.rig.camera_2.transform_camera_to_reference.copy()
    moved[:3, 3] *= 1000
    return _second(clip, moved)


@damage
def extrinsics_infinite(rng: Rng, clip: Clip, other: Clip) -> Clip:
    broken = clip.rig.camera_2.transform_camera_to_reference.copy()
    broken[rng.integers(3), rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf])
    return _second(clip, broken)


@damage
def extrinsics_no_rotation(rng: Rng, clip: Clip, other: Clip) -> Clip:
    broken = clip.rig.camera_2.transform_camera_to_reference.copy()
    broken[:3, :3] *= rng.choice([-1.0, 0.0, 2.0])
    return _second(clip, broken)


@damage
def intrinsics_nan(rng: Rng, clip: Clip, other: Clip) -> Clip:
    K = clip.rig.camera_1.K.copy()
    K[rng.integers(2), rng.integers(3)] = rng.choice([np.nan, np.inf])
    return _cameras(clip, lambda v, c: c if v else replace(c, K=K))


@damage
def intrinsics_negative(rng: Rng, clip: Clip, other: Clip) -> Clip:
    K = clip.rig.camera_1.K * np.array([[rng.choice([-1, 0])], [1], [1]])
    return _cameras(clip, lambda v, c: c if v else replace(c, K=K))


@damage
def intrinsics_scaled(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gain = np.exp(rng.normal(0, rng.choice([0.1, 0.7, 4.0]), (2, 1)))
    return _cameras(clip, lambda v, c: replace(c, K=np.vstack([c.K[:2] * gain, c.K[2:]])))


@damage
def intrinsics_off_centre(rng: Rng, clip: Clip, other: Clip) -> Clip:
    by = rng.normal(0, rng.choice([10, 100, 1e4]), 2)

    def move(view: int, camera: Camera) -> Camera:
        K = camera.K.copy()
        K[:2, 2] += by
        return replace(camera, K=K)

    return _cameras(clip, move)


@damage
def distortion(rng: Rng, clip: Clip, other: Clip) -> Clip:
    coefficients = rng.normal(0, rng.choice([0.1, 2.0, 1e3]), 5)
    return _cameras(clip, lambda v, c: replace(c, distortion=coefficients))


# Meshes


@damage
def mesh_in_millimetres(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_scale(1000.0))


@damage
def mesh_tiny(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_scale(0.01))


@damage
def mesh_stretched(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_transform(np.diag([*np.exp(rng.normal(0, 0.6, 3)), 1.0])))


@damage
def mesh_empty(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: trimesh.Trimesh())


@damage
def mesh_nan(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def spoil(mesh: trimesh.Trimesh) -> None:
        mesh.vertices[rng.integers(len(mesh.vertices))] = rng.choice([np.nan, np.inf])

    return _mesh(clip, spoil)


@damage
def mesh_one_triangle(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.update_faces(np.arange(len(mesh.faces)) == 0))


@damage
def mesh_flat(rng: Rng, clip: Clip, other: Clip) -> Clip:
    keep = np.ones(3)
    keep[rng.permutation(3)[: rng.integers(1, 3)]] = 0.0

    def flatten(mesh: trimesh.Trimesh) -> None:
        mesh.vertices *= keep

    return _mesh(clip, flatten)


@damage
def mesh_with_holes(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.update_faces(rng.random(len(mesh.faces)) < rng.uniform(0.3, 0.9)))


@damage
def mesh_inside_out(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.invert())


@damage
def mesh_not_manifold(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def tangle(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
        extra = rng.integers(0, len(mesh.vertices), (30, 3))
        faces = np.concatenate([mesh.faces, mesh.faces[:20], mesh.faces[:20, ::-1], extra, extra[:, [0, 0, 1]]])
        colours = mesh.visual.vertex_colors  # type: ignore[union-attr]
        return trimesh.Trimesh(mesh.vertices, faces, vertex_colors=colours, process=False)

    return _mesh(clip, tangle)


@damage
def mesh_with_stray_vertices(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def stray(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
        vertices = np.concatenate([mesh.vertices, rng.normal(0, 1e3, (5, 3))])
        colours = np.concatenate([mesh.visual.vertex_colors, np.zeros((5, 4), np.uint8)])  # type: ignore[union-attr]
        return trimesh.Trimesh(vertices, mesh.faces, vertex_colors=colours, process=False)

    return _mesh(clip, stray)


@damage
def mesh_fine(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.subdivide().subdivide().subdivide())


@damage
def mesh_colourless(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))


def _painted(colour: Any) -> Callable[[trimesh.Trimesh], None]:
    def paint(mesh: trimesh.Trimesh) -> None:
        mesh.visual.vertex_colors = np.tile([*colour, 255], (len(mesh.vertices), 1))  # type: ignore[union-attr]

    return paint


@damage
def mesh_grey(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted([int(rng.integers(256))] * 3))


@damage
def mesh_of_the_table(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted(np.median(clip.background_1.reshape(-1, 3), axis=0).astype(int)))


@damage
def mesh_skin(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted([(236, 188, 160), (210, 150, 115), (160, 110, 80)][rng.integers(3)]))


@damage
def tools_none(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, tools=[])


@damage
def tools_same_name(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, tools=[*clip.tools, clip.tools[0]])


@damage
def tool_too_many(rng: Rng, clip: Clip, other: Clip) -> Clip:
    """A second tool is named that no picture shows."""
    mesh = trimesh.creation.box(rng.uniform(0.02, 0.2, 3))
    _painted(rng.integers(0, 256, 3))(mesh)
    return replace(clip, tools=[*clip.tools, Tool(ABSENT, mesh, clip.tools[0].mesh_path, np.eye(4), np.zeros(3), {})])


ABSENT = "absent"
"""The name of a tool that is in no picture."""


def _bare_pairs(clip: Clip) -> Images:
    return np.tile(np.stack([clip.background_1, clip.background_2])[None], (STEPS, 1, 1, 1, 1))

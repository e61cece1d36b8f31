"""The rasteriser and the contour lines, against geometry that can be worked out by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_track.detect import Eyes, spread_rotations
from dreamitate_track.learn import labels_seen
from dreamitate_track.lines import GROWTH, NO_BARE, NO_IMAGE, UNKNOWNS, view_system
from dreamitate_track.model import Model
from dreamitate_track.pose import moved
from dreamitate_track.raster import project, rasterise

SIZE = 100
INTRINSICS = np.array([[100.0, 100.0, 49.5, 49.5]] * 2)


def block(half_m: tuple[float, float, float]) -> Model:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half_m
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))], np.int32)
    label = np.repeat(np.array([0, 1, 0, 0, 0, 0], np.int8), 2)
    return Model(
        corners, faces, label, np.array([[200.0, 0, 0], [0, 200, 0]]), float(np.linalg.norm(half_m)), np.eye(4)
    )


def eyes_on(model: Model) -> Eyes:
    second = se3.make_transform(np.eye(3), (-0.3, 0.0, 0.0))
    return Eyes(model, np.stack([np.eye(4), second]), INTRINSICS)


def maps_of(eyes: Eyes, pose: np.ndarray) -> np.ndarray:
    """Return perfect maps (2, 3, SIZE, SIZE): +3 where the pose shows the label, -3 elsewhere, no skin."""
    maps = np.full((2, 3, SIZE, SIZE), -3.0, np.float32)
    maps[:, 2] = 0.0
    for view in range(2):
        label = labels_seen(eyes, pose, view, SIZE, SIZE)
        for part in range(2):
            maps[view, part][label == part] = 3.0
    return maps


def at(z: float, rotation: np.ndarray | None = None, x: float = 0.12) -> np.ndarray:
    return se3.make_transform(np.eye(3) if rotation is None else rotation, (x, 0.0, z))


def test_a_front_face_covers_its_projected_area() -> None:
    eyes = eyes_on(block((0.1, 0.05, 1e-6)))
    label = labels_seen(eyes, at(1.0, x=0.0), 0, SIZE, SIZE)
    assert (label >= 0).sum() == pytest.approx(20 * 10, abs=30)
    rows, columns = np.nonzero(label >= 0)
    assert abs(rows.mean() - 49.5) < 0.3
    assert abs(columns.mean() - 49.5) < 0.3


def test_nearer_faces_hide_farther_ones() -> None:
    eyes = eyes_on(block((0.05, 0.05, 0.05)))
    toward = labels_seen(eyes, at(1.0, se3.exp([0, 0, 0, 0, np.pi / 2, 0])[:3, :3], x=0.0), 0, SIZE, SIZE)
    away = labels_seen(eyes, at(1.0, se3.exp([0, 0, 0, 0, -np.pi / 2, 0])[:3, :3], x=0.0), 0, SIZE, SIZE)
    seen = {int(part) for part in np.unique(toward)} | {int(part) for part in np.unique(away)}
    assert seen == {-1, 0, 1}
    assert (1 in toward) != (1 in away)


def test_a_tool_behind_the_camera_is_not_drawn() -> None:
    eyes = eyes_on(block((0.05, 0.05, 0.05)))
    assert not project(eyes.body[0], at(-1.0), INTRINSICS[0], np.empty((8, 3)))
    assert (labels_seen(eyes, at(-1.0), 0, SIZE, SIZE) == -1).all()
    assert eyes.values(at(-1.0), np.zeros((2, 3, SIZE, SIZE), np.float32)).sum() == 0


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_triangles_are_drawn_as_their_barycentric_weights_say(seed: int) -> None:
    """Each pixel asked by itself; those on an edge, but for rounding, may be drawn or not."""
    random = np.random.default_rng(seed)
    corners = np.round(random.uniform(-20, 70, (9, 2)), int(random.integers(0, 3)))  # whole numbers: edges on pixels
    pixels = np.column_stack([corners, random.uniform(0.5, 2.0, 9)])
    faces, labels = np.arange(9, dtype=np.int32).reshape(3, 3), np.array([0, 1, 2], np.int8)
    depth, label = np.empty((40, 50), np.float32), np.empty((40, 50), np.int8)
    covered = rasterise(pixels, faces, labels, 0.0, 0.0, 1.0, depth, label)
    assert covered == (label >= 0).sum()

    rows, columns = np.mgrid[:40, :50]
    there = np.stack([columns, rows, np.ones_like(rows)], -1).astype(float)
    nearest, surely, maybe = np.zeros((40, 50)), np.full((40, 50), -1), np.zeros((40, 50), bool)
    for part, face in enumerate(faces):
        plane = np.column_stack([pixels[face, :2], np.ones(3)])
        if abs(np.linalg.det(plane)) < 1e-6:
            continue
        weights = there @ np.linalg.inv(plane)
        inside, depths = (weights > 1e-4).all(-1), weights @ pixels[face, 2]
        maybe |= (weights > -1e-4).all(-1) & ~inside
        near = inside & (depths > nearest + 1e-4)
        maybe |= inside & (np.abs(depths - nearest) <= 1e-4)
        nearest[near], surely[near] = depths[near], part
    assert (label[~maybe] == surely[~maybe]).all()
    drawn = ~maybe & (label >= 0)
    assert depth[drawn] == pytest.approx(nearest[drawn], abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_faces_that_share_an_edge_leave_no_gap(seed: int) -> None:
    """A square of two triangles, two that meet in a row of pixels, and a fan; corners on pixels or between them."""
    random = np.random.default_rng(seed)
    corners = np.array([[5, 5], [45, 5], [45, 35], [5, 35]]) + np.round(random.uniform(-3, 3, (4, 2)), seed % 3)
    kite = np.array([[5.0, 20.0], [45.0, 20.0], *np.column_stack([random.uniform(0, 50, 2), [2.0, 38.0]])])
    angles = np.linspace(0, 2 * np.pi, 41)
    rim = np.column_stack([25 + 15 * np.cos(angles), 20 + 15 * np.sin(angles)])
    fan, slices = np.vstack([[25.0, 20.0], rim]), np.array([[0, i, i + 1] for i in range(1, 41)], np.int32)
    rows, columns = np.mgrid[:40, :50]
    disc = (columns - 25) ** 2 + (rows - 20) ** 2 < 14**2
    square = (np.abs(columns - 25) < 16) & (np.abs(rows - 20) < 11)
    for points, faces, inside in (
        (corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), square),
        (kite, np.array([[0, 1, 2], [0, 1, 3]], np.int32), (rows == 20) & (columns >= 5) & (columns <= 45)),
        (fan, slices, disc),
    ):
        depth, label = np.empty((40, 50), np.float32), np.empty((40, 50), np.int8)
        pixels = np.column_stack([points, np.ones(len(points))])
        rasterise(pixels, faces, np.zeros(len(faces), np.int8), 0.0, 0.0, 1.0, depth, label)
        assert (label[inside] == 0).all()


def test_slivers_have_no_depth_beyond_their_corners() -> None:
    random = np.random.default_rng(0)
    drawn = 0
    for width_px in (0.0, 1e-12, 1e-8, 1e-5):
        for _ in range(200):
            ends = random.uniform(0, 40, (2, 2)).round()
            third = ends[0] + random.uniform() * (ends[1] - ends[0]) + width_px
            pixels = np.column_stack([[*ends, third], random.uniform(0.5, 2.0, 3)])
            depth, label = np.empty((40, 50), np.float32), np.empty((40, 50), np.int8)
            face = np.array([[0, 1, 2]], np.int32)
            drawn += rasterise(pixels, face, np.zeros(1, np.int8), 0.0, 0.0, 1.0, depth, label)
            covered = depth[label >= 0]
            assert (covered >= pixels[:, 2].min() - 1e-6).all()
            assert (covered <= pixels[:, 2].max() + 1e-6).all()
    assert drawn > 100


@settings(deadline=None)
@given(st.lists(st.floats(-0.3, 0.3), min_size=6, max_size=6))
def test_small_moves_agree_with_the_exponential(twist: list[float]) -> None:
    pose = se3.make_transform(se3.exp([0, 0, 0, 0.3, -0.2, 0.5])[:3, :3], (0.1, 0.2, 0.9))
    result, exact = moved(pose, np.array(twist)), pose @ se3.exp(twist)
    np.testing.assert_allclose(result[:3, :3], exact[:3, :3], atol=1e-12)
    allowed_m = np.linalg.norm(twist[:3]) * np.linalg.norm(twist[3:]) + 1e-12
    assert np.linalg.norm(result[:3, 3] - exact[:3, 3]) <= allowed_m


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.floats(-0.02, 0.02)] * 3, *[st.floats(-0.15, 0.15)] * 3),
    st.tuples(*[st.floats(0.2, 1.0)] * 3),
    st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3),
)
def test_refining_comes_nearer_to_the_truth(
    offset: tuple[float, ...], amount: tuple[float, ...], sense: tuple[float, ...]
) -> None:
    """Not where a side lies along the rows: in pictures of hard pixels it does not show a move of less than one."""
    turn = np.multiply(amount, sense)
    eyes = eyes_on(block((0.08, 0.05, 0.03)))
    truth = at(0.8, se3.exp([0, 0, 0, *turn])[:3, :3])
    start = truth @ se3.exp(offset)
    found = eyes.refined(start, maps_of(eyes, truth), 8).pose
    before = float(np.linalg.norm(start[:3, 3] - truth[:3, 3]))
    pixel_m = 0.8 / INTRINSICS[0, 0]
    assert np.linalg.norm(found[:3, 3] - truth[:3, 3]) < max(0.6 * pixel_m, 0.6 * before)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-3.0, 3.0)] * 3), st.floats(0.3, 3.0))
def test_the_system_of_lines_is_symmetric_and_positive(turn: tuple[float, ...], distance: float) -> None:
    eyes = eyes_on(block((0.08, 0.05, 0.03)))
    pose = at(distance, se3.exp([0, 0, 0, *turn])[:3, :3], x=0.0)
    H, g = np.empty((UNKNOWNS, UNKNOWNS)), np.empty(UNKNOWNS)
    maps = maps_of(eyes, pose)[0]
    weight = view_system(
        *eyes.body, pose, INTRINSICS[0], maps, NO_IMAGE, NO_BARE, 6, 1.0, 0.5, 0.0, *eyes.buffers, H, g
    )
    assert weight > 0
    np.testing.assert_allclose(H, H.T, rtol=1e-9, atol=1e-9 * np.abs(H).max())
    assert np.linalg.eigvalsh(H).min() > -1e-6 * np.abs(H).max()


@pytest.mark.parametrize("shade", [1.0, 0.5])
def test_pictures_free_contours_of_bias(shade: float) -> None:
    """Maps take each mixed pixel for the tool's, so that it looks larger; the picture tells better, in shadow too."""
    model = block((0.08, 0.05, 0.03))
    eyes, pose = eyes_on(model), at(0.8, se3.exp([0, 0, 0, 0.1, 0.2, 0.5])[:3, :3], x=0.0)
    fine = Eyes(model, eyes.reference_to_cameras, (INTRINSICS + [0, 0, 0.5, 0.5]) * 8 - [0, 0, 0.5, 0.5])
    grain = np.random.default_rng(0).uniform(60, 120, (SIZE, SIZE, 1)) * [1.0, 0.95, 0.9]
    bare = np.asarray(cv2.GaussianBlur(grain, (0, 0), 3.0), np.float32)
    shown = labels_seen(fine, pose, 0, 8 * SIZE, 8 * SIZE)
    sharp = shade * cv2.resize(bare, None, fx=8, fy=8)
    sharp[shown >= 0] = model.colours[shown[shown >= 0]]
    image = cv2.GaussianBlur(cv2.resize(sharp, (SIZE, SIZE), interpolation=cv2.INTER_AREA), (0, 0), 0.8)
    maps = np.full((3, SIZE, SIZE), -3.0, np.float32)
    maps[2] = 0.0
    for part in range(2):
        mask = (cv2.resize((shown == part).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA)) > 0.02
        maps[part][cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 3.0
    growth = []
    seen: list[tuple[NDArray[np.uint8], NDArray[np.float32]]] = [(NO_IMAGE, NO_BARE), (image.astype(np.uint8), bare)]
    for picture, scene in seen:
        H, g = np.empty((UNKNOWNS, UNKNOWNS)), np.empty(UNKNOWNS)
        view_system(*eyes.body, pose, INTRINSICS[0], maps, picture, scene, 5, 1.0, 0.5, 0.0, *eyes.buffers, H, g)
        growth.append(g[GROWTH] / H[GROWTH, GROWTH])
    assert growth[0] > 0.8
    assert abs(growth[1]) < 0.15


def test_rotations_are_spread_without_holes() -> None:
    rotations = spread_rotations(400)
    rng = np.random.default_rng(0)
    worst = max(
        se3.rotation_distance_rad(rotations, se3.exp([0, 0, 0, *rng.normal(0, 3, 3)])[:3, :3]).min() for _ in range(300)
    )
    assert np.degrees(worst) < 32

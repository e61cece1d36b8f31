"""Photos of wrong size, colour and order, broken or missing: an error that says which, or a correct resize."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dreamitate import cli
from dreamitate_core import se3
from dreamitate_core.camera import crop_and_resize, load_rig
from dreamitate_core.clip import read_image, write_image
from dreamitate_core.errors import DreamitateError
from dreamitate_gen.photos import fitted_photos

Image = NDArray[np.uint8]
RIG = load_rig("paper")


@pytest.fixture(scope="module")
def photos() -> tuple[Image, Image]:
    """Return what both cameras, 1280x720, see of coloured patches on the table."""
    random = np.random.default_rng(0)
    patches = cv2.resize(random.integers(0, 255, (9, 12, 3), dtype=np.uint8), (480, 360), interpolation=cv2.INTER_CUBIC)
    corners = np.array([[-0.4, 0.3, 0], [0.4, 0.3, 0], [0.4, -0.3, 0], [-0.4, -0.3, 0]])
    assert RIG.transform_reference_to_table is not None
    seen = se3.transform_points(se3.inverse(RIG.transform_reference_to_table), corners)
    ends = np.array([[0, 0], [479, 0], [479, 359], [0, 359]], np.float32)
    views = []
    for camera in RIG.cameras:
        mapping = cv2.getPerspectiveTransform(ends, camera.project(seen)[0].astype(np.float32))
        views.append(np.asarray(cv2.warpPerspective(patches, mapping, (1280, 720)), np.uint8))
    return views[0], views[1]


def test_another_size_of_the_cameras_shape_is_resized(photos: tuple[Image, Image]) -> None:
    def half(photo: Image) -> Image:
        return np.asarray(cv2.resize(photo, (640, 360), interpolation=cv2.INTER_AREA), np.uint8)

    one, two, rig = fitted_photos(half(photos[0]), half(photos[1]), RIG, 192, 112)
    assert (rig.camera_1.width, rig.camera_1.height) == (192, 112)
    for small, photo in zip((one, two), photos, strict=True):
        assert np.abs(small.astype(float) - crop_and_resize(photo, 192, 112)).mean() < 1.0


def test_exchanged_photos_are_refused(photos: tuple[Image, Image]) -> None:
    with pytest.raises(DreamitateError, match="look exchanged"):
        fitted_photos(photos[1], photos[0], RIG, 192, 112)


def test_grey_photos_are_refused(photos: tuple[Image, Image]) -> None:
    grey = np.repeat(photos[1][..., :1], 3, axis=2)
    with pytest.raises(DreamitateError, match="Photo 2 is grey"):
        fitted_photos(photos[0], grey, RIG, 192, 112)


def test_the_command_names_the_photo_that_is_wrong(
    photos: tuple[Image, Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [tmp_path / f"{number}.png" for number in (1, 2)]
    for path, photo in zip(good, photos, strict=True):
        write_image(path, photo)
    broken = tmp_path / "broken.png"
    broken.write_bytes(good[1].read_bytes()[:5000])
    write_image(tmp_path / "whole.jpg", photos[1])
    assert read_image(tmp_path / "whole.jpg").shape == (720, 1280, 3)
    short = tmp_path / "short.jpg"
    short.write_bytes((tmp_path / "whole.jpg").read_bytes()[:20000])
    one_channel = tmp_path / "grey.png"
    cv2.imwrite(str(one_channel), photos[1][..., 0])
    write_image(tmp_path / "square.png", photos[1][:, :720])
    cases = {
        tmp_path / "missing.png": "There is no picture",
        broken: "cannot be read",
        short: "ends too early",
        one_channel: "8-bit colour",
        good[0]: "the same picture",
        tmp_path / "square.png": "Photo 2 is 720x720",
    }
    for second, said in cases.items():
        arguments = ["dream", str(good[0]), str(second), "--task", "sweeping", "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not (tmp_path / "out").exists()

"""The picture of the loop: small enough, and only of a whole rollout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dreamitate.run_folder import RunFolder
from dreamitate_bench.picture import LARGEST_BYTES, make_picture
from dreamitate_core.clip import read_image
from dreamitate_core.errors import DreamitateError


def test_picture_of_a_whole_rollout(make_rollout: Callable[..., RunFolder], tmp_path: Path) -> None:
    out = tmp_path / "docs" / "loop.png"
    make_picture(make_rollout().path, out)
    assert out.stat().st_size < LARGEST_BYTES
    image = read_image(out)
    assert image.shape[1] > 4 * image.shape[0]
    assert len({tuple(pixel) for pixel in image[::7, ::7].reshape(-1, 3)}) > 20


def test_picture_of_a_failed_rollout_is_refused(make_rollout: Callable[..., RunFolder], tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="carried through"):
        make_picture(make_rollout("track", "no tool").path, tmp_path / "loop.png")
    assert not (tmp_path / "loop.png").exists()

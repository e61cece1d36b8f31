"""`dreamitate bench tolerance`: true poses with errors of a stated size, carried out by the simulated arms."""

import argparse

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamitate_bench import tolerance
from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.scene import Scene, make_scene

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def shown() -> tuple[Scene, Array]:
    scene = make_scene(load_task("rotation"), 1003, "test")
    return scene, next(Demonstration(scene).successes()).truth


def test_poses_are_off_by_what_is_asked_and_a_quarter_of_it_in_each_frame() -> None:
    middle = np.array([0.1, 0.0, 0.2])
    poses = np.tile(se3.exp(np.array([0.3, 0.2, 0.1, 0.5, -0.4, 1.0])), (4000, 1, 1))
    made = tolerance.spoiled(poses, middle, 6.0, 3.0, np.random.default_rng(1))
    off = se3.transform_points(made, middle[None])[:, 0] - se3.transform_points(poses, middle[None])[:, 0]
    assert np.linalg.norm(off.mean(axis=0)) == pytest.approx(0.006, rel=0.05)
    assert np.sqrt(((off - off.mean(axis=0)) ** 2).sum(axis=1).mean()) == pytest.approx(0.0015, rel=0.05)
    turned = np.rad2deg(se3.rotation_distance_rad(poses, made))
    assert np.sqrt((turned**2).mean()) == pytest.approx(np.hypot(3.0, 0.75), rel=0.05)
    np.testing.assert_array_equal(tolerance.spoiled(poses, middle, 0.0, 0.0, np.random.default_rng(1)), poses)


def test_soft_pads_bear_an_error_but_not_any(shown: tuple[Scene, Array]) -> None:
    assert tolerance.attempt(*shown, 6.0, 3.0) == ""
    assert "not held by both tools" in tolerance.attempt(*shown, 50.0, 0.0)


def test_the_table_counts_what_succeeded() -> None:
    results = {(0.0, 3.0): ["", ""], (6.0, 3.0): ["", "Turned by 3 degrees"]}
    lines = tolerance.table(results, (0.0, 6.0), (3.0,)).splitlines()
    assert lines[0].split() == ["success", "0", "mm", "6", "mm"]
    assert lines[1].split() == ["3", "deg", "2/2", "1/2"]


def test_errors_that_are_no_numbers_are_refused() -> None:
    parser = argparse.ArgumentParser()
    tolerance.add_arguments(parser)
    with pytest.raises(DreamitateError, match="'much' is none"):
        parser.parse_args(["--task", "rotation", "--seeds", "1000", "--mm", "much"])

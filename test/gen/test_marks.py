"""Marks: where a tool's corners are, given four of its points in both views."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.tool import Tool, load_tool
from dreamitate_gen import marks
from dreamitate_gen.dataset import MARKS, tool_marks, tool_points
from dreamitate_gen.marks import Marks, fit_marks

WIDTH, HEIGHT = 256, 144


def tilted(tools: list[Tool], clips: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return points (C, 2, 12, P, 2) and marks (C, 2, 12, M, 2), pixels, of tools above the table, turned any way
    about the upright axis and tilted by up to a radian."""
    random = np.random.default_rng(seed)
    rig = load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)
    assert rig.transform_reference_to_table is not None
    seen: list[list[np.ndarray]] = [[], []]
    for tool in tools:
        poses = np.tile(np.eye(4), (clips * 12, 1, 1))
        for pose in poses:
            turn = np.array([*random.uniform(-0.7, 0.7, 2), 0.0])
            pose[:3, :3] = se3.exp(np.array([0, 0, 0, 0, 0, random.uniform(-3, 3)]))[:3, :3]
            pose[:3, :3] = se3.exp(np.array([0, 0, 0, *turn]))[:3, :3] @ pose[:3, :3]
            pose[:3, 3] = random.uniform((-0.15, -0.15, 0.05), (0.15, 0.15, 0.15))
        there = se3.inverse(rig.transform_reference_to_table) @ poses
        for kept, of_tool in zip(seen, (tool_points, tool_marks), strict=True):
            points = se3.transform_points(there, of_tool(tool))
            pixels = np.stack([camera.project(points)[0] for camera in rig.cameras])
            kept.append(pixels.reshape(2, clips, 12, -1, 2).swapaxes(0, 1))
    return torch.from_numpy(np.concatenate(seen[0], 3)).float(), torch.from_numpy(np.concatenate(seen[1], 3)).float()


def predicted(network: Marks, points: Tensor, other: Tensor, view: int) -> Tensor:
    """Return the marks in one view, given that view's points and the other one's."""
    both = torch.stack([points[:, view], other[:, 1 - view]], 2).flatten(0, 1)
    with torch.no_grad():
        return network(both, torch.full((len(both),), view)).unflatten(0, (len(points), 12))


@pytest.mark.parametrize("names", [["scoop"], ["box_left", "box_right"]])
def test_marks_are_learnt_and_need_both_views(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(marks, "STEPS", 1000)
    tools = [load_tool(name) for name in names]
    network = Marks(len(tools))
    fit_marks(network, *tilted(tools, 200, seed=0), 0.3, torch.Generator().manual_seed(0))
    points, truth = tilted(tools, 20, seed=1)
    for view in (0, 1):
        error = (predicted(network, points, points, view) - truth[:, view]).norm(dim=-1)
        assert error.median() < 1.0
        wrong_view = (predicted(network, points, points.roll(1, 0), view) - truth[:, view]).norm(dim=-1)
        assert wrong_view.median() > 2 * error.median()


@pytest.mark.parametrize("name", ["brush", "scoop", "pusher", "box_left", "box_right"])
def test_marks_reach_all_ends_of_a_tool(name: str) -> None:
    tool = load_tool(name)
    found = tool_marks(tool)
    assert found.shape == (MARKS, 3)
    gaps = np.linalg.norm(np.asarray(tool.mesh.vertices)[:, None] - found, axis=2).min(axis=1)
    assert gaps.max() < 0.25 * np.linalg.norm(np.ptp(tool.mesh.bounds, axis=0))

"""Keep what the stages of a rollout made, messages as they come, in its folder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.clip import Clip
from dreamitate_core.task import Task
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_exec.preview import preview
from dreamitate_ros.messages import read_plan, read_track
from dreamitate_track.overlay import draw_overlay

from .motion import since_departure
from .run_folder import RunFolder

Array = NDArray[np.float64]


def keep_dream(folder: RunFolder, clip: Clip, others: list[Clip]) -> None:
    """Keep what a stage of dreaming made: the photos it began from, the dream, and those that were not chosen."""
    folder.add_photos(clip.background_1, clip.background_2)
    folder.add_dream(clip, others)


def keep_tracks(folder: RunFolder, clip: Clip, trajectories: list[Any]) -> None:
    """Keep the tracks of a dream, given as messages in the table's frame, and draw them over it."""
    assert clip.rig.transform_reference_to_table is not None
    transform_table_to_reference = se3.inverse(clip.rig.transform_reference_to_table)
    read = [read_track(message).in_frame("reference", transform_table_to_reference) for message in trajectories]
    tracks = {track.tool: track for track in read}
    folder.add_tracks(tracks, draw_overlay(clip, tracks), clip.background_2)


def keep_preview(
    folder: RunFolder, task: Task, arms: Sequence[ArmSetup], tracks: Sequence[ToolTrajectory], message: Any
) -> None:
    """Keep the picture of one arm's plan, given as a message, beside the track it follows."""
    together = enumerate(zip(arms, tracks, strict=True))
    number, arm, track = next((n, arm, track) for n, (arm, track) in together if track.tool == message.tool)
    plan = read_plan(message)
    title = f"{arm.robot.name} with {arm.tool.name}: {plan.duration_s:.2f} s. {' '.join(plan.notes)}"
    seen = preview(track, plan, task, arm.robot, arm.tool, base=arm.transform_base_to_table)
    folder.add_preview(seen, title, number)


def keep_refusal(
    folder: RunFolder,
    task: Task,
    arms: Sequence[ArmSetup],
    tracks: Sequence[ToolTrajectory],
    said: str,
    waypoint: int,
) -> None:
    """Keep the pictures of paths that were refused: why, and at which waypoint."""
    for number, (arm, track) in enumerate(zip(arms, tracks, strict=True)):
        seen = preview(track, None, task, arm.robot, arm.tool, waypoint, arm.transform_base_to_table)
        folder.add_preview(seen, said, number)


def keep_plans(folder: RunFolder, plans: Sequence[Any]) -> None:
    """Keep the plans, one message or None per arm."""
    for number, plan in enumerate(plans):
        if plan:
            folder.add_plan(read_plan(plan), number)


def keep_motion(folder: RunFolder, arms: Sequence[ArmSetup], time_s: Array, position: Array) -> None:
    """Keep how the arms moved. time_s: (N,); position: (N, dofs) of all arms, which depart when the first does."""
    if len(time_s):
        time_s, position = since_departure(time_s, position)
        ends = np.cumsum([arm.robot.dof for arm in arms])[:-1]
        for number, own in enumerate(np.split(position, ends, axis=1)):
            folder.add_motion(time_s, own, number=number)

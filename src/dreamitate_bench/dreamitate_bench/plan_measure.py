"""One random tool path at a time: planned, timed, audited, compared, or refused."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_exec.plan import plan
from dreamitate_exec.refusal import PlanRefused
from dreamitate_exec.settings import planning_settings
from dreamitate_exec.tool_path import smooth_path
from dreamitate_exec.track_check import usable_frames

from .plan_audit import Auditor
from .plan_paths import Asked, feasible
from .plan_plain import follow_plainly
from .plan_refusals import infeasible

PATH_SAMPLES = 2000

Row = dict[str, Any]


def follow_one(task_name: str, robot_name: str, planner: str, seed: int) -> Row:
    """Plan one path that can be followed, audit the plan, and compare with plain inverse kinematics."""
    task, robot = load_task(task_name), load_robot(robot_name)
    tool = load_tool(task.tools[0])
    asked = feasible(seed, task)
    row: Row = {"seed": seed}
    made, row["seconds"], refusal = _timed(asked, task_name, robot_name, planner)
    if made is None:
        assert refusal is not None
        return {**row, "reason": refusal.reason, "text": str(refusal)}
    settings = planning_settings(task)
    path, _ = smooth_path(asked.track, usable_frames(asked.track, settings)[0], tool.tip, settings)
    auditor = Auditor(task, robot, tool)
    found = auditor.audit(made, path.poses(np.linspace(path.time_s[0], path.time_s[-1], PATH_SAMPLES)))
    row.update(asdict(found), violations=found.violations, duration_s=made.duration_s)
    row["tool_error_m"] = auditor.tool_error_m(made, asked.truth)
    plain = follow_plainly(asked, task, robot, tool)
    if plain is None:
        return {**row, "plain_followed": False}
    found = auditor.audit(plain, path.poses(np.linspace(path.time_s[0], path.time_s[-1], PATH_SAMPLES)))
    row.update(plain_followed=True, plain_violations=found.violations, plain_collisions=found.collisions)
    row.update(plain_acceleration_rad_s2=found.acceleration_rad_s2, plain_jerk_rad_s3=found.jerk_rad_s3)
    row["plain_tool_error_m"] = auditor.tool_error_m(plain, asked.truth)
    return row


def refuse_one(task_name: str, robot_name: str, planner: str, seed: int) -> Row:
    """Ask for one path that must be refused; note the reason and whether it and the waypoint are right."""
    task, robot = load_task(task_name), load_robot(robot_name)
    kind, asked = infeasible(seed, task, robot, load_tool(task.tools[0]))
    made, seconds, refusal = _timed(asked, task_name, robot_name, planner)
    row: Row = {"seed": seed, "kind": kind, "seconds": seconds, "accepted": made is not None}
    if refusal is None:
        return {**row, "right": False}
    there = asked.first is None or asked.last is None
    if refusal.waypoint is not None and asked.first is not None and asked.last is not None:
        there = asked.first <= refusal.waypoint <= asked.last
    right = refusal.reason in asked.reasons and there
    return {**row, "right": right, "reason": refusal.reason, "waypoint": refusal.waypoint, "text": str(refusal)}


def _timed(
    asked: Asked, task_name: str, robot_name: str, planner: str
) -> tuple[Plan | None, float, PlanRefused | None]:
    task, robot = load_task(task_name), load_robot(robot_name)
    tool, changed = load_tool(task.tools[0]), asked.task(task)
    begin = time.perf_counter()
    try:
        made = plan(asked.track, changed, robot, tool, robot.home, planner)
    except PlanRefused as refusal:
        return None, time.perf_counter() - begin, refusal
    return made, time.perf_counter() - begin, None

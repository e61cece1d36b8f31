"""One random tool path at a time: planned, timed, audited, carried out, compared, or refused."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.arms import ArmSetup, load_arms
from dreamitate_core.plan import Plan
from dreamitate_core.task import Task, load_task
from dreamitate_exec.plan import plan_arms
from dreamitate_exec.refusal import PlanRefused
from dreamitate_exec.settings import planning_settings
from dreamitate_exec.tool_path import smooth_path
from dreamitate_exec.track_check import usable_frames

from .plan_audit import Auditor
from .plan_pairs import feasible_pair, infeasible_pair
from .plan_paths import Asked, feasible
from .plan_physics import Physics
from .plan_plain import follow_plainly
from .plan_refusals import infeasible

PATH_SAMPLES = 2000

Row = dict[str, Any]
Array = NDArray[np.float64]


class Bench:
    """One task's arms, and what looks at their plans."""

    def __init__(self, task_name: str, robot_name: str | None) -> None:
        self.task: Task = load_task(task_name)
        self.arms: list[ArmSetup] = load_arms(self.task, robot_name)
        self.auditor, self.physics = Auditor(self.task, self.arms), Physics(self.task, self.arms)


@cache
def _bench(task_name: str, robot_name: str | None) -> Bench:
    return Bench(task_name, robot_name)


def follow_one(task_name: str, robot_name: str | None, planner: str, seed: int) -> Row:
    """Plan one path (per arm) that can be followed, audit the plan, move by it, compare with plain kinematics."""
    bench = _bench(task_name, robot_name)
    task, arms = bench.task, bench.arms
    asked = [feasible(seed, task)] if len(arms) == 1 else feasible_pair(seed, task, arms)
    made, row, refusal = _timed(asked, task, arms, planner)
    row["seed"] = seed
    if made is None:
        assert refusal is not None
        return {**row, "reason": refusal.reason, "text": str(refusal)}
    paths = [_smoothed(each, task, arm) for each, arm in zip(asked, arms, strict=True)]
    found = bench.auditor.audit(made, paths)
    row.update(asdict(found), violations=found.violations, duration_s=made[0].duration_s)
    row["tool_error_m"] = bench.auditor.tool_error_m(made, [each.truth for each in asked])
    row.update({f"moved_{key}": value for key, value in asdict(bench.physics.move(made)).items()})
    return {**row, **(_plainly(asked[0], bench, paths) if len(arms) == 1 else {})}


def refuse_one(task_name: str, robot_name: str | None, planner: str, seed: int) -> Row:
    """Ask for one path (per arm) that must be refused; note the reason and whether it and the waypoint are right."""
    bench = _bench(task_name, robot_name)
    task, arms = bench.task, bench.arms
    if len(arms) == 1:
        kind, bad = infeasible(seed, task, arms[0].robot, arms[0].tool)
        asked = [bad]
    else:
        kind, asked = infeasible_pair(seed, task, arms)
        bad = next(each for each in asked if each.reasons)
    made, row, refusal = _timed(asked, bad.task(task), arms, planner)
    row.update(seed=seed, kind=kind, accepted=made is not None)
    if refusal is None:
        return {**row, "right": False}
    there = bad.first is None or bad.last is None
    if refusal.waypoint is not None and bad.first is not None and bad.last is not None:
        there = bad.first <= refusal.waypoint <= bad.last
    right = refusal.reason in bad.reasons and there
    return {**row, "right": right, "reason": refusal.reason, "waypoint": refusal.waypoint, "text": str(refusal)}


def _plainly(asked: Asked, bench: Bench, paths: Sequence[Array]) -> Row:
    arm = bench.arms[0]
    plain = follow_plainly(asked, bench.task, arm.robot, arm.tool)
    if plain is None:
        return {"plain_followed": False}
    found = bench.auditor.audit([plain], paths)
    return {
        "plain_followed": True,
        "plain_violations": found.violations,
        "plain_collisions": found.collisions,
        "plain_acceleration_rad_s2": found.acceleration_rad_s2,
        "plain_jerk_rad_s3": found.jerk_rad_s3,
        "plain_tool_error_m": bench.auditor.tool_error_m([plain], [asked.truth]),
    }


def _smoothed(asked: Asked, task: Task, arm: ArmSetup) -> Array:
    """Return the smoothed path (PATH_SAMPLES, 4, 4) that a plan is held against."""
    settings = planning_settings(task)
    path, _ = smooth_path(asked.track, usable_frames(asked.track, settings)[0], arm.tool.tip, settings)
    return path.poses(np.linspace(path.time_s[0], path.time_s[-1], PATH_SAMPLES))


def _timed(
    asked: Sequence[Asked], task: Task, arms: Sequence[ArmSetup], planner: str
) -> tuple[list[Plan] | None, Row, PlanRefused | None]:
    """Return the plans or the refusal, and how long it took: by the clock, and of the processor."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    made, refusal = None, None
    try:
        made = plan_arms([each.track for each in asked], task, arms, [arm.robot.home for arm in arms], planner)
    except PlanRefused as refused:
        refusal = refused
    row = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - begin_cpu}
    return made, row, refusal

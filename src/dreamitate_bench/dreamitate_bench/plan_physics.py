"""Do arms with mass, motors and effort limits go where they are told? Plans carried out in MuJoCo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.plan import Plan
from dreamitate_core.task import Task
from dreamitate_sim.arm import Motors, prefix_of
from dreamitate_sim.follower import ABORTED, DONE, Follower
from dreamitate_sim.gl import mujoco
from dreamitate_sim.world import TIMESTEP_S

from .plan_model import arms_model
from .public_arms import PublicArm

Array = NDArray[np.float64]

SETTLING_S = 1.5
SLOWEST_RAD_S = 0.05
"""Slower arms say nothing of how far behind they are."""


@dataclass(frozen=True)
class Moved:
    """How plans were carried out.

    done: all arms arrived; far_m, far_rad: a tool's largest distance from where its plan has it at that time, on the
    tracked part; apart_s: the largest difference between how far behind their plans two arms are; contacts: samples
    with any.
    """

    done: bool
    far_m: float
    far_rad: float
    apart_s: float
    contacts: int


class Physics:
    """One task's arms with their tools, as they weigh."""

    def __init__(self, task: Task, arms: Sequence[ArmSetup]) -> None:
        self._arms = arms
        self._model = arms_model(task, arms)
        self._model.opt.timestep = TIMESTEP_S
        self._model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        self._data = mujoco.MjData(self._model)

    def move(self, plans: Sequence[Plan]) -> Moved:
        """Carry out plans, one per arm, from their start to rest."""
        model, data = self._model, self._data
        mujoco.mj_resetData(model, data)
        motors = [Motors(model, data, arm.robot, prefix_of(arm)) for arm in self._arms]
        followers = []
        for arm, motor, plan in zip(self._arms, motors, plans, strict=True):
            motor.place(plan.position[0])
            followers.append(Follower(arm.robot, plan.position[0]))
            followers[-1].start(0.0, plan.time_s, plan.position, plan.velocity)
        mujoco.mj_forward(model, data)
        steps = int((plans[0].time_s[-1] + SETTLING_S) / TIMESTEP_S)
        seen = [np.empty((steps, arm.robot.dof)) for arm in self._arms]
        contacts, time = 0, TIMESTEP_S * np.arange(1, steps + 1, dtype=np.float64)
        for step in range(steps):
            mujoco.mj_step1(model, data)
            contacts += data.ncon > 0
            for motor, follower in zip(motors, followers, strict=True):
                point = follower.update(data.time, TIMESTEP_S, motor.position, motor.velocity)
                motor.drive(point.position, point.velocity, point.acceleration)
            mujoco.mj_step2(model, data)
            for positions, motor in zip(seen, motors, strict=True):
                positions[step] = motor.position
            states = {follower.following.state for follower in followers}
            if states == {DONE} or ABORTED in states:
                break
        done = all(follower.following.state == DONE for follower in followers)
        far = [self._far(*each, time[: step + 1]) for each in zip(self._arms, plans, seen, strict=True)]
        pairs = zip(plans, seen, strict=True)
        behind = np.array([_behind_s(plan, positions, time[: step + 1]) for plan, positions in pairs])
        moving = np.isfinite(behind).all(axis=0)
        apart = np.ptp(behind[:, moving], axis=0).max() if moving.any() else 0.0
        return Moved(done, max(f[0] for f in far), max(f[1] for f in far), float(apart), contacts)

    def _far(self, arm: ArmSetup, plan: Plan, positions: Array, time: Array) -> tuple[float, float]:
        tracked = (time >= plan.waypoint_time_s[0]) & (time <= plan.waypoint_time_s[-1])
        planned = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)(time[tracked])
        public = PublicArm(arm.robot.name)
        held = arm.tool.transform_tool_to_flange
        there, wanted = (public.flange(q) @ held for q in (positions[: len(time)][tracked], planned))
        distance = np.linalg.norm(there[:, :3, 3] - wanted[:, :3, 3], axis=1)
        return float(distance.max()), float(se3.rotation_distance_rad(there, wanted).max())


def _behind_s(plan: Plan, positions: Array, time: Array) -> Array:
    """Return how far behind its plan an arm is (N,), seconds; NaN where it hardly moves."""
    spline = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)
    at = np.clip(time, plan.time_s[0], plan.time_s[-1])
    velocity = spline(at, 1)
    speed = np.linalg.norm(velocity, axis=1)
    ahead = np.einsum("ij,ij->i", positions[: len(time)] - spline(at), velocity)
    return np.where(speed > SLOWEST_RAD_S, -ahead / np.maximum(speed, SLOWEST_RAD_S) ** 2, np.nan)

"""Carries out checked plans on one arm, or on two in step: started, watched and stopped together."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from dreamitate_msgs.action import ExecuteTrajectory
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot
from dreamitate_ros.stage_node import StageError

from .arm import ArmState
from .controller_node import Controller, Order, fill_goal
from .monitor import OUT_OF_STEP_S, Monitor, behind_each
from .stopping import LEAD_S, stop_along, stop_motion

Array = NDArray[np.float64]
Result = ExecuteTrajectory.Result

START_LEAD_S = 1.0
"""How far ahead the common start of two arms is set: both orders have to reach their controllers before."""
ARRIVAL_S = 1.0
"""How much later than the controller's word the joint states may tell that an arm has arrived."""
STOP_LIMIT_S = 2.0
"""How much longer than planned a stop may take before the controllers are told to cancel everything."""
_WATCH_PERIOD_S = 0.02
_HELD_UP_S = 0.1
"""A watch that did not look for so long was held up itself; so long it then waits for what the arms said meanwhile."""


class Arm:
    """One arm: its joint states, its controller, and the plan that it carries out.

    prefix: what its driver puts before the joints' names, where there are two of a kind.
    """

    def __init__(self, node: Any, robot: Robot, prefix: str, controller: str, changed: threading.Condition) -> None:
        self.robot = robot
        self.joint_names = [prefix + name for name in robot.joint_names]
        self.state = ArmState(self.joint_names, changed)
        self.controller = Controller(node, controller, changed)
        self.order: Order | None = None
        self.plan: Plan | None = None
        self.monitor: Monitor | None = None
        self.advanced_s = 0.0

    def begin(self, plan: Plan, goal: Any, start_ns: int) -> None:
        """Send a plan, and the goal that was made of it, to the controller."""
        self.plan, self.monitor = plan, Monitor(plan, self.state.clock_s)
        self.advanced_s = time.monotonic()
        self.order = self.controller.send(goal, start_ns)

    def look(self, max_age_s: float) -> float:
        """Return how far the arm is off its path, in rad. Raises DreamitateError where that is not known."""
        assert self.monitor is not None
        before_s = self.monitor.time_s
        off_rad = self.monitor.deviation_rad(self.state.position(max_age_s), self.state.clock_s)
        if self.monitor.time_s > before_s:
            self.advanced_s = time.monotonic()
        return off_rad

    @property
    def heard_s(self) -> float:
        """When the last joint states came, by the monotonic clock."""
        return time.monotonic() - (self.state.age_s() or 0.0)

    @property
    def left_rad(self) -> Array:
        """How far each joint (dof,) was from the plan's end when it was last heard of."""
        assert self.plan is not None
        return np.asarray(np.abs(self.state.position(np.inf) - self.plan.position[-1]))

    @property
    def expected_s(self) -> float:
        """The plan's time where the arm is now, as far as can be told from where it was last seen."""
        assert self.monitor is not None
        age_s = self.state.age_s() or 0.0
        return self.monitor.time_s + age_s


class Mover:
    """All arms of the executor. `changed` is notified of whatever comes from them."""

    def __init__(self, node: Any, arms: Sequence[Arm], changed: threading.Condition) -> None:
        self._node, self.arms, self._changed = node, list(arms), changed

    def wait_for_controllers(self, limit_s: float) -> None:
        """Raise StageError where a controller is not there within the limit."""
        for arm in self.arms:
            if not arm.controller.wait_for(limit_s):
                text = f"There is no action {arm.controller.name}. Does the arm's controller run?"
                raise StageError(Result.NO_CONTROLLER, text)

    def positions(self) -> list[Array]:
        """Return where the arms are. Raises StageError where that is not known freshly enough."""
        try:
            return [np.array(arm.state.position(self._node.value("max_joint_state_age_s"))) for arm in self.arms]
        except DreamitateError as unknown:
            raise StageError(Result.NO_JOINT_STATES, str(unknown)) from None

    def check_rest(self) -> None:
        """Raise StageError where an arm moves already, or nothing is known of it."""
        self._listen()
        try:
            for arm in self.arms:
                arm.state.check_rest()
        except DreamitateError as moves:
            raise StageError(Result.START_STATE_MOVED, str(moves)) from None

    def check_start(self, plans: Sequence[Plan]) -> None:
        """Raise StageError where an arm is not at rest where its plan starts."""
        tolerance_rad, max_age_s = (self._node.value(name) for name in ("start_tolerance_rad", "max_joint_state_age_s"))
        self._listen()
        try:
            for arm, plan in zip(self.arms, plans, strict=True):
                arm.state.check_start(plan.position[0], tolerance_rad, max_age_s)
        except DreamitateError as moved:
            raise StageError(Result.START_STATE_MOVED, str(moved)) from None

    def start(self, plans: Sequence[Plan]) -> None:
        """Send the plans; two start at the same instant."""
        if any(not np.array_equal(plan.time_s, plans[0].time_s) for plan in plans):
            raise StageError(Result.PLANNING_FAILED, "The arms' plans do not share one time law.")
        tolerance_rad = self._tolerance_rad
        goals = [fill_goal(plan, arm.joint_names, tolerance_rad) for arm, plan in zip(self.arms, plans, strict=True)]
        start_ns = self._node.now_ns() + round(START_LEAD_S * 1e9) if len(plans) > 1 else 0
        for arm, plan, goal in zip(self.arms, plans, goals, strict=True):
            arm.begin(plan, goal, start_ns)

    def watch(self, check: Callable[[], None], tell: Callable[[float], None]) -> None:
        """Return when all arms have carried out their plans. Raises StageError for what goes wrong with any of them.

        check: raises for whatever else must stop the arms; tell: is told the share of the motion that is done.
        """
        with self._changed:
            looked_s = time.monotonic()
            while True:
                check()
                if time.monotonic() - looked_s > _HELD_UP_S:
                    self._hear_again()
                looked_s = time.monotonic()
                for arm in self.arms:
                    self._look_at(arm)
                self._check_in_step()
                if all(arm.order is not None and arm.order.ended for arm in self.arms):
                    break
                tell(min(_share(arm) for arm in self.arms))
                self._changed.wait(_WATCH_PERIOD_S)
            self._check_arrival()

    def stop(self, along: bool) -> bool:
        """Bring all arms to rest within their deceleration limits; return whether they are known to stand still.

        along: they are on their paths, and stay on them, in step. Else each stops straight on. Where a controller does
        not follow the stop that it is sent, all that it does is cancelled.
        """
        with self._changed:
            self._changed.wait_for(lambda: all(arm.order is None or arm.order.answered for arm in self.arms), 1.0)
            moving = [arm for arm in self.arms if arm.order is not None and (arm.order.runs or not arm.order.answered)]
            orders = [arm.order for arm in moving if arm.order is not None]
            stops = self._stops(moving, along)
            for arm, stop in zip(moving, stops, strict=True):
                arm.order = arm.controller.send(fill_goal(stop, arm.joint_names, lead_s=LEAD_S))
                orders.append(arm.order)
            limit_s = STOP_LIMIT_S + max((stop.duration_s for stop in stops), default=0.0)
            self._changed.wait_for(lambda: all(arm.order is not None and _over(arm.order) for arm in moving), limit_s)
            if not all(arm.order is not None and arm.order.ended and not arm.order.problem for arm in moving):
                for order in orders:
                    order.cancel()
            return self._changed.wait_for(self._rest, STOP_LIMIT_S)

    @property
    def largest_error_rad(self) -> float:
        """How far a joint was at most from where its controller wanted it, in the last motion."""
        return max((arm.order.largest_error_rad for arm in self.arms if arm.order), default=0.0)

    def _hear_again(self) -> None:
        """Wait a moment for new joint states: what came while this process did not run is still on its way in."""
        before = [arm.state.count for arm in self.arms]
        self._changed.wait_for(
            lambda: all(arm.state.count > count for arm, count in zip(self.arms, before, strict=True)), _HELD_UP_S
        )

    def _listen(self) -> None:
        """Wait for what the joint states say from now on. Raises StageError where they say nothing."""
        before, now_ns = [arm.state.count for arm in self.arms], self._node.now_ns()
        max_age_s = self._node.value("max_joint_state_age_s")

        def new(arm: Arm, count: int) -> bool:  # a clock that is ahead, or one still on its way, is not believed alone
            return arm.state.count >= count + 2 and arm.state.stamp_ns >= now_ns

        with self._changed:
            self._changed.wait_for(
                lambda: all(new(arm, count) for arm, count in zip(self.arms, before, strict=True)), max_age_s
            )
        self.positions()

    @property
    def _tolerance_rad(self) -> float:
        return float(self._node.value("path_tolerance_rad"))

    def _rest(self) -> bool:
        return all(arm.state.rests(self._node.value("max_joint_state_age_s")) for arm in self.arms)

    def _look_at(self, arm: Arm) -> None:
        assert arm.order is not None
        assert arm.monitor is not None
        name, now_s = arm.controller.name, time.monotonic()
        if arm.order.answered and not arm.order.accepted:
            raise StageError(Result.REJECTED_BY_CONTROLLER, f"{name} rejected the trajectory.")
        if arm.order.problem:
            raise StageError(Result.ABORTED_BY_CONTROLLER, arm.order.problem)
        if not arm.order.answered and now_s - arm.advanced_s > self._node.value("controller_wait_s"):
            raise StageError(Result.NO_CONTROLLER, f"{name} does not answer.")
        try:
            off_rad = arm.look(self._node.value("max_joint_state_age_s"))
        except DreamitateError as unknown:
            raise StageError(Result.NO_JOINT_STATES, str(unknown)) from None
        tolerance_rad, stall_s = self._tolerance_rad, self._node.value("stall_limit_s")
        if off_rad > tolerance_rad:
            text = f"The arm is {off_rad:.3f} rad off its path at {arm.monitor.time_s:.2f} s of the plan; "
            raise StageError(Result.OFF_PATH, f"{text}allowed are {tolerance_rad:g} rad.")
        if arm.order.runs and arm.heard_s - max(other.advanced_s for other in self.arms) > stall_s:
            text = f"The arm has not moved on for {stall_s:g} s, at {arm.monitor.time_s:.2f} s of the plan. "
            raise StageError(Result.OFF_PATH, f"{text}Is it paused, or in a protective stop?")

    def _check_in_step(self) -> None:
        """Raise StageError where an arm is not where its plan has it when the other one is where it is."""
        if len(self.arms) < 2:
            return
        monitors = [arm.monitor for arm in self.arms if arm.monitor]
        lags_rad = behind_each(monitors, self.positions(), [arm.heard_s for arm in self.arms])
        for arm, lag_rad in zip(self.arms, lags_rad, strict=True):
            if lag_rad > self._tolerance_rad:
                ahead_s = max(monitor.reached_s for monitor in monitors)
                text = f"The arms are out of step by more than {OUT_OF_STEP_S:g} s: {arm.controller.name} is "
                text += f"{lag_rad:.3f} rad behind at {ahead_s:.2f} s of the plan; allowed are {self._tolerance_rad:g}"
                raise StageError(Result.OFF_PATH, f"{text} rad.")

    def _check_arrival(self) -> None:
        """Raise StageError where a controller says that it is done and its arm is elsewhere."""
        self._changed.wait_for(lambda: all(arm.left_rad.max() <= self._tolerance_rad for arm in self.arms), ARRIVAL_S)
        for arm in self.arms:
            joint = int(arm.left_rad.argmax())
            if arm.left_rad[joint] > self._tolerance_rad:
                text = f"{arm.controller.name} says that it is done, but {arm.joint_names[joint]} is "
                text += f"{arm.left_rad[joint]:.3f} rad from its goal; allowed are {self._tolerance_rad:g} rad."
                raise StageError(Result.OFF_PATH, text)

    def _stops(self, moving: Sequence[Arm], along: bool) -> list[Plan]:
        if not moving:
            return []
        if not along and all(arm.state.age_s() is not None for arm in moving):
            return [_straight_stop(arm) for arm in moving]
        for arm in moving:
            with contextlib.suppress(DreamitateError):  # what is not known now: from where it was seen last
                arm.look(np.inf)
        plans = [arm.plan for arm in moving if arm.plan is not None]
        together = replace(
            plans[0],
            position=np.hstack([plan.position for plan in plans]),
            velocity=np.hstack([plan.velocity for plan in plans]),
        )
        limit = np.concatenate([arm.robot.acceleration_limit for arm in moving])
        from_s = min(arm.expected_s for arm in moving) + LEAD_S
        stop = stop_along(together, from_s, limit, 1.0 / _command_rate_hz(moving[0].robot))
        ends = np.cumsum([arm.robot.dof for arm in moving])[:-1]
        parts = zip(*(np.split(table, ends, axis=1) for table in _tables(stop)), strict=True)
        return [
            replace(plan, time_s=stop.time_s, position=position, velocity=velocity, acceleration=acceleration)
            for plan, (position, velocity, acceleration) in zip(plans, parts, strict=True)
        ]


def _straight_stop(arm: Arm) -> Plan:
    assert arm.plan is not None
    velocity = np.clip(arm.state.velocity, -arm.robot.velocity_limit, arm.robot.velocity_limit)
    position = arm.state.position(np.inf) + LEAD_S * velocity
    stop = stop_motion(position, velocity, arm.robot)
    return replace(
        arm.plan,
        time_s=stop.time_s,
        position=stop.position,
        velocity=stop.velocity,
        acceleration=stop.acceleration,
    )


def _tables(motion: Any) -> tuple[Array, Array, Array]:
    return motion.position, motion.velocity, motion.acceleration


def _command_rate_hz(robot: Robot) -> float:
    return float(robot.settings["command_rate_hz"])


def _over(order: Order) -> bool:
    return order.ended or (order.answered and not order.accepted)


def _share(arm: Arm) -> float:
    assert arm.monitor is not None
    assert arm.plan is not None
    return arm.monitor.time_s / max(arm.plan.duration_s, 1e-3)

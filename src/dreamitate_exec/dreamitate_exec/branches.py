"""All ways for the joints to follow a whole tool path, the most promising first."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.robot import Robot

from .chain import Chain, about_axis
from .free_joint import least_effort
from .inverse import Inverse
from .refusal import PlanRefused, Reason

Array = NDArray[np.float64]

LIMIT_MARGIN_RAD = 0.02
DEXTERITY_LOWER = 0.03
"""Smallest singular value (see Chain.dexterity) that is not called singular: 0.1 m/s then takes at most 6.7 rad/s."""
COARSE_STATIONS = 12
HASTE_S, PUSH_S = 3.0, 8.0
"""How many seconds of way there and back a motion at the speed limits, or at the acceleration limits, is worth."""


WRIST_M, CROWDING_S_PER_M = 0.10, 20.0
"""Where the wrist is behind the flange, and how many seconds of way a metre of distance to another arm is worth."""
GENTLE_STATIONS, GENTLE_TRIES, GENTLE_ROUNDS, GENTLE_SHRINK = 24, 20, 8, 0.75
FREEDOM_RAD = np.array([0.3, 0.4, 0.25, 0.15])
"""How far what is free is varied, in weights of `_shapes`, in the search for a gentler motion."""
KNOTS = np.linspace(0.0, 1.0, 17)
"""Where along the path, in progress, a profile says where the redundant joint is."""
GRID_RAD = np.linspace(-3.05, 3.05, 49)
"""Where the redundant joint may be at each knot when every way of moving it is looked at."""


@dataclass(frozen=True)
class Stations:
    """A tool path in steps: approach, tracked part, retreat.

    transform_tool_to_base: (N, 4, 4); progress: (N,) 0 at the tracked part's start to 1 at its end; time_s: (N,) in
    the clip; waypoint: (N,) the nearest tracked pose; other: (N, 3) where another arm's tool is then, if there is one.
    """

    transform_tool_to_base: Array
    progress: Array
    time_s: Array
    waypoint: NDArray[np.intp]
    other: Array | None = None

    def some(self, number: int) -> NDArray[np.intp]:
        """Return the indices of so many stations of the tracked part, its ends among them, and of a few above it."""
        first, last = np.flatnonzero(self.progress == 0.0)[-1], np.flatnonzero(self.progress == 1.0)[0]
        tracked = np.linspace(first, last, min(number, last - first + 1)).astype(int)
        return np.concatenate([[0, first // 2], tracked, [(last + len(self.progress)) // 2, len(self.progress) - 1]])

    def on_the_way(self, index: int) -> str:
        """Say for people whether a station lies above the tracked part: empty where it lies on it."""
        if np.all(self.progress[: index + 2] == 0.0):
            return "on the way down to it, "
        return "on the way up from it, " if np.all(self.progress[index - 1 :] == 1.0) else ""


@dataclass(frozen=True)
class Profile:
    """What is free, radians. joint: (17,) the redundant joint at KNOTS, a cubic spline between them; turn: (4,) about
    the tool's axis, in weights of `_shapes`."""

    joint: Array
    turn: Array

    def varied(self, by: Array) -> "Profile":
        """Return the profile with weights (8,) of `_shapes` added to the joint's course and to the turn."""
        return Profile(self.joint + _shapes(KNOTS) @ by[:4], self.turn + by[4:])


class PathFollower:
    """An arm with its tool: all joint paths for given tool paths."""

    def __init__(
        self, robot: Robot, chain: Chain, inverse: Inverse, mount: Array, tip: Array, free_axis: Array | None
    ) -> None:
        self.robot, self.chain, self.inverse = robot, chain, inverse
        self._mount, self._tip, self._free_axis = mount, tip, free_axis

    def _flange(self, stations: Stations, profiles: Sequence[Profile], kept: NDArray[np.intp]) -> Array:
        """Return transform_flange_to_base (profiles, kept, 4, 4), turned about the tool's free axis as profiled."""
        poses = stations.transform_tool_to_base[kept]
        if self._free_axis is None:
            alike = poses @ se3.inverse(self._mount)
            return np.broadcast_to(alike, (len(profiles), *alike.shape))
        angle = np.stack([profile.turn for profile in profiles]) @ _shapes(stations.progress[kept]).T
        return np.asarray(poses @ about_axis(self._free_axis, self._tip, angle) @ se3.inverse(self._mount))

    def _positions(
        self, flange: Array, stations: Stations, profiles: Sequence[Profile], kept: NDArray[np.intp], branch: int | None
    ) -> Array:
        """Return joint positions (profiles, kept, branches or 1, dof) of flange poses (profiles, kept, 4, 4)."""
        free = CubicSpline(KNOTS, np.stack([profile.joint for profile in profiles]), axis=1)(stations.progress[kept])
        q = self.inverse.solve(flange.reshape(-1, 4, 4), free.ravel(), branch)
        return q.reshape(*flange.shape[:2], *q.shape[1:])

    def follow(self, stations: Stations, profile: Profile, branch: int, near: Array) -> Array:
        """Return the joint positions (N, dof) at all stations, without turns of 2 pi, the first nearest to `near`."""
        every = np.arange(len(stations.progress))
        flange = self._flange(stations, [profile], every)
        q = np.unwrap(self._positions(flange, stations, [profile], every, branch)[0, :, 0], axis=0)
        return q + 2 * np.pi * self._turns(q[None], near)[0][0]

    def gentler(self, stations: Stations, profile: Profile, branch: int, start: Array) -> Profile | None:
        """Return a profile near by that costs less, found by a random search that is the same every time; or None.

        None where nothing is free, or nothing better is found.
        """
        scale = np.concatenate([FREEDOM_RAD * self.inverse.redundant, FREEDOM_RAD * (self._free_axis is not None)])
        if not scale.any():
            return None
        kept = stations.some(GENTLE_STATIONS)
        random = np.random.default_rng(0)
        best, lowest = np.zeros(8), np.inf
        for shrink in GENTLE_SHRINK ** np.arange(GENTLE_ROUNDS):
            spread = shrink * scale * random.standard_normal((GENTLE_TRIES, 8))
            spread[0] = 0.0
            tried = [profile.varied(by) for by in best + spread]
            flange = self._flange(stations, tried, kept)
            q = np.unwrap(self._positions(flange, stations, tried, kept, branch)[:, :, 0], axis=1)
            q += 2 * np.pi * self._turns(q, start)[0][:, None]
            cost = self._cost(q, stations, kept, start) + self._crowding(flange, stations, kept)
            least = int(np.argmin(np.where(np.isfinite(cost), cost, np.inf)))
            if cost[least] < lowest:
                lowest, best = float(cost[least]), best + spread[least]
        return profile.varied(best) if best.any() else None

    def ranked(self, stations: Stations, start: Array) -> list[tuple[Profile, int]]:
        """Return (profile, branch) pairs by their cost. Raises PlanRefused where none reaches the whole path."""
        kept = stations.some(COARSE_STATIONS)
        profiles = self._profiles(stations)
        flange = self._flange(stations, profiles, kept)
        q = np.moveaxis(self._positions(flange, stations, profiles, kept, None), 2, 1)
        ways = q.reshape(-1, *q.shape[2:])  # (profiles * branches, stations, dof)
        whole = self._reaching(ways, stations, kept)
        q = np.unwrap(ways[whole], axis=1)
        turns, excess = self._turns(q, start)
        inside = excess.max(axis=1) <= 0
        if not inside.any():
            self._refuse_limits(q + 2 * np.pi * turns[:, None], excess, stations, kept)
        q = q[inside] + 2 * np.pi * turns[inside][:, None]
        numbers = np.flatnonzero(whole)[inside]
        crowding = self._crowding(flange, stations, kept)[numbers // self.inverse.branches]
        numbers = numbers[np.argsort(self._cost(q, stations, kept, start) + crowding, kind="stable")]
        return [(profiles[n // self.inverse.branches], int(n % self.inverse.branches)) for n in numbers]

    def freed(self, stations: Stations, start: Array) -> list[tuple[Profile, int]]:
        """Return (profile, branch) pairs, the least effort first, whose redundant joint takes any course at all.

        At most one per branch, within the joints' limits; none for arms that have no redundant joint.
        """
        if not self.inverse.redundant:
            return []
        first, last = np.flatnonzero(stations.progress == 0.0)[-1], np.flatnonzero(stations.progress == 1.0)[0]
        at = np.linspace(first, last, len(KNOTS)).round().astype(int)
        flange = self._flange(stations, [Profile(np.zeros(len(KNOTS)), np.zeros(4))], at)[0]
        q = self.inverse.solve(np.repeat(flange, len(GRID_RAD), axis=0), np.tile(GRID_RAD, len(at)))
        q = q.reshape(len(at), len(GRID_RAD), *q.shape[1:])
        lower, upper = self.robot.position_lower + LIMIT_MARGIN_RAD, self.robot.position_upper - LIMIT_MARGIN_RAD
        q = np.where(((q > lower) & (q < upper)).all(axis=-1, keepdims=True), q, np.nan)
        step_s, limit = np.diff(stations.time_s[at]), self.robot.velocity_limit
        courses = [least_effort(q[:, :, n], step_s, limit, start, self.robot.home) for n in range(q.shape[2])]
        found = sorted((effort, n, course) for n, (course, effort) in enumerate(courses) if np.isfinite(effort))
        return [(Profile(GRID_RAD[course], np.zeros(4)), n) for _, n, course in found]

    def _reaching(self, q: Array, stations: Stations, kept: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which ways (n,) reach every station. Raises PlanRefused where none does."""
        reached = np.isfinite(q[..., 0])
        whole = np.asarray(reached.all(axis=1))
        if whole.any():
            return whole
        missed = ~reached.any(axis=0)
        if not missed.any():
            furthest = int(reached.cumprod(axis=1).sum(axis=1).max())  # stations before the first that fails
            at = int(kept[furthest])
            text = "every pose can be reached, but not all in one motion: the best ends here."
            raise PlanRefused(Reason.OUT_OF_REACH, text, int(stations.waypoint[at]))
        tracked = [k for k in kept[missed] if not stations.on_the_way(k)]
        at = int((tracked or list(kept[missed]))[0])
        needed, limit = self.inverse.reach(stations.transform_tool_to_base[[at]] @ se3.inverse(self._mount))
        if not np.isfinite(needed[0]):
            text = "the wrist would have to be inside the shoulder."
        elif needed[0] > limit:
            text = f"the arm must span {needed[0]:.3f} m; it spans {limit:.3f} m."
        else:
            text = f"no joint angles give the tool this direction (span {needed[0]:.3f} m of {limit:.3f} m)."
        text = stations.on_the_way(at) + text
        raise PlanRefused(Reason.OUT_OF_REACH, text, int(stations.waypoint[at]), float(needed[0]), limit)

    def _turns(self, q: Array, near: Array) -> tuple[Array, Array]:
        """Return whole turns (n, dof) that bring paths (n, N, dof) near a position, and how much is over, rad."""
        lower, upper = self.robot.position_lower + LIMIT_MARGIN_RAD, self.robot.position_upper - LIMIT_MARGIN_RAD
        smallest, largest = q.min(axis=1), q.max(axis=1)
        fewest = np.ceil((lower - smallest) / (2 * np.pi))
        most = np.floor((upper - largest) / (2 * np.pi))
        wanted = np.round((near - q[:, 0]) / (2 * np.pi))
        turns = np.where(fewest <= most, np.clip(wanted, fewest, most), wanted)
        moved = 2 * np.pi * turns
        return turns, np.maximum(lower - smallest - moved, largest + moved - upper)

    def _refuse_limits(self, q: Array, excess: Array, stations: Stations, kept: NDArray[np.intp]) -> None:
        best = int(np.argmin(excess.max(axis=1)))
        joint = int(np.argmax(excess[best]))
        name = self.robot.joint_names[joint]
        lower, upper = self.robot.position_lower[joint], self.robot.position_upper[joint]
        at = int(np.argmax(np.maximum(lower - q[best, :, joint], q[best, :, joint] - upper)))
        value = float(q[best, at, joint])
        limit = float(upper if value > 0.5 * (lower + upper) else lower)
        text = f"in the best of {len(q)} ways {name} must be at {value:.2f} rad; its limit is {limit:.2f} rad."
        raise PlanRefused(Reason.JOINT_LIMIT, text, int(stations.waypoint[kept[at]]), value, limit)

    def _crowding(self, flange: Array, stations: Stations, kept: NDArray[np.intp]) -> Array:
        """Return costs (profiles,), seconds, of wrists near another arm's tool, for flanges (profiles, kept, 4, 4)."""
        if stations.other is None:
            return np.zeros(len(flange))
        wrist = flange[..., :3, 3] - WRIST_M * flange[..., :3, 2]
        return np.asarray(-CROWDING_S_PER_M * np.linalg.norm(wrist - stations.other[kept], axis=-1).min(axis=1))

    def _cost(self, q: Array, stations: Stations, kept: NDArray[np.intp], start: Array) -> Array:
        """Return costs (n,) in seconds: way there and back, haste and push on the path, nearness to joint limits."""
        robot = self.robot
        away = np.abs(q[:, 0] - start) / robot.velocity_limit
        back = np.abs(q[:, -1] - robot.home) / robot.velocity_limit
        step = np.diff(stations.time_s[kept])
        moving = step > 0
        speed = np.diff(q, axis=1)[:, moving] / step[moving][:, None]
        haste = np.abs(speed) / robot.velocity_limit
        apart = 0.5 * (step[moving][1:] + step[moving][:-1])
        push = np.abs(np.diff(speed, axis=1)) / apart[:, None] / robot.acceleration_limit
        room = np.minimum(q.min(axis=1) - robot.position_lower, robot.position_upper - q.max(axis=1)).min(axis=1)
        room = np.maximum(room, 1e-6)
        smooth = HASTE_S * haste.max(axis=(1, 2)) + PUSH_S * push.max(axis=(1, 2))
        return away.max(axis=1) + back.max(axis=1) + smooth + 0.02 / room

    def _profiles(self, stations: Stations) -> list[Profile]:
        """Return the profiles to try: the redundant joint may stand still, drift, or take over the tool's own turn; the
        turn about the tool's free axis may stay as tracked, or undo itself so that the flange keeps its heading."""
        rotation = stations.transform_tool_to_base[:, :3, :3]
        steps = Rotation.from_matrix(np.swapaxes(rotation[:-1], 1, 2) @ rotation[1:]).as_rotvec()
        redundant, still = self.inverse.redundant, [(0.0, 0.0)]
        joints, spins = still, still
        if self._free_axis is not None:
            angles = np.linspace(-np.pi, np.pi, 8 if redundant else 12, endpoint=False)
            undone = -float((steps @ self._free_axis).sum())
            spins = list(itertools.product(angles, [0.0, undone] if redundant else [0.0, undone, -0.8, 0.8]))
            joints = list(itertools.product(np.linspace(-3.0, 3.0, 9), [0.0])) if redundant else still
        elif redundant:
            own = max(abs(float((steps @ self._mount[2, :3]).sum())), 1.0)
            joints = list(itertools.product(np.linspace(-3.0, 3.0, 25), [0.0, -0.6, 0.6, -own, own]))
        return [
            Profile(joint[0] + joint[1] * (KNOTS - 0.5), np.array([*spin, 0, 0])) for joint in joints for spin in spins
        ]


def _shapes(progress: Array) -> Array:
    """Return (N, 4): constant, linear, quadratic and cubic shapes over progress 0..1."""
    u = progress - 0.5
    return np.stack([np.ones_like(u), u, 4 * u**2 - 1 / 3, 8 * u**3 - 1.2 * u], axis=1)

"""Why a plan is refused: a code for programs, and a line with the waypoint, the number and the limit for people."""

from enum import Enum

from dreamitate_core.errors import DreamitateError


class Reason(str, Enum):
    """The reasons, in the order in which they are looked for."""

    WRONG_FRAME = "wrong_frame"
    TOO_FEW_POSES = "too_few_poses"
    NOT_FINITE = "not_finite"
    TIME_NOT_INCREASING = "time_not_increasing"
    START_STATE = "start_state"
    LOST_TRACK = "lost_track"
    LOW_SCORE = "low_score"
    TOOL_JUMP = "tool_jump"
    TILT = "tilt"
    TIP_HEIGHT = "tip_height"
    OUTSIDE_WORKSPACE = "outside_workspace"
    NOT_IN_STEP = "not_in_step"
    OUT_OF_REACH = "out_of_reach"
    JOINT_LIMIT = "joint_limit"
    SINGULAR = "singular"
    JOINT_JUMP = "joint_jump"
    COLLISION = "collision"
    ARMS_COLLIDE = "arms_collide"
    NO_FREE_PATH = "no_free_path"
    TOO_SLOW = "too_slow"


OF_THE_TRACK = (
    Reason.TOO_FEW_POSES,
    Reason.NOT_FINITE,
    Reason.TIME_NOT_INCREASING,
    Reason.LOST_TRACK,
    Reason.LOW_SCORE,
    Reason.TOOL_JUMP,
    Reason.NOT_IN_STEP,
)
"""The reasons that say that what was given is no tool's path, whatever the arm could do."""


class PlanRefused(DreamitateError):  # noqa: N818 - the contract's name: an answer, not a fault
    """No safe motion follows the track.

    reason: a value of Reason, as text; waypoint: the index of the tracked pose at fault, where there is one;
    number, limit: what was measured and what is allowed, in the unit that the text says; arm: whose path it is, where
    there are several.
    """

    def __init__(
        self,
        reason: Reason,
        text: str,
        waypoint: int | None = None,
        number: float | None = None,
        limit: float | None = None,
        arm: str | None = None,
    ) -> None:
        whose = "" if arm is None else f"{arm}: "
        where = "" if waypoint is None else f"waypoint {waypoint}: "
        super().__init__(f"Plan refused ({reason.value}): {whose}{where}{text}")
        self.reason, self.text, self.arm = reason.value, text, arm
        self.waypoint = waypoint
        self.number = number
        self.limit = limit

    def of(self, arm: str) -> "PlanRefused":
        """Return the same refusal with the name of the arm whose path it is."""
        return PlanRefused(Reason(self.reason), self.text, self.waypoint, self.number, self.limit, arm)

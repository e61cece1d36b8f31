"""Which error code of the action each reason of a planner is."""

from dreamitate_msgs.action import ExecuteTrajectory

from .refusal import OF_THE_TRACK, Reason

Result = ExecuteTrajectory.Result

_CODES = {
    Result.INVALID_GOAL: (Reason.WRONG_FRAME,),
    Result.BAD_TRACK: OF_THE_TRACK,
    Result.OUT_OF_REACH: (Reason.OUT_OF_REACH, Reason.OUTSIDE_WORKSPACE),
    Result.OVER_LIMIT: (
        Reason.JOINT_LIMIT,
        Reason.TILT,
        Reason.TIP_HEIGHT,
        Reason.TOO_SLOW,
        Reason.SINGULAR,
        Reason.JOINT_JUMP,
    ),
    Result.COLLISION: (Reason.COLLISION, Reason.ARMS_COLLIDE, Reason.NO_FREE_PATH),
    Result.START_STATE_MOVED: (Reason.START_STATE,),
}
CODE_OF_REASON: dict[str, int] = {reason.value: code for code, reasons in _CODES.items() for reason in reasons}

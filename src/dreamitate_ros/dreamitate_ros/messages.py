"""Between messages and nouns. Messages are filled in or read by their fields; no message package is imported here.

Stamps are nanoseconds of the node clock, as ints. Poses are (4, 4), metres.
"""

import array
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import StereoVideo

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
New = Callable[[], Any]
_CHANNELS = {"rgb8": (3, (0, 1, 2)), "bgr8": (3, (2, 1, 0)), "rgba8": (4, (0, 1, 2)), "bgra8": (4, (2, 1, 0))}
OPTICAL_FRAMES = ("camera_1_color_optical_frame", "camera_2_color_optical_frame")


def set_header(header: Any, frame: str, stamp_ns: int) -> None:
    """Fill in a std_msgs/Header."""
    header.frame_id = frame
    header.stamp.sec, header.stamp.nanosec = divmod(int(stamp_ns), 10**9)


def stamp_ns(header: Any) -> int:
    """Return a header's stamp."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def fill_image(message: Any, image: Image, frame: str, stamp: int) -> Any:
    """Fill in and return a sensor_msgs/Image; the data goes in as an array.array, which is the fast path."""
    image = np.ascontiguousarray(image, np.uint8)
    set_header(message.header, frame, stamp)
    message.height, message.width = image.shape[:2]
    message.encoding, message.step, message.is_bigendian = "rgb8", image.shape[1] * 3, 0
    data = array.array("B")
    data.frombytes(image.data.cast("B"))
    message.data = data
    return message


def read_image(message: Any) -> Image:
    """Return the picture (H, W, 3) RGB. Raises DreamitateError for another encoding or too little data."""
    if message.encoding not in _CHANNELS:
        raise DreamitateError(f"Images are encoded as {message.encoding!r}. Allowed: {', '.join(sorted(_CHANNELS))}.")
    channels, order = _CHANNELS[message.encoding]
    data, step = np.frombuffer(message.data, np.uint8), int(message.step)
    if step < message.width * channels or data.size < step * message.height:
        raise DreamitateError(
            f"An image of {message.width}x{message.height} in {message.encoding} holds only {data.size} bytes."
        )
    rows = data[: step * message.height].reshape(message.height, step)[:, : message.width * channels]
    pixels = rows.reshape(message.height, message.width, channels)
    return np.ascontiguousarray(pixels[..., order])


def fill_mask(message: Any, mask: Image, frame: str, stamp: int) -> Any:
    """Fill in and return a sensor_msgs/Image (mono8) of a goal mask (H, W)."""
    set_header(message.header, frame, stamp)
    message.height, message.width = mask.shape
    message.encoding, message.step, message.is_bigendian = "mono8", mask.shape[1], 0
    message.data = array.array("B", np.ascontiguousarray(mask, np.uint8).tobytes())
    return message


def read_mask(message: Any) -> Image:
    """Return the goal mask (H, W) of a sensor_msgs/Image. Raises DreamitateError: not mono8, or too little data."""
    if message.encoding != "mono8":
        raise DreamitateError(f"A goal mask is encoded as {message.encoding!r}; it must be mono8.")
    data, step = np.frombuffer(message.data, np.uint8), int(message.step)
    if step < message.width or data.size < step * message.height:
        raise DreamitateError(f"A goal mask of {message.width}x{message.height} holds only {data.size} bytes.")
    return np.ascontiguousarray(data[: step * message.height].reshape(message.height, step)[:, : message.width])


def fill_camera_info(message: Any, camera: Camera, frame: str, stamp: int) -> Any:
    """Fill in and return a sensor_msgs/CameraInfo."""
    set_header(message.header, frame, stamp)
    message.width, message.height = camera.width, camera.height
    message.distortion_model = "plumb_bob" if camera.distortion.size <= 5 else "rational_polynomial"
    message.d = [*camera.distortion.tolist(), *[0.0] * (5 - camera.distortion.size)]
    message.k = camera.K.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.hstack([camera.K, np.zeros((3, 1))]).ravel()
    return message


def read_camera(info: Any, transform_camera_to_reference: Array) -> Camera:
    """Return the camera of a camera_info. Raises DreamitateError where it holds no calibration."""
    K = np.array(info.k, float).reshape(3, 3)
    if not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise DreamitateError(f"The camera_info of {info.header.frame_id!r} holds no calibration: K is {K.tolist()}.")
    distortion = np.array(info.d, float)
    used = np.flatnonzero(distortion).max(initial=-1) + 1  # trailing zeros say nothing; a pinhole has no coefficients
    return Camera(int(info.width), int(info.height), K, distortion[:used], transform_camera_to_reference)


def fill_pose(pose: Any, transform: Array) -> Any:
    """Fill in and return a geometry_msgs/Pose."""
    _set_vector(pose.position, transform[:3, 3])
    _set_quaternion(pose.orientation, transform)
    return pose


def read_pose(pose: Any) -> Array:
    """Return a geometry_msgs/Pose as (4, 4)."""
    return _transform(pose.position, pose.orientation)


def fill_transform(message: Any, transform: Array) -> Any:
    """Fill in and return a geometry_msgs/Transform."""
    _set_vector(message.translation, transform[:3, 3])
    _set_quaternion(message.rotation, transform)
    return message


def read_transform(message: Any) -> Array:
    """Return a geometry_msgs/Transform as (4, 4)."""
    return _transform(message.translation, message.rotation)


def fill_frame(message: Any, parent: str, child: str, transform_child_to_parent: Array, stamp: int) -> Any:
    """Fill in and return a geometry_msgs/TransformStamped."""
    set_header(message.header, parent, stamp)
    message.child_frame_id = child
    fill_transform(message.transform, transform_child_to_parent)
    return message


def fill_video(message: Any, clip: Clip, task: str, stamp: int) -> Any:
    """Fill in and return a dreamitate_msgs/StereoVideo."""
    new_image = type(message.background_1)
    set_header(message.header, OPTICAL_FRAMES[0], stamp)
    message.task, message.tools, message.fps = task, [tool.name for tool in clip.tools], float(clip.video.fps)
    fill_image(message.background_1, clip.background_1, OPTICAL_FRAMES[0], stamp)
    fill_image(message.background_2, clip.background_2, OPTICAL_FRAMES[1], stamp)
    message.view_1 = [fill_image(new_image(), image, OPTICAL_FRAMES[0], stamp) for image in clip.video.view_1]
    message.view_2 = [fill_image(new_image(), image, OPTICAL_FRAMES[1], stamp) for image in clip.video.view_2]
    fill_camera_info(message.camera_1_info, clip.rig.camera_1, OPTICAL_FRAMES[0], stamp)
    fill_camera_info(message.camera_2_info, clip.rig.camera_2, OPTICAL_FRAMES[1], stamp)
    fill_transform(message.transform_camera_2_to_camera_1, clip.rig.camera_2.transform_camera_to_reference)
    message.info_json = json.dumps(clip.info)
    return message


def read_video(message: Any, transform_reference_to_table: Array | None = None) -> Clip:
    """Return the clip of a StereoVideo, with the tools of our configuration. Raises DreamitateError: malformed."""
    if not message.view_1 or not message.view_2:
        raise DreamitateError("The video holds no images.")
    view_1, view_2 = (np.stack([read_image(image) for image in view]) for view in (message.view_1, message.view_2))
    one = read_camera(message.camera_1_info, np.eye(4))
    two = read_camera(message.camera_2_info, read_transform(message.transform_camera_2_to_camera_1))
    backgrounds = read_image(message.background_1), read_image(message.background_2)
    tools = [load_tool(name) for name in message.tools]
    info = json.loads(message.info_json) if message.info_json else {}
    rig = StereoRig(one, two, transform_reference_to_table)
    return Clip(StereoVideo(view_1, view_2, float(message.fps)), *backgrounds, rig, tools, info)


def fill_track(message: Any, track: ToolTrajectory, stamp: int, new_pose: New) -> Any:
    """Fill in and return a dreamitate_msgs/ToolTrajectory."""
    set_header(message.header, track.frame, stamp)
    message.tool = track.tool
    message.time_s, message.score = _doubles(track.time_s), _doubles(track.score)
    message.covariance = _doubles(track.covariance)
    message.status = [int(status) for status in track.status]
    message.poses = [fill_pose(new_pose(), transform) for transform in track.transform_tool_to_frame]
    return message


def read_track(message: Any) -> ToolTrajectory:
    """Return the track of a dreamitate_msgs/ToolTrajectory. Raises DreamitateError where its arrays do not fit."""
    n = len(message.time_s)
    covariance = np.array(message.covariance, float)
    if covariance.size != n * 36 or len(message.poses) != n:
        raise DreamitateError(
            f"The track of {message.tool!r} has {n} times, {len(message.poses)} poses and {covariance.size} covariance"
            f" numbers; {n} times need {n} poses and {n * 36} numbers."
        )
    poses = np.array([read_pose(pose) for pose in message.poses]).reshape(n, 4, 4)
    status = np.array(list(message.status), np.int64)
    time_s, score = np.array(message.time_s, float), np.array(message.score, float)
    return ToolTrajectory(
        message.tool, message.header.frame_id, time_s, poses, covariance.reshape(n, 6, 6), score, status
    )


def fill_trajectory(message: Any, plan: Plan, new_point: New, lead_s: float = 0.0) -> Any:
    """Fill in and return a trajectory_msgs/JointTrajectory that starts at once.

    lead_s: how long after its start the first point is met.
    """
    set_header(message.header, "", 0)
    message.joint_names = list(plan.joint_names)
    message.points = []
    rows = zip(plan.time_s - plan.time_s[0] + lead_s, plan.position, plan.velocity, plan.acceleration, strict=True)
    for time_s, position, velocity, acceleration in rows:
        point = new_point()
        point.positions, point.velocities, point.accelerations = map(_doubles, (position, velocity, acceleration))
        point.time_from_start.sec, point.time_from_start.nanosec = divmod(round(float(time_s) * 1e9), 10**9)
        message.points.append(point)
    return message


def read_trajectory(message: Any) -> tuple[list[str], Array, Array, Array]:
    """Return joint names, time_s (N,), position (N, dof) and velocity (N, dof; NaN where a point has none)."""
    dof = len(message.joint_names)
    time_s = np.array([p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in message.points])
    rows = [[list(p.positions), list(p.velocities) or [np.nan] * dof] for p in message.points]
    for index, (position, velocity) in enumerate(rows):
        if len(position) != dof or len(velocity) != dof:
            raise DreamitateError(f"Point {index} of the trajectory does not have {dof} positions and velocities.")
    both = np.array(rows, float).reshape(len(rows), 2, dof)
    return list(message.joint_names), time_s, both[:, 0], both[:, 1]


def fill_plan(message: Any, plan: Plan, robot: str, tool: str, stamp: int, new_pose: New, new_point: New) -> Any:
    """Fill in and return a dreamitate_msgs/Plan."""
    set_header(message.header, "table", stamp)
    message.robot, message.tool, message.notes = robot, tool, list(plan.notes)
    fill_trajectory(message.trajectory, plan, new_point)
    message.tool_poses = [fill_pose(new_pose(), transform) for transform in plan.transform_tool_to_table]
    message.waypoint_time_s = _doubles(plan.waypoint_time_s)
    message.waypoint_tool_poses = [fill_pose(new_pose(), pose) for pose in plan.waypoint_transform_tool_to_table]
    return message


def read_plan(message: Any) -> Plan:
    """Return the plan of a dreamitate_msgs/Plan."""
    names, time_s, position, velocity = read_trajectory(message.trajectory)
    acceleration = np.array([list(point.accelerations) for point in message.trajectory.points], float)
    poses, waypoints = (_poses(message.tool_poses), _poses(message.waypoint_tool_poses))
    waypoint_time_s = np.array(message.waypoint_time_s, float)
    return Plan(names, time_s, position, velocity, acceleration, poses, waypoint_time_s, waypoints, list(message.notes))


def _poses(messages: Sequence[Any]) -> Array:
    return np.array([read_pose(pose) for pose in messages]).reshape(len(messages), 4, 4)


def _doubles(values: Any) -> "array.array[float]":
    return array.array("d", np.ascontiguousarray(values, np.float64).ravel().tobytes())


def _set_vector(message: Any, vector: Array) -> None:
    message.x, message.y, message.z = (float(value) for value in vector)


def _set_quaternion(message: Any, transform: Array) -> None:
    message.x, message.y, message.z, message.w = (float(v) for v in se3.to_quaternion_xyzw(transform))


def _transform(position: Any, rotation: Any) -> Array:
    quaternion = np.array([rotation.x, rotation.y, rotation.z, rotation.w], float)
    norm = float(np.linalg.norm(quaternion))
    if not 0.99 < norm < 1.01:
        raise DreamitateError(f"A pose's quaternion must have length 1; {quaternion.tolist()} has {norm:.3g}.")
    translation = np.array([position.x, position.y, position.z], float)
    return se3.make_transform(se3.from_quaternion_xyzw(quaternion), translation)

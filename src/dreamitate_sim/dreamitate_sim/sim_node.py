"""The simulator node: what cameras, arms and controllers would be, and the judge."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger

from dreamitate_core.arms import load_arms
from dreamitate_core.camera import load_rig
from dreamitate_core.clip import write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_ros.links import link_poses, read_joints
from dreamitate_ros.messages import OPTICAL_FRAMES, fill_camera_info, fill_frame, fill_image, fill_mask
from dreamitate_ros.rates import RateMeter
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import StageNode
from dreamitate_ros.static_frames import static_frames
from tf2_msgs.msg import TFMessage

from .arm_server_node import ArmServer
from .demonstrator import demonstrate
from .interface import INTERFACE
from .live_table import LiveTable
from .scene import Placed, Scene, make_scene
from .silhouette import goal_masks

Array = NDArray[np.float64]

TF_RATE_HZ = 20.0
_REST_LIMIT_S = 10.0
_IDLE_LIMIT_S = 5.0
"""How long a new scene waits for arms that are being stopped: on a busy machine they stand before their goals end."""
_HEARD_LIMIT_S = 1.0


class SimNode(StageNode):
    """The live table, told over topics, services and the controllers' actions."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)
        self._task = load_task(self.value("task"))
        self._arms, self._rig = load_arms(self._task, self.value("robot")), load_rig(self._task.rig)
        self._joints = [read_joints(arm.robot.urdf) for arm in self._arms]
        self._seed = -1
        self._steps = 0
        self._image_rate, self._step_rate = RateMeter(), RateMeter(100)
        self._images = [self.publisher(Image, f"camera_{i}/color/image_raw") for i in (1, 2)]
        self._infos = [self.publisher(CameraInfo, f"camera_{i}/color/camera_info") for i in (1, 2)]
        self._goals = [self.publisher(Image, f"goal/view_{i}/mask") for i in (1, 2)]
        self._states = self.publisher(JointState, "joint_states")
        self._tf = self.publisher(TFMessage, "/tf")
        self._tf_static = self.publisher(TFMessage, "/tf_static")
        self._table: LiveTable | None = None
        self._servers: list[ArmServer] = []

    def begin(self) -> None:
        """Set up the table, then serve it."""
        if self.value("arm"):
            self._tell_static_frames()
        rate_hz = self.value("joint_state_rate_hz")
        self._table = table = LiveTable(
            self._arms,
            1.0 / rate_hz,
            self.value("speed"),
            self._on_step,
            self._on_pictures,
            lambda moving: 1.0 / self.value("image_rate_hz" if moving else "idle_image_rate_hz"),
        )
        self._set_up(table)
        if self.value("arm"):
            self._servers = [ArmServer(self, self.value("controller"), table, n) for n in range(len(self._arms))]
        self.create_service(Trigger, "~/judge", self._judge, callback_group=self.free)
        self.create_service(Trigger, "~/reset", self._reset, callback_group=self.free)
        self.create_service(Trigger, "~/demonstrate", self._demonstrate_now, callback_group=self.free)

    def end(self) -> None:
        """Stop the arms, and see to it that their last word, that they stand, is heard."""
        for server in self._servers:
            server.idle.wait(2.0)
        if self._table:
            self._table.end()
        self._states.wait_for_all_acked(Duration(seconds=_HEARD_LIMIT_S))

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return whether the simulation keeps up."""
        now_s = self.now_ns() / 1e9
        step_hz, wanted_hz = self._step_rate.rate_hz(now_s), self.value("joint_state_rate_hz")
        slow = self._table is not None and step_hz < 0.5 * wanted_hz
        return ("slower than real time" if slow else ""), {
            "seed": self._seed,
            "joint states Hz": f"{step_hz:.1f}",
            "images Hz": f"{self._image_rate.rate_hz(now_s):.2f}",
        }

    def _set_up(self, table: LiveTable) -> None:
        """Set up the scene of the parameter `seed`, and have it demonstrated where that is asked for."""
        seed = self.value("seed")
        scene = make_scene(self._task, seed, self.value("split"))
        self._demonstrate(table, scene)
        if scene.goal is not None:
            self._tell_goal(scene.goal)
        table.set_up(scene)
        self._seed = seed

    def _demonstrate(self, table: LiveTable, scene: Scene) -> None:
        """Write the folder of the parameter `demonstration`, where it names one."""
        folder = self.value("demonstration")
        if folder:
            size = self._task.dream_size
            write_clip(Path(folder), table.do_where_drawn(lambda: demonstrate(scene, 0, *size)))

    def _demonstrate_now(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._table is not None
        try:
            self._demonstrate(self._table, self._table.scene_now())
            response.success = True
        except DreamitateError as problem:
            self.last_error = str(problem)
            response.success, response.message = False, str(problem)
        return response

    def _tell_goal(self, goal: Placed) -> None:
        """Publish the goal's masks."""
        for publisher, mask, frame in zip(self._goals, goal_masks(goal, self._rig), OPTICAL_FRAMES, strict=True):
            publisher.publish(fill_mask(Image(), mask, frame, self.now_ns()))

    def _judge(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._table is not None
        self._table.rest(_REST_LIMIT_S)
        response.success, response.message = True, json.dumps(asdict(self._table.judge()))
        return response

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._table is not None
        if not all(server.idle.wait(_IDLE_LIMIT_S) for server in self._servers):
            response.success, response.message = False, "The arm moves; cancel its trajectory first."
            return response
        try:
            if self._table.touched or self._seed != self.value("seed"):
                self._set_up(self._table)
            response.success, response.message = True, f"scene {self._seed}"
        except DreamitateError as problem:
            self.last_error = str(problem)
            response.success, response.message = False, str(problem)
        return response

    def _on_step(self, states: list[tuple[Array, Array]]) -> None:
        stamp = self.get_clock().now()
        self._step_rate.tick(stamp.nanoseconds / 1e9)
        if not self.value("arm"):
            return
        state = JointState(name=[arm.prefix + name for arm in self._arms for name in arm.robot.joint_names])
        state.header.stamp = stamp.to_msg()
        state.position, state.velocity = (np.concatenate(each).tolist() for each in zip(*states, strict=True))
        self._states.publish(state)
        self._steps += 1
        if self._steps % max(round(self.value("joint_state_rate_hz") / TF_RATE_HZ), 1) == 0:
            poses = []
            for arm, joints, (position, _) in zip(self._arms, self._joints, states, strict=True):
                links = link_poses(joints, dict(zip(arm.robot.joint_names, position, strict=True)))
                poses += [(arm.prefix + parent, arm.prefix + child, pose) for parent, child, pose in links]
            self._tf.publish(_frames(poses, stamp.nanoseconds))

    def _on_pictures(self, *pictures: Any) -> None:
        stamp = self.now_ns()
        self._image_rate.tick(stamp / 1e9)
        for index, picture in enumerate(pictures):
            frame = OPTICAL_FRAMES[index]
            self._infos[index].publish(fill_camera_info(CameraInfo(), self._rig.cameras[index], frame, stamp))
            self._images[index].publish(fill_image(Image(), picture, frame, stamp))

    def _tell_static_frames(self) -> None:
        """Publish where cameras, arms and tools are fixed."""
        frames = static_frames(self._task, self._arms, self._arms[0].robot.base_frame)
        self._tf_static.publish(_frames(frames, self.now_ns()))


def _frames(poses: list[tuple[str, str, Array]], stamp: int) -> TFMessage:
    return TFMessage(transforms=[fill_frame(TransformStamped(), *pose, stamp) for pose in poses])


def main() -> None:
    """Run the node."""
    run_node(SimNode)


if __name__ == "__main__":
    main()

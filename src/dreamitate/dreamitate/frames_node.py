"""The node that tells where cameras, arm and tool are fixed, where drivers and no simulator are there to tell it."""

from geometry_msgs.msg import TransformStamped

from dreamitate_core.arms import load_arms
from dreamitate_core.task import load_task
from dreamitate_ros.messages import fill_frame
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import StageNode
from dreamitate_ros.static_frames import static_frames
from tf2_msgs.msg import TFMessage

from .interfaces import FRAMES


class FramesNode(StageNode):
    """Tells once; who comes later hears it too."""

    def __init__(self) -> None:
        super().__init__(FRAMES)
        task = load_task(self.value("task"))
        frames = static_frames(task, load_arms(task, self.value("robot")), self.value("root"))
        stamp = self.now_ns()
        self._publisher = self.publisher(TFMessage, "/tf_static")
        self._publisher.publish(
            TFMessage(transforms=[fill_frame(TransformStamped(), *frame, stamp) for frame in frames])
        )


def main() -> None:
    """Run the node."""
    run_node(FramesNode)


if __name__ == "__main__":
    main()

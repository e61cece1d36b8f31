"""What the tracker node offers."""

from dreamitate_ros.interface import LATCHED, LATCHED_EACH, NodeInterface, Parameter, Served, Topic

TRACKERS = ("region", "region_midpoint", "megapose", "megapose_midpoint")

INTERFACE = NodeInterface(
    name="tracker",
    package="dreamitate_track",
    description="Finds the tool in every frame of a stereo video.",
    parameters=(
        Parameter("tracker", "region", "Which tracker looks for the tool.", choices=TRACKERS),
        Parameter("transform_wait_s", 5.0, "How long a goal waits for TF.", "s", (0.0, 60.0), read_only=False),
    ),
    subscribes=(
        Topic("/tf_static", "tf2_msgs/msg/TFMessage", "`table` to camera 1's optical frame.", LATCHED),
        Topic(
            "tool_hints",
            "std_msgs/msg/String",
            "JSON of [hints](#when-the-tool-is-not-found) for the next goal; optional.",
        ),
    ),
    publishes=(
        Topic("tool_track", "dreamitate_msgs/msg/ToolTrajectory", "Each tool's path, in `table`.", LATCHED_EACH),
        Topic("tool_trajectory", "geometry_msgs/msg/PoseArray", "Its poses alone, in `table`.", LATCHED_EACH),
        Topic(
            "tracked/view_{1,2}/image_raw",
            "sensor_msgs/msg/Image",
            "The video with the tracked tool drawn over it, played at the clip's fps, again and again.",
        ),
    ),
    actions=(Served("track_tool", "dreamitate_msgs/action/TrackTool", "Track all tools of one video."),),
)

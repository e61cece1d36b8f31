"""What the recorder and the calibration's publisher offer."""

from dataclasses import replace

from dreamitate_ros.interface import LATCHED, SENSOR, NodeInterface, Parameter, Served, Topic

from .mcap_writer import COMPRESSIONS

RECORDER = NodeInterface(
    name="recorder",
    package="dreamitate_data",
    description=(
        "Writes bags (MCAP) of what the cameras, the arm and a rollout say, message for message as it came. "
        "Listens with the quality of service that is offered."
    ),
    parameters=(
        Parameter("out", "recordings", "Where the bags are made."),
        Parameter("task", "", "The task that is noted where a recording names none."),
        Parameter("also", "", "More topics to record, by name, with spaces between them; of any type."),
        Parameter("compression", "none", "Of the bag's chunks.", choices=tuple(COMPRESSIONS)),
        Parameter("silence_s", 1.0, "A camera that is silent for so long is told of.", "s", (0.1, 60.0)),
    ),
    subscribes=(
        Topic("camera_{1,2}/color/image_raw", "sensor_msgs/msg/Image", "Recorded.", SENSOR),
        Topic("camera_{1,2}/color/camera_info", "sensor_msgs/msg/CameraInfo", "Recorded.", SENSOR),
        Topic("joint_states", "sensor_msgs/msg/JointState", "Recorded."),
        Topic("/tf", "tf2_msgs/msg/TFMessage", "Recorded."),
        Topic("/tf_static", "tf2_msgs/msg/TFMessage", "Recorded; what came before the start too.", LATCHED),
        Topic("generated_video", "dreamitate_msgs/msg/StereoVideo", "Recorded: the dream.", LATCHED),
        Topic("tool_track", "dreamitate_msgs/msg/ToolTrajectory", "Recorded: the track.", LATCHED),
        Topic("tool_trajectory", "geometry_msgs/msg/PoseArray", "Recorded: the track, to look at.", LATCHED),
        Topic("plan", "dreamitate_msgs/msg/Plan", "Recorded.", LATCHED),
        Topic("plan_markers", "visualization_msgs/msg/MarkerArray", "Recorded.", LATCHED),
        Topic("verdict", "dreamitate_msgs/msg/Verdict", "Recorded.", LATCHED),
    ),
    services=(
        Served("~/start", "dreamitate_msgs/srv/StartRecording", "Begin a bag."),
        Served("~/stop", "dreamitate_msgs/srv/StopRecording", "End it, and say what came."),
        Served("~/pictures", "std_srvs/srv/SetBool", "Whether images are recorded; they are large."),
    ),
    actions=(Served("record", "dreamitate_msgs/action/Record", "Record one bag."),),
)

SESSION = replace(
    RECORDER,
    name="record_session",
    description="A recorder that records by itself: `dreamitate record`.",
    parameters=(
        *RECORDER.parameters,
        Parameter("count", 1, "How many bags.", "", (1, 100000)),
        Parameter("seconds", 0.0, "How long each is; 0: from one Enter to the next.", "s", (0.0, 86400.0)),
        Parameter("name", "", "Of the bags, a number follows; empty: time and task."),
        Parameter("note", "", "The operator's words, for all of them."),
        Parameter("notes_json", "", "More metadata: an object of texts."),
        Parameter("camera_wait_s", 10.0, "How long to wait for the cameras.", "s", (0.1, 600.0)),
    ),
)

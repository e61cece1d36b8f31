"""What the recorder and the calibration's publisher offer."""

from dataclasses import replace

from dreamitate_ros.interface import LATCHED, SENSOR, NodeInterface, Parameter, Served, Topic

from .calibration import OLDEST_DAYS
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

_IMAGES = Topic("camera_{1,2}/color/image_raw", "sensor_msgs/msg/Image", "The board.", SENSOR)
_INFOS = Topic("camera_{1,2}/color/camera_info", "sensor_msgs/msg/CameraInfo", "Intrinsics and resolution.", SENSOR)
_SERIALS = (
    Parameter("serial_1", "", "Serial number of camera 1, as its driver knows it; empty: not known."),
    Parameter("serial_2", "", "The same of camera 2."),
)

CAPTURE = NodeInterface(
    name="capture",
    package="dreamitate_data",
    description="Takes pictures of a board for a calibration: `dreamitate calibrate --live`.",
    parameters=(
        Parameter("out", "shots", "The folder; it must hold no pictures."),
        Parameter("board", "9x6:40:30:5X5_100", "COLUMNSxROWS:SQUARE_MM:MARKER_MM:DICTIONARY."),
        Parameter("count", 20, "How many moments.", "", (1, 1000)),
        Parameter("pair_tolerance_s", 0.02, "How far the cameras' stamps may be apart.", "s", (0.0, 1.0)),
        Parameter("camera_wait_s", 10.0, "How long to wait for a pair.", "s", (0.1, 600.0)),
        *_SERIALS,
    ),
    subscribes=(_IMAGES, _INFOS, Topic("joint_states", "sensor_msgs/msg/JointState", "Where the arm is.")),
)

CALIBRATION = NodeInterface(
    name="calibration",
    package="dreamitate_data",
    description="Publishes a calibration, once the cameras' own words agree with it.",
    parameters=(
        Parameter("file", "calibration.yaml", "What `dreamitate calibrate` wrote."),
        Parameter("base_frame", "base_link", "The arm's base; empty: it is not published."),
        Parameter("oldest_days", float(OLDEST_DAYS), "An older calibration is refused.", "days", (0.0, 10000.0)),
        Parameter("camera_wait_s", 30.0, "How long to wait for both cameras.", "s", (0.1, 600.0)),
        *_SERIALS,
    ),
    publishes=(Topic("/tf_static", "tf2_msgs/msg/TFMessage", "Cameras, and the arm's base.", LATCHED),),
    subscribes=(_INFOS,),
)

"""What the generator node offers."""

from dreamitate_ros.interface import LATCHED, RELIABLE, SENSOR, NodeInterface, Parameter, Served, Topic

GENERATORS = ("svd", "replay")

INTERFACE = NodeInterface(
    name="generator",
    package="dreamitate_gen",
    description="Dreams a stereo video from the newest matching pair of camera images (lifecycle node).",
    parameters=(
        Parameter("task", "sweeping", "The task whose model is loaded, as in config/tasks."),
        Parameter("generator", "svd", "Which generator dreams.", choices=GENERATORS),
        Parameter("model", "", "Folder of the trained model; empty: the task's model under models/."),
        Parameter("replay", "", "Clip folder that the generator `replay` shows."),
        Parameter(
            "max_image_age_s",
            0.0,
            "How old photos may be when the goal comes; 0: they are taken after it.",
            "s",
            (0.0, 60.0),
            read_only=False,
        ),
        Parameter("pair_tolerance_s", 0.02, "How far apart the stamps of a pair may be.", "s", (0.0, 1.0)),
        Parameter("image_wait_s", 5.0, "How long a goal waits for a fresh pair.", "s", (0.0, 60.0), read_only=False),
        Parameter("autostart", True, "Configure and activate at start, with no lifecycle manager."),
    ),
    subscribes=(
        Topic("camera_{1,2}/color/image_raw", "sensor_msgs/msg/Image", "The cameras' images, rgb8 or bgr8.", SENSOR),
        Topic("camera_{1,2}/color/camera_info", "sensor_msgs/msg/CameraInfo", "Intrinsics, same stamps.", SENSOR),
        Topic(
            "goal/view_{1,2}/mask",
            "sensor_msgs/msg/Image",
            "Where the object shall end, of the images' size: mono8, 255 on it, 0 elsewhere; for tasks with a goal.",
            LATCHED,
        ),
        Topic("/tf_static", "tf2_msgs/msg/TFMessage", "`table` to both cameras' optical frames.", LATCHED),
    ),
    publishes=(
        Topic("generated_video", "dreamitate_msgs/msg/StereoVideo", "The dream, whole.", LATCHED),
        Topic(
            "generated/view_{1,2}/image_raw",
            "sensor_msgs/msg/Image",
            "The dream, played at the clip's fps, again and again.",
            RELIABLE,
        ),
    ),
    actions=(Served("generate_video", "dreamitate_msgs/action/GenerateVideo", "Dream once."),),
)

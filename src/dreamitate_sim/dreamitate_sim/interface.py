"""What the simulator node offers."""

from dreamitate_ros.interface import LATCHED, NodeInterface, Parameter, Served, Topic

SPLITS = ("train", "test")

INTERFACE = NodeInterface(
    name="sim",
    package="dreamitate_sim",
    description="The table in MuJoCo: two cameras, the arms with their tools and controllers, and the judge.",
    parameters=(
        Parameter("task", "sweeping", "The task that is set up on the table, as in config/tasks."),
        Parameter("robot", "ur5", "The arm at the table, as in config/robots."),
        Parameter(
            "controller",
            "joint_trajectory_controller",
            "The arms' trajectory controller, after each prefix.",
        ),
        Parameter("seed", 1, "The scene; `~/reset` sets up a changed one.", "", (0, 2**31 - 1), read_only=False),
        Parameter("split", "test", "Objects for training or for tests.", choices=SPLITS),
        Parameter("demonstration", "", "Folder for a person's demonstration of each new scene; empty: none is made."),
        Parameter("arm", True, "Be the arm too: its joints, its frames, its controller. Else only the cameras."),
        Parameter("image_rate_hz", 4.0, "Images a second while the arm moves.", "Hz", (0.1, 30.0), read_only=False),
        Parameter("idle_image_rate_hz", 1.0, "Images a second else.", "Hz", (0.1, 30.0), read_only=False),
        Parameter("joint_state_rate_hz", 100.0, "Joint states a second.", "Hz", (50.0, 500.0)),
        Parameter("speed", 1.0, "Simulated seconds per second.", "", (0.1, 10.0)),
    ),
    publishes=(
        Topic("camera_{1,2}/color/image_raw", "sensor_msgs/msg/Image", "1280x720 rgb8, rectified."),
        Topic("camera_{1,2}/color/camera_info", "sensor_msgs/msg/CameraInfo", "Intrinsics, same stamps."),
        Topic(
            "goal/view_{1,2}/mask",
            "sensor_msgs/msg/Image",
            "Where the object shall end, 1280x720 mono8: 255 on it, 0 elsewhere; for tasks with a goal.",
            LATCHED,
        ),
        Topic("joint_states", "sensor_msgs/msg/JointState", "The arms' joints."),
        Topic("/tf_static", "tf2_msgs/msg/TFMessage", "`table` to cameras and arm base, flange to tool.", LATCHED),
        Topic("/tf", "tf2_msgs/msg/TFMessage", "The arms' links."),
    ),
    services=(
        Served("~/judge", "std_srvs/srv/Trigger", "The verdict on the scene as it is now; the message is JSON."),
        Served("~/reset", "std_srvs/srv/Trigger", "Set up the scene of the parameter `seed` anew."),
        Served("~/demonstrate", "std_srvs/srv/Trigger", "With `demonstration`: make one of how things lie now."),
    ),
    actions=(
        Served(
            "<controller>/follow_joint_trajectory",
            "control_msgs/action/FollowJointTrajectory",
            "Follow a joint trajectory within the arm's limits.",
        ),
    ),
)

"""What the executor node offers."""

from dreamitate_ros.interface import LATCHED, LATCHED_EACH, NodeInterface, Parameter, Served, Topic

PLANNERS = ("embedded", "moveit")
PLAN_WITH_MOVEIT = "plan_with_moveit"
WAITS_FOR_APPROVAL = "waiting for approval"
"""What the feedback of a goal begins with that waits for a person."""

INTERFACE = NodeInterface(
    name="executor",
    package="dreamitate_exec",
    description="Plans the arm's motion along a tracked path, checks it whole and carries it out (lifecycle node).",
    parameters=(
        Parameter("robot", "ur5", "The arm, as in config/robots."),
        Parameter("task", "", "A task with arms of its own, which are all moved; empty: the one arm `robot`."),
        Parameter("planner", "embedded", "Which planner plans.", choices=PLANNERS),
        Parameter(
            "controller", "joint_trajectory_controller", "The trajectory controller; arms' prefixes come before it."
        ),
        Parameter("approve", False, "Wait for a person's approval before the arm moves.", read_only=False),
        Parameter("approval_limit_s", 120.0, "How long to wait for approval.", "s", (1.0, 3600.0), read_only=False),
        Parameter("max_joint_state_age_s", 0.5, "Older joint states stop the arm.", "s", (0.02, 5.0), read_only=False),
        Parameter("start_tolerance_rad", 0.02, "How far the arm may be from the plan's start.", "rad", (0.001, 0.5)),
        Parameter("path_tolerance_rad", 0.15, "How far a joint may lag on its way.", "rad", (0.005, 1.0)),
        Parameter("stall_limit_s", 5.0, "How long the arm may stand still on its way.", "s", (0.5, 60.0)),
        Parameter("controller_wait_s", 10.0, "How long to wait for the controller.", "s", (0.1, 120.0)),
        Parameter("payload_of", "", "The tool whose weight the arm's controller is told before; empty: none."),
        Parameter("autostart", True, "Configure and activate at start, with no lifecycle manager."),
    ),
    subscribes=(
        Topic("joint_states", "sensor_msgs/msg/JointState", "The arm's joints, at least 50 Hz."),
        Topic("emergency_stop", "std_msgs/msg/Bool", "True stops the arm and keeps it stopped until false comes."),
    ),
    publishes=(
        Topic("plan", "dreamitate_msgs/msg/Plan", "Each arm's planned motion, before it moves.", LATCHED_EACH),
        Topic(
            "plan_markers",
            "visualization_msgs/msg/MarkerArray",
            "Path, axes, height, reach, quality.",
            LATCHED,
        ),
    ),
    services=(Served("~/approve", "std_srvs/srv/SetBool", "True: carry out the plan that waits. False: refuse it."),),
    actions=(Served("execute_trajectory", "dreamitate_msgs/action/ExecuteTrajectory", "Plan and move once."),),
    calls=(
        Served("<controller>/follow_joint_trajectory", "control_msgs/action/FollowJointTrajectory", "The arm's."),
        Served(PLAN_WITH_MOVEIT, "dreamitate_msgs/action/ExecuteTrajectory", "Of planner:=moveit."),
    ),
)

MOVEIT = NodeInterface(
    name="moveit_planner",
    package="dreamitate_exec",
    description="Plans through moveit_py, in a process of its own with ROS's Python; needs MoveIt.",
    parameters=(
        Parameter("robot", "ur5", "The arm, as in config/robots, which also names MoveIt's group and configuration."),
        Parameter("free_planning_s", 5.0, "How long to look for a way through free space.", "s", (0.1, 60.0)),
    ),
    actions=(
        Served(
            PLAN_WITH_MOVEIT, "dreamitate_msgs/action/ExecuteTrajectory", "Plan from where the arm is; move nothing."
        ),
    ),
)

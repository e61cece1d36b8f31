"""What a user starts: the `dreamitate` command, a rollout without ROS, its folder and its page."""

"""What runs inside the user's own Python with MegaPose or HappyPose; nothing of ours but this folder is seen there."""

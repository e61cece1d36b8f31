"""Where is the tool? Joint two-view region tracking of known tools in stereo clips. No ROS here but in *_node.py."""

"""What the nodes of Dreamitate share: the node frame, message conversions, image pairs, frames, diagnostics.

Only `stage_node.py` imports rclpy; the rest is plain Python that fills in the messages it is given.
"""

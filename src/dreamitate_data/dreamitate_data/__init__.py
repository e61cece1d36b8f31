"""From a table to a dataset: calibrate the cameras, record, cut clips, label them, exchange them with other tools.

Only `*_node.py` import rclpy or message packages; the rest is plain Python on files.
"""

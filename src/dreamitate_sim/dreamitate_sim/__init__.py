"""Dreamitate's table in MuJoCo: tasks, cameras, arms with tools, and a demonstrator."""

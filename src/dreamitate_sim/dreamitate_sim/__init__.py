"""Dreamitate's table in MuJoCo: tasks, cameras, arms with tools, and a demonstrator."""

from . import push_shape, sweeping  # each task's module registers its scenes

"""Dreamitate's table in MuJoCo: tasks, cameras, arms with tools, and a demonstrator."""

from . import push_shape, rotation, scooping, sweeping  # each task's module registers its scenes

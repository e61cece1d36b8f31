"""Dreamitate's table in MuJoCo: tasks, cameras, arms with tools, and a demonstrator."""

from . import sweeping  # each task's module registers its scenes

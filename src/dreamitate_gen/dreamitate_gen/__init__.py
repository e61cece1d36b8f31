"""Dreamitate's generator: two photos of a scene to a stereo video of a tool that solves the task."""

from .registry import Generator, generators, load_generator

"""Measurements of whole tasks."""

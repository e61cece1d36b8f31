"""The order of the test files: long ones first, so that none runs alone at the end.

Each process uses one thread, for two of them run side by side, and threads that wait take more time than work.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("ours", deadline=None)  # a machine that is busy elsewhere makes no example wrong
settings.load_profile("ours")

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before anything loads NumPy or torch

LONG = (
    "test_colcon_build.py",
    "test_faults.py",
    "test_standing_graph.py",
    "test_executor.py",
    "test_whole_way.py",
    "test_rollout.py",
    "test_svd_train.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the long files to the front."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.name, len(LONG)))

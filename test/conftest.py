"""The order of the tests: long files first, so that none runs alone at the end, and all that runs in real time in one
process, so that two of these never wait for each other's processor.

Each process uses one thread, for two of them run side by side, and threads that wait take more time than work.
"""

import os

import pytest

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before anything loads NumPy or torch

REAL_TIME = "graph"
"""The folder of tests that run whole graphs, which go by the clock."""
FIRST = (REAL_TIME, "test_colcon_build", "test_whole_way", "test_svd_train")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the long ones to the front; give each file, and all graphs together, to one process."""
    rank = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(_group(item), len(FIRST)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    return REAL_TIME if item.path.parent.name == REAL_TIME else item.path.stem

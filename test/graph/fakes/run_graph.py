"""The command `dreamitate rollout`, with stand-ins for some nodes: python -m run_graph SLOW,NODES name:=value ..."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dreamitate import cli, domain, graph

SPEED = 2.0
"""Simulated seconds per second: a test need not wait for the arm."""
JOINT_STATE_AGE_S = 5.0
"""A machine that runs tests may be very busy."""
slow = sys.argv[1].split(",")
real_nodes = graph.rollout_nodes


def nodes(given: Mapping[str, str], folder: Path | None = None) -> list[graph.NodeStart]:
    """Return the rollout's nodes with the stand-ins among them."""
    return [_stand_in(node) for node in real_nodes(given, folder)]


def _stand_in(node: graph.NodeStart) -> graph.NodeStart:
    if node.name == "sim":
        return replace(node, parameters={**node.parameters, "speed": SPEED})
    if node.name == "executor":
        return replace(node, parameters={**node.parameters, "max_joint_state_age_s": JOINT_STATE_AGE_S})
    return replace(node, package="slow") if node.name in slow else node


@contextmanager
def given_domain(environment: dict[str, str]) -> Iterator[int]:
    """Return the domain that the test holds."""
    yield int(environment[domain.DOMAIN])


graph.rollout_nodes = nodes
domain.held_domain = given_domain
sys.exit(cli.main(["rollout", *sys.argv[2:]]))

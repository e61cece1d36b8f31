"""A graph gets a ROS domain of its own, and a busy one that the user names is refused."""

import re
import socket
from collections.abc import Iterator

import pytest

from dreamitate.domain import LAST_DOMAIN, held_domain
from dreamitate_core.errors import DreamitateError


@pytest.fixture
def busy() -> Iterator[int]:
    """A domain in which some process listens."""
    for domain in range(LAST_DOMAIN, 0, -1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            try:
                listener.bind(("127.0.0.1", 7400 + 250 * domain + 10))
            except OSError:
                continue
            yield domain
            return


def test_two_runs_never_share_a_domain() -> None:
    with held_domain({}) as one, held_domain({}) as two, held_domain({}) as three:
        assert len({one, two, three}) == 3
        assert all(1 <= domain <= LAST_DOMAIN for domain in (one, two, three))


def test_a_named_free_domain_is_taken() -> None:
    with held_domain({}) as free:
        pass
    with held_domain({"ROS_DOMAIN_ID": str(free)}) as domain:
        assert domain == free


def test_a_busy_domain_is_refused_when_named(busy: int) -> None:
    said = re.escape(f"ROS_DOMAIN_ID={busy} is busy")
    with pytest.raises(DreamitateError, match=said), held_domain({"ROS_DOMAIN_ID": str(busy)}):
        pass


def test_a_domain_of_another_run_is_refused_when_named() -> None:
    with held_domain({}) as taken:
        said = re.escape(f"ROS_DOMAIN_ID={taken} is busy")
        with pytest.raises(DreamitateError, match=said), held_domain({"ROS_DOMAIN_ID": str(taken)}):
            pass


def test_a_busy_domain_is_never_chosen(busy: int) -> None:
    held = []
    for _ in range(3):
        with held_domain({}) as domain:
            held.append(domain)
    assert busy not in held


@pytest.mark.parametrize("value", ["-1", "102", "x", "1.5", "²"])
def test_a_domain_that_is_none_is_named(value: str) -> None:
    with pytest.raises(DreamitateError, match="must be a number from 0 to 101"), held_domain({"ROS_DOMAIN_ID": value}):
        pass

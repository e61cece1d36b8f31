"""Rates fall when messages stop coming."""

import pytest

from dreamitate_ros.rates import RateMeter


def test_rate_and_age() -> None:
    meter = RateMeter()
    assert meter.rate_hz(1.0) == 0.0
    assert meter.age_s(1.0) is None
    for index in range(11):
        meter.tick(index * 0.1)
    assert meter.rate_hz(1.05) == pytest.approx(10.0)
    assert meter.rate_hz(3.0) == pytest.approx(0.5)
    assert meter.age_s(3.0) == pytest.approx(2.0)
    assert meter.count == 11

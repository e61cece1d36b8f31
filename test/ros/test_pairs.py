"""Stereo pairs are matched by stamp, and the report says why there is none."""

from hypothesis import given
from hypothesis import strategies as st

from dreamitate_ros.pairs import IMAGES, INFOS, PairMatcher

MS = 1_000_000


def feed(
    matcher: PairMatcher, camera: int, stamp_ns: int, now_s: float = 0.0, info_stamp_ns: int | None = None
) -> None:
    matcher.add(IMAGES[camera], stamp_ns, ("image", camera, stamp_ns), now_s)
    info_ns = stamp_ns if info_stamp_ns is None else info_stamp_ns
    matcher.add(INFOS[camera], info_ns, ("info", camera, info_ns), now_s)


def test_newest_pair_wins_and_carries_its_own_camera_infos() -> None:
    matcher = PairMatcher(tolerance_s=0.010)
    for stamp in (0, 100 * MS, 200 * MS):
        feed(matcher, 0, stamp)
        feed(matcher, 1, stamp + 3 * MS)
    pair = matcher.newest()
    assert pair is not None
    assert pair.images == (("image", 0, 200 * MS), ("image", 1, 203 * MS))
    assert pair.infos == (("info", 0, 200 * MS), ("info", 1, 203 * MS))
    assert pair.stamp_ns == 200 * MS
    assert matcher.matched.count == 3


def test_nearest_partner_of_two_within_tolerance() -> None:
    matcher = PairMatcher(tolerance_s=0.050)
    feed(matcher, 0, 1000 * MS)
    for stamp in (1004 * MS, 1040 * MS):
        feed(matcher, 1, stamp)
    pair = matcher.newest()
    assert pair is not None
    assert pair.images[1] == ("image", 1, 1004 * MS)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5000)), max_size=80), st.integers(0, 50))
def test_a_pair_is_never_further_apart_than_the_tolerance(arrivals: list[tuple[int, int]], tolerance_ms: int) -> None:
    matcher = PairMatcher(tolerance_ms / 1e3)
    for camera, stamp_ms in arrivals:
        feed(matcher, camera, stamp_ms * MS)
    pair = matcher.newest()
    newest = {camera: [ms for c, ms in arrivals[-200:] if c == camera] for camera in (0, 1)}
    if pair is None:
        ones, twos = list(dict.fromkeys(newest[0][::-1]))[:30], list(dict.fromkeys(newest[1][::-1]))[:30]
        assert len(newest[0]) > 30 or len(newest[1]) > 30 or all(abs(a - b) > tolerance_ms for a in ones for b in twos)
    else:
        assert abs(pair.images[0][2] - pair.images[1][2]) <= tolerance_ms * MS
        assert pair.stamp_ns == min(pair.images[0][2], pair.images[1][2])


def test_report_without_any_message() -> None:
    report = PairMatcher(0.01).report(now_s=5.0)
    assert f"{IMAGES[0]}: nothing" in report
    assert "pairs matched: 0" in report
    assert "no camera is running" in report


def test_report_names_the_silent_topic_and_the_rate_of_the_others() -> None:
    matcher = PairMatcher(0.01)
    for index in range(5):
        feed(matcher, 0, index * 100 * MS, now_s=index * 0.1)
    matcher.add(IMAGES[1], 0, "image", 0.4)
    report = matcher.report(now_s=0.4)
    assert f"{IMAGES[0]}: 5 (10.0 Hz" in report
    assert f"nobody publishes {INFOS[1]}" in report


def test_report_names_clocks_that_are_apart() -> None:
    matcher = PairMatcher(0.01)
    for index in range(3):
        feed(matcher, 0, index * 100 * MS)
        feed(matcher, 1, index * 100 * MS + 1_530 * MS)
    assert matcher.newest() is None
    assert "1.330 s apart at best" in matcher.report(1.0)


def test_report_names_infos_with_other_stamps() -> None:
    matcher = PairMatcher(0.01)
    for camera in (0, 1):
        feed(matcher, camera, 100 * MS, info_stamp_ns=101 * MS)
    assert "both must have the same stamp" in matcher.report(1.0)


def test_report_passes_on_what_the_middleware_said() -> None:
    matcher = PairMatcher(0.01)
    matcher.problems[IMAGES[0]] = "incompatible QoS: RELIABILITY"
    assert "incompatible QoS: RELIABILITY" in matcher.report(1.0)

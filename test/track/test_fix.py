"""The page on which a person mends a track: in a real browser, and against requests that mean harm."""

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.tool import colours_of
from dreamitate_core.trajectory import read_tracks
from dreamitate_track.fix import Session
from dreamitate_track.fix_server import LARGEST_BODY, FixServer
from dreamitate_track.hints import read_hints

sys.path.insert(0, str(Path(__file__).parent))
from browser import find_browser, open_browser

MARK = {"X-Dreamitate": "1"}


@pytest.fixture
def wrong_clip(small_clip: Clip) -> Clip:
    """A clip whose mesh has other colours than the dream, so that the tool is only found with a person's help."""
    mesh = small_clip.tools[0].mesh.copy()
    colours = colours_of(mesh)
    colours.vertex_colors = colours.vertex_colors[:, [1, 2, 0, 3]]
    return replace(small_clip, tools=[replace(small_clip.tools[0], mesh=mesh)])


def served(clip: Clip, folder: Path) -> Iterator[FixServer]:
    session = Session(clip, "region", {}, folder / "track.npz", folder / "hints.json")
    with FixServer(session) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        session.stop()


@pytest.fixture
def server(small_clip: Clip, tmp_path: Path) -> Iterator[FixServer]:
    yield from served(small_clip, tmp_path)


@pytest.fixture
def server_of_wrong_clip(wrong_clip: Clip, tmp_path: Path) -> Iterator[FixServer]:
    yield from served(wrong_clip, tmp_path)


def ask(server: FixServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Return status and body of a request; header names have _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body if body is None else json.dumps(body), named)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_a_person_draws_boxes_tracks_again_and_saves(
    server_of_wrong_clip: FixServer, wrong_clip: Clip, tmp_path: Path
) -> None:
    program = find_browser()
    if program is None:
        pytest.skip("no chromium here: apt install chromium")
    assert wrong_clip.truth is not None
    truth, vertices = wrong_clip.truth["block"], wrong_clip.tools[0].mesh.vertices
    with open_browser(program, tmp_path / "profile") as browser:
        browser.call("Page.navigate", url=server_of_wrong_clip.url)
        browser.wait("document.readyState === 'complete' && typeof state === 'object' && state !== null")
        for step in (3, 6, 10):
            browser.click(f"#steps button:nth-child({step})")
            browser.wait(f"step === {step} && pictures.every((p) => p.complete && p.naturalWidth === 192)")
            for view, camera in enumerate(wrong_clip.rig.cameras):
                pixels, _ = camera.project(se3.transform_points(truth[step - 1], vertices))
                frame = browser.value(f"(({{x, y, width}}) => [x, y, width])(canvases[{view}].getBoundingClientRect())")
                first, last = (
                    np.array(frame[:2]) + (corner + 0.5) * frame[2] / 192
                    for corner in (pixels.min(axis=0), pixels.max(axis=0))
                )
                browser.drag(tuple(first), tuple((first + last) / 2), tuple(last))
                browser.wait(f"boxOf({view + 1})")
        before = browser.value("boxOf(1).slice(2)")
        corner = browser.value("(({x, y, width}) => [x, y, width / 192])(canvases[0].getBoundingClientRect())")
        middle = [corner[i] + (before[i] + before[i + 2]) / 2 * corner[2] for i in range(2)]
        browser.drag((middle[0], middle[1]), (middle[0] + 12, middle[1] + 6), (middle[0] + 3, middle[1]))
        browser.wait(f"Math.abs(boxOf(1)[2] - {before[0] + 3 / corner[2]}) < 0.1")
        browser.click("#track")
        browser.wait("!state.running && state.runs === 1")
        assert browser.value("at('said').textContent").startswith("block: ")
        assert browser.value("document.querySelectorAll('#steps .hint').length") == 3
        browser.wait("pictures.every((p) => p.complete && p.naturalWidth > 0)")
        browser.click("#done")
        browser.wait("at('said').textContent.startsWith('Saved')")
        assert browser.complaints == []
    found = read_tracks(tmp_path / "track.npz")["block"]
    assert np.median(np.linalg.norm((found.transform_tool_to_frame - truth)[:, :3, 3], axis=1)) < 0.01
    assert len(read_hints(tmp_path / "hints.json", wrong_clip)["block"].boxes) == 6


def test_what_the_page_needs_is_served(server: FixServer) -> None:
    status, page = ask(server, "GET", "/")
    assert (status, page[:15]) == (200, b"<!doctype html>")
    state = json.loads(ask(server, "GET", "/state")[1])
    assert (state["width"], state["height"], state["running"], state["runs"]) == (192, 112, False, 0)
    for step in (1, 12):
        status, picture = ask(server, "GET", f"/picture/2/{step}/plain")
        assert (status, picture[:4]) == (200, b"\x89PNG")
    body = {"tool": "block", "step": 3, "view": 1, "box": [10, 10, 60, 40]}
    state = json.loads(ask(server, "POST", "/box", body, **MARK)[1])
    assert state["hints"]["block"]["boxes"] == [[3, 1, 10, 10, 60, 40]]
    state = json.loads(ask(server, "POST", "/box", {**body, "box": None}, **MARK)[1])
    assert state["hints"]["block"]["boxes"] == []


@pytest.mark.parametrize(
    "path",
    ["/picture/3/1/plain", "/picture/1/0/plain", "/picture/1/13/plain", "/picture/1/1/../../../etc/passwd",
     "/../../etc/passwd", "/fix.py", "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/picture/1/1/plain/x", "/save"],
)  # fmt: skip
def test_nothing_else_is_served(server: FixServer, path: str) -> None:
    status, content = ask(server, "GET", path)
    assert status == 404
    assert json.loads(content) == {"problem": "There is no such thing here."}


def test_other_sites_cannot_reach_it(server: FixServer) -> None:
    assert ask(server, "GET", "/state", Host="evil.example")[0] == 403
    assert ask(server, "GET", "/state", Host=f"evil.example:{server.port}")[0] == 403
    assert ask(server, "POST", "/track", {}, Origin="http://evil.example", **MARK)[0] == 403
    assert ask(server, "POST", "/track", {})[0] == 403
    assert server.server_address[0] == "127.0.0.1"
    assert not server.session.state()["running"]


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("/box", {"tool": "spoon", "step": 1, "view": 1, "box": [1, 1, 30, 30]}, "spoon"),
        ("/box", {"tool": "block", "step": 1, "view": 1, "box": [1, 1, 2, 2]}, "at least 4 pixels"),
        ("/box", {"tool": "block", "step": 1, "view": 1, "box": "../x"}, "must be numbers"),
        ("/box", {"tool": "block", "step": 99, "view": 1, "box": [1, 1, 30, 30]}, "step must be"),
        ("/box", {"tool": ["block"], "step": 1, "view": 1, "box": None}, "tool must be a text"),
        ("/box", [1, 2], "tool must be a text"),
        ("/turn", {"tool": "block", "step": 1, "axis": 1}, "no pose"),
        ("/save", {}, "no track to save"),
    ],
)
def test_wrong_requests_are_answered_with_one_line(server: FixServer, path: str, body: Any, complaint: str) -> None:
    status, content = ask(server, "POST", path, body, **MARK)
    assert status == 400
    assert complaint in json.loads(content)["problem"]


def test_large_and_endless_requests_are_cut_off(server: FixServer) -> None:
    assert ask(server, "POST", "/box", "x" * LARGEST_BODY, **MARK)[0] == 413
    assert ask(server, "POST", "/box", None, Content_Length="-1", **MARK)[0] == 413
    assert ask(server, "POST", "/box", None, Content_Length="9" * 30, **MARK)[0] == 413
    nested = "[" * 4000
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/box", nested, MARK)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_turned_over_pose_is_kept_and_forgotten(small_clip: Clip, tmp_path: Path) -> None:
    assert small_clip.truth is not None
    session = Session(small_clip, "region", {}, tmp_path / "a.npz", tmp_path / "b.json")
    session.start()
    assert session._worker is not None
    session._worker.join()
    session.turn_over("block", 4, 2)
    assert session.state()["hints"]["block"]["poses"] == [4]
    saved = session.save()
    assert saved == [str(tmp_path / "a.npz"), str(tmp_path / "b.json")]
    pose = read_hints(tmp_path / "b.json", small_clip)["block"].poses[3]
    assert se3.rotation_distance_rad(pose, small_clip.truth["block"][3]) > 2.8
    session.forget_pose("block", 4)
    assert session.state()["hints"]["block"]["poses"] == []

"""The page on which a person mends a clip's track, served on this machine only.

Nothing in a request names a file: what can be asked for is the page, its state, and a picture by numbers. A site that
the browser has open elsewhere cannot reach it: the Host header must be ours, and changes need a header of our own,
which browsers do not let other sites send.
"""

import base64
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dreamitate_core.errors import DreamitateError
from dreamitate_core.video import STEPS

from .fix import Session, png

PAGE = Path(__file__).parent / "fix.html"
HOST = "127.0.0.1"
LARGEST_BODY = 4096
"""Bytes; a request is one box."""
SLOW_S = 10.0
"""A connection that says nothing for so long is closed."""
MARK = "X-Dreamitate"
PICTURE = re.compile(r"/picture/([12])/([1-9]|1[0-2])/(plain|drawn)")


class FixServer(ThreadingHTTPServer):
    """Serves one session at `url`. Port 0: any free one."""

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise DreamitateError(f"Port {port} cannot be used: {error.strerror}. Choose another.") from None
        self.session = session
        self.page = PAGE.read_bytes()
        script = re.search(rb"<script>(.*)</script>", self.page, re.DOTALL)
        style = re.search(rb"<style>(.*)</style>", self.page, re.DOTALL)
        assert script
        assert style
        self.policy = (
            f"default-src 'none'; img-src 'self' data:; connect-src 'self'; script-src {_hash(script[1])};"
            f" style-src {_hash(style[1])}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        self.saved: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up; everything else is a defect that is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/"


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


class _Handler(BaseHTTPRequestHandler):
    server: FixServer
    timeout = SLOW_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "dreamitate", ""

    def do_GET(self) -> None:
        if not self._from_here():
            return
        picture = PICTURE.fullmatch(self.path.partition("?")[0])
        if self.path == "/":
            self._answer(self.server.page, "text/html; charset=utf-8")
        elif self.path == "/state":
            self._answer_json(self.server.session.state())
        elif picture:
            image = self.server.session.picture(int(picture[1]), int(picture[2]), picture[3] == "drawn")
            self._answer(png(image), "image/png")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such thing here.")

    def do_POST(self) -> None:
        if not self._from_here():
            return
        change = self._changes().get(self.path)
        if change is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "There is no such thing here.")
        if self.headers.get(MARK) != "1":
            return self._refuse(HTTPStatus.FORBIDDEN, f"Changes need the header {MARK}: 1.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= LARGEST_BODY):
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {LARGEST_BODY} bytes, and say how many.")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
            answer = change(body if isinstance(body, dict) else {})
        except (ValueError, RecursionError):
            return self._refuse(HTTPStatus.BAD_REQUEST, "The request is not JSON.")
        except DreamitateError as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        self._answer_json(answer)
        return None

    def _changes(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {"/box": self._box, "/turn": self._turn, "/track": self._track, "/save": self._save, "/end": self._end}

    def _box(self, body: dict[str, Any]) -> dict[str, Any]:
        tool, step, view = _text(body, "tool"), _number(body, "step", STEPS), _number(body, "view", 2)
        self.server.session.set_box(tool, step, view, body.get("box"))
        return self.server.session.state()

    def _turn(self, body: dict[str, Any]) -> dict[str, Any]:
        tool, step = _text(body, "tool"), _number(body, "step", STEPS)
        if body.get("axis") is None:
            self.server.session.forget_pose(tool, step)
        else:
            self.server.session.turn_over(tool, step, _number(body, "axis", 3) - 1)
        return self.server.session.state()

    def _track(self, body: dict[str, Any]) -> dict[str, Any]:
        self.server.session.start()
        return self.server.session.state()

    def _save(self, body: dict[str, Any]) -> dict[str, Any]:
        self.server.saved = self.server.session.save()
        return {"saved": self.server.saved}

    def _end(self, body: dict[str, Any]) -> dict[str, Any]:
        threading.Thread(target=self.server.shutdown).start()  # it waits for `serve_forever`, which waits for nobody
        return {}

    def _from_here(self) -> bool:
        """Is the request addressed to this machine by its own name? A site that rebinds its name is not."""
        here = {f"{name}:{self.server.port}" for name in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") in here and (origin is None or origin.removeprefix("http://") in here):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "Only this machine's own page may ask.")
        return False

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self.close_connection = True  # an unread body must not be taken for the next request
        self._answer(json.dumps({"problem": text}).encode(), "application/json", status)

    def _answer_json(self, data: dict[str, Any]) -> None:
        self._answer(json.dumps(data).encode(), "application/json")

    def _answer(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the terminal is for the person."""


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise DreamitateError(f"{name} must be a text; it is {value!r}.")
    return value


def _number(body: dict[str, Any], name: str, most: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise DreamitateError(f"{name} must be a whole number from 1 to {most}; it is {value!r}.")
    return value

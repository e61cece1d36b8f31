"""A headless Chromium, driven over its own debugging pipe: NUL-ended JSON on file descriptors 3 and 4."""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 200.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """Return a Chromium that is installed, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._left, self._number, self._session = b"", 0, ""
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of one call of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(answer["params"]))

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression in the page is true, looking each time the page draws."""
        looked = (
            f"new Promise(done => {{ const look = () => ({expression}) ? done(true) : setTimeout(look, 30); look(); }})"
        )
        assert self.value(looked) is True

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, move over the others, let go."""
        for kind, (x, y) in zip(["mousePressed", *["mouseMoved"] * (len(points) - 1)], points, strict=True):
            self._mouse(kind, x, y)
        self._mouse("mouseReleased", *points[-1])

    def click(self, selector: str) -> None:
        """Click on the middle of an element."""
        place = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y, width, height = (self.value(f"{place}.{side}") for side in ("x", "y", "width", "height"))
        self.drag((x + width / 2, y + height / 2))

    def _mouse(self, kind: str, x: float, y: float) -> None:
        held = kind != "mouseReleased"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=int(held), clickCount=1)

    def _next(self) -> dict[str, Any]:
        until_s = time.monotonic() + LIMIT_S
        while b"\0" not in self._left:
            assert select.select([self._from], [], [], max(0.0, until_s - time.monotonic()))[0], "the browser is silent"
            data = os.read(self._from, 1 << 16)
            assert data, "the browser has ended"
            self._left += data
        line, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def open_browser(program: str, profile: Path) -> Iterator[Browser]:
    """Start the browser with a fresh profile; it ends with the block."""
    child_reads, to_browser = os.pipe()
    from_browser, child_writes = os.pipe()

    def arrange() -> None:
        reads, writes = os.dup(child_reads), os.dup(child_writes)
        os.dup2(reads, 3)
        os.dup2(writes, 4)

    process = subprocess.Popen(
        [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ],
        pass_fds=(3, 4, child_reads, child_writes),
        preexec_fn=arrange,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(child_reads)
    os.close(child_writes)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        process.kill()
        process.wait()
        os.close(to_browser)
        os.close(from_browser)

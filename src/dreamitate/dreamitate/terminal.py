"""What a person at the terminal sees: bars on a terminal, plain lines elsewhere."""

import sys
import time
from typing import IO

from tqdm import tqdm


class ProgressShow:
    """A progress callback (dreamitate_core.progress) that draws a bar per stage, or prints each stage's quarters."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._stage = ""
        self._started_s = 0.0
        self._quarter = 0
        self._bar: tqdm | None = None

    def __call__(self, stage: str, fraction: float) -> None:
        """Show that a stage is done to this fraction, 0..1."""
        if stage != self._stage:
            self.close()
            self._begin(stage)
        if self._bar is not None:
            self._bar.update(min(fraction, 1.0) * 100.0 - self._bar.n)
        elif int(4 * fraction) > self._quarter:
            self._quarter = int(4 * fraction)
            self._line(f"{stage}: {25 * self._quarter} %")

    def close(self) -> None:
        """End the last stage's bar or line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        elif self._stage:
            self._line(f"{self._stage}: {time.monotonic() - self._started_s:.1f} s")
        self._stage = ""

    def say(self, text: str) -> None:
        """Print a line of its own, above the bar where there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            self._line(text)

    def _begin(self, stage: str) -> None:
        self._stage, self._started_s, self._quarter = stage, time.monotonic(), 0
        if self._stream.isatty():
            layout = "{desc:>28} {percentage:3.0f}% |{bar:30}| {elapsed}"
            self._bar = tqdm(total=100.0, desc=stage, file=self._stream, bar_format=layout)

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def __enter__(self) -> "ProgressShow":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

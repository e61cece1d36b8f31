"""What both cameras saw while the arm moved, small enough to keep."""

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

WIDTH = 640
"""Pixels of each view; the bag holds the full pictures."""


class Film:
    """Collects pictures while it runs; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: tuple[dict[int, Image], dict[int, Image]] = ({}, {})
        self.running = False

    def start(self) -> None:
        """Begin anew."""
        with self._lock:
            self._views = ({}, {})
            self.running = True

    def add(self, camera: int, stamp_ns: int, image: Image) -> None:
        """Keep a picture (H, W, 3) of camera 1 or 2, if the film runs."""
        if not self.running:
            return
        height = round(image.shape[0] * WIDTH / image.shape[1])
        small = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
        with self._lock:
            self._views[camera - 1][stamp_ns] = np.asarray(small, np.uint8)

    def stop(self) -> tuple[list[tuple[Image, Image]], float]:
        """End, and return the pairs with equal stamps, in order, and their mean rate in Hz."""
        with self._lock:
            self.running = False
            stamps = sorted(self._views[0].keys() & self._views[1].keys())
            pairs = [(self._views[0][stamp], self._views[1][stamp]) for stamp in stamps]
        length_s = (stamps[-1] - stamps[0]) / 1e9 if len(stamps) > 1 else 0.0
        return pairs, (len(stamps) - 1) / length_s if length_s > 0 else 1.0

"""The ChArUco board: what it looks like, where its corners are in a picture, and whether it is the right board."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError, unknown

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

DICTIONARIES = {name[5:]: getattr(cv2.aruco, name) for name in sorted(dir(cv2.aruco)) if name.startswith("DICT_")}
_FEWEST_CORNERS = 8
_LAYOUT_PX = 4.0
"""How far, in the mean, markers may lie from where the board's layout has them: lenses bend a little, boards do not."""


@dataclass(frozen=True)
class Seen:
    """The board in one picture: inner corners by number, (n,), and their pixels, (n, 2); the markers likewise."""

    ids: NDArray[np.int64]
    pixels: Array
    marker_ids: NDArray[np.int64]
    marker_pixels: Array
    """(m, 4, 2)"""


@dataclass(frozen=True)
class Board:
    """A ChArUco board. Its frame: origin at the top left corner, x right, y down, z into the board; metres."""

    columns: int = 9
    rows: int = 6
    square_m: float = 0.04
    marker_m: float = 0.03
    dictionary: str = "5X5_100"

    def __post_init__(self) -> None:
        """Raise DreamitateError for a board that cannot be."""
        if self.dictionary not in DICTIONARIES:
            raise unknown("marker dictionary", self.dictionary, DICTIONARIES)
        if min(self.columns, self.rows) < 3 or not 0 < self.marker_m < self.square_m:
            raise DreamitateError(
                f"A board needs at least 3x3 squares and markers smaller than its squares; this one has "
                f"{self.columns}x{self.rows} squares of {self.square_m:g} m with markers of {self.marker_m:g} m."
            )
        markers = cv2.aruco.getPredefinedDictionary(DICTIONARIES[self.dictionary]).bytesList.shape[0]
        if self.columns * self.rows // 2 > markers:
            raise DreamitateError(f"{self.dictionary} has {markers} markers, too few for {self.columns}x{self.rows}.")

    @property
    def text(self) -> str:
        """The board in words."""
        size = f"{1e3 * self.square_m:g} mm squares, {1e3 * self.marker_m:g} mm markers"
        return f"{self.columns}x{self.rows} {self.dictionary}, {size}"

    @cached_property
    def corners(self) -> Array:
        """Inner corners in the board's frame: (n, 3), metres."""
        return np.asarray(self._board.getChessboardCorners(), float)

    @cached_property
    def centre(self) -> Array:
        """The board's middle in its frame: (3,), metres."""
        return np.array([self.columns * self.square_m / 2, self.rows * self.square_m / 2, 0.0])

    def picture(self, pixels_per_m: float) -> Image:
        """Return the board as it is printed, without a margin: (H, W)."""
        size = round(self.columns * self.square_m * pixels_per_m), round(self.rows * self.square_m * pixels_per_m)
        return np.asarray(self._board.generateImage(size, marginSize=0), np.uint8)

    def find(self, image: Image) -> Seen | None:
        """Return where the board is in a picture (H, W, 3) RGB or (H, W); None where it is not or too little of it."""
        gray = _gray(image)
        pixels, ids, marker_pixels, marker_ids = self._detector.detectBoard(gray)
        if ids is None or len(ids) < _FEWEST_CORNERS:
            return None
        found = np.asarray(pixels, float).reshape(-1, 2)
        markers = np.asarray(marker_pixels, float).reshape(-1, 4, 2)
        return Seen(np.ravel(ids).astype(np.int64), found, np.ravel(marker_ids).astype(np.int64), markers)

    def complaint(self, image: Image) -> str:
        """Return why `find` finds nothing in a picture, as far as that can be seen; empty: there is simply no board."""
        gray = _gray(image)
        if self.find(np.ascontiguousarray(gray[:, ::-1])):
            return "the picture is mirrored: its mirror image shows the board"
        marker_ids, marker_pixels = _markers(gray, self.dictionary)
        if len(marker_ids) >= 4:
            return self.layout_complaint(marker_ids, marker_pixels) or "too few of the board's corners are seen"
        for name in DICTIONARIES:
            if "APRILTAG" not in name and len(_markers(gray, name)[0]) >= 8:
                return f"its markers are of the dictionary {name}, not {self.dictionary}"
        return ""

    def layout_complaint(self, marker_ids: NDArray[np.int64], marker_pixels: Array) -> str:
        """Return in what the markers (m,), (m, 4, 2) contradict the board; empty where they do not."""
        if marker_ids.max() < len(self._markers):
            size_m, error = self._measured_marker_m(marker_ids, marker_pixels)
            if error < _LAYOUT_PX:
                if abs(size_m - self.marker_m) < 0.05 * self.square_m:
                    return ""
                seen, said = size_m / self.square_m, self.marker_m / self.square_m
                return f"its markers are {seen:.2f} of a square wide, not {said:.2f}: one of the two lengths is wrong"
        errors = {}
        for columns in range(3, 16):
            for rows in range(3, 16):
                if columns * rows // 2 > marker_ids.max():
                    other = _layout(columns, rows, self.square_m, self.marker_m)
                    errors[columns, rows] = _homography_error(other[marker_ids], marker_pixels)
        best = min(errors, key=lambda size: (round(errors[size], 2), size[0] * size[1]), default=(0, 0))
        if errors and errors[best] < _LAYOUT_PX:
            return f"its markers lie as on a board {best[0]} squares wide, not {self.columns}x{self.rows}"
        return f"its markers do not lie as on a {self.columns}x{self.rows} board"

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into a file."""
        return asdict(self)

    def _measured_marker_m(self, ids: NDArray[np.int64], pixels: Array) -> tuple[float, float]:
        """Return how large the markers look beside the squares, and how well they then fit, in pixels."""
        sizes = self.square_m * np.linspace(0.4, 0.95, 56)
        layouts = (_layout(self.columns, self.rows, self.square_m, size)[ids] for size in sizes)
        errors = [_homography_error(layout, pixels) for layout in layouts]
        return float(sizes[int(np.argmin(errors))]), float(min(errors))

    @cached_property
    def _markers(self) -> Array:
        return _layout(self.columns, self.rows, self.square_m, self.marker_m)

    @cached_property
    def _board(self) -> Any:
        return _make(self.columns, self.rows, self.square_m, self.marker_m, self.dictionary)

    @cached_property
    def _detector(self) -> Any:
        return cv2.aruco.CharucoDetector(self._board)


def parse_board(text: str) -> Board:
    """Return the board of a text like `9x6:40:30:5X5_100`: squares, their width and the markers' in mm, dictionary.

    Raises DreamitateError for another form.
    """
    try:
        size, square, marker, *dictionary = text.split(":")
        columns, rows = (int(part) for part in size.split("x"))
        return Board(columns, rows, float(square) / 1e3, float(marker) / 1e3, *dictionary)
    except (ValueError, TypeError):
        raise DreamitateError(
            f"The board {text!r} is not of the form COLUMNSxROWS:SQUARE_MM:MARKER_MM[:DICTIONARY], "
            "as in 9x6:40:30:5X5_100."
        ) from None


def _make(columns: int, rows: int, square_m: float, marker_m: float, dictionary: str) -> Any:
    entries = cv2.aruco.getPredefinedDictionary(DICTIONARIES[dictionary])
    return cv2.aruco.CharucoBoard((columns, rows), square_m, marker_m, entries)


def _layout(columns: int, rows: int, square_m: float, marker_m: float) -> Array:
    """Return the markers' corners: (m, 4, 2), metres; they lie on the white squares, row by row."""
    found = []
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * marker_m / 2
    for row in range(rows):
        for column in range(columns):
            if (row + column) % 2 == 1:
                found.append((np.array([column, row]) + 0.5) * square_m + corner)
    return np.array(found)


def _markers(gray: Image, dictionary: str) -> tuple[NDArray[np.int64], Array]:
    entries = cv2.aruco.getPredefinedDictionary(DICTIONARIES[dictionary])
    pixels, ids, _ = cv2.aruco.ArucoDetector(entries).detectMarkers(gray)
    if ids is None:
        return np.zeros(0, np.int64), np.zeros((0, 4, 2))
    return np.ravel(ids).astype(np.int64), np.asarray(pixels, float).reshape(-1, 4, 2)


def _gray(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if image.ndim == 3 else image


def _homography_error(plane: Array, pixels: Array) -> float:
    """Return how far, in the mean, points (m, 4, 2) of a plane lie from their pixels (m, 4, 2) at best; pixels."""
    source, target = plane.reshape(-1, 2), pixels.reshape(-1, 2)
    H, _ = cv2.findHomography(source, target, 0)
    if H is None:
        return np.inf
    mapped = cv2.perspectiveTransform(source[:, None], H)[:, 0]
    return float(np.linalg.norm(mapped - target, axis=1).mean())

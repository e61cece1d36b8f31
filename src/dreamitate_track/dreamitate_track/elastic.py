"""Undoes the small elastic warps of dreamed pictures: what stands still shows how each picture is warped.

The warp is a grid of control points with a smooth prior, fitted by Gauss-Newton to brightness (Lucas and Kanade 1981).
Under the tool and the hand, and where a table is plain, the prior alone continues what is seen around.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Images = NDArray[np.uint8]
Array = NDArray[np.float64]
Grey = NDArray[np.float32]

CELL_PX, BLOCK_PX = 48.0, 16.0
"""Distance of control points, and the squares over which gradients are summed; as all here, in pixels at 768 wide."""
WARP_PX, LENGTH_PX = 1.0, 45.0
"""Usual displacement, and over which distance displacements are alike."""
SMOOTHING_PX = 1.2
NOISE = 6.0
"""Grey levels by which pictures usually differ from the photo where nothing moved."""
CHANGED = 25.0
"""Grey levels off the photo from which a pixel no longer shows what stands still."""
INDEPENDENT = 0.15
"""Neighbouring pixels err together: so much of their number counts."""
ROUNDS = 2


def without_warps(pairs: Images, bare: Images) -> Images:
    """Return pictures (12, 2, H, W, 3) RGB, warped to where the photos (2, H, W, 3) show what stands still."""
    grid = _Grid(*pairs.shape[2:4])
    straight = np.empty_like(pairs)
    for view, photo in enumerate(bare):
        target = _grey(photo)
        across, down = (
            np.asarray(cv2.Sobel(target, cv2.CV_32F, *way, scale=1 / 8), np.float32) for way in ((1, 0), (0, 1))
        )
        for step, image in enumerate(pairs[:, view]):
            amount = np.zeros((2, grid.basis.shape[1]))
            picture = _grey(image)
            for _ in range(ROUNDS):
                amount = grid.fitted(amount, target - grid.warped(picture, amount), across, down)
            straight[step, view] = grid.warped(image, amount)
    return straight


def _grey(image: Images) -> Grey:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), SMOOTHING_PX), np.float32)


class _Grid:
    """Control points over pictures of one size. basis: (blocks, points); information: the prior's (points, points)."""

    def __init__(self, height: int, width: int) -> None:
        px = width / 768.0
        self.block = max(4, round(BLOCK_PX * px))
        self.shape = -(-height // self.block), -(-width // self.block)
        self.columns, self.rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        cell = CELL_PX * px
        points = _mesh(np.arange(0, width + cell, cell), np.arange(0, height + cell, cell))
        blocks = (_mesh(np.arange(self.shape[1]), np.arange(self.shape[0])) + 0.5) * self.block - 0.5
        self.basis = csr_array(np.maximum(0.0, 1.0 - np.abs(blocks[:, None] - points[None]) / cell).prod(axis=2))
        apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
        alike = np.exp(-0.5 * apart / (LENGTH_PX * px) ** 2) + 1e-3 * np.eye(len(points))
        self.information = np.linalg.inv((WARP_PX * px) ** 2 * alike)

    def warped(self, image: Any, amount: Array) -> Any:
        """Return the picture with each pixel taken from where the control points' displacements (2, points) point."""
        height, width = self.columns.shape
        fields = [(self.basis @ part).reshape(self.shape).astype(np.float32) for part in amount]
        size = self.shape[1] * self.block, self.shape[0] * self.block
        x, y = (cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)[:height, :width] for field in fields)
        return cv2.remap(image, self.columns + x, self.rows + y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)

    def fitted(self, amount: Array, off: Grey, slope_x: Grey, slope_y: Grey) -> Array:
        """Return the displacements (2, points) after one step. off: photo minus warped picture, slopes: the photo's."""
        moved = cv2.dilate((np.abs(off) > CHANGED).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        weight = np.where(moved, 0.0, INDEPENDENT / (NOISE**2 + (off / 2) ** 2)).astype(np.float32)
        pull = weight * np.where(moved, 0.0, off)
        xx, xy, yy = (
            self._normal(weight * a * b) for a, b in ((slope_x, slope_x), (slope_x, slope_y), (slope_y, slope_y))
        )
        A = np.block([[xx + self.information, xy], [xy, yy + self.information]])
        b = np.concatenate([self.basis.T @ self._sums(pull * slope) for slope in (slope_x, slope_y)])
        b -= (amount @ self.information).ravel()
        return amount + np.linalg.solve(A, b).reshape(2, -1)

    def _normal(self, products: Grey) -> Array:
        return np.asarray((self.basis.T @ self.basis.multiply(self._sums(products)[:, None])).toarray())

    def _sums(self, values: Grey) -> Array:
        """Return (blocks,) the sums over each block."""
        padded = np.zeros((self.shape[0] * self.block, self.shape[1] * self.block), np.float32)
        padded[: values.shape[0], : values.shape[1]] = values
        sums = padded.reshape(self.shape[0], self.block, self.shape[1], self.block).sum(axis=(1, 3))
        return sums.ravel().astype(float)


def _mesh(x: NDArray[np.generic], y: NDArray[np.generic]) -> Array:
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(float)

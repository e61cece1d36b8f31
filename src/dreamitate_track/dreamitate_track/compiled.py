"""The compiled parts, and saying so when they have to be compiled: once after installation, then from numba's cache."""

import time

import numpy as np

from dreamitate_core.progress import Progress

from .bare import bare_scene, mark_changed
from .detect import Eyes, Place
from .likelihood import fill_maps
from .model import Model
from .palette import BINS

_ready = False
CACHED_S = 3.0


def compile_first(progress: Progress) -> None:
    """Run every compiled function once on a tiny input, so that later times are the work's own."""
    global _ready
    if _ready:
        return
    progress("loading the tracker's compiled parts (compiling takes about 20 s, once)", 0.0)
    start = time.perf_counter()
    vertices = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]], float)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]], np.int32)
    model = Model(vertices, faces, np.zeros(4, np.int8), np.zeros((1, 3)), 0.1, np.eye(4))
    eyes = Eyes(model, np.stack([np.eye(4)] * 2), np.full((2, 4), 20.0))
    density = np.full((1, BINS, BINS, BINS), BINS**-3.0, np.float32)
    maps = np.zeros((2, 2, 40, 40), np.float32)
    pairs = np.zeros((2, 2, 40, 40, 3), np.uint8)
    bare, sigma = bare_scene(pairs[:, 0], pairs[0, 0])
    mark_changed(pairs[0, 0], bare, sigma, np.empty((40, 40), np.bool_))
    fill_maps(
        pairs[0, 0],
        bare,
        sigma,
        density,
        density[0],
        density[0],
        np.ones(1, np.float32),
        0,
        40,
        0,
        40,
        maps[0],
    )
    progress("loading the tracker's compiled parts", 0.2)
    pose = np.eye(4)
    pose[2, 3] = 0.8
    eyes.searched(Place(pose[:3, 3], np.zeros((2, 3)), 1.0), np.eye(3)[None], maps)
    progress("loading the tracker's compiled parts", 0.6)
    eyes.refined(pose, maps, 1)
    took = time.perf_counter() - start
    done = "compiled and kept for the next time" if took > CACHED_S else "loaded from the cache"
    progress(f"the tracker's compiled parts: {done} ({took:.1f} s)", 1.0)
    _ready = True

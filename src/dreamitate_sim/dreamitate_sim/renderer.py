"""Pictures of a MuJoCo model by the scene's cameras, with the rig's intrinsics to a fraction of a pixel."""

from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Camera, StereoRig
from dreamitate_core.errors import DreamitateError

from .gl import make_current, mujoco
from .world import ACTOR_GROUP, LARGEST_HEIGHT, LARGEST_WIDTH

Image = NDArray[np.uint8]


class Renderer:
    """Draws one model. All renderers of a process share one GL context; close it, or use it in a `with` block."""

    def __init__(self, model: mujoco.MjModel, rig: StereoRig) -> None:
        make_current()
        self._model, self._rig = model, rig
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 50)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the model's textures and buffers on the GL side."""
        make_current()
        self._context.free()

    def render(self, data: mujoco.MjData, camera_index: int, width: int, height: int, bare: bool = False) -> Image:
        """Return the picture (height, width, 3) RGB by camera 1 or 2, as the paper crops and resizes it.

        bare: without the actors (hand, tool, arm). Raises DreamitateError for a size that is too large to draw.
        """
        # Larger, then averaged: looks better than multisampling, and like a large photo that was made small.
        scale = max(min(3, LARGEST_WIDTH // width, LARGEST_HEIGHT // height), 1)
        image = self._draw(data, camera_index, width * scale, height * scale, bare)
        if scale == 1:
            return image
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def geoms(self, data: mujoco.MjData, camera_index: int, width: int, height: int) -> NDArray[np.int32]:
        """Return the id of the geom seen in each pixel (height, width), -1 where there is none."""
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = True
        self._scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = True
        colours = self._draw(data, camera_index, width, height, bare=False).astype(np.int32)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = False
        segment = colours @ np.array([1, 256, 65536]) - 1
        geom_of_segment = np.full(self._scene.ngeom + 1, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                geom_of_segment[geom.segid] = geom.objid
        return geom_of_segment[segment]

    def _draw(self, data: mujoco.MjData, camera_index: int, width: int, height: int, bare: bool) -> Image:
        if not (0 < width <= LARGEST_WIDTH and 0 < height <= LARGEST_HEIGHT):
            raise DreamitateError(
                f"A picture of {width}x{height} was asked for; at most {LARGEST_WIDTH}x{LARGEST_HEIGHT} can be drawn."
            )
        make_current()
        # Each time: another renderer may have bound its own buffer since, or freed it.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        option = mujoco.MjvOption()
        option.geomgroup[ACTOR_GROUP] = not bare
        self._camera.fixedcamid = camera_index - 1
        self._set_intrinsics(camera_index - 1, self._rig.cameras[camera_index - 1].cropped_and_resized(width, height))
        kinds = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, option, None, self._camera, kinds, self._scene)
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        image = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return np.ascontiguousarray(image[::-1])

    def _set_intrinsics(self, index: int, camera: Camera) -> None:
        """Set the focal lengths, and how far the picture's middle lies from the principal point, in sensor widths."""
        size = np.array([1.0, camera.height / camera.width])
        pixel = 1.0 / camera.width
        middle = np.array([camera.width - 1, camera.height - 1]) / 2.0
        offset = (middle - camera.K[:2, 2]) * pixel
        self._model.cam_sensorsize[index] = size
        self._model.cam_resolution[index] = camera.width, camera.height
        self._model.cam_intrinsic[index] = [camera.K[0, 0] * pixel, camera.K[1, 1] * pixel, *offset]

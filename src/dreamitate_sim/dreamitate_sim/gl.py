"""MuJoCo with an off-screen renderer: every module of this package takes `mujoco` from here."""

import os

from dreamitate_core.errors import DreamitateError

MISSING_GL = (
    "MuJoCo cannot render off screen: the software GL is missing or broken ({reason})."
    " Install it: sudo apt-get install libegl1 libopengl0 libgl1-mesa-dri"
)

os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco
except (ImportError, AttributeError, OSError) as error:  # PyOpenGL raises AttributeError where libEGL is missing
    raise DreamitateError(MISSING_GL.format(reason=str(error).splitlines()[0])) from None

_contexts: list[mujoco.GLContext] = []


def make_current() -> None:
    """Make this process's one GL context current. Raises DreamitateError where there is no off-screen GL."""
    if not _contexts:
        try:
            _contexts.append(mujoco.GLContext(64, 64))
        except Exception as error:  # each GL backend raises its own kinds
            raise DreamitateError(MISSING_GL.format(reason=str(error).splitlines()[0])) from None
    _contexts[0].make_current()


__all__ = ["make_current", "mujoco"]

"""Is there an OpenGL that draws without a screen? Standard library only: the set-up asks before anything is there."""

import ctypes
import os

_PACKAGE_OF_LIBRARY = {"libEGL.so.1": "libegl1", "libOpenGL.so.0": "libopengl0"}
_DRIVERS = "libgl1-mesa-dri"
_PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT


def missing_gl_packages() -> list[str]:
    """Return the Debian packages that must be installed before MuJoCo can draw; empty where it can."""
    missing = [package for library, package in _PACKAGE_OF_LIBRARY.items() if not _loads(library)]
    if "libegl1" in missing or not _a_display_starts():
        missing.append(_DRIVERS)
    return missing


def install_command(packages: list[str]) -> str:
    """Return the command that installs Debian packages."""
    return f"sudo apt-get install -y {' '.join(packages)}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _a_display_starts() -> bool:
    """Whether EGL can start one of its devices: a graphics card, or Mesa's software renderer."""
    os.environ.setdefault("EGL_LOG_LEVEL", "fatal")  # what is wrong is said by the caller
    egl = ctypes.CDLL("libEGL.so.1")
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query_address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not (query_address and display_address):
        return False
    pointer, number = ctypes.c_void_p, ctypes.c_int
    query_devices = ctypes.CFUNCTYPE(ctypes.c_uint, number, ctypes.POINTER(pointer), ctypes.POINTER(number))(
        query_address
    )
    platform_display = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(display_address)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    devices, count = (pointer * 32)(), number()
    if not query_devices(32, devices, ctypes.byref(count)):
        return False
    displays = [platform_display(_PLATFORM_DEVICE, devices[index], None) for index in range(count.value)]
    return any(display and egl.eglInitialize(display, None, None) for display in displays)

"""An OpenGL context to draw with, where there is a display and where there is none.

Without a display pyglet draws through EGL: with a GPU's driver or with Mesa in software, no X server and no rights
needed. pyglet decides this once per process, before its OpenGL is first imported; so nothing that imports `pyglet.gl`
may be imported before one of these functions has been called.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import pyglet

from viewer import display

if TYPE_CHECKING:
    from pyglet.window import BaseWindow

PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"
"""What Debian and Ubuntu call all that is needed without a display."""


class GraphicsError(Exception):
    """There is no OpenGL 3.3 here; the message says what to do."""


def open_hidden() -> BaseWindow:
    """Make an OpenGL context without a display current, and return the invisible window that holds it.

    Raises:
        GraphicsError: that does not work here.
    """
    pyglet.options.headless = True
    try:
        from pyglet.gl import Config
        from pyglet.window import Window

        return Window(16, 16, visible=False, config=Config(major_version=3, minor_version=3))
    except Exception as error:  # pyglet raises ImportError, its own errors and ctypes' alike, all for lack of OpenGL
        raise GraphicsError(
            f"OpenGL 3.3 without a display does not work here ({_brief(error)}); "
            f"on Debian or Ubuntu: apt-get install {PACKAGES}"
        ) from error


def check_display() -> None:
    """Make sure that a window can be opened.

    Raises:
        GraphicsError: there is no display, or no OpenGL for it.
    """
    try:
        if sys.platform == "linux":
            display.check(os.environ.get("DISPLAY", ""))
        importlib.import_module("pyglet.window")  # opens the display and a context
    except Exception as error:
        raise GraphicsError(
            f"no window can be opened here ({_brief(error)}); to render without one add --headless --video out.mp4"
        ) from error


def _brief(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

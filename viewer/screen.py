"""Where pictures go: a scene and the display over it, drawn with OpenGL and shown in a window or read back."""

from __future__ import annotations

import time

import numpy as np
from pyglet import gl

from viewer.camera import Camera
from viewer.overlay import Overlay
from viewer.page import Page
from viewer.quality import CROWDED, LOW, Governor, choose
from viewer.renderer import Renderer
from viewer.scene import Scene


class GlScreen:
    """A screen on the current OpenGL context."""

    def __init__(self, width: int, height: int, quality: str = "auto", window: bool = False) -> None:
        """Prepare to draw.

        Args:
            width: of the picture, pixels.
            height: of the picture, pixels.
            quality: one of `quality.NAMES`.
            window: whether pictures are shown in the context's window, which then has that size.
        """
        self.gpu = gl.gl_info.get_renderer()
        """What OpenGL calls its renderer."""
        self.renderer = Renderer(width, height, choose(quality, self.gpu))
        self._governor = Governor() if quality == "auto" and self.renderer.quality is LOW else None
        self.overlay = Overlay()
        self._window = window

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        return self.renderer.width

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        return self.renderer.height

    def show(self, scene: Scene, camera: Camera, page: Page) -> None:
        """Draw one picture."""
        start = time.perf_counter()
        self.renderer.draw(scene, camera)
        self.overlay.draw(page)
        if self._window:
            self.renderer.target.copy_to(0)
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        if self._governor is not None:
            gl.glFinish()  # a software renderer draws when it must: now, so that what is measured is the picture
            if self._governor.look(time.perf_counter() - start):
                self._governor = None
                self.renderer.use(CROWDED)

    def finish(self) -> None:
        """Wait until the picture is drawn."""
        gl.glFinish()

    def read(self) -> np.ndarray:
        """The last picture, [height, width, 3] uint8."""
        return self.renderer.target.read()

    def resize(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels."""
        self.renderer.resize(width, height)

"""Draws a `Page` of text and boxes over a picture: all of it in one call."""

from __future__ import annotations

import numpy as np
from pyglet import gl

from viewer.gpu import Geometry, Program, image_texture
from viewer.page import Page, font

_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32)


class Overlay:
    """The OpenGL side of pages; needs a current context."""

    def __init__(self) -> None:
        self._program = Program("overlay.vert", "overlay.frag", atlas=2)
        self._program.use()
        height, width = font().atlas.shape
        gl.glUniform2f(gl.glGetUniformLocation(self._program.id, b"atlas_size"), width, height)
        self._screen = gl.glGetUniformLocation(self._program.id, b"screen")
        self._texture = image_texture(font().atlas)
        self._quads = Geometry({0: _CORNERS}, instances={1: 4, 2: 4, 3: 4, 4: 2})

    def draw(self, page: Page) -> None:
        """Draw a page into the bound framebuffer, which has its size."""
        rows = page.rows()
        if not len(rows):
            return
        self._quads.write({1: rows[:, :4], 2: rows[:, 4:8], 3: rows[:, 8:12], 4: rows[:, 12:]})
        self._program.use()
        gl.glUniform2f(self._screen, page.width, page.height)
        gl.glActiveTexture(gl.GL_TEXTURE2)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture)
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glDisable(gl.GL_CULL_FACE)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        self._quads.draw(len(rows))
        gl.glDisable(gl.GL_BLEND)

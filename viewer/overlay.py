"""Flat drawing over a picture: text and rounded boxes in pixels, one draw call for all of them.

Text is drawn from distances to the glyphs' outlines (assets/font.npz), so it is sharp at any size and the same on
every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyglet import gl

from viewer.gpu import Geometry, Program, image_texture

_FONT = Path(__file__).parent / "assets" / "font.npz"
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32)

Color = tuple[float, float, float, float]
"""Red, green, blue as displayed, and opacity; 0..1."""


class Font:
    """Where each glyph lies in the atlas and how far it moves the pen."""

    def __init__(self) -> None:
        with np.load(_FONT) as file:
            self.atlas: np.ndarray = file["atlas"]  # [H, W] uint8
            self.size, self.spread = float(file["size"]), float(file["spread"])
            glyphs = zip(file["characters"], file["box"], file["offset"], file["advance"], strict=True)
            self.glyphs = {chr(code): (box, offset, float(step)) for code, box, offset, step in glyphs}

    def width(self, text: str, size: float) -> float:
        """How wide a line of text is at `size` pixels per em, pixels."""
        return size * sum(self._glyph(character)[2] for character in text)

    def place(self, text: str, x: float, y: float, size: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rectangles of a line of text whose baseline starts at (x, y), y down: (pixels [4], atlas pixels [4])."""
        placed = []
        for character in text:
            box, offset, advance = self._glyph(character)
            corner = np.array([x, y]) + size * offset
            placed.append((np.concatenate([corner, size / self.size * box[2:]]), box))
            x += size * advance
        return placed

    def _glyph(self, character: str) -> tuple[np.ndarray, np.ndarray, float]:
        return self.glyphs.get(character) or self.glyphs["?"]


class Overlay:
    """Collects text and boxes, then draws them; coordinates are pixels from the top left, y down."""

    def __init__(self) -> None:
        self.font = Font()
        self._program = Program("overlay.vert", "overlay.frag", atlas=2)
        self._program.use()
        height, width = self.font.atlas.shape
        gl.glUniform2f(gl.glGetUniformLocation(self._program.id, b"atlas_size"), width, height)
        self._screen = gl.glGetUniformLocation(self._program.id, b"screen")
        self._texture = image_texture(self.font.atlas)
        self._quads = Geometry({0: _CORNERS}, instances={1: 4, 2: 4, 3: 4, 4: 2})
        self._rows: list[np.ndarray] = []

    def box(self, x: float, y: float, width: float, height: float, color: Color, radius: float = 0.0) -> None:
        """A box with rounded corners."""
        self._rows.append(np.array([x, y, width, height, 0, 0, 0, 0, *color, radius, 0], np.float32))

    def text(self, text: str, x: float, y: float, size: float, color: Color, align: float = 0.0) -> None:
        """A line of text with its baseline at `y`; `align` 0 starts at x, 0.5 is centred on it, 1 ends there."""
        x -= align * self.font.width(text, size)
        softness = size / self.font.size * self.font.spread  # pixels that the kept distances span
        for place, source in self.font.place(text, x, y, size):
            self._rows.append(np.array([*place, *source, *color, 0, softness], np.float32))

    def draw(self, width: int, height: int) -> None:
        """Draw what was collected into the bound framebuffer of that many pixels, and forget it."""
        if not self._rows:
            return
        rows = np.stack(self._rows)
        self._rows.clear()
        for location, columns in ((1, slice(0, 4)), (2, slice(4, 8)), (3, slice(8, 12)), (4, slice(12, 14))):
            self._quads.instance[location].write(rows[:, columns])
        self._program.use()
        gl.glUniform2f(self._screen, width, height)
        gl.glActiveTexture(gl.GL_TEXTURE2)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture)
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glDisable(gl.GL_CULL_FACE)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        self._quads.draw(len(rows))
        gl.glDisable(gl.GL_BLEND)

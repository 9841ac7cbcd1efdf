"""Flat drawing over a picture, collected as rectangles: text and rounded boxes in pixels from the top left, y down.

A page knows no OpenGL; `overlay.py` draws it in one call. Text is laid out from distances to the glyphs' outlines
(assets/font.npz), so it is sharp at any size and the same on every machine. Most lines are the same from one picture to
the next, so their rectangles are kept.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np

_FONT = Path(__file__).parent / "assets" / "font.npz"
COLUMNS = 14  # of a rectangle: place 4, source in the atlas 4, colour 4, corner radius, softness

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

    @lru_cache(maxsize=1024)  # noqa: B019 -- there is one font and it lives as long as the program
    def line(self, text: str, size: float) -> np.ndarray:
        """Rectangles of a line of text whose baseline starts at the origin: pixels, then atlas pixels, [n, 8]."""
        rows = np.zeros((len(text), 8), np.float32)
        x = 0.0
        for row, character in zip(rows, text, strict=True):
            box, offset, advance = self._glyph(character)
            row[:2] = np.array([x, 0.0]) + size * offset
            row[2:4] = size / self.size * box[2:]
            row[4:] = box
            x += size * advance
        return rows

    def _glyph(self, character: str) -> tuple[np.ndarray, np.ndarray, float]:
        return self.glyphs.get(character) or self.glyphs["?"]


@cache
def font() -> Font:
    """The one font."""
    return Font()


class Page:
    """Collects text and boxes for one picture."""

    def __init__(self, width: int, height: int) -> None:
        """Start an empty page for a picture of that many pixels."""
        self.width, self.height = width, height
        self.font = font()
        self.texts: list[str] = []
        """The lines of text on it, as they came."""
        self._rows: list[np.ndarray] = []

    def box(self, x: float, y: float, width: float, height: float, color: Color, radius: float = 0.0) -> None:
        """A box with rounded corners."""
        self._rows.append(np.array([[x, y, width, height, 0, 0, 0, 0, *color, radius, 0]], np.float32))

    def boxes(self, place: np.ndarray, color: Color) -> None:
        """Boxes with square corners: `place` [n, 4] x, y, width, height."""
        rows = np.zeros((len(place), COLUMNS), np.float32)
        rows[:, :4], rows[:, 8:12] = place, color
        self._rows.append(rows)

    def text(self, text: str, x: float, y: float, size: float, color: Color, align: float = 0.0) -> None:
        """A line of text with its baseline at `y`; `align` 0 starts at x, 0.5 is centred on it, 1 ends there."""
        self.texts.append(text)
        line = self.font.line(text, size)
        rows = np.zeros((len(line), COLUMNS), np.float32)
        rows[:, :8] = line
        rows[:, 0] += x - align * self.font.width(text, size)
        rows[:, 1] += y
        rows[:, 8:12] = color
        rows[:, 13] = size / self.font.size * self.font.spread  # pixels that the kept distances span
        self._rows.append(rows)

    def rows(self) -> np.ndarray:
        """All rectangles in the order they came, [n, COLUMNS] float32."""
        return np.concatenate(self._rows) if self._rows else np.zeros((0, COLUMNS), np.float32)

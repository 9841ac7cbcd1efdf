"""Draw the HUD's glyphs once: `python viewer/assets/make_font.py FONT.ttf` writes font.npz beside this file.

The viewer ships glyphs instead of asking the system for fonts, so that its pictures are the same on every machine and
a bare one needs no font packages. They are kept as distances to the outline, sharp at any size. Needs Pillow and SciPy
(the `dev` extra); the shipped file was made from DejaVuSans.ttf 2.37, see LICENSE-DejaVu.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

CHARACTERS = "".join(map(chr, range(32, 127))) + "°·×–—…→←↑↓²³½µ±≤≥"
SIZE, SPREAD, OVERSAMPLE, WIDTH = 36, 5, 8, 512  # pixels per em, of distance kept, finer drawing, atlas width


def glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[np.ndarray, tuple[float, float], float]:
    """One glyph: distances [h, w] uint8 (128 on the outline), offset of its top left from the pen, advance; in ems."""
    box = np.round(np.array(font.getbbox(character, anchor="ls"), float) / OVERSAMPLE).astype(int)
    left, top, right, bottom = (int(side) for side in box + (SPREAD + 1) * np.array([-1, -1, 1, 1]))
    image = Image.new("L", ((right - left) * OVERSAMPLE, (bottom - top) * OVERSAMPLE))
    pen = (-left * OVERSAMPLE, -top * OVERSAMPLE)
    ImageDraw.Draw(image).text(pen, character, fill=255, font=font, anchor="ls")
    ink = np.asarray(image) > 127
    inside, outside = np.asarray(distance_transform_edt(ink)), np.asarray(distance_transform_edt(~ink))
    distance = (inside - outside) / OVERSAMPLE  # pixels, positive inside
    distance = distance.reshape(bottom - top, OVERSAMPLE, right - left, OVERSAMPLE).mean(axis=(1, 3))
    value = np.clip(128.0 + 127.0 * distance / SPREAD, 0.0, 255.0).round().astype(np.uint8)
    return value, (left / SIZE, top / SIZE), font.getlength(character) / OVERSAMPLE / SIZE


def main(path: str) -> None:
    """Pack all glyphs into rows of one atlas and write it with their metrics."""
    font = ImageFont.truetype(path, SIZE * OVERSAMPLE)
    glyphs = [glyph(font, character) for character in CHARACTERS]
    boxes, x, y, row = [], 0, 0, 0
    for value, _, _ in glyphs:
        height, width = value.shape
        if x + width > WIDTH:
            x, y, row = 0, y + row, 0
        boxes.append((x, y, width, height))
        x, row = x + width, max(row, height)
    atlas = np.zeros((y + row, WIDTH), np.uint8)
    for (value, _, _), (x, y, width, height) in zip(glyphs, boxes, strict=True):
        atlas[y : y + height, x : x + width] = value
    np.savez_compressed(
        Path(__file__).parent / "font.npz",
        atlas=atlas,  # [H, W] uint8, top row first
        characters=np.array([ord(character) for character in CHARACTERS]),
        box=np.array(boxes),  # [C, 4] x, y, width, height in the atlas, pixels
        offset=np.array([offset for _, offset, _ in glyphs], np.float32),  # [C, 2] pen to top left, em, y down
        advance=np.array([advance for _, _, advance in glyphs], np.float32),  # [C] em
        size=SIZE,
        spread=SPREAD,
    )


if __name__ == "__main__":
    main(sys.argv[1])

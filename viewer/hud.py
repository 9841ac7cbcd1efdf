"""The head-up display: who is steered by what, the speed wanted and had, the clocks, and the keys."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runtime.goals import MAX_SPEED
from viewer.overlay import Color, Overlay

KEYS = "WASD steer   Shift run   drag orbit   wheel zoom   R reset   P pause   Esc quit"

_WHITE: Color = (1.0, 1.0, 1.0, 0.96)
_FAINT: Color = (1.0, 1.0, 1.0, 0.66)
_PLATE: Color = (0.05, 0.07, 0.10, 0.46)
_TRACK: Color = (1.0, 1.0, 1.0, 0.16)
_ACCENT: Color = (0.98, 0.62, 0.20, 1.0)
_SHOWN_SPEED = 4.0  # m/s, the bar's full length unless more is wanted


@dataclass(frozen=True)
class Status:
    """What the display tells."""

    controller: str
    """Name of the controller, or what stands in for one."""
    detail: str
    """Its task and origin, in small letters."""
    speed_wanted: float  # m/s
    speed_had: float  # m/s over ground, averaged over a stride
    time: float  # s simulated
    real_time_factor: float | None = None
    """Simulated time per real time; None where pictures are not made in real time."""
    notice: str = ""
    """What needs saying in the middle of the picture, e.g. "paused"."""
    keys: str = ""
    """The line that explains the keys."""


def draw(overlay: Overlay, status: Status, width: int, height: int) -> None:
    """Collect the display for a picture of `width` × `height` pixels in `overlay` and draw it."""
    unit = max(height / 720.0, 0.6)  # everything grows with the picture
    margin = 26.0 * unit
    _draw_names(overlay, status, margin, unit)
    _draw_clocks(overlay, status, width - margin, margin, unit)
    _draw_speed(overlay, status, margin, height - margin, unit)
    _draw_keys(overlay, status, width - margin, height - margin, unit)
    if status.notice:
        size = 24.0 * unit
        half = 0.5 * overlay.font.width(status.notice, size) + 22.0 * unit
        y = 0.2 * height
        overlay.box(width / 2 - half, y - 32.0 * unit, 2.0 * half, 46.0 * unit, _PLATE, 10.0 * unit)
        overlay.text(status.notice, width / 2, y, size, _WHITE, align=0.5)
    overlay.draw(width, height)


def _draw_names(overlay: Overlay, status: Status, margin: float, unit: float) -> None:
    overlay.text(status.controller, margin, margin + 18.0 * unit, 24.0 * unit, _WHITE)
    overlay.text(status.detail, margin, margin + 40.0 * unit, 14.0 * unit, _FAINT)


def _draw_clocks(overlay: Overlay, status: Status, right: float, top: float, unit: float) -> None:
    overlay.text(f"{status.time:.1f} s", right, top + 18.0 * unit, 24.0 * unit, _WHITE, align=1.0)
    factor = status.real_time_factor
    if factor is not None:
        text = "real time ×–" if math.isnan(factor) else f"real time ×{factor:.2f}"
        overlay.text(text, right, top + 40.0 * unit, 14.0 * unit, _FAINT, align=1.0)


def _draw_keys(overlay: Overlay, status: Status, right: float, bottom: float, unit: float) -> None:
    if status.keys:
        size, pad = 13.0 * unit, 12.0 * unit
        wide = overlay.font.width(status.keys, size) + 2.0 * pad
        overlay.box(right - wide, bottom - 30.0 * unit, wide, 30.0 * unit, _PLATE, 10.0 * unit)
        overlay.text(status.keys, right - pad, bottom - 10.5 * unit, size, _FAINT, align=1.0)


def _draw_speed(overlay: Overlay, status: Status, left: float, bottom: float, unit: float) -> None:
    """A plate with both speeds: a bar for what it has, a tick for what is wanted."""
    width, height = 250.0 * unit, 74.0 * unit
    x, y, bar = left + 16.0 * unit, bottom - height, 218.0 * unit
    overlay.box(left, y, width, height, _PLATE, 12.0 * unit)
    overlay.text(f"{status.speed_had:.1f}", x, y + 38.0 * unit, 28.0 * unit, _WHITE)
    after = x + overlay.font.width(f"{status.speed_had:.1f}", 28.0 * unit) + 7.0 * unit
    overlay.text("m/s", after, y + 38.0 * unit, 14.0 * unit, _FAINT)
    overlay.text(f"wanted {status.speed_wanted:.1f}", x + bar, y + 38.0 * unit, 14.0 * unit, _ACCENT, align=1.0)
    full = MAX_SPEED if max(status.speed_wanted, status.speed_had) > _SHOWN_SPEED else _SHOWN_SPEED
    top, thick = y + 53.0 * unit, 6.0 * unit
    overlay.box(x, top, bar, thick, _TRACK, thick / 2)
    had = bar * min(status.speed_had / full, 1.0)
    overlay.box(x, top, max(had, thick), thick, _WHITE, thick / 2)
    tick = bar * min(status.speed_wanted / full, 1.0)
    overlay.box(x + tick - 1.5 * unit, top - 4.0 * unit, 3.0 * unit, thick + 8.0 * unit, _ACCENT, 1.5 * unit)

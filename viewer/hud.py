"""The head-up display: who is moved by what, what is wanted and had, the clocks, how natural it looks, and the keys.

draw ─┬─ names      top left: the controller, its task and file
      ├─ clocks     top right: time, real-time factor, what physics, networks and pictures cost
      ├─ rows       bottom left: each goal's wanted against had
      ├─ curve      bottom right: naturalness over the last seconds
      ├─ timeline   bottom: where in a recording this is
      ├─ help       a page over all of that, which only a notice shares: above it
      └─ notice     top, middle: what needs saying
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from viewer.page import Color, Page

WHITE: Color = (1.0, 1.0, 1.0, 0.96)
FAINT: Color = (1.0, 1.0, 1.0, 0.86)
PLATE: Color = (0.05, 0.07, 0.10, 0.58)
TRACK: Color = (1.0, 1.0, 1.0, 0.16)
ACCENT: Color = (0.98, 0.62, 0.20, 1.0)
_WITH_HINT = 700.0  # pixels at 1280×720 that rows, hint and curve take side by side
_NARROWEST, _LOWEST = 578.0, 330.0  # of a page: two plates and three margins side by side, two above each other
CURVE_TOP = 2.0  # naturalness at the upper edge of the curve's plate
CURVE_POINTS = 110
SMALL, TEXT = 14.0, 16.0  # pixels per em at 1280×720
_NOTICE, _LINE = 24.0, 32.0  # of a notice's letters, and from line to line, likewise
_FREE = 0.12  # of the height, above the help: room for a notice of two lines


@dataclass(frozen=True)
class Row:
    """One thing that is wanted and had."""

    had: str
    unit: str
    wanted: str = ""
    share_had: float | None = None
    """Length of the bar, 0 to 1; None: no bar."""
    share_wanted: float | None = None
    """Where the tick stands, 0 to 1; None: no tick."""


@dataclass(frozen=True)
class Status:
    """What the display tells."""

    controller: str
    """Name of the controller, or what stands in for one."""
    detail: str
    """Its task and origin, in small letters."""
    time: float  # s simulated
    rows: tuple[Row, ...] = ()
    real_time_factor: float | None = None
    """Simulated time per real time; None where pictures are not made in real time."""
    time_scale: float = 1.0
    """The real-time factor that is wanted."""
    costs: tuple[tuple[str, float], ...] = ()
    """What a step or a picture costs: name, ms."""
    naturalness: np.ndarray | None = None
    """The curve's values, oldest first, [n], n up to CURVE_POINTS; None: no prior."""
    notice: str = ""
    """What needs saying in the middle of the picture, e.g. "paused"."""
    hint: str = ""
    """A line that says where help is."""
    progress: tuple[float, float] | None = None
    """In a recording: time and length, s."""
    help_title: str = ""
    """What the page of the help is about."""
    help: tuple[tuple[str, str], ...] = field(default=())
    """Keys and what they do; empty: not shown."""


def draw(status: Status, width: int, height: int) -> Page:
    """The display for a picture of `width` × `height` pixels."""
    page = Page(width, height)
    unit = unit_of(width, height)
    margin = 26.0 * unit
    bottom = height - margin - (34.0 * unit if status.progress else 0.0)
    if status.help:
        _help(page, status.help_title, status.help, unit)
        if status.notice:
            _notice(page, status.notice, 0.0, 0.9 * width, min(unit, _FREE * height / (2.0 * _LINE + 14.0)))
        return page
    _names(page, status, margin, unit)
    _clocks(page, status, width - margin, margin, unit)
    _rows(page, status.rows, margin, bottom, unit)
    if status.naturalness is not None:
        _curve(page, status.naturalness, width - margin, bottom, unit)
    if status.progress:
        _timeline(page, *status.progress, margin, width - margin, height - margin, unit)
    if status.hint and width >= _WITH_HINT * unit:
        _plate(page, [(status.hint, SMALL * unit)], width / 2, height - margin - 20.0 * unit, unit, align=0.5)
    if status.notice:
        _notice(page, status.notice, margin + 68.0 * unit, width - 2.0 * (margin + 160.0 * unit), unit)
    return page


def unit_of(width: int, height: int) -> float:
    """How many pixels stand for one at 1280×720: text in a small picture shrinks less than the picture."""
    share = min(height / 720.0, width / 1280.0)
    return share if share > 1.0 else min(share**0.3, width / _NARROWEST, height / _LOWEST)


def _plate(page: Page, lines: list[tuple[str, float]], x: float, top: float, unit: float, align: float = 0.0) -> None:
    """Lines of text with their sizes, the first one bright, on a plate as wide as they are; `align` as for a text."""
    pad = 12.0 * unit
    width = max(page.font.width(text, size) for text, size in lines) + 2.0 * pad
    height = sum(1.3 * size for _, size in lines) + 0.8 * pad
    page.box(x - align * width, top, width, height, PLATE, 10.0 * unit)
    baseline, start = top + 0.2 * pad, x + pad * (1.0 - 2.0 * align)
    for number, (text, size) in enumerate(lines):
        baseline += 1.3 * size
        page.text(text, start, baseline, size, FAINT if number else WHITE, align)


def _names(page: Page, status: Status, margin: float, unit: float) -> None:
    _plate(page, [(status.controller, 24.0 * unit), (status.detail, SMALL * unit)], margin, margin, unit)


def _clocks(page: Page, status: Status, right: float, top: float, unit: float) -> None:
    lines, factor = [(f"{status.time:.1f} s", 24.0 * unit)], status.real_time_factor
    if factor is not None:
        text = "real time ×–" if math.isnan(factor) else f"real time ×{factor:.2f}"
        if status.time_scale != 1.0:
            text += f" of ×{status.time_scale:g}"
        lines.append((text, SMALL * unit))
    for name, cost in status.costs:
        text = f"{name} {cost:.1f} ms" if math.isfinite(cost) else f"{name} – ms"
        lines.append((text, SMALL * unit))
    _plate(page, lines, right, top, unit, align=1.0)


def _rows(page: Page, rows: tuple[Row, ...], left: float, bottom: float, unit: float) -> None:
    """A plate with what is wanted and had: bars for what it has, ticks for what is wanted."""
    if not rows:
        return
    step, width, bar = 56.0 * unit, 250.0 * unit, 218.0 * unit
    height = step * len(rows) + 18.0 * unit
    x, y = left + 16.0 * unit, bottom - height
    page.box(left, y, width, height, PLATE, 12.0 * unit)
    for row in rows:
        page.text(row.had, x, y + 38.0 * unit, 28.0 * unit, WHITE)
        after = x + page.font.width(row.had, 28.0 * unit) + 7.0 * unit
        page.text(row.unit, after, y + 38.0 * unit, SMALL * unit, FAINT)
        if row.wanted:
            page.text(row.wanted, x + bar, y + 38.0 * unit, SMALL * unit, ACCENT, align=1.0)
        top, thick = y + 53.0 * unit, 6.0 * unit
        if row.share_had is not None:
            page.box(x, top, bar, thick, TRACK, thick / 2)
            page.box(x, top, max(bar * min(row.share_had, 1.0), thick), thick, WHITE, thick / 2)
        if row.share_wanted is not None:
            tick = bar * min(row.share_wanted, 1.0)
            page.box(x + tick - 1.5 * unit, top - 4.0 * unit, 3.0 * unit, thick + 8.0 * unit, ACCENT, 1.5 * unit)
        y += step


def _curve(page: Page, values: np.ndarray, right: float, bottom: float, unit: float) -> None:
    """The prior's error over that of real motion as fast: 1 is as usual as motion capture, above is less."""
    width, height, pad = 250.0 * unit, 108.0 * unit, 15.0 * unit
    left, top = right - width, bottom - height
    page.box(left, top, width, height, PLATE, 12.0 * unit)
    now = f"{values[-1]:.{2 if values[-1] < 10.0 else 0}f}" if len(values) else "–"
    page.text(now, left + pad, top + 36.0 * unit, 28.0 * unit, WHITE)
    page.text("error of the prior,", right - pad, top + 23.0 * unit, SMALL * unit, FAINT, align=1.0)
    page.text("motion capture = 1", right - pad, top + 40.0 * unit, SMALL * unit, ACCENT, align=1.0)
    tall, floor, wide = 48.0 * unit, bottom - 12.0 * unit, width - 2.0 * pad
    real = floor - tall / CURVE_TOP
    page.box(left + pad, real - 0.5 * unit, wide, 1.0 * unit, (*ACCENT[:3], 0.8))
    if len(values):
        high = tall * np.clip(values[-CURVE_POINTS:], 0.0, CURVE_TOP) / CURVE_TOP
        x = right - pad - wide * (np.arange(len(high))[::-1] + 1.0) / CURVE_POINTS
        step = wide / CURVE_POINTS
        page.boxes(np.column_stack([x, floor - high, np.full(len(x), step), high]), (1.0, 1.0, 1.0, 0.22))
        low, rise = np.minimum(high, np.append(high[1:], high[-1])), np.abs(np.diff(high, append=high[-1]))
        line = np.column_stack([x, floor - low - rise - 1.0 * unit, np.full(len(x), step), rise + 2.0 * unit])
        page.boxes(line, WHITE)


def timeline_bar(width: int, height: int) -> tuple[float, float, float]:
    """Where the timeline lies in a picture: left, right and height over the lower edge, pixels."""
    margin = 26.0 * unit_of(width, height)
    return margin, width - margin, margin


def _timeline(page: Page, now: float, length: float, left: float, right: float, y: float, unit: float) -> None:
    share, thick = min(max(now / max(length, 1e-9), 0.0), 1.0), 6.0 * unit
    page.box(left, y - thick, right - left, thick, TRACK, thick / 2)
    page.box(left, y - thick, max((right - left) * share, thick), thick, WHITE, thick / 2)
    knob = left + (right - left) * share
    page.box(knob - 7.0 * unit, y - thick / 2 - 7.0 * unit, 14.0 * unit, 14.0 * unit, ACCENT, 7.0 * unit)
    page.text(f"{now:.2f} of {length:.2f} s", right, y - 16.0 * unit, SMALL * unit, FAINT, align=1.0)


def _help(page: Page, title: str, lines: tuple[tuple[str, str], ...], unit: float) -> None:
    """Keys and what they do under a title, in as many columns as give the largest letters; the top is left free."""
    keys = max(page.font.width(key, TEXT) for key, _ in lines)
    wide = keys + max(page.font.width(text, TEXT) for _, text in lines) + 20.0
    step, pad, gap = 25.0, 26.0, 40.0

    def size(columns: int) -> tuple[float, float]:
        width = columns * wide + (columns - 1) * gap + 2.0 * pad
        return width, step * (math.ceil(len(lines) / columns) + 2) + 2.0 * pad

    def fit(columns: int) -> float:
        width, height = size(columns)
        return min(1.2 * unit, 0.97 * page.width / width, (0.98 - _FREE) * page.height / height)

    columns = max((1, 2), key=fit)
    unit = fit(columns)
    width, height = (unit * length for length in size(columns))
    x, y = 0.5 * (page.width - width), _FREE * page.height + 0.5 * ((0.98 - _FREE) * page.height - height)
    page.box(x, y, width, height, (*PLATE[:3], 0.9), 14.0 * unit)
    page.text(title, x + pad * unit, y + (pad + 0.75 * step) * unit, 1.15 * TEXT * unit, WHITE)
    for index, (key, text) in enumerate(lines):
        column, row = divmod(index, math.ceil(len(lines) / columns))
        line = y + (pad + step * (row + 2.75)) * unit
        middle = x + (pad + column * (wide + gap) + keys) * unit
        page.text(key, middle, line, TEXT * unit, ACCENT, align=1.0)
        page.text(text, middle + 20.0 * unit, line, TEXT * unit, WHITE)


def _notice(page: Page, text: str, top: float, width: float, unit: float) -> None:
    """A notice whose plate begins at `top`; one that is longer than `width` pixels gets more than a line."""
    size, line = _NOTICE * unit, _LINE * unit
    lines = _wrapped(page, text, size, width - 44.0 * unit)
    half = 0.5 * max(page.font.width(each, size) for each in lines) + 22.0 * unit
    page.box(page.width / 2 - half, top, 2.0 * half, line * len(lines) + 14.0 * unit, (*PLATE[:3], 0.8), 10.0 * unit)
    for number, each in enumerate(lines):
        page.text(each, page.width / 2, top + line * (number + 1), size, WHITE, align=0.5)


def _wrapped(page: Page, text: str, size: float, width: float) -> list[str]:
    """Break a sentence into lines no wider than `width` pixels, where a word fits into that."""
    lines: list[str] = []
    for word in text.split():
        if lines and page.font.width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines

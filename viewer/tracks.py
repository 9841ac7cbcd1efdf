"""What is remembered of the last seconds for the eye: where characters went, and how natural that was."""

from __future__ import annotations

from collections import deque

import numpy as np

from viewer.scene import COLORS, Decal

TRAIL_SECONDS, TRAIL_EVERY = 6.0, 0.1  # s
_STROKE = 0.022  # m


class Trails:
    """Where each character's root went, drawn as strokes on the ground that fade with age."""

    def __init__(self) -> None:
        self._points: list[deque[tuple[float, np.ndarray]]] = []

    def add(self, time: float, roots: np.ndarray) -> None:
        """Note where the roots [N, 3] m are at a time, s; time going back (a reset) starts over."""
        if len(self._points) != len(roots) or (self._points and self._points[0] and time < self._points[0][-1][0]):
            self.clear(len(roots))
        for points, root in zip(self._points, roots, strict=True):
            if points and time - points[-1][0] < TRAIL_EVERY - 1e-6:
                continue
            points.append((time, root[:2].copy()))
            while time - points[0][0] > TRAIL_SECONDS:
                points.popleft()

    def clear(self, count: int = 0) -> None:
        """Forget everything; there are `count` characters from now on."""
        self._points = [deque() for _ in range(count)]

    def decals(self, time: float) -> list[Decal]:
        """Strokes from point to point, the oldest nearly gone."""
        strokes = []
        for index, points in enumerate(self._points):
            color = COLORS[index % len(COLORS)]
            for (_, start), (when, end) in zip(points, list(points)[1:], strict=False):
                age = (time - when) / TRAIL_SECONDS
                strokes.append(Decal(start, end, color, 0.55 * max(1.0 - age, 0.0), _STROKE, round=False))
        return strokes

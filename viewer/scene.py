"""What a picture shows: the poses of the characters and their goals, as plain arrays.

The renderer draws a `Scene` and knows neither the world nor its controllers; whoever has poses (a running `World`, a
recording, a test) can have them drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

COLORS = np.array([
    [0.80, 0.20, 0.035], [0.03, 0.30, 0.62], [0.10, 0.42, 0.12], [0.62, 0.36, 0.02], [0.36, 0.10, 0.50],
])  # fmt: skip
"""Colour of the first, second, … character, linear RGB; they repeat."""


@dataclass(frozen=True)
class Marker:
    """A steering goal drawn on the ground under its character."""

    position: np.ndarray  # [2] m, world
    speed: float  # m/s
    direction: float  # rad, world yaw
    facing: float  # rad, world yaw


@dataclass(frozen=True)
class Scene:
    """One instant."""

    position: np.ndarray  # [N, 15, 3] m, bodies of N characters
    rotation: np.ndarray  # [N, 15, 4] wxyz
    markers: list[Marker] = field(default_factory=list)

    @property
    def color(self) -> np.ndarray:
        """[N, 3] linear RGB."""
        return COLORS[np.arange(len(self.position)) % len(COLORS)]

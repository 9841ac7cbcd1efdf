"""What a picture shows: characters, things, goals and marks on the ground, as plain arrays.

The renderer draws a `Scene` and knows neither the world nor its controllers; whoever has poses (a running `World`, a
recording, a test) can have them drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

COLORS = np.array([
    [0.80, 0.20, 0.035], [0.03, 0.30, 0.62], [0.10, 0.42, 0.12], [0.62, 0.36, 0.02], [0.36, 0.10, 0.50],
])  # fmt: skip
"""Colour of the first, second, … character, linear RGB; they repeat."""
BALL, BOX, GOAL = np.array([0.62, 0.07, 0.06]), np.array([0.42, 0.27, 0.13]), np.array([0.80, 0.42, 0.05])
"""Colours of balls, boxes and of what is wanted, linear RGB."""


@dataclass(frozen=True)
class Marker:
    """A steering goal drawn on the ground under its character."""

    position: np.ndarray  # [2] m, world
    speed: float  # m/s
    direction: float  # rad, world yaw
    facing: float  # rad, world yaw
    owner: int = 0
    """Index of the character, whose colour it has."""
    strength: float = 1.0
    """Opacity: 1 for whoever is steered, less for the others."""


@dataclass(frozen=True)
class Prop:
    """A thing in the air or on the ground that is no character."""

    shape: Literal["ball", "box", "ring"]
    position: np.ndarray  # [3] m, world
    size: np.ndarray  # [3] m, half of it along its own axes
    color: np.ndarray  # [3] linear RGB
    rotation: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))  # wxyz
    solid: bool = True
    """Whether it is there: casts a shadow and takes light. A ring that marks a height does not."""


@dataclass(frozen=True)
class Decal:
    """A mark on the ground: a stroke from `start` to `end` with round ends, a disc where they are one, or a ring."""

    start: np.ndarray  # [2] m
    end: np.ndarray  # [2] m
    color: np.ndarray  # [3] linear RGB
    opacity: float
    width: float
    """Half the stroke's width, m."""
    ring: float = 0.0
    """Radius of the ring around `start`, m; 0: none."""
    round: bool = True
    """Whether the stroke has round ends; those of strokes that go on from each other would overlap."""
    softness: float = 0.0
    """How wide the edge fades, m."""


@dataclass(frozen=True)
class Scene:
    """One instant."""

    position: np.ndarray  # [N, 15, 3] m, bodies of N characters
    rotation: np.ndarray  # [N, 15, 4] wxyz
    markers: list[Marker] = field(default_factory=list)
    props: list[Prop] = field(default_factory=list)
    decals: list[Decal] = field(default_factory=list)

    @property
    def color(self) -> np.ndarray:
        """[N, 3] linear RGB."""
        return COLORS[np.arange(len(self.position)) % len(COLORS)]

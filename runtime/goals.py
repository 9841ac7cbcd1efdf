"""What a character can be asked to do: typed goals, their ranges and units, and the numbers a network sees.

Every task has a schema, an ordered tuple of `GoalEntry`: the columns of a controller's input `goal`. A goal is a small
frozen value (`Steering`) that checks itself when it is made and turns into such a vector by `vector()`. Goals are
given in the world frame and SI units; a controller's graph brings them into the character's own frame.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np


class GoalError(ValueError):
    """A goal that makes no sense (not finite, not a number) or that a controller was not trained for."""


@dataclass(frozen=True)
class GoalEntry:
    """One column of the input `goal`."""

    name: str
    unit: str
    low: float
    """Smallest value trained on."""
    high: float
    """Largest value trained on."""
    default: float
    meaning: str


class Goal(Protocol):
    """What `World` needs of a goal."""

    task: ClassVar[str]
    """The task whose controllers understand this goal."""

    def vector(self) -> np.ndarray:
        """Return the goal as its task's schema orders it: [G] float32, world frame, SI units."""
        ...


MAX_SPEED = 5.0  # m/s

STEERING_SCHEMA = (
    GoalEntry("velocity_x", "m/s", -MAX_SPEED, MAX_SPEED, 0.0, "wanted velocity of the root along the world's x axis"),
    GoalEntry("velocity_y", "m/s", -MAX_SPEED, MAX_SPEED, 0.0, "wanted velocity of the root along the world's y axis"),
    GoalEntry("facing_x", "1", -1.0, 1.0, 1.0, "x of the horizontal unit vector the root should face, world"),
    GoalEntry("facing_y", "1", -1.0, 1.0, 0.0, "y of the horizontal unit vector the root should face, world"),
)

SCHEMAS: dict[str, tuple[GoalEntry, ...]] = {"steering": STEERING_SCHEMA}
"""Goal schema of every task, by the task's name."""


def default_vector(task: str) -> np.ndarray:
    """Return the goal of a character nobody has asked for anything: [G] float32, `GoalEntry.default` of each entry.

    Raises:
        GoalError: there is no such task.
    """
    if task not in SCHEMAS:
        raise GoalError(f"unknown task {task!r}; tasks are {', '.join(sorted(SCHEMAS))}")
    return np.array([entry.default for entry in SCHEMAS[task]], dtype=np.float32)


@dataclass(frozen=True)
class Steering:
    """Travel at a speed in a direction, facing a direction.

    A speed outside 0 to 5 m/s is clamped with a warning.

    Raises:
        GoalError: a value is not a finite number.
    """

    speed: float = 0.0
    """Speed over ground, m/s, 0 to 5."""
    direction: float = 0.0
    """Direction of travel, rad, yaw in the world frame: 0 is along x, pi/2 along y."""
    facing: float | None = None
    """Direction to look in, rad, yaw in the world frame; None: the direction of travel."""

    task: ClassVar[str] = "steering"

    def __post_init__(self) -> None:
        """Check the numbers and clamp the speed."""
        object.__setattr__(self, "speed", _clamped("Steering.speed", self.speed, 0.0, MAX_SPEED, "m/s"))
        object.__setattr__(self, "direction", _finite("Steering.direction", self.direction))
        if self.facing is not None:
            object.__setattr__(self, "facing", _finite("Steering.facing", self.facing))

    def vector(self) -> np.ndarray:
        """Return [4] float32: velocity x, y (m/s, world), facing x, y (unit vector, world)."""
        facing = self.direction if self.facing is None else self.facing
        return np.array(
            [
                self.speed * math.cos(self.direction),
                self.speed * math.sin(self.direction),
                math.cos(facing),
                math.sin(facing),
            ],
            dtype=np.float32,
        )


def _finite(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise GoalError(f"{name}: expected a number, found {value!r}") from error
    if not math.isfinite(number):
        raise GoalError(f"{name}: expected a finite number, found {number}")
    return number


def _clamped(name: str, value: float, low: float, high: float, unit: str) -> float:
    number = _finite(name, value)
    clamped = min(max(number, low), high)
    if clamped != number:
        message = f"{name}: {number:g} {unit} is outside {low:g} to {high:g} {unit}; clamped to {clamped:g}"
        warnings.warn(message, stacklevel=4)  # the caller of Steering(...)
    return clamped

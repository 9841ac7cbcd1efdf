"""What every goal is made of: the schema's entries, the goal's protocol, and checks of numbers. Private to goals."""

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
    """What `World` needs of a goal.

    A goal that changes by itself as time passes (a jump counts down, a ball flies on) also has
    `after(seconds: float) -> Goal`: what is left of it that much later; a `World` asks once a control step.

    A goal that can be said to be reached has a static `reached(states, goals) -> [B] bool`, for the states of B
    characters and their goals [B, G]; a `World` asks ten times a second and makes a `GoalReached` event of it.
    """

    task: ClassVar[str]
    """The task whose controllers understand this goal."""

    def vector(self) -> np.ndarray:
        """Return the goal as its task's schema orders it: [G] float32, world frame, SI units."""
        ...


def finite(name: str, value: float) -> float:
    """Return the value as a float; raises GoalError naming it unless it is a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise GoalError(f"{name}: expected a number, found {value!r}") from error
    if not math.isfinite(number):
        raise GoalError(f"{name}: expected a finite number, found {number}")
    return number


def clamped(name: str, value: float, low: float, high: float, unit: str) -> float:
    """Return the value within its range, with a warning where it was outside; raises GoalError as `finite` does."""
    number = finite(name, value)
    inside = min(max(number, low), high)
    if inside != number:
        message = f"{name}: {number:g} {unit} is outside {low:g} to {high:g} {unit}; clamped to {inside:g}"
        warnings.warn(message, stacklevel=4)  # whoever made the goal: above are __post_init__ and __init__
    return inside

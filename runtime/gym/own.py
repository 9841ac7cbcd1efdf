"""A task from outside (`runtime.tasks`) as `CharacterEnv` asks for it: the same formulas for one character."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from runtime.character import CONTROL_HZ, State
from runtime.gym.tasks import one
from runtime.tasks import OwnTask


def of(own: OwnTask) -> Outside:
    """Return the `runtime.gym.Task` of a task with its options."""
    return type("Outside", (Outside,), {"name": own.name})(own)


class Outside:
    """`runtime.gym.Task` of an `OwnTask`; made by `of`."""

    name: ClassVar[str]

    def __init__(self, own: OwnTask) -> None:
        """Take the task."""
        self.own = own

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """See `Task.draw`."""
        goal = self.own.draw(np, one(state), lambda low, high: generator.uniform(low, high, 1))
        return np.asarray(goal[0], dtype=np.float64), int(generator.uniform(*self.own.hold) * CONTROL_HZ)

    def reward(self, state: State, goal: np.ndarray) -> float:
        """See `Task.reward`."""
        return float(self.own.reward(np, one(state), goal[None])[0])

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """See `Task.failed`."""
        return bool(self.own.failed(np, one(state), goal[None])[0])

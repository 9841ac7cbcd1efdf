"""What a character can be asked to do: typed goals, their ranges and units, and the numbers a network sees.

Every task has a schema, an ordered tuple of `GoalEntry`: the columns of a controller's input `goal`. A goal is a small
frozen value (`Steering`) that checks itself when it is made and turns into such a vector by `vector()`. Goals are
given in the world frame and SI units; a controller's graph brings them into the character's own frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runtime._goal import Goal, GoalEntry, GoalError, clamped, finite
from runtime.task_goals import (
    DODGEBALL_SCHEMA,
    JUMP_SCHEMA,
    LOCATION_SCHEMA,
    NO_ENTRIES,
    SPEED_SCHEMA,
    Dodgeball,
    Getup,
    Jump,
    Location,
    Skill,
    Speed,
)

__all__ = [
    "MAX_SPEED", "SCHEMAS", "STEERING_SCHEMA", "Dodgeball", "Getup", "Goal", "GoalEntry", "GoalError", "Jump",
    "Location", "Skill", "Speed", "Steering", "default_vector",
]  # fmt: skip


MAX_SPEED = 5.0  # m/s

STEERING_SCHEMA = (
    GoalEntry("velocity_x", "m/s", -MAX_SPEED, MAX_SPEED, 0.0, "wanted velocity of the root along the world's x axis"),
    GoalEntry("velocity_y", "m/s", -MAX_SPEED, MAX_SPEED, 0.0, "wanted velocity of the root along the world's y axis"),
    GoalEntry("facing_x", "1", -1.0, 1.0, 1.0, "x of the horizontal unit vector the root should face, world"),
    GoalEntry("facing_y", "1", -1.0, 1.0, 0.0, "y of the horizontal unit vector the root should face, world"),
)

SCHEMAS: dict[str, tuple[GoalEntry, ...]] = {
    "steering": STEERING_SCHEMA,
    "speed": SPEED_SCHEMA,
    "location": LOCATION_SCHEMA,
    "jump": JUMP_SCHEMA,
    "getup": NO_ENTRIES,
    "dodgeball": DODGEBALL_SCHEMA,
    "skill": NO_ENTRIES,
}
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
        object.__setattr__(self, "speed", clamped("Steering.speed", self.speed, 0.0, MAX_SPEED, "m/s"))
        object.__setattr__(self, "direction", finite("Steering.direction", self.direction))
        if self.facing is not None:
            object.__setattr__(self, "facing", finite("Steering.facing", self.facing))

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

"""What a character can be asked to do: typed goals, their ranges and units, and the numbers a network sees.

Every task has a schema, an ordered tuple of `GoalEntry`: the columns of a controller's input `goal`. A goal is a small
frozen value (`Steering`) that checks itself when it is made and turns into such a vector by `vector()`. Goals are
given in the world frame and SI units; a controller's graph brings them into the character's own frame.

A task of the package has its schema, its dataclass, a line in `SCHEMAS` and one in `goal_records.GOALS`; what else a
goal's class may have is told at `Goal`. A task from outside the package is one file: `runtime.tasks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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

if TYPE_CHECKING:
    from runtime.character import State

__all__ = [
    "MAX_SPEED", "SCHEMAS", "STEERING_SCHEMA", "Dodgeball", "Getup", "Goal", "GoalEntry", "GoalError", "Jump",
    "Location", "Skill", "Speed", "Steering", "checked_vector", "default_vector",
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
"""Goal schema of every task, by the task's name; `runtime.tasks` adds those from outside."""


def default_vector(task: str) -> np.ndarray:
    """Return the goal of a character nobody has asked for anything: [G] float32, `GoalEntry.default` of each entry.

    Raises:
        GoalError: there is no such task.
    """
    if task not in SCHEMAS:
        raise GoalError(f"unknown task {task!r}; tasks are {', '.join(sorted(SCHEMAS))}")
    return np.array([entry.default for entry in SCHEMAS[task]], dtype=np.float32)


def checked_vector(goal: object) -> np.ndarray:
    """Return a goal's vector, [G] float32, after looking whether it is a goal at all, whatever class it is of.

    Raises:
        GoalError: it is none: a class, something without a known task, or numbers that its task's schema does not have.
    """
    task, kind = getattr(goal, "task", None), type(goal).__name__
    if isinstance(goal, type):
        raise GoalError(f"goal: expected a goal such as Steering(speed=1.0), found the class {goal.__name__} itself")
    if not (isinstance(task, str) and task in SCHEMAS and hasattr(goal, "vector")):
        expected = f"None or a goal such as Steering(speed=1.0), for one of {', '.join(SCHEMAS)}"
        raise GoalError(f"goal: expected {expected}, found {repr(goal)[:100]}")
    try:
        with np.errstate(over="ignore"):  # infinity is told below
            vector = np.array(goal.vector(), dtype=np.float32)  # type: ignore[attr-defined]
    except Exception as error:  # of the user's own class: it may raise anything
        raise GoalError(f"goal: {kind}.vector() raised {error!r}"[:300]) from error
    count = len(SCHEMAS[task])
    if vector.shape != (count,) or not np.isfinite(vector).all():
        raise GoalError(f"goal: expected {count} finite numbers of {kind}.vector(), found {repr(vector)[:100]}")
    return vector


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

    @staticmethod
    def reached(states: State, goals: np.ndarray) -> np.ndarray:
        """Tell who travels within 15 % or 0.3 m/s of the wanted velocity and faces within 20° of the wanted facing.

        Args:
            states: of B characters.
            goals: [B, 4].

        Returns:
            [B] bool.
        """
        error = np.hypot(*(states.root_linear_velocity[:, :2] - goals[:, :2]).T)  # m/s
        slack = np.maximum(0.15 * np.hypot(goals[:, 0], goals[:, 1]), 0.3)
        w, x, y, z = states.root_rotation.T
        ahead = np.stack([1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)])  # the root's x axis, on the ground
        cosine = (ahead * goals[:, 2:].T).sum(axis=0) / np.maximum(np.hypot(*ahead), 1e-9)
        return (error <= slack) & (cosine >= math.cos(math.radians(20.0)))

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

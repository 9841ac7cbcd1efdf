"""Goals on a timeline: what a character is asked to do at which time of the world.

    hero.script = GoalScript((0.0, 4.0), (Steering(speed=1.5), Steering(speed=0.0)))

While a character has a script, its goals come from there: at every control step the world looks whether the goal of
that time is another one than that of the step before. A goal set by hand holds until the script's next one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from runtime.goal_records import goal_from_record, goal_record
from runtime.goals import Goal, GoalError, checked_vector

_EARLY = 1e-6  # s: at the very time of an entry it is that entry's goal, whatever rounding did to the clock
MAX_ENTRIES = 100_000


@dataclass(frozen=True)
class GoalScript:
    """Goals by time.

    Raises:
        GoalError: the times are not finite or do not ascend, or there is not one goal for each, or one is no goal.
    """

    times: tuple[float, ...]
    """When the goal changes, s of world time, ascending."""
    goals: tuple[Goal | None, ...]
    """The goal from that time on; None is the default goal of the controller."""

    def __post_init__(self) -> None:
        """Check the times and the goals."""
        times = tuple(float(time) for time in self.times)
        if len(times) != len(self.goals) or len(times) > MAX_ENTRIES:
            expected = f"one goal for each of at most {MAX_ENTRIES} times"
            raise GoalError(f"script: expected {expected}, found {len(self.goals)} for {len(times)}")
        for before, time in zip((-math.inf, *times), times, strict=False):
            if not (math.isfinite(time) and time > before):
                raise GoalError(f"script: expected finite, ascending times, found {time} after {before}")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "goals", tuple(self.goals))
        for goal in self.goals:
            if goal is not None:
                checked_vector(goal)

    def entry_at(self, time: float) -> int:
        """The index of the entry in force at a time, s; -1 before the first."""
        return bisect_right(self.times, time + _EARLY) - 1

    def at(self, time: float) -> Goal | None:
        """The goal in force at a time, s; None before the first entry."""
        entry = self.entry_at(time)
        return self.goals[entry] if entry >= 0 else None

    def record(self) -> dict[str, Any]:
        """Return it as plain values."""
        goals = [None if goal is None else goal_record(goal) for goal in self.goals]
        return {"times": list(self.times), "goals": goals}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Make a script of what `record` gave.

        Raises:
            GoalError: it is none.
        """
        try:
            goals = tuple(None if goal is None else goal_from_record(goal) for goal in record["goals"])
            return cls(tuple(float(time) for time in record["times"]), goals)
        except (KeyError, TypeError) as error:
            raise GoalError(f"script: expected a map of times and goals, found {error!r}") from error

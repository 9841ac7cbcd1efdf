"""Walks by which a controller is set beside people: steady speeds, changes of pace, standing. For goals of velocity.

A task that has such goals names its walks in its own file (`trials.walks`); `training.measure` judges them. Nobody who
falls is put back on their feet. Each walk is done in several headings, and each change of pace is asked for at another
moment of the stride, so that no figure hangs on one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runtime.goals import Goal
from training.trials import Episode, Order

MakeGoal = Callable[[float, float], Goal]
"""What gives the goal of a speed, m/s, in a direction, rad, ahead."""

GAIT_SPEEDS = (0.0, 0.6, 1.0, 1.4, 1.8, 3.0)  # m/s
STRIDE_SPEEDS = (0.9, 1.2, 1.5)  # m/s
GAIT_SKIP, GAIT_SECONDS = 3.0, 8.0  # s: what is dropped, what is measured
GAIT_HEADINGS = (0.0, 2.0)  # rad

START_SPEED, STOP_SPEED, TURN_SPEED = 1.5, 2.0, 1.5  # m/s
CHANGES = 8  # of each kind, in as many headings
LATER = 0.13  # s: each is asked for this much later than the one before, so that they lie all over a stride
REST_SECONDS, LEAD_SECONDS, ANSWER_SECONDS = 2.0, 4.0, 6.0  # at rest; at the first speed; after the change

STANDING_SECONDS = 120.0
STANDING_HEADINGS = (0.0, 2.0)  # rad


def steady(goal: MakeGoal, speeds: Sequence[float] = GAIT_SPEEDS, kind: str = "gait") -> list[Episode]:
    """Go straight ahead at each speed, in two headings."""
    return [
        Episode(kind, f"{speed:g} m/s", GAIT_SKIP + GAIT_SECONDS, heading, (Order(0.0, goal(speed, heading)),))
        for speed in speeds
        for heading in GAIT_HEADINGS
    ]


def from_rest(goal: MakeGoal, rest: MakeGoal | None) -> list[Episode]:
    """Go at 1.5 m/s, told to rest (speed 0) before; without such a goal from the first moment on."""
    every = []
    for heading, late in _changes():
        second = 0.0 if rest is None else REST_SECONDS + late
        orders = (Order(second, goal(START_SPEED, heading)),)
        orders = orders if rest is None else (Order(0.0, rest(0.0, heading)), *orders)
        every.append(Episode("from rest", f"to {START_SPEED:g} m/s", second + ANSWER_SECONDS, heading, orders))
    return every


def to_rest(goal: MakeGoal) -> list[Episode]:
    """Stop from 2 m/s, looking ahead."""
    return [
        _change("to rest", f"from {STOP_SPEED:g} m/s", heading, late, goal(STOP_SPEED, heading), goal(0.0, heading))
        for heading, late in _changes()
    ]


def half_turn(goal: MakeGoal) -> list[Episode]:
    """Turn round at 1.5 m/s."""
    return [
        _change(
            "half turn", f"at {TURN_SPEED:g} m/s", heading, late,
            goal(TURN_SPEED, heading), goal(TURN_SPEED, heading + np.pi),
        )
        for heading, late in _changes()
    ]  # fmt: skip


def standing(goal: MakeGoal) -> list[Episode]:
    """Stand for two minutes, told to, and told nothing."""
    every = []
    for heading in STANDING_HEADINGS:
        for label, wanted in (("told to stand", goal(0.0, heading)), ("told nothing", None)):
            every.append(Episode("standing", label, STANDING_SECONDS, heading, (Order(0.0, wanted),)))
    return every


def _changes() -> list[tuple[float, float]]:
    """Heading, rad, and how much later it comes, s, of every change of a kind."""
    return [(2 * np.pi * number / CHANGES, LATER * number) for number in range(CHANGES)]


def _change(kind: str, label: str, heading: float, late: float, before: Goal, after: Goal) -> Episode:
    second = LEAD_SECONDS + late
    return Episode(kind, label, second + ANSWER_SECONDS, heading, (Order(0.0, before), Order(second, after)))

"""An actor: all that a world keeps of one character beside MuJoCo's numbers, as one plain record. Private.

Simulation, control, snapshots and reloads read and write actors; a `Character` (handle.py) is what users hold of one.
How its goals change is in _asked.py, its controller in _takeover.py, its place in _placing.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runtime._adapt import adapt, adapts
from runtime.goals import Goal, default_vector

if TYPE_CHECKING:
    from runtime._control import Fade
    from runtime.controller import Controller
    from runtime.director import Directing
    from runtime.goal_script import GoalScript


class Ask(NamedTuple):
    """A goal that was asked for, and its numbers, which have been checked."""

    goal: Goal
    vector: np.ndarray
    """[G] float32, as the goal's own task orders it."""


@dataclass(eq=False)
class Actor:
    """One simulated humanoid."""

    name: str
    """Its name in the world; `name/` prefixes its bodies, joints and actuators in the model."""
    placement: tuple[tuple[float, float], float]
    """Where it was last put: x, y in m, yaw in rad."""
    controller: Controller | None = None
    """What moves it; None holds the default pose."""
    alive: bool = True
    """Whether it is in the world."""

    asked: dict[str, Ask] = field(default_factory=dict)
    """What it is asked to do, by task: one, or with a director one for each task; the latest last. Never changed in
    place: game threads set it while the simulation reads it."""
    half_life: float = 0.0
    """How long the goal that the network sees takes for half its way to a new goal, s."""
    script: GoalScript | None = None
    entry: int = -1
    """The entry of its script in force."""
    warned: set[tuple[str, str]] = field(default_factory=set)
    """Of which goals' tasks and which controllers' tasks it was said already that something is ignored."""

    directing: Directing | None = None
    """Its director at work."""
    fade: Fade | None = None
    """Its way from its last controller to this one, while that lasts."""
    placed: int | None = None
    """Physics step at which it was put where it is to start; None before that."""
    frozen_pose: np.ndarray | None = None
    """qpos [35] while it is frozen."""

    @property
    def frozen(self) -> bool:
        """Whether it is held where it was because it broke down."""
        return self.frozen_pose is not None

    @property
    def task(self) -> str:
        """Its controller's task; empty without one."""
        return "" if self.controller is None else self.controller.task

    @property
    def goal(self) -> Goal | None:
        """The goal in force."""
        ask = next(reversed(self.asked.values()), None) if self.controller is None else self.ask_for(self.task)
        return None if ask is None else ask.goal

    def ask_for(self, task: str) -> Ask | None:
        """What is in force for a controller of a task: the task's own, or the latest that means something there."""
        asked = self.asked
        return asked.get(task) or next((ask for ask in reversed(asked.values()) if adapts(ask.goal.task, task)), None)

    def vector_for(self, task: str) -> np.ndarray:
        """What a controller of a task is to be told: [G] float32, in the order of its goal schema."""
        ask = self.ask_for(task)
        return default_vector(task) if ask is None else adapt(ask.vector, ask.goal.task, task)

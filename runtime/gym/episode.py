"""What of an environment is neither physics nor prior: the scene, the settings, and one character's episode."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import mujoco
import numpy as np

from runtime import tasks
from runtime.character import (
    CONTROL_HZ,
    DEFAULT_HEIGHT,
    DEFAULT_POSE,
    PHYSICS_HZ,
    State,
    add_character,
    scene_spec,
)
from runtime.goals import Goal
from runtime.gym import own
from runtime.gym.frames import decorate
from runtime.gym.tasks import Dodgeball, Exported, Getup, Jump, Location, Skill, Speed, Steering, Task, one
from runtime.prior import Prior

TASKS: dict[str, Callable[[], Task | Exported]] = {
    kind.name: kind for kind in (Steering, Speed, Location, Jump, Getup, Dodgeball, Skill)
}
"""The tasks that are here, by name."""
PHYSICS_STEPS = PHYSICS_HZ // CONTROL_HZ
MAX_SPEED_SQUARED = 1e12  # as in World: beyond is no motion but a broken simulation
MAX_SIDE = 4096  # pixels of a frame
FOREVER = 2**31  # control steps


@dataclass(frozen=True)
class Settings:
    """What the characters of an environment have in common."""

    prior: Prior | None
    weights: tuple[float, float]
    """Of the task reward and of the prior's."""
    limit: int
    """Control steps after which an episode is truncated."""
    normalised: bool
    """Whether actions go from -1 to 1."""
    render_mode: str | None
    size: tuple[int, int]
    """Width and height of a frame, pixels."""

    @classmethod
    def of(
        cls, *, prior: Prior | Path | str | None = None, task_weight: float = 0.5, style_weight: float = 0.5,
        episode_seconds: float = 20.0, normalised: bool = False, render_mode: str | None = None,
        width: int = 640, height: int = 480,
    ) -> Self:  # fmt: skip
        """Check an environment's arguments; `CharacterEnv` tells them and the errors."""
        if not (math.isfinite(task_weight) and math.isfinite(style_weight) and 0.0 < episode_seconds < math.inf):
            raise ValueError("expected finite weights and a positive time")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected rgb_array or None, found {render_mode!r}")
        if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            raise ValueError(f"width and height: expected 1 to {MAX_SIDE} pixels, found {width} and {height}")
        loaded = Prior.load(prior) if isinstance(prior, Path | str) else prior
        limit = math.ceil(episode_seconds * CONTROL_HZ)
        return cls(loaded, (task_weight, style_weight), limit, normalised, render_mode, (width, height))


class Episode:
    """One character's task: the goal in force, how long that stays, and how long the episode has gone on."""

    def __init__(self, task: Task | Exported, limit: int) -> None:
        """Make an episode of at most `limit` control steps that has not begun."""
        self.task = task
        self.goal = np.zeros(0)
        self._limit, self._age, self._left = limit, 0, 0
        self._asked: Goal | None = None

    def begin(self, state: State, generator: np.random.Generator, asked: Goal | None) -> None:
        """Begin in a state; a goal that was asked for is kept for the whole episode."""
        self._age, self._asked = 0, asked
        self._next_goal(state, generator)

    def tick(self) -> bool:
        """Count a control step; whether it was the last one that the limit allows."""
        self._age += 1
        return self._age >= self._limit

    def judge(self, before: State, state: State) -> tuple[float, bool]:
        """The task reward of a step from one state to another, and whether the episode has failed there."""
        if isinstance(self.task, Exported):
            reward, failed = self.task.judge(one(before), one(state), self.goal[None])
            return float(reward[0]), bool(failed[0])
        return self.task.reward(state, self.goal), self.task.failed(state, self.goal)

    def advance(self, state: State, generator: np.random.Generator) -> None:
        """Let the goal go on, or draw another when its time is up."""
        self._left -= 1
        after = getattr(self.task, "after_step", None)
        if self._left <= 0:
            self._next_goal(state, generator)
        elif after is not None:
            self.goal = after(self.goal)

    def _next_goal(self, state: State, generator: np.random.Generator) -> None:
        if self._asked is not None:
            self.goal, self._left = self._asked.vector().astype(np.float64), FOREVER
        else:
            self.goal, self._left = self.task.draw(state, generator)


def task_maker(name: str) -> Callable[[], Task | Exported]:
    """What makes the task of a name: one of `TASKS` or one that is known to `runtime.tasks`.

    Raises:
        TaskError: an installed task is not as it should be.
        ValueError: there is no such task.
    """
    if (outside := tasks.find(name)) is not None:
        return lambda: own.of(outside())
    if name not in TASKS:
        raise ValueError(f"task: expected one of {', '.join((*TASKS, *tasks.names()))} or an object, found {name!r}")
    return TASKS[name]


def scene(size: tuple[int, int]) -> mujoco.MjModel:
    """One humanoid on flat ground, to be seen in frames of up to width and height pixels."""
    spec = scene_spec()
    add_character(spec)
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # we tell a broken simulation ourselves
    decorate(spec, size)
    return spec.compile()


def standing(heading: float) -> np.ndarray:
    """Positions [35] of a character that stands at the origin in the default pose, turned by `heading` rad."""
    root = (0.0, 0.0, DEFAULT_HEIGHT, math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2))
    return np.concatenate((root, DEFAULT_POSE))

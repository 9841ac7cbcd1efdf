"""What an evaluation asks of a controller and how it is judged: one file a task.

A trial plans episodes (who starts how, which goal is given when) and says of every goal of a rollout what became of it,
an `Outcome`. `training/_episodes.py` runs the plans through `runtime`, `training/evaluate.py` reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

import numpy as np

from runtime import tasks
from runtime.character import State
from runtime.goals import Goal
from runtime.prior import Prior
from training.metrics import Rollout

MakeGoal = Callable[[State], Goal]
"""What gives a goal for the state that the character has then."""


@dataclass(frozen=True)
class Order:
    """A goal and when it is given."""

    second: float
    goal: Goal | MakeGoal | None
    """None: nothing is asked for any more, what a character does that was never given a goal."""


@dataclass(frozen=True)
class Start:
    """A state to start in."""

    qpos: np.ndarray
    """[35], see `runtime.character.Slots`."""
    qvel: np.ndarray
    """[34]."""


@dataclass(frozen=True)
class Episode:
    """What an episode asks for."""

    kind: str
    """random, or a set course: steady, turn, stop."""
    label: str
    """Which of its kind: what figures are grouped by."""
    seconds: float
    """Length, s."""
    heading: float
    """Yaw it starts with, rad."""
    orders: tuple[Order, ...]
    start: Start | None = None
    """None: standing in the default pose."""


@dataclass(frozen=True)
class Outcome:
    """What became of one goal."""

    success: bool
    label: str
    """Which kind of goal: successes are reported by it, too."""
    fell: bool
    figures: dict[str, float] = field(default_factory=dict)
    """The task's own errors in SI units; nan where there is none."""


@dataclass(frozen=True)
class Request:
    """How much is asked for."""

    episodes: int
    """Of random goals."""
    seconds: float
    """Length of those."""
    courses: int
    """Episodes of each set course."""
    seed: int
    prior: Prior | None = None
    """For trials whose episodes start in a prior's samples, or are judged by them."""
    start: tuple[np.ndarray, np.ndarray] | None = None
    """`Controller.start`, for trials that start there."""
    lowest_root: float = 0.0
    """Height (m) of the root at which episodes of training ended, for trials that are judged by it without a prior."""


def random_episodes(
    request: Request, draw: Callable[[np.random.Generator], Goal | MakeGoal], hold: tuple[float, float],
    first: tuple[Order, ...] = (), begin: float = 0.0, turned: bool = False,
) -> list[Episode]:  # fmt: skip
    """Episodes of goals that `draw` gives, each held for `hold` s (shortest, longest) and drawn alone from its number.

    `first` orders come before those, which start at `begin` s; `turned` episodes start facing anywhere, not along x.
    """
    every = []
    for number in range(request.episodes):
        rng = np.random.default_rng((request.seed, 0, number))
        orders, second = list(first), begin
        while second < request.seconds:
            orders.append(Order(second, draw(rng)))
            second += rng.uniform(*hold)
        heading = float(rng.uniform(-np.pi, np.pi)) if turned else 0.0
        every.append(Episode("random", "random", request.seconds, heading, tuple(orders)))
    return every


class TrialError(ValueError):
    """A task whose controllers nobody has said how to try."""


class Trial(Protocol):
    """How controllers of one task are tried: a module of this package."""

    DEFINITION: str
    """What its success and figures are."""
    RESTARTS: bool
    """Whether who falls is put back on their feet; if not, a fall is part of the task or the end of it."""

    @staticmethod
    def plan(request: Request) -> list[Episode]:
        """All episodes."""
        ...

    @staticmethod
    def judge(episode: Episode, rollout: Rollout) -> Sequence[Outcome]:
        """What became of every goal of an episode that lasted long enough to be judged."""
        ...


# A trial of goals that are velocities has `walks() -> list[Episode]`, too.

TRIALS = ("steering", "speed", "location", "jump", "getup", "dodgeball", "skill")
"""Tasks that have a trial, each in the module of its name."""


def of(task: str) -> Trial:
    """Return the trial of a task, one of `TRIALS` or from outside; raises TrialError for another."""
    if task in TRIALS:
        return import_module(f"training.trials.{task}")  # type: ignore[return-value]
    own = tasks.find(task)
    if own is None:
        raise TrialError(
            f"task {task!r} has no trial: expected one of {', '.join((*TRIALS, *tasks.names()))}; a trial of the "
            "package is a module of training/trials and a line in TRIALS"
        )
    return import_module("training.trials.own").OwnTrial(own())


def walks(task: str) -> list[Episode]:
    """Episodes by which controllers of a task are set beside people (trials/walking.py); none where nobody walks."""
    plan = getattr(of(task), "walks", None)
    return [] if plan is None else plan()


def fell_within(rollout: Rollout, frames: np.ndarray) -> bool:
    """Whether there is a fall in any of the frames [n]."""
    return bool(rollout.fell[frames].any())

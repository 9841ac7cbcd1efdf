"""Tasks from outside (`runtime.tasks.OwnTask`): random goals, drawn and held as in training, judged by `reached`."""

from __future__ import annotations

import numpy as np

from runtime.character import CONTROL_HZ, State
from runtime.goals import Goal
from runtime.tasks import OwnTask
from training.metrics import Rollout
from training.trials import Episode, MakeGoal, Outcome, Request, fell_within, random_episodes

LAST = CONTROL_HZ // 2  # control steps before a goal changes, in which it is to be reached
SHORTEST = 1.5  # s a goal must have lasted to be judged


class OwnTrial:
    """`training.trials.Trial` of an `OwnTask`."""

    RESTARTS = True

    def __init__(self, own: OwnTask) -> None:
        """Take the task; its options are the defaults."""
        self._own = own
        shortest, longest = own.hold
        self.DEFINITION = (
            f"goals as {own.name} draws them, a new one every {shortest:g} to {longest:g} s; a goal is a success if it "
            f"is reached ({own.goal.__name__}.reached) in most of the last half second before it changes, with no fall "
            f"in it; goals shorter than {SHORTEST:g} s are not judged"
        )

    def plan(self, request: Request) -> list[Episode]:
        """See `Trial.plan`."""

        def draw(rng: np.random.Generator) -> MakeGoal:
            seed = int(rng.integers(2**63))

            def make(state: State) -> Goal:
                drawn = np.random.default_rng(seed)
                body = State(**{name: np.asarray(value)[None] for name, value in vars(state).items()})
                row = self._own.draw(np, body, lambda low, high: drawn.uniform(low, high, 1))[0]
                return self._own.goal.from_vector(np.asarray(row, dtype=np.float32))  # type: ignore[attr-defined]

            return make

        return random_episodes(request, draw, self._own.hold)

    def judge(self, episode: Episode, rollout: Rollout) -> list[Outcome]:
        """See `Trial.judge`."""
        reached = self._own.goal.reached(rollout.states, rollout.goal)  # type: ignore[attr-defined]
        figures = self._own.figures(np, rollout.states, rollout.goal)
        outcomes = []
        for index in range(int(rollout.goal_index.max()) + 1):
            (frames,) = np.nonzero(rollout.goal_index == index)
            if len(frames) < SHORTEST * CONTROL_HZ:
                continue
            last, fell = frames[-LAST:], fell_within(rollout, frames)
            errors = {name: float(np.mean(values[last])) for name, values in figures.items()}
            outcomes.append(Outcome(bool(reached[last].mean() > 0.5) and not fell, "random", fell, errors))
        return outcomes

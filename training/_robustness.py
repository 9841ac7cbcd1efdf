"""How a controller fares when the world is not as it was trained: pushes, friction, masses, latency. Private.

The random episodes of its trial are run again under one hardship at a time (`_episodes.Hardship`). What a controller
was trained to withstand is in its configuration; these are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from runtime import Controller
from runtime.character import CONTROL_HZ
from training import _episodes, metrics
from training._episodes import Hardship
from training.trials import Episode, Trial

HARDSHIPS = {
    "none": Hardship(),
    "pushes of 25 N·s": Hardship(push=25.0),
    "pushes of 50 N·s": Hardship(push=50.0),
    "pushes of 75 N·s": Hardship(push=75.0),
    "friction 0.5": Hardship(friction=0.5),
    "friction 0.75": Hardship(friction=0.75),
    "friction 1.5": Hardship(friction=1.5),
    "mass − 20 %": Hardship(mass=0.8),
    "mass + 20 %": Hardship(mass=1.2),
    "latency 20 ms": Hardship(latency=0.02),
}
DEFINITION = (
    "the random episodes again under one hardship each: pushes on the torso every 3 s in random directions, "
    "every contact's friction, all masses and inertias, joint targets 20 ms late. survival: share of episodes "
    "without a fall (where falling is part of the task: the same as success); success as for the task"
)


def robustness(
    controller: Controller, trial: Trial, plan: Sequence[Episode], done: Callable[[int], object] = lambda steps: None
) -> dict[str, dict[str, Any]]:
    """Figures by hardship of the episodes of `plan`."""
    figures = {}
    for name, hardship in HARDSHIPS.items():
        rollouts = list(_episodes.roll_out(controller, plan, trial.RESTARTS, hardship, done))
        judged = [trial.judge(episode, rollout) for episode, rollout in zip(plan, rollouts, strict=True)]
        successes = np.array([outcome.success for of_episode in judged for outcome in of_episode])
        falls = np.array([int(rollout.fell.sum()) for rollout in rollouts])
        minutes = sum(len(rollout.fell) for rollout in rollouts) / CONTROL_HZ / 60
        success = metrics.mean(successes)
        figures[name] = {
            "survival": float((falls == 0).mean()) if trial.RESTARTS else success,
            "falls_per_minute": float(falls.sum() / minutes) if trial.RESTARTS else None,
            "success": success,
            "episodes": len(plan),
            "goals": len(successes),
        }
    return figures

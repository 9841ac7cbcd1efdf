"""Speed: random speeds of 0.5 to 5 m/s ahead, and steady ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from runtime import Speed
from training.metrics import Rollout
from training.trials import Episode, Order, Outcome, Request, random_episodes, steering, walking

SPEEDS = (0.5, 5.0)  # m/s
HOLD = (4.0, 7.0)  # s a random goal lasts
STEADY_SPEEDS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)  # m/s
STEADY_SECONDS = 10.0

RESTARTS = True
DEFINITION = (
    "speeds of 0.5 to 5 m/s drawn anew every 4 to 7 s, always ahead; a goal is a success as for steering: no fall and, "
    "averaged after the first 1.5 s, velocity within 15 % or 0.3 m/s and heading within 20°"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`."""
    every = random_episodes(request, lambda rng: Speed(float(rng.uniform(*SPEEDS))), HOLD)
    for index, speed in enumerate(STEADY_SPEEDS):
        for number in range(request.courses):
            rng = np.random.default_rng((request.seed, 1 + index, number))
            heading = float(np.radians(rng.uniform(-steering.START_TURN, steering.START_TURN)))
            orders = (Order(0.0, Speed(speed)),)
            every.append(Episode("steady", f"{speed:g} m/s", STEADY_SECONDS, heading, orders))
    return every


def walks() -> list[Episode]:
    """See `training.trials.walks`; nobody is asked to stand."""
    speeds = [speed for speed in walking.GAIT_SPEEDS if speed >= SPEEDS[0]]
    every = walking.steady(Speed, speeds) + walking.steady(Speed, walking.STRIDE_SPEEDS, "strides")
    return every + walking.from_rest(Speed, None) + walking.half_turn(Speed)


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`."""
    return steering.outcomes(as_steering(rollout))


def as_steering(rollout: Rollout) -> Rollout:
    """Return the rollout with its goals as velocity x, y and facing x, y."""
    speed, direction = rollout.goal[:, :1], rollout.goal[:, 1:]
    return replace(rollout, goal=np.concatenate((speed * direction, direction), axis=1))

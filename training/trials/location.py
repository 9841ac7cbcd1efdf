"""Location: points 1 to 10 m away in any direction, given where the character then is."""

from __future__ import annotations

import numpy as np

from runtime import Location
from runtime.character import CONTROL_HZ, State
from training.metrics import Rollout
from training.trials import Episode, MakeGoal, Outcome, Request, fell_within, random_episodes

DISTANCE = (1.0, 10.0)  # m
HOLD = (5.0, 10.0)  # s
NEAR, SLOW = 0.5, 0.5  # m, m/s: arrived
BANDS = ((4.0, "1-4 m"), (7.0, "4-7 m"), (10.1, "7-10 m"))

RESTARTS = True
DEFINITION = (
    "points 1 to 10 m away in any direction, a new one every 5 to 10 s; a goal is a success if in the half second "
    "before it changes the root is within 0.5 m of the point and slower than 0.5 m/s (means over that time), with no "
    "fall in it; time_s: until it first was both, nan: never. The last goal of an episode counts if it lasted 5 s"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`."""

    def draw(rng: np.random.Generator) -> MakeGoal:
        return _point(rng.uniform(*DISTANCE), rng.uniform(-np.pi, np.pi))

    return random_episodes(request, draw, HOLD, turned=True)


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`."""
    way = np.linalg.norm(rollout.states.root_position[:, :2] - rollout.goal, axis=1)
    speed = np.linalg.norm(rollout.states.root_linear_velocity[:, :2], axis=1)
    outcomes = []
    for index in range(int(rollout.goal_index.max()) + 1):
        (frames,) = np.nonzero(rollout.goal_index == index)
        if len(frames) < HOLD[0] * CONTROL_HZ:
            continue
        last = frames[-CONTROL_HZ // 2 :]
        arrived = np.flatnonzero((way[frames] < NEAR) & (speed[frames] < SLOW))
        fell = fell_within(rollout, frames)
        success = way[last].mean() < NEAR and speed[last].mean() < SLOW and not fell
        figures = {
            "distance_m": float(way[last].mean()), "speed_m_s": float(speed[last].mean()),
            "time_s": (arrived[0] + 1) / CONTROL_HZ if len(arrived) else float("nan"),
        }  # fmt: skip
        label = next(name for limit, name in BANDS if way[frames[0]] < limit)
        outcomes.append(Outcome(bool(success), label, fell, figures))
    return outcomes


def _point(distance: float, direction: float) -> MakeGoal:
    def make(state: State) -> Location:
        x, y = state.root_position[:2] + distance * np.array([np.cos(direction), np.sin(direction)])
        return Location(float(x), float(y))

    return make

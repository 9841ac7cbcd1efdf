"""Dodgeball: balls from all sides, one after the other."""

from __future__ import annotations

import numpy as np
import torch

from runtime import Dodgeball
from runtime.character import BODIES, CONTROL_HZ, State
from runtime.task_goals import GRAVITY
from training import bodies
from training.metrics import Rollout
from training.tasks import dodgeball
from training.trials import Episode, MakeGoal, Order, Outcome, Request, random_episodes

DISTANCE, HEIGHT, SPEED = (8.0, 10.0), (0.5, 2.5), (12.0, 20.0)  # m, m, m/s
EVERY = (1.5, 4.0)  # s
SHORTEST = 1.4  # s a ball is watched for at least

RESTARTS = True
DEFINITION = (
    "balls of 0.1 m radius from 8 to 10 m away and 0.5 to 2.5 m up, at 12 to 20 m/s, aimed at where the torso will be "
    "if it goes on as it moves, a new one every 1.5 to 4 s; a success is a ball that touches no capsule of the body on "
    "its way, and no fall until the next one. miss_m: smallest gap between ball and body"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`: a second without a ball, then one after the other."""

    def draw(rng: np.random.Generator) -> MakeGoal:
        return _throw(*(rng.uniform(*r) for r in ((-np.pi, np.pi), DISTANCE, HEIGHT, SPEED)))

    return random_episodes(request, draw, EVERY, first=(Order(0.0, Dodgeball()),), begin=1.0)


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`: one outcome a ball."""
    position, turn = (
        torch.from_numpy(getattr(rollout.states, name)).float() for name in ("body_position", "body_rotation")
    )
    ends, ball = bodies.ends(position, turn), torch.from_numpy(rollout.goal).float()
    flying = dodgeball.on_its_way(ball)[1:]
    gap = torch.where(flying, dodgeball.gap(ball[1:], ends[:-1], ends[1:]), torch.inf)
    gap = np.concatenate(([np.inf], gap.numpy()))
    gap[rollout.life == 0] = np.inf  # the body has been put elsewhere meanwhile
    outcomes = []
    for index in range(1, int(rollout.goal_index.max()) + 1):
        (frames,) = np.nonzero(rollout.goal_index == index)
        if len(frames) < SHORTEST * CONTROL_HZ:
            continue
        miss, fell = float(gap[frames].min()), bool(rollout.fell[frames].any())
        speed = np.linalg.norm(rollout.goal[frames[0], 3:5])
        label = "12-16 m/s" if speed < 16 else "16-20 m/s"
        outcomes.append(Outcome(miss > 0 and not fell, label, fell, {"miss_m": miss, "hit": float(miss <= 0)}))
    return outcomes


def _throw(side: float, distance: float, height: float, speed: float) -> MakeGoal:
    def make(state: State) -> Dodgeball:
        time, torso = distance / speed, state.body_position[BODIES.index("torso")]
        aim = torso + np.append(state.root_linear_velocity[:2], 0.0) * time
        place = np.append(torso[:2] + distance * np.array([np.cos(side), np.sin(side)]), height)
        velocity = (aim - place) / time + [0.0, 0.0, 0.5 * GRAVITY * time]
        return Dodgeball(tuple(place.tolist()), tuple(velocity.tolist()))

    return make

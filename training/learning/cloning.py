"""Where a policy begins: it follows the prior's samples.

The windows that episodes start in (samples of the prior, or a clip's where the task starts in one) say of each of their
frames which pose comes after it. Before the first episode bodies are put into a window's second frame, a little off,
and the actor is fitted to have the pose `LEAD` frames further on as its target wherever the window then goes on.
From the second round on it moves the bodies itself (DAgger, Ross et al. 2011), so that it learns from where it really
gets to: late, sagged under weight, off balance. It is a beginning, from which PPO needs far fewer samples than from
holding the mean pose. Goals have nothing to do with the windows here: what they are for, PPO has to find out.
"""

from __future__ import annotations

import math

import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from torch import Tensor

from training import features
from training.learning.environment import Environment
from training.learning.starts import velocity

LEAD = 2
"""Frames from a state to the pose that is its target. Servos lag: with one, a crawl comes to rest, with three it
hurries past what the prior knows."""
ROUND = 50
"""Optimiser steps after each time the windows are followed."""
BATCH = 512
KEPT = 10
"""Rounds whose states are learned from."""
LEARNING_RATE = 1e-3
"""Of Adam at the start; it falls to nothing along a cosine."""
POSE_NOISE, SPEED_NOISE, DRIFT_NOISE = 0.05, 0.5, 0.1
"""Deviations at the start: rad and rad/s of every joint, m/s and rad/s of the root."""

Examples = tuple[Tensor, Tensor]
"""Observations [M, 84 + g] and actions [M, 28] whose targets are what follows."""


def clone(environment: Environment, actor: MLPModel, critic: MLPModel, steps: int) -> float:
    """Fit the actor in about `steps` optimiser steps, and both normalisers to what it sees; episodes start afresh.

    Returns the root mean square of what is left of the error in the last round, in units of the action scale. Every
    worker has to call.
    """
    optimiser = torch.optim.Adam(actor.mlp.parameters(), LEARNING_RATE)
    rounds, left = math.ceil(steps / ROUND), torch.zeros(())
    memory: list[Examples] = []
    for number in range(rounds):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * number / rounds))
        memory = [*memory, follow(environment, actor if number else None)][-KEPT:]
        seen = _grouped(memory[-1][0])
        actor.update_normalization(seen)
        critic.update_normalization(seen)
        observations, actions = (torch.cat(part) for part in zip(*memory, strict=True))
        left = torch.zeros((), device=actions.device)
        for _ in range(ROUND):
            picks = torch.randint(len(actions), (BATCH,), device=actions.device)
            loss = (actor(_grouped(observations[picks])) - actions[picks]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            left += loss.detach() / ROUND
    environment.restart()
    return float(left.sqrt())


@torch.no_grad()
def follow(environment: Environment, actor: MLPModel | None) -> Examples:
    """Let every environment's body follow a start window, moved by `actor` (None: by the window itself)."""
    windows = environment.starts.draw(environment.num_envs)
    poses = [windows[name] for name in ("root_position", "root_rotation", "joint_position")]
    qpos = torch.cat([part[:, 1] for part in poses], 1)
    qvel = velocity(*(part[:, :2] for part in poses))
    qpos[:, 7:] += POSE_NOISE * torch.randn_like(qpos[:, 7:])
    qvel[:, :6] += DRIFT_NOISE * torch.randn_like(qvel[:, :6])
    qvel[:, 6:] += SPEED_NOISE * torch.randn_like(qvel[:, 6:])
    environment.place(qpos, qvel)
    observations, actions = [], []
    for frame in range(1 + LEAD, features.WINDOW):
        observation = environment.observe()
        target = windows["joint_position"][:, frame]
        observations.append(observation["policy"])
        actions.append((target - environment.action.centre) / environment.action.scale)
        environment.move(target if actor is None else environment.action(actor(observation)))
    seen, wanted = torch.cat(observations), torch.cat(actions)
    sound = seen.isfinite().all(1)
    return seen[sound], wanted[sound]


def _grouped(observation: Tensor) -> TensorDict:
    return TensorDict({"policy": observation}, batch_size=[len(observation)])

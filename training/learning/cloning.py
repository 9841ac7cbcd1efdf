"""Where a policy begins: it follows the windows that episodes start in.

A start window (a sample of the prior, or a clip's where the task starts in its clip) has ten frames: a state, and where
it goes from there. Before the first episode bodies are put into such windows and the actor is fitted, without any
reward, in two halves:

1. its target is to be the pose `LEAD` frames on in the window, wherever the window goes on (from the second round on
   the actor itself moves the bodies, so that it learns from where it really gets to, late, sagged under weight, off
   balance: DAgger, Ross et al. 2011);
2. its target is to be what it was plus `GAIN` times what the body has then missed of the window's next pose: whatever
   servos owe to weight and haste is learned from the error (feedback-error learning, Kawato et al. 1987).

Balance and goals are not in it: goals have nothing to do with the windows here. PPO goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from rich.progress import track
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from torch import Tensor

from training import features
from training.learning.environment import Environment
from training.learning.starts import velocity

LEAD = 2
"""Frames from a state to the pose that is its target. Servos lag: with one, a crawl comes to rest, with three it
hurries past what the prior knows."""
STEPS = features.WINDOW - 1 - LEAD
"""Control steps for which a window is followed."""
GAIN = 0.5
ROUND = 50
"""Optimiser steps after each time the windows are followed."""
BATCH = 512
KEPT = (10, 4)
"""Rounds whose states are learned from, in either half."""
LEARNING_RATE = (1e-3, 3e-4)
"""Of Adam at the start of either half; it falls to nothing along a cosine."""
POSE_NOISE = (0.05, 0.01)
"""Deviation of joint angles at the start, rad, in either half; of their speeds ten times as much a second."""
DRIFT_NOISE = (0.1, 0.02)
"""Deviation of the root's velocity, m/s and rad/s."""


def clone(
    environment: Environment, actor: MLPModel, critic: MLPModel, steps: int, show: bool = False
) -> tuple[int, float]:
    """Fit the actor in about `steps` optimiser steps, and both normalisers to what it sees; `show` how far it is.

    Episodes start afresh. Returns the control steps that the bodies were moved, over all environments, and by how much
    joints missed the windows' poses in the last round, rad, on average. Every worker has to call.
    """
    optimiser = torch.optim.Adam(actor.mlp.parameters())
    rounds = max(1, math.ceil(steps / ROUND / 2))
    missed = torch.zeros(())
    for half in (0, 1):
        memory: list[tuple[Tensor, Tensor]] = []
        for number in track(range(rounds), f"following start windows, {half + 1} of 2", disable=not show):
            seen, wanted, missed = follow(environment, actor if half or number else None, half)
            memory = [*memory, (seen, wanted)][-KEPT[half] :]
            for net in (actor, critic):
                net.update_normalization(grouped(seen))
            rate = falling(LEARNING_RATE[half], number / rounds)
            regress(actor, optimiser, memory, ROUND, BATCH, rate)
    environment.restart()
    return 2 * rounds * STEPS * environment.num_envs, float(missed)


def falling(rate: float, share: float) -> float:
    """A learning rate that falls to nothing along a cosine, after this share of the rounds."""
    return rate * (0.5 + 0.5 * math.cos(math.pi * share))


def regress(
    actor: MLPModel, optimiser: torch.optim.Optimizer, memory: Sequence[tuple[Tensor, Tensor]], steps: int, batch: int,
    rate: float,
) -> None:  # fmt: skip
    """Take optimiser steps of `batch` examples, drawn from pairs of observations and of the actions wanted there."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    observations, actions = (torch.cat(part) for part in zip(*memory, strict=True))
    for _ in range(steps):
        picks = torch.randint(len(actions), (batch,), device=actions.device)
        loss = (actor(grouped(observations[picks])) - actions[picks]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def follow(environment: Environment, actor: MLPModel | None, half: int) -> tuple[Tensor, Tensor, Tensor]:
    """Let every environment's body follow a start window, moved by `actor` (None: by the window itself).

    Returns observations [M, 84 + g], what the actions [M, 28] should have been, and the mean miss, rad.
    """
    windows = environment.starts.draw(environment.num_envs)
    poses = [windows[name] for name in ("root_position", "root_rotation", "joint_position")]
    joints = windows["joint_position"]
    qpos = torch.cat([part[:, 1] for part in poses], 1)
    qvel = velocity(*(part[:, :2] for part in poses))
    qpos[:, 7:] += POSE_NOISE[half] * torch.randn_like(qpos[:, 7:])
    qvel[:, :6] += DRIFT_NOISE[half] * torch.randn_like(qvel[:, :6])
    qvel[:, 6:] += 10 * POSE_NOISE[half] * torch.randn_like(qvel[:, 6:])
    environment.place(qpos, qvel)
    observations, targets, misses = [], [], []
    for frame in range(1, 1 + STEPS):
        observation = environment.observe()
        ahead = joints[:, frame + LEAD]
        target = ahead if actor is None else environment.action(actor(observation))
        environment.move(target)
        miss = joints[:, frame + 1] - environment.body.joint_position
        observations.append(observation["policy"])
        targets.append(target + GAIN * miss if half else ahead)
        misses.append(miss.abs().mean())
    seen, target = torch.cat(observations), torch.cat(targets)
    action = (target - environment.action.centre) / environment.action.scale
    sound = seen.isfinite().all(1) & action.isfinite().all(1)
    return seen[sound], action[sound], torch.stack(misses).mean()


def grouped(observation: Tensor) -> TensorDict:
    """Observations [M, 84 + g] as actor and critic take them."""
    return TensorDict({"policy": observation}, batch_size=[len(observation)])

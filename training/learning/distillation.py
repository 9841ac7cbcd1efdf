"""Several ways in one network: a teacher's where the task has commands of its own, elsewhere those begun with.

A controller of a task may do what that task alone asks for and walk badly; the policy that a run starts from (`init`)
walks well and knows no such command. Before training the actor is fitted to both, each where it is in charge
(`Task.commanded`: the teacher from a command until the body is done with it), on the environment's own episodes, goals,
pushes and falls. Where the teacher is not in charge the policy begun with may be shifted, so that it holds the body as
people do (posing.py). From the second round on the actor itself moves the bodies, so that it learns what to do in the
states that it gets into (DAgger, Ross et al. 2011; many policies into one, Rusu et al. 2016). No reward is in it; PPO
goes on from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from rich.progress import track
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from torch import Tensor

from training.learning import posing
from training.learning.cloning import falling, grouped, regress
from training.learning.environment import Environment

STEPS = 16
"""Control steps a round."""
ROUND = 100
"""Optimiser steps after each."""
BATCH = 2048
KEPT = 12
"""Rounds whose states are learned from."""
LEARNING_RATE = 4e-4
"""Of Adam at the start; it falls to nothing along a cosine."""
NOISE = 0.05
"""Deviation that is added to actions, so that there are states beside the usual ones."""


@dataclass
class Ways:
    """What an actor is to learn."""

    own: MLPModel
    """What to do in general."""
    teacher: MLPModel | None = None
    """… and where it is in charge (`Task.commanded`); None: the same."""
    shift: Tensor | None = None
    """[9, 28] rad, of what to do in general, at each of SPEED_KNOTS (posing.py); None: not shifted."""

    def actions(self, environment: Environment, observation: TensorDict) -> tuple[Tensor, Tensor]:
        """Actions [N, 28] that are right as things are, seen so, and mask [N] of those that are not the teacher's."""
        own, commanded = self.own(observation), environment.task.commanded(environment.body)
        told = own if self.teacher is None else self.teacher(observation)
        if self.shift is not None:
            own = own + posing.at_speed(environment, self.shift)
        return torch.where(commanded.unsqueeze(1), told, own), ~commanded


def distil(
    environment: Environment, actor: MLPModel, critic: MLPModel, ways: Ways, steps: int, show: bool = False
) -> tuple[int, float]:
    """Fit the actor in about `steps` optimiser steps, and both normalisers to what it sees; `show` how far it is.

    Returns the control steps of the episodes, over all environments, and how far its actions were from what they were
    to be in the last round, root mean square in units of the action scale. Every worker has to call.
    """
    optimiser = torch.optim.Adam(actor.mlp.parameters())
    rounds = max(1, math.ceil(steps / ROUND))
    memory: list[tuple[Tensor, Tensor]] = []
    missed = torch.zeros(())
    for number in track(range(rounds), "learning other ways", disable=not show):
        seen, wanted, missed = episodes(environment, actor if number else None, ways)
        memory = [*memory, (seen, wanted)][-KEPT:]
        for net in (actor, critic):
            net.update_normalization(grouped(seen))
        regress(actor, optimiser, memory, ROUND, BATCH, falling(LEARNING_RATE, number / rounds))
    return rounds * STEPS * environment.num_envs, float(missed)


@torch.no_grad()
def episodes(environment: Environment, actor: MLPModel | None, ways: Ways) -> tuple[Tensor, Tensor, Tensor]:
    """Go on with the episodes for `STEPS` control steps, moved by `actor` (None: by what it is to learn).

    Returns observations [M, 84 + g], what the actions [M, 28] should have been, and the root mean square miss.
    """
    observations, actions, misses = [], [], []
    observation = environment.observe()
    for _ in range(STEPS):
        wanted, _ = ways.actions(environment, observation)
        done = wanted if actor is None else actor(observation)
        observations.append(observation["policy"])
        actions.append(wanted)
        misses.append((done - wanted).square().mean())
        observation, *_ = environment.step(done + NOISE * torch.randn_like(done))
    return torch.cat(observations), torch.cat(actions), torch.stack(misses).mean().sqrt()

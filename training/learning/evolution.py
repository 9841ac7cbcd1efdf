"""The body held as people do, found by trying: the actor's last bias evolves, before training.

A policy that has come to stand still in its own way stays there: exploring at every step hides how the body is held
under a tremor, and what steadies it undoes shifts that are found joint by joint (posing.py), since straight knees are
another balance than bent ones. A constant shift of the targets has none of this: every body keeps its own for a whole
GENERATION, moves without any noise, and what balance, feet and time to get there make of the shift is in what it is
worth. That is parameter exploration (Sehnke et al. 2010), selected as evolution strategies do (weighted recombination
of the better part, Hansen 2016, eq. 6, table 1):

    a_i(o) = π(o) + ε_i / scale,  ε_i ~ N(0, σ_g²)        b ← b + Σ_best w_k ε_k / scale,  w_k ∝ ln(μ + ½) - ln k
    worth_i = mean of r exp(-d² / 2 WIDTH²) over the generation's steps, nothing from a failure on

r is the run's reward; d how far the mean pose of a window is from that of people who move as fast, as a prior that
judges poses knows it (`Score.pose_error`), every channel in deviations of the prior's data. Left and right are shifted
alike where motion is mirrored.
"""

from __future__ import annotations

import math

import torch
from rich.progress import track
from rsl_rl.models import MLPModel
from torch import Tensor, nn

from training.learning.environment import Environment

GENERATION = 150
"""Control steps that a shift is tried for: five seconds are enough to get up and to stand."""
DEVIATION = 0.05
"""σ of the first generation, rad."""
DECAY = 0.95
"""Of σ, a generation."""
WIDTH = 3.0
"""Distance d at which a pose is worth .6 of the best."""
BEST = 0.25
"""Share of a generation that the next is made of."""


@torch.no_grad()
def evolve(
    environment: Environment, actor: MLPModel, generations: int, mirrored: bool, show: bool = False
) -> tuple[int, list[float]]:
    """Let the actor's last bias evolve over so many generations of all environments; `show` how far it is.

    Episodes start afresh in each. Returns the control steps, over all environments, and what the shifts of every
    generation were worth on average: it rises as the policy bears shifts better, too.
    """
    last = actor.mlp[-1]
    assert isinstance(last, nn.Linear)
    index, sign = environment.mirrors[1]
    count = max(1, int(BEST * environment.num_envs))
    rank = torch.arange(1, count + 1, device=environment.engine.device)
    weight = math.log(count + 0.5) - rank.log()
    weight /= weight.sum()
    worths = []
    for generation in track(range(generations), "evolving", disable=not show):
        shift = torch.randn(environment.num_envs, environment.num_actions, device=rank.device)
        if mirrored:
            shift = (shift + shift[:, index] * sign) / 2**0.5
        shift *= DEVIATION * DECAY**generation / environment.action.scale
        worth = _worth(environment, actor, shift)
        last.bias.add_(weight @ shift[worth.topk(count).indices])
        worths.append(float(worth.mean()))
    return generations * GENERATION * environment.num_envs, worths


def _worth(environment: Environment, actor: MLPModel, shift: Tensor) -> Tensor:
    """What moving by the actor's actions plus `shift` [N, 28] is worth, [N], see the module."""
    environment.restart()
    observation = environment.observe()
    worth, standing = torch.zeros(len(shift), device=shift.device), torch.ones(len(shift), device=shift.device)
    for _ in range(GENERATION):
        observation, reward, _, _, figures = environment.step(actor(observation) + shift)
        standing = standing * (1.0 - figures["failed"])
        windows = environment.history.windows(slice(None))
        off = environment.score.pose_error(windows, environment.score.condition(windows))
        square = (off / environment.score.channel_std[-off.shape[1] :]).square().sum(1)
        worth += standing * reward * torch.exp(-square / (2 * WIDTH**2))
    return worth / GENERATION

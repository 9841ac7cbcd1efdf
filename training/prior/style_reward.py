"""The style reward r_smp: how much a policy's windows are as a frozen prior's, in three forms with one face.

    style = style_reward.create(score, RewardConfig())
    r = style.reward(windows)          # [B] in [0, 1]; the windows are remembered
    figures = style.update()           # once an iteration: learns the policy's windows

The prior is never changed and no clip is read. What is asked is how the policy's windows differ from what the prior
knows, and for that something has to know the policy's windows:

    score    exp(-w p), p = mean e/ρ: the paper's reward (eq. 8), with a fixed reference ρ; knows no policy, learns
             nothing, and is content with calmer motion than real
    own      own.py: against the error of a copy of the denoiser that learns the policy's windows
    critic   critic.py: by a discriminator between windows sampled from the prior and the policy's

Torch alone is needed, and any RL code can use it: docs/gymnasium.md has a program of twenty lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from training.config import RewardConfig
from training.prior.score import Score

Average = Callable[[Tensor], Tensor]
"""Means of a tensor over the processes of a run; every process calls it alike."""


def alone(values: Tensor) -> Tensor:
    """The `Average` of a single process."""
    return values


class StyleReward(Protocol):
    """How much windows are as the prior's."""

    def reward(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """Style reward [B] in [0, 1] of raw windows [B, F, 58] (`features.window`), of style vectors [B, 2S].

        The windows are remembered as the policy's; call it inside `torch.no_grad()` or `inference_mode`.
        """
        ...

    def update(self) -> dict[str, float]:
        """Learn the windows since the last update; returns figures to log."""
        ...

    def state(self) -> dict[str, Any]:
        """Copy all that processes share, for a checkpoint."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        ...

    def own_state(self) -> dict[str, Any]:
        """Copy what this process has for itself."""
        ...

    def restore_own(self, state: dict[str, Any]) -> None:
        """Go on from what `own_state` gave."""
        ...


class ScoreReward:
    """`StyleReward` by the prior's error alone: exp(-w · mean e/ρ)."""

    def __init__(self, score: Score, config: RewardConfig, generator: torch.Generator) -> None:
        """Judge by `score`; noise is drawn from `generator`."""
        self._score, self._sharpness, self._generator = score, config.sharpness, generator

    def reward(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """See `StyleReward.reward`."""
        _, ratio = self._score.judge(windows, self._score.noise(len(windows), self._generator), style)
        return torch.exp(-self._sharpness * ratio)

    def update(self) -> dict[str, float]:
        """See `StyleReward.update`: there is nothing to learn."""
        return {}

    def state(self) -> dict[str, Any]:
        """See `StyleReward.state`."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore`."""

    def own_state(self) -> dict[str, Any]:
        """See `StyleReward.own_state`."""
        return {}

    def restore_own(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore_own`."""


def create(
    score: Score, config: RewardConfig, generator: torch.Generator | None = None, *, processes: int = 1,
    average: Average = alone,
) -> StyleReward:  # fmt: skip
    """Make the form that `config` names, for a score on the device of `generator` (None: the CPU, seed 0).

    In a run of several `processes`, `average` takes means over them: of gradients, so that all learn the same.
    """
    from training.prior.critic import CriticReward
    from training.prior.own import OwnReward

    generator = generator or torch.Generator().manual_seed(0)
    if config.form == "score":
        return ScoreReward(score, config, generator)
    kind = OwnReward if config.form == "own" else CriticReward
    return kind(score, config, generator, processes, average)


def average_gradients(parameters: list[torch.nn.Parameter], average: Average) -> None:
    """Replace the gradients by their means over all processes."""
    if average is alone:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = average(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))

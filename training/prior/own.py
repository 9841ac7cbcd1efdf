"""The prior's score against the policy's own: variational score distillation as a style reward.

The prior's error alone is least for the densest motion, so a policy that follows it becomes calmer than people. The
cure known of score distillation (ProlificDreamer, arXiv 2305.16213; DMD2, arXiv 2405.14867) is to subtract the score of
what the generator itself makes, learned by a second network on its own time scale. That network, ê, begins as a copy of
the frozen denoiser and learns the policy's windows at the levels of the reward, several steps an iteration:

    p = max(0, mean_{t,g} log(e_{t,g} / ê_{t,g}))        under the same noise
    r_smp = exp(-w p)                                    1 where the prior knows a window as well as the policy's own

ê is trained like the prior itself, on |ε̂ - ε|² in the components that the denoiser predicts.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from training.config import RewardConfig
from training.prior import schedule
from training.prior.replay import Replay
from training.prior.score import LEAST_ERROR, Score
from training.prior.style_reward import Average, average_gradients


class OwnReward:
    """`training.prior.style_reward.StyleReward` by two denoisers."""

    def __init__(
        self, score: Score, config: RewardConfig, generator: torch.Generator, processes: int, average: Average
    ) -> None:  # fmt: skip
        """Copy the frozen denoiser of `score`; noise and batches are drawn from `generator`."""
        self._score, self._config, self._generator, self._average = score, config, generator, average
        self._own = score.sibling(copy.deepcopy(score.denoiser)).to(generator.device).eval()
        self._batch = max(2, config.batch // processes)
        self._trained = score.denoiser.components
        width = self._trained + 2 * len(score.styles)
        self._replay = Replay(max(1, config.replay // processes), width, generator.device)
        for parameter in self._own.parameters():
            parameter.requires_grad_(True)
        self._parameters = list(self._own.parameters())
        self._optimiser = torch.optim.AdamW(self._parameters, lr=config.learning_rate)

    def reward(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """See `StyleReward.reward`."""
        noise = self._score.noise(len(windows), self._generator)
        known, own = (judge.errors(windows, noise, style)[1] for judge in (self._score, self._own))
        penalty = (known.clamp_min(LEAST_ERROR) / own.clamp_min(LEAST_ERROR)).log().mean((1, 2)).clamp_min(0)
        latent = self._score.denoiser.kept(self._score.normalise(windows))
        self._replay.add(torch.cat((latent, self._score.in_force(windows, style)), 1))
        return torch.exp(-self._config.sharpness * penalty)

    def update(self) -> dict[str, float]:
        """See `StyleReward.update`; `own_loss` is the mean squared error of the noise, in components."""
        total = 0.0
        for _ in range(self._config.steps):
            rows = self._replay.draw(self._batch, self._generator)
            loss = self._loss(rows[:, : self._trained], rows[:, self._trained :])
            self._optimiser.zero_grad()
            loss.backward()
            average_gradients(self._parameters, self._average)
            self._optimiser.step()
            total += loss.item() / self._config.steps
        self._replay.settle()
        return {"own_loss": total}

    def state(self) -> dict[str, Any]:
        """See `StyleReward.state`."""
        return copy.deepcopy({"network": self._own.denoiser.state_dict(), "optimiser": self._optimiser.state_dict()})

    def restore(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore`."""
        self._own.denoiser.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])

    def own_state(self) -> dict[str, Any]:
        """See `StyleReward.own_state`."""
        return self._replay.state()

    def restore_own(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore_own`."""
        self._replay.restore(state)

    def _loss(self, latent: Tensor, style: Tensor) -> Tensor:
        """Mean of |ε̂(y_t, t) - ε|² of latent windows [B, n], each at one of the reward's levels."""
        device = latent.device
        pick = torch.randint(len(self._score.levels), (len(latent),), generator=self._generator, device=device)
        t = self._score.level[pick]
        noise = torch.randn(latent.shape, generator=self._generator, device=device)
        noised = schedule.add_noise(latent, noise, self._score.signal[pick].unsqueeze(1))
        told = style[:, : len(self._score.styles)] if self._score.styles else None
        return (self._own.denoiser.latent(noised, t, told) - noise).square().mean()

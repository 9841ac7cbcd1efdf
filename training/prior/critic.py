"""The prior as a generator: a small discriminator between windows sampled from it and the policy's.

It takes the seat of a discriminator of adversarial motion priors (AMP, Peng et al. 2021, eq. 5 to 8), but what it holds
the policy to are samples of the frozen denoiser, drawn once: no clip is read, and styles or compositions come by
sampling them. DMD2 (arXiv 2405.14867) adds the same loss to its two scores.

    loss  = mean over samples (d - 1)² + mean over the policy's windows (d + 1)² + w_gp |∂d/∂x|² at samples
    r_smp = max(0, 1 - (d - 1)²/4)

Two things make it the prior's judgement and not another task's:

- it looks at the components that the denoiser keeps, each over √(λ + 1 - ᾱ) with λ its variance and ᾱ of the finest
  level: what lies below that level's noise, the prior itself could not tell apart;
- each of the policy's windows stands beside a sample that is about as fast (`_like`). Otherwise what the goals ask
  for more often than the capture has it, as running, would be odd for that alone, and style worth more at one speed
  than at another.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from torch import Tensor, nn

from training.config import RewardConfig
from training.prior import sampling
from training.prior.replay import Replay
from training.prior.score import Score
from training.prior.style_reward import Average, average_gradients

NEIGHBOURS = 64
"""Samples next in speed among which one is drawn to stand beside a window."""
DRAWN_AT_ONCE = 4096


class CriticReward:
    """`training.prior.style_reward.StyleReward` by a discriminator."""

    def __init__(
        self, score: Score, config: RewardConfig, generator: torch.Generator, processes: int, average: Average
    ) -> None:  # fmt: skip
        """Sample the prior (some seconds); batches are drawn from `generator`."""
        self._score, self._config, self._generator, self._average = score, config, generator, average
        device = generator.device
        self._kept = score.denoiser.components
        self._scale = (score.denoiser.latent_std.square() + 1 - score.signal.max()).rsqrt()[: self._kept]
        widths = (self._kept, *config.critic_hidden)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # alike in every process
            hidden = [
                layer for before, after in itertools.pairwise(widths) for layer in (nn.Linear(before, after), nn.ELU())
            ]
            self._network = nn.Sequential(*hidden, nn.Linear(widths[-1], 1)).to(device)
        self._parameters = list(self._network.parameters())
        self._optimiser = torch.optim.AdamW(self._parameters, lr=config.critic_rate)
        self._batch = max(2, config.batch // processes)
        self._replay = Replay(max(1, config.replay // processes), self._kept + 1, device)
        self._pool = self._sample(max(NEIGHBOURS, config.pool // processes))

    def reward(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """See `StyleReward.reward`."""
        seen = self._see(windows)
        self._replay.add(torch.cat((seen, self._score.speed(windows).unsqueeze(1)), 1))
        value = self._network(seen).squeeze(1)
        return (1 - 0.25 * (value - 1).square()).clamp_min(0)

    def update(self) -> dict[str, float]:
        """See `StyleReward.update`; `critic_real` and `critic_policy` are mean values of samples and of windows."""
        sums = torch.zeros(3)
        for _ in range(self._config.steps):
            rows = self._replay.draw(self._batch, self._generator)
            policy, speed = rows[:, :-1], rows[:, -1]
            real = self._like(speed).requires_grad_(True)
            on_real, on_policy = self._network(real).squeeze(1), self._network(policy).squeeze(1)
            (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
            penalty = slope.square().sum(1).mean()
            loss = (on_real - 1).square().mean() + (on_policy + 1).square().mean() + self._config.penalty * penalty
            self._optimiser.zero_grad()
            loss.backward()
            average_gradients(self._parameters, self._average)
            self._optimiser.step()
            with torch.no_grad():
                sums += torch.stack((on_real.mean(), on_policy.mean(), penalty)).cpu() / self._config.steps
        self._replay.settle()
        return dict(zip(("critic_real", "critic_policy", "critic_slope"), sums.tolist(), strict=True))

    def state(self) -> dict[str, Any]:
        """See `StyleReward.state`."""
        return copy.deepcopy({"network": self._network.state_dict(), "optimiser": self._optimiser.state_dict()})

    def restore(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore`."""
        self._network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])

    def own_state(self) -> dict[str, Any]:
        """See `StyleReward.own_state`."""
        return {"replay": self._replay.state(), "pool": self._pool.clone()}

    def restore_own(self, state: dict[str, Any]) -> None:
        """See `StyleReward.restore_own`."""
        self._replay.restore(state["replay"])
        self._pool = state["pool"].to(self._generator.device)

    def _see(self, windows: Tensor) -> Tensor:
        """What the network looks at [B, n] of raw windows [B, F, 58]."""
        return self._score.denoiser.kept(self._score.normalise(windows)) * self._scale

    def _sample(self, count: int) -> Tensor:
        """Samples of the prior as the network sees them, and their speed (m/s), [count, n + 1], slowest first.

        They are in the style in force, where the prior has styles.
        """
        rows = []
        for first in range(0, count, DRAWN_AT_ONCE):
            some = min(DRAWN_AT_ONCE, count - first)
            style = self._score.style.expand(some, -1) if self._score.styles else None
            windows = sampling.ddpm(self._score, some, self._generator, style)
            rows.append(torch.cat((self._see(windows), self._score.speed(windows).unsqueeze(1)), 1))
        pool = torch.cat(rows)
        return pool[pool[:, -1].argsort()]

    def _like(self, speed: Tensor) -> Tensor:
        """For each speed [B] m/s a sample [B, n] drawn among those next in speed."""
        place = torch.searchsorted(self._pool[:, -1].contiguous(), speed.contiguous())
        most = len(self._pool) - NEIGHBOURS
        first = (place - NEIGHBOURS // 2).clamp(0, most)
        pick = torch.randint(NEIGHBOURS, speed.shape, generator=self._generator, device=speed.device)
        return self._pool[first + pick, :-1]

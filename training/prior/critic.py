"""The prior as a generator: a small discriminator between windows sampled from it and the policy's.

It takes the seat of a discriminator of adversarial motion priors (AMP, Peng et al. 2021, eq. 5 to 8), but what it holds
the policy to are samples of the frozen denoiser, drawn once: no clip is read, and styles or compositions come by
sampling them. DMD2 (arXiv 2405.14867) adds the same loss to its two scores.

    loss  = mean over samples (d - 1)² + mean over the policy's windows (d + 1)² + w_gp |∂d/∂x|² at samples
    r_smp = max(0, 1 - (d - 1)²/4)

With `noised` it is asked at the K levels of noise at which the prior judges, and told which (Diffusion-GAN, arXiv
2206.02262), x_t = √ᾱ_t x + √(1 - ᾱ_t) ε, and r_smp is the mean over them: bare windows of a policy that explores are
told from samples by their tremor, whatever their gait.

Two things make it the prior's judgement and not another task's:

- it looks at the components that the denoiser keeps, in units of the normalised channels. What the denoiser leaves out
  would tell samples from motion at once;
- each of the policy's windows stands beside a sample of about the same course (`Score.course`: velocity and turning).
  Otherwise what the goals ask for more often than the capture has it, as running or turning, would be odd for that
  alone, and style worth more at one speed than at another.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from torch import Tensor, nn

from training.config import RewardConfig
from training.prior import sampling, schedule
from training.prior.replay import Replay
from training.prior.score import Score
from training.prior.style_reward import Average, average_gradients

NEIGHBOURS = 64
"""Samples next in course among which one is drawn to stand beside a window."""
TURN = 0.5
"""m: a turn of 1 rad/s is as far from going straight as this many m/s are from standing."""
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
        k = len(score.levels)  # row k of `_levels` tells the network which it is asked at
        self._levels = torch.eye(k, device=device) if config.noised else torch.zeros(1, 0, device=device)
        widths = (self._kept + self._levels.shape[1], *config.critic_hidden)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # alike in every process
            hidden = [
                layer for before, after in itertools.pairwise(widths) for layer in (nn.Linear(before, after), nn.ELU())
            ]
            self._network = nn.Sequential(*hidden, nn.Linear(widths[-1], 1)).to(device)
        self._parameters = list(self._network.parameters())
        self._optimiser = torch.optim.AdamW(self._parameters, lr=config.critic_rate)
        self._turn = torch.tensor([1.0, 1.0, TURN], device=device)
        self._batch = max(2, config.batch // processes)
        self._replay = Replay(max(1, config.replay // processes), self._kept + 3, device)
        self._pool = self._sample(max(NEIGHBOURS, config.pool // processes))

    def reward(self, windows: Tensor, style: Tensor | None = None) -> Tensor:
        """See `StyleReward.reward`."""
        rows = self._see(windows)
        self._replay.add(rows)
        every = torch.arange(len(self._levels), device=rows.device).repeat(len(rows))
        value = self._network(self._noised(rows[:, :-3].repeat_interleave(len(self._levels), 0), every))
        return (1 - 0.25 * (value - 1).square()).clamp_min(0).view(len(rows), -1).mean(1)

    def update(self) -> dict[str, float]:
        """See `StyleReward.update`; `critic_real` and `critic_policy` are mean values of samples and of windows."""
        sums = torch.zeros(3)
        for _ in range(self._config.steps):
            rows = self._replay.draw(self._batch, self._generator)
            policy, course = rows[:, :-3], rows[:, -3:]
            level = self._draw_levels(len(policy))
            real = self._noised(self._like(course), level).requires_grad_(True)
            on_real, on_policy = self._network(real).squeeze(1), self._network(self._noised(policy, level)).squeeze(1)
            (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
            penalty = slope[:, : self._kept].square().sum(1).mean()
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

    def _draw_levels(self, count: int) -> Tensor:
        """Draw which of the K levels each of `count` rows is judged at, [count] int64."""
        draw = {"generator": self._generator, "device": self._generator.device}
        return torch.randint(len(self._levels), (count,), **draw)

    def _noised(self, rows: Tensor, level: Tensor) -> Tensor:
        """What the network is shown: components [B, n] noised to `level` [B], and which that is, [B, n + K]; or bare.

        The components are those of an orthonormal basis, so that white noise in them is white noise in the window.
        """
        if not self._config.noised:
            return rows
        noise = torch.randn(rows.shape, generator=self._generator, device=rows.device)
        signal = self._score.signal[level].unsqueeze(1)
        return torch.cat((schedule.add_noise(rows, noise, signal), self._levels[level]), 1)

    def _see(self, windows: Tensor) -> Tensor:
        """What the network looks at of raw windows [B, F, 58], and their course in m/s, [B, n + 3]."""
        components = self._score.denoiser.kept(self._score.normalise(windows))
        return torch.cat((components, self._score.course(windows) * self._turn), 1)

    def _sample(self, count: int) -> Tensor:
        """Samples of the prior, in the style in force, as `_see` gives them, [count, n + 3]."""
        parts = [DRAWN_AT_ONCE] * (count // DRAWN_AT_ONCE) + [count % DRAWN_AT_ONCE]
        style = self._score.style.expand(DRAWN_AT_ONCE, -1) if self._score.styles else None
        rows = []
        for part in filter(None, parts):
            told = None if style is None else style[:part]
            rows.append(self._see(sampling.ddpm(self._score, part, self._generator, told)))
        return torch.cat(rows)

    def _like(self, course: Tensor) -> Tensor:
        """For each course [B, 3] a sample [B, n] drawn among those next to it."""
        near = torch.cdist(course, self._pool[:, -3:]).topk(NEIGHBOURS, dim=1, largest=False).indices
        pick = torch.randint(NEIGHBOURS, (len(course), 1), generator=self._generator, device=course.device)
        return self._pool[near.gather(1, pick).squeeze(1), :-3]

"""Training a prior: windows in, a calibrated `Score` out.

    windows ──> normaliser ──> denoiser.fit (analytic part) ──> AdamW on |ε̂ - ε|² ──> EMA
                                                            ──> Denoiser.measure, Score.calibrate (training windows)

Held-out error at the reward's levels is least after some hundred steps and rises from then on, while samples go on
getting better: after 500 steps they keep .6 to .7 of the data's variance. A prior that is to be sampled, and whose
reference is its own training motion, is trained to the end; the curve says what became of the held-out error.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import features, onnx_file
from training.config import EVALUATE_EVERY, PriorConfig
from training.motion import windows as motion_windows
from training.motion.windows import Windows
from training.prior import schedule
from training.prior.denoiser import Denoiser
from training.prior.score import Score
from training.prior.style import whole

MEASURED = 8192
"""Windows, drawn as for training, on which the network's errors are measured."""


@dataclass(frozen=True)
class Fit:
    """A trained prior and its curve."""

    score: Score
    """Frozen, calibrated, on the CPU."""
    iterations: int
    """Optimiser steps taken."""
    curve: tuple[tuple[int, float, float], ...]
    """(step, training loss, held-out error at the reward's levels)."""


@dataclass(frozen=True)
class Styles:
    """What style each window is in."""

    names: tuple[str, ...]
    """The S styles."""
    training: Tensor
    """[N, S] one-hot, of the training windows."""
    held_out: Tensor
    """[M, S] one-hot, of the held-out windows."""


def fit(
    config: PriorConfig, training: Windows, weights: Tensor, held_out: Windows, seed: int,
    report: Callable[[int, float, float], None], styles: Styles | None = None,
) -> Fit:  # fmt: skip
    """Train the prior of `config` on `training` drawn by `weights` [N], calibrate on it.

    With `styles` the denoiser is told a window's style, but for `config.style_dropout` of the draws.

    `report(step, training loss, held-out error)` is called every 250 steps.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    names = styles.names if styles else ()
    network = Denoiser(training.values[0].numel(), styles=len(names), **dataclasses.asdict(config.denoiser))
    score = Score(network, names, config.offsets, config.levels)
    copies = 2 if config.mirrored else 1
    share = weights.repeat(copies)
    known = motion_windows.sides(training.values, config.mirrored)
    _set_normaliser(score, known, share, config.channel_std_floor)
    known = score.normalise(known)
    score.denoiser.fit(known, share)
    latent = torch.cat([score.denoiser.kept(part) for part in known.split(16_384)])
    del known
    with _precision("medium"):  # products by oneDNN: twice as fast, the curve the same
        curve, average = _optimise(config, score, latent, share, held_out.values, styles, generator, report)
    score.denoiser.load_state_dict(average)
    score.eval().requires_grad_(False)
    picks = torch.multinomial(share, MEASURED, replacement=True, generator=generator)
    told = None if styles is None else styles.training.repeat(copies, 1)[picks]
    score.denoiser.measure(latent[picks], generator, told)
    _round(score.denoiser)
    drawn = motion_windows.sides(training.values, config.mirrored)[picks]
    score.calibrate(drawn, None if told is None else whole(told))
    return Fit(score, curve[-1][0], tuple(curve))


@contextmanager
def _precision(name: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@torch.no_grad()
def _round(model: nn.Module) -> None:
    """Round weights to what the file keeps of them, before anything is calibrated by them."""
    for values in (*model.parameters(), *model.buffers()):
        if values.numel() >= onnx_file.HALF_FROM:
            values.copy_(values.half().float())


def _set_normaliser(score: Score, values: Tensor, weights: Tensor, floor: float) -> None:
    """Weighted mean and deviation per channel, shared by the frames."""
    share = (weights / weights.sum()).view(-1, 1)
    mean = (share * values.mean(1)).sum(0)
    variance = (share * (values - mean).square().mean(1)).sum(0)
    score.channel_mean.copy_(mean)
    score.channel_std.copy_(variance.sqrt().clamp_min(floor))


def _optimise(
    config: PriorConfig, score: Score, latent: Tensor, weights: Tensor, held_out: Tensor, styles: Styles | None,
    generator: torch.Generator, report: Callable[[int, float, float], None],
) -> tuple[list[tuple[int, float, float]], dict[str, Tensor]]:  # fmt: skip
    """Run AdamW; returns the curve and the averaged weights."""
    model = score.denoiser
    average = copy.deepcopy(model).eval()
    judge = score.sibling(average)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    labels = styles.training.repeat(2 if config.mirrored else 1, 1) if styles else None
    own = whole(styles.held_out) if styles else None
    curve, running = [], 0.0
    for step in range(1, config.iterations + 1):
        picks = torch.multinomial(weights, config.batch, replacement=True, generator=generator)
        told = None if labels is None else _dropped(labels[picks], config.style_dropout, generator)
        loss = _loss(model, latent[picks], generator, told)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = config.learning_rate * _rate(step / config.iterations)
        optimiser.step()
        _follow(average, model, min(config.ema, step / (step + 10)))
        running += loss.item() / EVALUATE_EVERY
        if step % EVALUATE_EVERY == 0:
            error = held_out_error(judge, held_out, own)
            curve.append((step, running, error))
            report(step, running, error)
            running = 0.0
    return curve, average.state_dict()


def _dropped(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Labels [B, S] with that share of the rows zero: the denoiser learns to do without, too."""
    return labels * (torch.rand(len(labels), 1, generator=generator) >= share)


def _loss(model: Denoiser, latent: Tensor, generator: torch.Generator, style: Tensor | None = None) -> Tensor:
    """Mean of |ε̂(y_t, t) - ε|² for clean latent windows [B, n], each at a level of its own; n what is trained."""
    t = torch.randint(schedule.STEPS, (len(latent),), generator=generator)
    noise = torch.randn(latent.shape, generator=generator)
    signal = schedule.alpha_bar()[t].unsqueeze(1)
    return (model.latent(schedule.add_noise(latent, noise, signal), t, style) - noise).square().mean()


def _rate(progress: float) -> float:
    """Learning rate's share after `progress` in 0…1 of the steps: a cosine from 1 to .1."""
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """EMA: each averaged weight goes 1 - decay of its way to the model's."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


@torch.no_grad()
def held_out_error(score: Score, values: Tensor, style: Tensor | None = None) -> float:
    """Mean error of raw windows over the reward's levels, under fixed noise, as motion of `style` [N, 2S]."""
    generator = torch.Generator().manual_seed(1)
    return score.errors(values, score.noise(len(values), generator), style)[0].mean().item()


def joint_statistics(training: Windows, weights: Tensor, mirrored: bool) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [28] rad of the joint angles: what actions are scaled by.

    With `mirrored` left and right alike.
    """
    first = features.WINDOW_NAMES.index("abdomen_x")
    angles = motion_windows.sides(training.values, mirrored)[:, -1, first : first + 28]
    share = weights.repeat(2 if mirrored else 1).unsqueeze(1)
    share /= share.sum()
    mean = (share * angles).sum(0)
    return mean, (share * (angles - mean).square()).sum(0).sqrt()

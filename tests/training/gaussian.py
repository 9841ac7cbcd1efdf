"""Gaussian motion windows, for which the best denoiser and its error are known in closed form. For tests."""

from __future__ import annotations

import torch
from torch import Tensor

from training import features
from training.prior import schedule
from training.prior.denoiser import Denoiser
from training.prior.score import Score

FRAMES, CHANNELS = len(features.OFFSETS), len(features.WINDOW_NAMES)
SIZE = FRAMES * CHANNELS


def spectrum(size: int, largest: float = 4.0, smallest: float = 1e-3) -> Tensor:
    """Variances [size], falling geometrically."""
    return largest * (smallest / largest) ** torch.linspace(0, 1, size)


def known(size: int, components: int, seed: int = 0) -> Denoiser:
    """A denoiser that knows mean, axes and variances of its Gaussian exactly; its network, untrained, says zero."""
    torch.manual_seed(seed)
    denoiser = Denoiser(size, components=components, width=16, blocks=1)
    denoiser.mean.copy_(torch.randn(size))
    denoiser.basis.copy_(torch.linalg.qr(torch.randn(size, size))[0])
    denoiser.variance.copy_(spectrum(size))
    denoiser.leave(torch.stack([unexplained(denoiser.variance, t) for t in range(schedule.STEPS)])[:, :components])
    return denoiser.eval()


def score() -> Score:
    """A score of the Gaussian that its denoiser knows, frozen, with a normaliser that is not trivial."""
    made = Score(known(SIZE, components=8))
    generator = torch.Generator().manual_seed(5)
    made.channel_mean.copy_(torch.randn(CHANNELS, generator=generator))
    made.channel_std.copy_(0.5 + torch.rand(CHANNELS, generator=generator))
    return made.eval().requires_grad_(False)


def windows(score: Score, count: int, seed: int, scale: float = 1.0) -> Tensor:
    """Raw windows [count, F, 58] of that Gaussian, `scale` times as far from its mean."""
    flat = draw(score.denoiser, count, torch.Generator().manual_seed(seed))
    return score.denormalise(score.denoiser.mean + scale * (flat - score.denoiser.mean))


def draw(denoiser: Denoiser, count: int, generator: torch.Generator) -> Tensor:
    """Windows [count, size] of the Gaussian that `denoiser` knows."""
    white = torch.randn(count, len(denoiser.mean), generator=generator)
    return denoiser.mean + (white * denoiser.variance.sqrt()) @ denoiser.basis.T


def unexplained(variance: Tensor, level: int) -> Tensor:
    """Error of the best denoiser along each axis: Var(ε_i | y_i) = ᾱλ_i/(ᾱλ_i + 1-ᾱ)."""
    signal = schedule.alpha_bar()[level]
    return signal * variance / (signal * variance + 1 - signal)


def best_error(variance: Tensor, level: int) -> float:
    """Error of the best denoiser, the mean of `unexplained`."""
    return unexplained(variance, level).mean().item()


def error_elsewhere(variance: Tensor, level: int, scale: float, shift: Tensor) -> float:
    """Error of that denoiser on other data: λ_i·scale² about means off by `shift` [size] in its own axes.

    With T = ᾱλ + 1-ᾱ, ε̂ - ε = √(ᾱ(1-ᾱ))/T · x - ᾱλ/T · ε, so e_i = ᾱ(1-ᾱ)/T² · (scale²λ + shift²) + (ᾱλ/T)².
    """
    a = schedule.alpha_bar()[level]
    total = a * variance + 1 - a
    e = a * (1 - a) / total**2 * (scale**2 * variance + shift**2) + (a * variance / total) ** 2
    return e.mean().item()

"""Gaussian motion windows, for which the best denoiser and its error are known in closed form. For tests."""

from __future__ import annotations

import torch
from torch import Tensor

from training.prior import schedule
from training.prior.denoiser import PrincipalDenoiser


def spectrum(size: int, largest: float = 4.0, smallest: float = 1e-3) -> Tensor:
    """Variances [size], falling geometrically."""
    return largest * (smallest / largest) ** torch.linspace(0, 1, size)


def known(size: int, components: int, seed: int = 0) -> PrincipalDenoiser:
    """A denoiser that knows mean, axes and variances of its Gaussian exactly; its network, untrained, says zero."""
    torch.manual_seed(seed)
    denoiser = PrincipalDenoiser(size, components=components, width=16, blocks=1)
    denoiser.mean.copy_(torch.randn(size))
    denoiser.basis.copy_(torch.linalg.qr(torch.randn(size, size))[0])
    denoiser.variance.copy_(spectrum(size))
    return denoiser.eval()


def draw(denoiser: PrincipalDenoiser, count: int, generator: torch.Generator) -> Tensor:
    """Windows [count, size] of the Gaussian that `denoiser` knows."""
    white = torch.randn(count, len(denoiser.mean), generator=generator)
    return denoiser.mean + (white * denoiser.variance.sqrt()) @ denoiser.basis.T


def best_error(variance: Tensor, level: int) -> float:
    """Error of the best denoiser: mean_i Var(ε_i | y_i) = mean_i ᾱλ_i/(ᾱλ_i + 1-ᾱ)."""
    signal = schedule.alpha_bar()[level]
    return (signal * variance / (signal * variance + 1 - signal)).mean().item()


def error_elsewhere(variance: Tensor, level: int, scale: float, shift: Tensor) -> float:
    """Error of that denoiser on other data: λ_i·scale² about means off by `shift` [size] in its own axes.

    With T = ᾱλ + 1-ᾱ, ε̂ - ε = √(ᾱ(1-ᾱ))/T · x - ᾱλ/T · ε, so e_i = ᾱ(1-ᾱ)/T² · (scale²λ + shift²) + (ᾱλ/T)².
    """
    a = schedule.alpha_bar()[level]
    total = a * variance + 1 - a
    e = a * (1 - a) / total**2 * (scale**2 * variance + shift**2) + (a * variance / total) ** 2
    return e.mean().item()

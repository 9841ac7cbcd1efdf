"""New motion windows from a denoiser: DDPM (Ho et al. 2020, algorithm 2) and DDIM (Song et al. 2021, eq. 12, η = 0)."""

from __future__ import annotations

import torch
from torch import Tensor

from training.prior import schedule
from training.prior.denoiser import Denoiser


@torch.no_grad()
def ddpm(denoiser: Denoiser, shape: tuple[int, int], generator: torch.Generator, clip: float = 8.0) -> Tensor:
    """Sample `shape` = [B, 580] normalised windows by all 50 ancestral steps.

    The predicted clean window is clipped to ±`clip` latent standard deviations before each step, which only binds on
    the first few, where √ᾱ is almost zero. With the posterior's variance 50 steps make samples a little calmer than
    the data: of a Gaussian of variance 1 they keep .91, of one of .05 they keep .78.
    """
    signal = schedule.alpha_bar().to(generator.device)
    bound = clip * denoiser.latent_std
    x = torch.randn(shape, generator=generator, device=generator.device)
    for t in reversed(range(schedule.STEPS)):
        noise = denoiser.latent(x, torch.full((len(x),), t, device=x.device))
        clean = _clean(x, noise, signal[t]).clamp(-bound, bound)
        if t == 0:
            return denoiser.decode(clean)
        before, now = signal[t - 1], signal[t]
        beta = 1 - now / before
        # q(x_{t-1} | x_t, x_0): Ho et al., eq. 6 and 7
        mean = (before.sqrt() * beta * clean + (1 - beta).sqrt() * (1 - before) * x) / (1 - now)
        deviation = (beta * (1 - before) / (1 - now)).sqrt()
        x = mean + deviation * torch.randn(shape, generator=generator, device=x.device)
    raise AssertionError("unreachable")


@torch.no_grad()
def ddim(denoiser: Denoiser, x: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Take windows x [B, 580] noised to levels[0] deterministically down the falling `levels` to a clean window."""
    signal = schedule.alpha_bar().to(x.device)
    for t, following in zip(levels, (*levels[1:], None), strict=True):
        noise = denoiser(x, torch.full((len(x),), t, device=x.device))
        clean = _clean(x, noise, signal[t])
        x = clean if following is None else schedule.add_noise(clean, noise, signal[following])
    return x


def _clean(x: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """x̂_0 = (x_t - √(1-ᾱ)·ε̂)/√ᾱ."""
    return (x - (1 - signal).sqrt() * noise) / signal.sqrt()

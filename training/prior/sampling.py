"""New motion windows from a denoiser by DDPM (Ho et al. 2020, algorithm 2).

DDPM's step from level t to t - 1 is Gaussian about the predicted clean window x̂_0. Its variance is not that of the
posterior q(x_{t-1} | x_t, x_0) alone, which takes x̂_0 for x_0 and makes samples calmer than the data; what x̂_0 leaves
unexplained of x_0 comes on top (Bao et al. 2022, arXiv 2201.06503, theorem 1; along each component of its own):

    σ_t² = β̃_t + (√ᾱ_{t-1} β_t / (1 - ᾱ_t))² · (1 - ᾱ_t)/ᾱ_t · E[(ε̂ - ε)²]
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.prior import schedule
from training.prior.denoiser import Denoiser
from training.prior.score import Score
from training.prior.style import predict

CLIP = 8.0
"""Latent standard deviations that a predicted clean window is clipped to: binds on the first steps, where √ᾱ is almost
zero."""


@torch.no_grad()
def ddpm(score: Score, count: int, generator: torch.Generator, style: Tensor | None = None) -> Tensor:
    """Sample `count` raw windows [count, F, 58], of style vectors [count, 2S], by all 50 ancestral steps."""
    denoiser, device = score.denoiser, generator.device
    signal = schedule.alpha_bar().to(device)
    bound = CLIP * denoiser.latent_std
    y = torch.randn(count, score.size, generator=generator, device=device)
    for t in reversed(range(schedule.STEPS)):
        noise = _guess(denoiser, y, torch.full((count,), t, device=device), style)
        clean = _clean(y, noise, signal[t]).clamp(-bound, bound)
        if t == 0:
            return score.denormalise(denoiser.decode(clean))
        before, now = signal[t - 1], signal[t]
        beta = 1 - now / before
        # q(x_{t-1} | x_t, x_0): Ho et al., eq. 6 and 7
        mean = (before.sqrt() * beta * clean + (1 - beta).sqrt() * (1 - before) * y) / (1 - now)
        unknown = ((1 - now) / now * denoiser.unexplained[t]).minimum(denoiser.variance)  # Var(x_0 | x_t)
        variance = beta * (1 - before) / (1 - now) + (before.sqrt() * beta / (1 - now)).square() * unknown
        y = mean + variance.sqrt() * torch.randn(y.shape, generator=generator, device=device)
    raise AssertionError("unreachable")


def _guess(denoiser: Denoiser, y: Tensor, t: Tensor, style: Tensor | None) -> Tensor:
    """Noise [B, size] in noised components y; styles are put together by channels, not by components."""
    if style is None:
        return denoiser.latent(y, t)
    x = y @ denoiser.basis.T + denoiser.alpha_bar[t].unsqueeze(-1).sqrt() * denoiser.mean
    return predict(denoiser, x, t, style) @ denoiser.basis


def _clean(x: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """x̂_0 = (x_t - √(1-ᾱ)·ε̂)/√ᾱ."""
    return (x - (1 - signal).sqrt() * noise) / signal.sqrt()

"""DDPM and DDIM from a denoiser that is exact: what they sample is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from tests.training import gaussian
from training.prior import sampling, schedule

SIZE = 8


def exact() -> Any:
    """All that sampling asks of a score whose denoiser knows its Gaussian; its windows are not normalised."""
    return SimpleNamespace(denoiser=gaussian.known(SIZE, components=4), size=SIZE, denormalise=lambda flat: flat)


def test_ddpm_recovers_mean_and_covariance(monkeypatch):
    """40,000 samples of a known Gaussian: means within 4 standard errors, variances as the 50 steps must give them."""
    monkeypatch.setattr(sampling, "CLIP", 20.0)
    score = exact()
    network = score.denoiser
    samples = sampling.ddpm(score, 40_000, torch.Generator().manual_seed(0))
    y = network.encode(samples)
    expected = ancestral_variance(network.variance)
    assert (y.mean(0).abs() < 4 * (expected / 40_000).sqrt()).all()
    covariance = y.T.cov()
    torch.testing.assert_close(covariance.diagonal(), expected, rtol=0.035, atol=0)
    correlation = covariance / (expected.unsqueeze(0) * expected.unsqueeze(1)).sqrt()
    assert (correlation - correlation.diagonal().diag()).abs().max() < 4 / 40_000**0.5


def test_samples_are_as_lively_as_the_data():
    """By the exact recursion, what 50 steps leave of variances of 4, 1 and .05: all of it within 4 %.

    With the posterior's variance alone, as DDPM is usually done, .92, .91 and .78 are left.
    """
    variance = torch.tensor([4.0, 1.0, 0.05])
    left = ancestral_variance(variance) / variance
    torch.testing.assert_close(left, torch.tensor([1.0, 0.998, 0.966]), atol=2e-3, rtol=0)
    calm = ancestral_variance(variance, explained=True) / variance
    torch.testing.assert_close(calm, torch.tensor([0.920, 0.914, 0.782]), atol=1e-3, rtol=0)


def ancestral_variance(variance: torch.Tensor, explained: bool = False) -> torch.Tensor:
    """Variance of DDPM samples of a Gaussian along its axes: every step is linear, so this is exact.

    `explained`: as if x̂_0 were x_0.
    """
    signal = schedule.alpha_bar().double()
    lam, v = variance.double(), torch.ones(len(variance), dtype=torch.float64)
    for t in reversed(range(schedule.STEPS)):
        total = signal[t] * lam + 1 - signal[t]
        shrink = signal[t].sqrt() * lam / total  # x̂_0 = shrink·x_t
        if t == 0:
            return (shrink**2 * v).float()
        before, beta = signal[t - 1], 1 - signal[t] / signal[t - 1]
        mean = (before.sqrt() * beta * shrink + (1 - beta).sqrt() * (1 - before)) / (1 - signal[t])
        left = 0.0 if explained else (before.sqrt() * beta / (1 - signal[t])) ** 2 * lam * (1 - signal[t]) / total
        v = mean**2 * v + beta * (1 - before) / (1 - signal[t]) + left
    raise AssertionError


def test_ddpm_is_the_seeds():
    """The same generator gives the same samples, another one others."""
    score = exact()
    one, same, other = (sampling.ddpm(score, 3, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert (one - other).abs().min() > 1e-4


def test_ddpm_clips_what_it_predicts(monkeypatch):
    """No sample is further out than `CLIP` standard deviations along any component."""
    monkeypatch.setattr(sampling, "CLIP", 1.0)
    score = exact()
    samples = sampling.ddpm(score, 500, torch.Generator().manual_seed(0))
    out = (score.denoiser.encode(samples) / score.denoiser.latent_std).abs()
    assert out.max().item() <= 1.001
    assert (out > 0.999).float().mean() > 0.05


def test_samples_are_raw_windows():
    """Of a real score [count, F, 58], in metres and radians: mean and spread of the channels are its Gaussian's."""
    score = gaussian.score()
    found, expected = sampling.ddpm(score, 2000, torch.Generator().manual_seed(0)), gaussian.windows(score, 2000, 1)
    assert found.shape == expected.shape == (2000, gaussian.FRAMES, gaussian.CHANNELS)
    torch.testing.assert_close(found.mean(0), expected.mean(0), atol=0.25, rtol=0)
    torch.testing.assert_close(found.std(0), expected.std(0), atol=0.1, rtol=0.1)

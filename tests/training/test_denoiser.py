"""The denoiser: exactly optimal on Gaussian data before any training, and what it leaves unexplained."""

from __future__ import annotations

import math

import pytest
import torch

from tests.training import gaussian
from training.prior import schedule
from training.prior.denoiser import Denoiser

SIZE = 40


def errors(network: Denoiser, windows: torch.Tensor, level: int) -> torch.Tensor:
    """Error [N] of each window under a noise draw."""
    noise = torch.randn(windows.shape, generator=torch.Generator().manual_seed(100 + level))
    noised = schedule.add_noise(windows, noise, schedule.alpha_bar()[level])
    with torch.no_grad():
        return (network(noised, torch.full((len(windows),), level)) - noise).square().mean(1)


def assert_mean(values: torch.Tensor, expected: float, most: float) -> None:
    """The mean is `expected` within 4 standard errors, and those are below `most` of it: the check is sharp."""
    error = values.std().item() / math.sqrt(len(values))
    assert error < most * expected
    assert values.mean().item() == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("level", [0, *schedule.LEVELS, 49])
def test_untrained_it_is_optimal(level: int):
    """Its error on its own Gaussian is the closed form, mean of ᾱλ/(ᾱλ + 1-ᾱ), within half a percent."""
    network = gaussian.known(SIZE, components=10)
    windows = gaussian.draw(network, 20_000, torch.Generator().manual_seed(0))
    assert_mean(errors(network, windows, level), gaussian.best_error(network.variance, level), most=0.005)


@pytest.mark.parametrize("level", schedule.LEVELS)
@pytest.mark.parametrize(("scale", "offset"), [(0.5, 0.0), (2.0, 0.0), (1.0, 0.8), (0.0, 1.5)])
def test_error_on_other_data(level: int, scale: float, offset: float):
    """Contracted, stretched, shifted and frozen windows cost what the closed form says; contracted ones cost LESS."""
    network = gaussian.known(SIZE, components=10)
    windows = gaussian.draw(network, 20_000, torch.Generator().manual_seed(1))
    shift = torch.full((SIZE,), offset)
    other = network.mean + scale * (windows - network.mean) + shift @ network.basis.T
    expected = gaussian.error_elsewhere(network.variance, level, scale, shift)
    assert_mean(errors(network, other, level), expected, most=0.01)
    best = gaussian.best_error(network.variance, level)
    assert gaussian.error_elsewhere(network.variance, level, 1.0, 0 * shift) == pytest.approx(best, rel=1e-5)
    if offset == 0.0:
        assert (expected < best) == (scale < 1.0)


def test_fit_finds_mean_axes_and_variances():
    """From samples of which half count three times: mean, covariance and falling variances of the weighted data."""
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(400, 6, generator=generator) * torch.tensor([3.0, 1.0, 0.5, 2.0, 0.1, 1e-4]) + 5.0
    weights = torch.ones(400)
    weights[200:] = 3.0
    network = Denoiser(6, components=3)
    network.fit(windows, weights)
    tripled = torch.cat((windows, windows[200:], windows[200:])).double()
    torch.testing.assert_close(network.mean.double(), tripled.mean(0), atol=1e-5, rtol=0)
    covariance = network.basis @ network.variance.diag() @ network.basis.T
    torch.testing.assert_close(covariance.double(), tripled.T.cov(correction=0), atol=2e-4, rtol=1e-4)
    assert (network.variance.diff() <= 0).all()
    assert network.variance[-1].item() == pytest.approx(1e-4)  # the floor: its own is 1e-8


def lively(size: int, **settings: int) -> Denoiser:
    """A denoiser in which nothing is zero by initialisation."""
    torch.manual_seed(0)
    network = Denoiser(size, width=16, blocks=2, **settings).eval()
    network.fit(torch.randn(600, size), torch.ones(600))
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return network.requires_grad_(False)


def test_a_window_is_judged_by_itself():
    """[B, 520] at mixed levels to [B, 520]; a row depends on its own window and level alone."""
    network = lively(520, components=64)
    x, t = torch.randn(5, 520), torch.tensor([0, 8, 15, 22, 49])
    together = network(x, t)
    alone = torch.cat([network(x[i : i + 1], t[i : i + 1]) for i in range(5)])
    elsewhere = network(x, t.flip(0))
    assert together.shape == (5, 520)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert (together - elsewhere)[[0, 1, 3, 4]].abs().max() > 1e-3
    assert (together - elsewhere)[2].abs().max() < 1e-5


def test_several_levels_at_once():
    """[B, K, size] at levels [K] is what each level gives alone, with a style [B, 1, S] as well."""
    network = lively(40, components=10, styles=2)
    x, t = torch.randn(5, 3, 40), torch.tensor([22, 8, 3])
    style = torch.rand(5, 2)
    for told in (None, style):
        found = network(x, t, None if told is None else told.unsqueeze(1))
        for column, level in enumerate(t):
            expected = network(x[:, column], level.expand(5), told)
            torch.testing.assert_close(found[:, column], expected, atol=1e-5, rtol=1e-5)


def test_leading_components_are_those_of_all():
    """`kept` are the first of `encode`; what is predicted of them alone is what is predicted of all."""
    network = lively(40, components=10)
    x, t = torch.randn(5, 40), torch.tensor([0, 8, 15, 22, 49])
    torch.testing.assert_close(network.kept(x), network.encode(x)[:, :10])
    torch.testing.assert_close(network.decode(network.encode(x)), x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network.latent(network.kept(x), t), network.latent(network.encode(x), t)[:, :10])


def test_what_is_left_unexplained():
    """Measured on its own Gaussian it is ᾱλ/(ᾱλ + 1-ᾱ) at every level; of what is not kept that is known at once."""
    network = gaussian.known(SIZE, components=10)
    expected = network.unexplained.clone()
    network.unexplained.zero_()
    latent = network.kept(gaussian.draw(network, 20_000, torch.Generator().manual_seed(3)))
    network.measure(latent, torch.Generator().manual_seed(4))
    torch.testing.assert_close(network.unexplained[:, :10], expected[:, :10], rtol=0.06, atol=1e-3)
    torch.testing.assert_close(network.unexplained[:, 10:], expected[:, 10:])


def test_no_more_components_than_numbers():
    """Asked for 256 of windows of 40 numbers it keeps 40."""
    assert Denoiser(40).components == 40

"""Fréchet distance: numbers known in closed form."""

from __future__ import annotations

import pytest
import torch

from training.prior import frechet


def exact(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Points whose mean and (diagonal) covariance are exactly these, [2 C + …, C]."""
    count = len(mean)
    signs = torch.cat((torch.eye(count), -torch.eye(count))) * ((2 * count - 1) / 2) ** 0.5
    return mean + signs * std


def test_distance_of_gaussians():
    """|μ|² + Σ(σ₁ - σ₂)²: means 3 apart, deviations 1 and 2, .5 and 1.5 give 9 + 1 + 1; nothing to itself."""
    one = exact(torch.zeros(2), torch.tensor([1.0, 0.5])).double()
    other = exact(torch.tensor([3.0, 0.0]), torch.tensor([2.0, 1.5])).double()
    assert frechet.distance(one, other) == pytest.approx(11.0, abs=1e-6)
    assert frechet.distance(one, one) == pytest.approx(0.0, abs=1e-6)


def test_features_are_scaled_frames():
    """Four frames of 58 channels, in deviations: a window that is 2 everywhere lies 2 from zero at deviation 1."""
    found = frechet.embed(torch.full((1, 10, 58), 2.0), torch.ones(58))
    assert found.shape == (1, 232) and found.norm().item() == pytest.approx(2.0)
    counted = torch.arange(7.0).view(1, 7, 1).expand(1, 7, 58)
    assert (frechet.embed(counted, torch.ones(58)) * 232**0.5).view(4, 58)[:, 0].tolist() == [0, 2, 4, 6]

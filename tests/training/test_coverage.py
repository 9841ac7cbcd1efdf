"""Coverage, fidelity and copies, with distances worked out by hand."""

from __future__ import annotations

import pytest
import torch

from training import features
from training.motion import windows as motion_windows
from training.prior.coverage import coverage, nearest

STD = torch.full((58,), 2.0)


def at(*heights: float) -> torch.Tensor:
    """Windows of nothing but a root height."""
    windows = torch.zeros(len(heights), 10, 58)
    windows[..., features.WINDOW_NAMES.index("root_height")] = torch.tensor(heights).view(-1, 1)
    return windows


def distance(height: float) -> float:
    """Of two such windows whose heights differ so much: height/2 in one of 58 channels, root mean square."""
    return height / 2 / 58**0.5


def test_nearest_by_hand():
    """.3 from the nearest of two; the mirror image counts; the tile size does not."""
    found = nearest(at(1.0, 5.0), at(1.3, 9.0), STD)
    torch.testing.assert_close(found, torch.tensor([distance(0.3), distance(3.7)]), atol=1e-4, rtol=1e-3)
    window = torch.randn(1, 10, 58, generator=torch.Generator().manual_seed(0))
    assert nearest(window, motion_windows.mirror(window), STD).item() < 1e-3
    many = torch.randn(40_000, 10, 58, generator=torch.Generator().manual_seed(1))
    assert nearest(many[-1:], many, STD).item() < 1e-2
    assert nearest(many[-1:], many[:-1], STD).item() > 0.3


def test_coverage_and_fidelity_by_hand():
    """Held out at 0, 10, …, 90, training .1 above each: near is .1. Samples reach three of them and two nowhere."""
    places = [10.0 * i for i in range(10)]
    held_out, training = at(*places), at(*(p + 0.1 for p in places))
    samples = at(0.05, 10.05, 20.1, 55.0, 65.0)
    found = coverage(samples, held_out, training, training[:5], STD)
    assert found["near_std"] == pytest.approx(distance(0.1), abs=2e-3)
    assert found["coverage_of_held_out"] == pytest.approx(0.3)
    assert found["coverage_of_held_out_by_training"] == pytest.approx(0.5)
    assert found["fidelity_to_training"] == found["fidelity_to_held_out"] == pytest.approx(0.6)
    assert found["fidelity_to_held_out_of_training"] == pytest.approx(1.0)


def test_copies_are_told():
    """Training windows themselves as samples: copy ratio 0, all copies; samples as far as held-out ones: ratio 1."""
    generator = torch.Generator().manual_seed(0)
    training, held_out, fresh = (torch.randn(n, 10, 58, generator=generator) for n in (300, 100, 100))
    copied = coverage(training[:50], held_out, training, training[50:100], STD)
    assert copied["copy_ratio"] < 0.01 and copied["copies"] == 1.0
    new = coverage(fresh, held_out, training, training[:50], STD)
    assert new["copy_ratio"] == pytest.approx(1.0, abs=0.05) and new["copies"] < 0.1

"""The noise schedule by its published numbers."""

from __future__ import annotations

import math

import pytest
import torch

from training.prior import schedule


@pytest.mark.parametrize(("level", "expected"), [(8, 0.9167), (15, 0.7608), (22, 0.5561)])
def test_signal_left_at_the_levels(level: int, expected: float):
    """ᾱ as method.md §4 gives it."""
    assert schedule.alpha_bar()[level].item() == pytest.approx(expected, abs=5e-5)


def test_first_level_by_hand():
    """ᾱ_0 = cos²((1/50 + .008)/1.008·π/2) / cos²(.008/1.008·π/2)."""
    first = (math.cos(0.028 / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert schedule.alpha_bar()[0].item() == pytest.approx(first, rel=1e-6)


def test_no_step_takes_everything():
    """ᾱ falls at every step, by betas that never exceed .999, and the last one is cut there."""
    signal = schedule.alpha_bar().double()
    betas = 1 - signal[1:] / signal[:-1]
    assert signal.shape == (50,) and (betas > 0).all()
    assert betas.max().item() <= 0.999 + 1e-6
    assert betas[-1].item() == pytest.approx(0.999, abs=1e-6)
    assert (betas[:-1] < 0.9).all()


def test_add_noise_keeps_unit_variance():
    """√.64·x + √.36·ε: .8 and .6 of each."""
    x, noise = torch.tensor([1.0, -2.0]), torch.tensor([10.0, 5.0])
    torch.testing.assert_close(schedule.add_noise(x, noise, torch.tensor(0.64)), torch.tensor([6.8, 1.4]))

"""Training a prior: averaged weights, early stopping, and something learned."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from training import features
from training.config import ConfigError, DenoiserConfig, PriorConfig
from training.motion import windows as motion_windows
from training.motion.windows import Windows
from training.prior import fit as fitting
from training.prior.denoiser import Denoiser
from training.prior.fit import Fit, fit

SMALL = DenoiserConfig(components=8, width=64, blocks=1)


def six(count: int, seed: int) -> Windows:
    """Windows that are one of six, drawn once for all, in four channels that mirroring leaves alone: far from Gaussian.

    A window is one of six, so the noise on it is known almost exactly; the best linear guess misses much.
    """
    generator, always = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(99)
    channels = [features.WINDOW_NAMES.index(name) for name in ("root_height", "abdomen_y", "neck_y", "head_x")]
    values = torch.zeros(count, 10, 58)
    values[..., channels] = torch.randn(6, 10, 4, generator=always)[torch.randint(6, (count,), generator=generator)]
    values += 0.0001 * torch.randn(values.shape, generator=generator)
    return Windows(values, torch.zeros(count, dtype=torch.long), torch.zeros(count, 28))


def train(seed: int = 0, training: Windows | None = None, held_out: Windows | None = None, **changes) -> Fit:
    """Fit a small prior to the six."""
    config = PriorConfig(**{"name": "six", "denoiser": SMALL, "iterations": 500, "batch": 64, **changes})
    training = training or six(800, seed=1)
    held_out = held_out or six(200, seed=2)
    return fit(config, training, torch.ones(len(training)), held_out, seed, lambda *figures: None)


@pytest.fixture(scope="module")
def fitted() -> Fit:
    """A prior of the six after 500 steps."""
    return train()


def untrained_error(held_out: Tensor) -> float:
    """Held-out error of the analytic part alone: the network as initialised says zero."""
    config = PriorConfig(name="six", denoiser=SMALL, iterations=250, batch=64, learning_rate=0.0)
    training = six(800, seed=1)
    score = fit(config, training, torch.ones(800), six(200, seed=2), 0, lambda *figures: None).score
    return fitting.held_out_error(score, held_out)


def test_beats_the_best_linear_denoiser(fitted: Fit):
    """On windows that are not Gaussian the network must learn more than the analytic part: a half off at least."""
    held_out = six(200, seed=2).values
    error = fitting.held_out_error(fitted.score, held_out)
    assert error < 0.5 * untrained_error(held_out)
    assert error == pytest.approx(min(point[2] for point in fitted.curve), rel=1e-4)  # the best weights were kept


def test_curve_and_report():
    """A point every 250 steps, reported as it comes."""
    seen: list[tuple[int, float, float]] = []
    config = PriorConfig(name="six", denoiser=SMALL, iterations=500, batch=16)
    windows = six(100, seed=1)
    result = fit(config, windows, torch.ones(100), six(50, seed=2), 0, lambda *figures: seen.append(figures))
    assert tuple(seen) == result.curve
    assert [step for step, *_ in seen] == [250, 500] and result.iterations == 500


def test_same_seed_same_prior():
    """All of it is the seed's."""
    one, again, other = (train(seed, iterations=250, batch=16) for seed in (0, 0, 1))
    for name, value in one.score.state_dict().items():
        assert torch.equal(value, again.score.state_dict()[name]), name
    assert one.curve == again.curve != other.curve


def test_what_comes_out_is_frozen_and_calibrated(fitted: Fit):
    """No gradients, evaluation mode, the configuration's levels and offsets, references of the training windows.

    Those have a mean log ratio of 0; what is left unexplained is measured: little where the noise is nearly known.
    """
    score = fitted.score
    assert not score.training and not any(p.requires_grad for p in score.parameters())
    assert (score.levels, score.offsets) == (PriorConfig().levels, PriorConfig().offsets)
    known = six(800, seed=1).values
    errors = score.errors(known, score.noise(800, torch.Generator().manual_seed(7)))[1]
    ratio = score.ratio(errors, score.condition(known))
    assert ratio.log().mean().abs() < 0.1 and ratio.log().mean(0).abs().max() < 0.5
    left = score.denoiser.unexplained[:, :4]
    assert 0 < left.min() and left[[8, 15, 22]].mean() < 0.5


def test_other_levels_and_offsets():
    """A prior of three frames judged at two levels has them."""
    windows = Windows(six(60, seed=1).values[:, :3], torch.zeros(60, dtype=torch.long), torch.zeros(60, 28), (9, 4, 0))
    score = train(training=windows, held_out=windows, iterations=250, offsets=(9, 4, 0), levels=(20, 10)).score
    assert (score.offsets, score.levels, score.size) == ((9, 4, 0), (20, 10), 3 * 58)
    assert score.errors(windows.values, score.noise(60, torch.Generator()))[0].shape == (60, 2)


def test_normaliser_by_hand():
    """Weighted mean and deviation per channel over all frames, left and right alike, never below .02."""
    values = torch.zeros(2, 10, 58)
    name = features.WINDOW_NAMES.index
    values[0, :, name("root_height")], values[1, :, name("root_height")] = 1.0, 2.0
    values[0, :, name("left_hand_y")] = 0.4
    training = Windows(values, torch.zeros(2, dtype=torch.long), torch.zeros(2, 28))
    config = PriorConfig(name="x", denoiser=SMALL, iterations=250, batch=4)
    score = fit(config, training, torch.tensor([3.0, 1.0]), training, 0, lambda *figures: None).score
    mean, std = score.channel_mean, score.channel_std
    assert mean[name("root_height")].item() == pytest.approx(1.25)
    assert std[name("root_height")].item() == pytest.approx(math.sqrt(0.75 * 0.25**2 + 0.25 * 0.75**2))
    assert mean[name("left_hand_y")].item() == pytest.approx(0.15)  # 3/4 · (.4 + 0)/2, the mirror image's hand
    assert mean[name("right_hand_y")].item() == pytest.approx(-0.15)
    assert std[name("left_knee")].item() == pytest.approx(0.02)


def test_average_follows_the_weights():
    """1 - .9 of the way: 1 → 1 + .1·(3 - 1)."""
    average, model = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(1.0)
        model.weight.fill_(3.0)
    fitting._follow(average, model, decay=0.9)
    assert average.weight.item() == pytest.approx(1.2) and model.weight.item() == 3.0


def test_rate_falls_to_a_tenth():
    """Along a cosine: 1, .55 half way, .1."""
    assert [fitting._rate(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.55, 0.1])


def test_loss_is_the_noise_missed():
    """A network that says zero has a loss of 1, the noise's variance; one that is told the window has none."""
    x, generator = torch.randn(4000, 520), torch.Generator().manual_seed(0)
    with torch.no_grad():
        network = Denoiser(520, components=520, width=8, blocks=1)
        network.variance.fill_(1e9)  # then the best guess is next to nothing
        silent = fitting._loss(network, x, generator)
    assert silent.item() == pytest.approx(1.0, abs=0.005)


def test_joint_statistics_are_symmetric():
    """Left and right knee alike; shoulders about x with opposite means and equal deviations."""
    windows = six(50, seed=1)
    mean, std = fitting.joint_statistics(windows, torch.ones(50), mirrored=True)
    index, sign = features.JOINT_MIRROR
    torch.testing.assert_close(mean[torch.from_numpy(index)] * torch.from_numpy(sign), mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(std[torch.from_numpy(index)], std, atol=1e-5, rtol=1e-4)
    both = torch.cat((windows.values, motion_windows.mirror(windows.values)))[:, -1, 9:37]
    torch.testing.assert_close(std, both.std(0, correction=0), atol=1e-5, rtol=1e-4)
    mean, std = fitting.joint_statistics(windows, torch.ones(50), mirrored=False)
    torch.testing.assert_close(mean, windows.values[:, -1, 9:37].mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(std, windows.values[:, -1, 9:37].std(0, correction=0), atol=1e-5, rtol=1e-4)


def test_bad_settings_are_named():
    """Too few steps for a single evaluation."""
    with pytest.raises(ConfigError, match=r"prior\.iterations is 100: expected at least 250"):
        train(iterations=100)

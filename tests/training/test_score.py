"""The score: errors in closed form, groups, conditions, and a ratio worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.training import gaussian
from tests.training.gaussian import CHANNELS, FRAMES, SIZE
from training import features
from training.prior import schedule
from training.prior.score import SPEED_KNOTS, Score


def noise(count: int, seed: int = 9) -> Tensor:
    """Standard normal noise for `count` windows."""
    return torch.randn(count, len(schedule.LEVELS), FRAMES, CHANNELS, generator=torch.Generator().manual_seed(seed))


def travelling(speed: Tensor, turn: float = 0.0) -> Tensor:
    """Windows [N, 10, 58] that last .9 s, in which the root came with `speed` [N] m/s and turned by `turn` rad/s."""
    windows = torch.zeros(len(speed), FRAMES, CHANNELS)
    windows[:, 0, 0] = -speed * 0.9
    angle = torch.tensor(turn * 0.9)
    windows[:, 0, 3], windows[:, 0, 4] = angle.cos(), -angle.sin()
    return windows


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
def test_errors_are_the_closed_form(scale: float):
    """On Gaussian windows and on the same contracted or stretched, every level's error is what theory says to 2 %."""
    score = gaussian.score()
    error, _ = score.errors(gaussian.windows(score, 1000, seed=1, scale=scale), noise(1000))
    assert error.shape == (1000, 4)
    for column, level in enumerate(schedule.LEVELS):
        expected = gaussian.error_elsewhere(score.denoiser.variance, level, scale, torch.zeros(SIZE))
        spread = error[:, column].std().item() / math.sqrt(1000)
        assert spread < 0.006 * expected
        assert error[:, column].mean().item() == pytest.approx(expected, abs=4 * spread)


def test_normaliser_is_undone():
    """Raw to normalised and back."""
    score = gaussian.score()
    windows = torch.randn(4, FRAMES, CHANNELS)
    torch.testing.assert_close(score.denormalise(score.normalise(windows)), windows, atol=1e-5, rtol=0)
    by_hand = (windows[2, 3, 7] - score.channel_mean[7]) / score.channel_std[7]
    assert score.normalise(windows)[2, 3 * CHANNELS + 7].item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_groups_part_the_error():
    """Group errors, weighted by their numbers of channels, add up to the error over all channels."""
    score = gaussian.score()
    error, by_group = score.errors(gaussian.windows(score, 20, seed=1), noise(20))
    share = torch.tensor([len(features.GROUPS[name]) / CHANNELS for name in score.groups])
    torch.testing.assert_close(by_group @ share, error, atol=1e-5, rtol=1e-5)


def test_each_group_sees_its_own_channels():
    """With noise that only differs in the feet's channels, only the feet's error differs (zero net: ε̂ = 0)."""
    score = gaussian.score()
    score.denoiser.variance.fill_(1e9)  # then ε̂ is almost zero, and the error is the noise's square
    one = noise(3)
    other = one.clone()
    other[..., features.GROUPS["feet"]] *= 2
    before, after = (score.errors(torch.zeros(3, FRAMES, CHANNELS), n)[1] for n in (one, other))
    changed = (after - before).abs() > 0.5
    assert changed[..., score.groups.index("feet")].all()
    assert not changed[..., : score.groups.index("feet")].any()


def test_condition_by_hand():
    """1.0 m/s lies half way between knots .8 and 1.2; 3 m/s is a knot; 9 m/s counts as 5; turning is capped at 3.

    All over the .9 s that a window lasts, however many frames it has.
    """
    score = gaussian.score()
    windows = travelling(torch.tensor([1.0, 3.0, 9.0, 0.0]))
    assert score.course(windows)[:, :2].norm(dim=1).tolist() == pytest.approx([1.0, 3.0, 9.0, 0.0])
    c = score.condition(windows)
    expected = torch.zeros(4, len(SPEED_KNOTS) + 1)
    expected[0, [2, 3]] = 0.5
    expected[1, 6] = expected[2, 8] = expected[3, 0] = 1.0
    torch.testing.assert_close(c, expected, atol=1e-5, rtol=0)
    for turn, seen in ((1.5, 1.5), (-2.0, 2.0), (3.4, 3.0)):
        assert score.condition(travelling(torch.tensor([1.0]), turn))[0, -1].item() == pytest.approx(seen, abs=1e-4)


def test_other_offsets_are_another_time():
    """Three frames over 6 control steps, .2 s: .2 m to the left are 1 m/s, .2 rad from the left -1 rad/s."""
    score = Score(gaussian.known(3 * CHANNELS, components=8), offsets=(6, 2, 0), levels=(15,))
    assert (score.frames, score.size) == (3, 174)
    windows = torch.zeros(1, 3, CHANNELS)
    windows[:, 0, 1], windows[:, 0, 3], windows[:, 0, 4] = -0.2, math.cos(0.2), math.sin(0.2)
    assert score.course(windows)[0].tolist() == pytest.approx([0.0, 1.0, -1.0])
    assert score.condition(windows)[0, -1].item() == pytest.approx(1.0, abs=1e-5)
    assert score.noise(5, torch.Generator()).shape == (5, 1, 3, CHANNELS)


def test_styles_are_conditions():
    """All of the body in the first style is 1 for it; upper in the first, legs in the second is a half each."""
    score = Score(gaussian.known(SIZE, components=8), styles=("old", "sad"))
    told = torch.tensor([[1.0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 3, 0, 3]])
    found = score.condition(travelling(torch.zeros(4)), told)[:, -2:]
    torch.testing.assert_close(found, torch.tensor([[1.0, 0], [0.5, 0.5], [0, 0], [0, 1]]))
    score.style.copy_(told[1])
    torch.testing.assert_close(score.condition(travelling(torch.zeros(1)))[0, -2:], torch.tensor([0.5, 0.5]))


def test_ratio_by_hand():
    """ρ of .1 at rest, .2 at 1.2 m/s and √(.1·.2) half way at .6: errors of .3 are 3, 1.5 and 3/√2 times that."""
    score = gaussian.score()
    score.reference.zero_()
    score.reference[..., : len(SPEED_KNOTS)] = torch.tensor([0.1, 0.1, 0.2, 0.2, *[0.4] * 5]).log()
    errors = torch.full((3, 4, 9), 0.3)
    ratio = score.ratio(errors, score.condition(travelling(torch.tensor([0.0, 1.2, 0.6]))))
    assert ratio.shape == (3, 4, 9)
    assert ratio[:, 2, 5].tolist() == pytest.approx([3.0, 1.5, 3.0 / math.sqrt(2)], rel=1e-4)


def test_the_penalty_is_the_mean_ratio():
    """Of each window it is the mean over levels and groups of e/ρ, under the same noise; a call does the same."""
    score = gaussian.score()
    score.calibrate(gaussian.windows(score, 200, seed=2), torch.ones(200))
    windows, eps = gaussian.windows(score, 10, seed=1), noise(10)
    error, penalty = score.judge(windows, eps)
    expected_error, by_group = score.errors(windows, eps)
    torch.testing.assert_close(error, expected_error)
    torch.testing.assert_close(penalty, score.ratio(by_group, score.condition(windows)).mean((1, 2)))
    assert all(torch.equal(one, other) for one, other in zip(score(windows, eps), (error, penalty), strict=True))
    assert penalty.std() > 0


def test_calibration_centres_what_was_learned():
    """Fresh windows of the same kind have a mean log ratio of 0 at every level and in every group."""
    score = gaussian.score()
    score.calibrate(gaussian.windows(score, 800, seed=1))
    fresh = gaussian.windows(score, 800, seed=2)
    ratio = score.ratio(score.errors(fresh, noise(800))[1], score.condition(fresh))
    assert ratio.log().mean(0).abs().max() < 0.05


def test_calibration_by_speed():
    """Where fast windows are twice as far from the mean, the reference expects their larger errors at their speed."""
    score = gaussian.score()
    slow, fast = gaussian.windows(score, 400, seed=1), gaussian.windows(score, 400, seed=2, scale=2.0)
    for windows, speed in ((slow, 0.8), (fast, 3.0)):
        windows[:, 0, :2] = torch.tensor([-speed * 0.9, 0.0])
        windows[:, 0, 3:5] = torch.tensor([1.0, 0.0])
    knots = [SPEED_KNOTS.index(0.8), SPEED_KNOTS.index(3.0)]
    score.calibrate(torch.cat((slow, fast)))
    low, high = score.reference[..., knots].flatten(0, 1).T
    assert (high - low).mean() > 0.1
    for windows, found in ((slow, low), (fast, high)):
        expected = score.errors(windows, noise(400))[1].log().mean(0).flatten()
        torch.testing.assert_close(found, expected, atol=0.06, rtol=0)


def test_calm_windows_have_a_lower_ratio():
    """Contracted windows have LESS error than real ones: why a policy is held to more than the score."""
    score = gaussian.score()
    score.calibrate(gaussian.windows(score, 400, seed=1), torch.ones(400))
    real, calm = gaussian.windows(score, 200, seed=2), gaussian.windows(score, 200, seed=2, scale=0.3)
    calm[:, 0, :2], calm[:, 0, 3:5] = real[:, 0, :2], real[:, 0, 3:5]  # as fast
    assert (score(calm, noise(200))[1] < score(real, noise(200))[1]).float().mean() > 0.95


def test_sibling_shares_normaliser_and_references():
    """Another denoiser is asked; offsets, levels, normaliser and references are the same, and its own copies."""
    score = Score(gaussian.known(3 * CHANNELS, components=8), ("old",), (6, 2, 0), (15, 4))
    for name in ("channel_mean", "channel_std", "reference", "style"):
        getattr(score, name).copy_(torch.rand(getattr(score, name).shape) + 0.5)
    other = score.sibling(gaussian.known(3 * CHANNELS, components=8, seed=1))
    assert (other.offsets, other.levels, other.styles) == ((6, 2, 0), (15, 4), ("old",))
    for name in ("channel_mean", "channel_std", "reference", "style"):
        assert torch.equal(getattr(other, name), getattr(score, name)), name
        getattr(other, name).zero_()
        assert getattr(score, name).min() >= 0.5
    assert other.denoiser is not score.denoiser

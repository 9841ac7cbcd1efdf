"""The score: errors in closed form, groups, conditions, and a reward worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training import gaussian
from training import features
from training.config import RewardConfig
from training.prior import schedule
from training.prior.score import SPEED_KNOTS, Score, condition
from training.prior.statistics import CADENCE, POSTURE, STATISTICS, statistics

FRAMES, CHANNELS = features.WINDOW, len(features.WINDOW_NAMES)
SIZE = FRAMES * CHANNELS
LEFT_OUT = torch.zeros(4, len(STATISTICS))  # statistics that are just right


def gaussian_score(**reward: Any) -> Score:
    """A score of the Gaussian that its denoiser knows, with a normaliser that is not trivial, judging as `reward`."""
    score = Score(gaussian.known(SIZE, components=8), RewardConfig(**reward))
    generator = torch.Generator().manual_seed(5)
    score.channel_mean.copy_(torch.randn(CHANNELS, generator=generator))
    score.channel_std.copy_(0.5 + torch.rand(CHANNELS, generator=generator))
    return score.eval()


def draw(score: Score, count: int, seed: int, scale: float = 1.0) -> Tensor:
    """Raw windows of that Gaussian, `scale` times as far from its mean."""
    flat = gaussian.draw(score.denoiser, count, torch.Generator().manual_seed(seed))
    return score.denormalise(score.denoiser.mean + scale * (flat - score.denoiser.mean))


def noise(count: int, seed: int = 9) -> Tensor:
    """Standard normal noise for `count` windows."""
    return torch.randn(count, len(schedule.LEVELS), FRAMES, CHANNELS, generator=torch.Generator().manual_seed(seed))


def oddity(score: Score, windows: Tensor) -> Tensor:
    """What the score finds odd in windows, by their own speeds."""
    return score.oddity(windows, score.condition(windows))


def travelling(speed: Tensor, turn: float = 0.0) -> Tensor:
    """Windows [N, 10, 58] whose root came from `speed` [N] m/s behind, turned by `turn` rad/s."""
    windows = torch.zeros(len(speed), FRAMES, CHANNELS)
    windows[:, 0, 0] = -speed * 0.3
    angle = torch.tensor(turn * 0.3)
    windows[:, 0, 3], windows[:, 0, 4] = angle.cos(), -angle.sin()
    return windows


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
def test_errors_are_the_closed_form(scale: float):
    """On Gaussian windows and on the same contracted or stretched, every level's error is what theory says to 2 %."""
    score = gaussian_score()
    with torch.no_grad():
        error, _ = score.errors(draw(score, 2000, seed=1, scale=scale), noise(2000))
    assert error.shape == (2000, 3)
    for column, level in enumerate(schedule.LEVELS):
        expected = gaussian.error_elsewhere(score.denoiser.variance, level, scale, torch.zeros(SIZE))
        spread = error[:, column].std().item() / math.sqrt(2000)
        assert spread < 0.005 * expected
        assert error[:, column].mean().item() == pytest.approx(expected, abs=4 * spread)


def test_normaliser_is_undone():
    """Raw to normalised and back."""
    score = gaussian_score()
    windows = torch.randn(4, FRAMES, CHANNELS)
    torch.testing.assert_close(score.denormalise(score.normalise(windows)), windows, atol=1e-5, rtol=0)
    by_hand = (windows[2, 3, 7] - score.channel_mean[7]) / score.channel_std[7]
    assert score.normalise(windows)[2, 3 * CHANNELS + 7].item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_groups_part_the_error():
    """Group errors, weighted by their numbers of channels, add up to the error over all channels."""
    score = gaussian_score()
    with torch.no_grad():
        error, by_group = score.errors(draw(score, 20, seed=1), noise(20))
    share = torch.tensor([len(features.GROUPS[name]) / CHANNELS for name in score.groups])
    torch.testing.assert_close(by_group @ share, error, atol=1e-5, rtol=1e-5)
    whole = gaussian_score(groups=False)
    with torch.no_grad():
        same, alone = whole.errors(draw(whole, 20, seed=1), noise(20))
    torch.testing.assert_close(alone.squeeze(2), same, atol=1e-6, rtol=1e-5)


def test_each_group_sees_its_own_channels():
    """With noise that only differs in the feet's channels, only the feet's error differs (zero net: ε̂ = 0)."""
    score = gaussian_score()
    score.denoiser.variance.fill_(1e9)  # then ε̂ is almost zero, and the error is the noise's square
    one = noise(3)
    other = one.clone()
    other[..., features.GROUPS["feet"]] *= 2
    with torch.no_grad():
        before, after = (score.errors(torch.zeros(3, FRAMES, CHANNELS), n)[1] for n in (one, other))
    changed = (after - before).abs() > 0.5
    assert changed[..., score.groups.index("feet")].all()
    assert not changed[..., : score.groups.index("feet")].any()


def test_condition_by_hand():
    """1.0 m/s lies half way between knots .8 and 1.2; 3 m/s is a knot; 9 m/s counts as 5; turning is capped at 3."""
    c = condition(travelling(torch.tensor([1.0, 3.0, 9.0, 0.0])))
    expected = torch.zeros(4, len(SPEED_KNOTS) + 1)
    expected[0, [2, 3]] = 0.5
    expected[1, 6] = expected[2, 8] = expected[3, 0] = 1.0
    torch.testing.assert_close(c, expected, atol=1e-5, rtol=0)
    for turn, seen in ((1.5, 1.5), (-2.0, 2.0), (8.0, 3.0)):
        assert condition(travelling(torch.tensor([1.0]), turn))[0, -1].item() == pytest.approx(seen, abs=1e-4)


def test_deviation_and_reward_by_hand():
    """Errors e² times the reference with tolerance .5: 1.5 beyond; half of that below it; reward exp(-2·mean)."""
    score = gaussian_score(groups=False)
    score.reference.fill_(math.log(0.1))
    score.reference[..., -1] = 0.0
    score.tolerance.fill_(0.5)
    score.sharpness.fill_(2.0)
    score.calm_weight.fill_(0.5)
    windows = travelling(torch.tensor([1.0, 1.0, 1.0, 1.0]))
    error = 0.1 * torch.exp(torch.tensor([2.0, -2.0, 0.4, 0.0])).view(4, 1, 1).expand(4, 3, 1)
    deviation = score.deviation(error, score.condition(windows))
    torch.testing.assert_close(deviation[:, 0, 0], torch.tensor([2.0, -2.0, 0.4, 0.0]), atol=1e-5, rtol=0)
    penalty = score.penalty(deviation, LEFT_OUT)
    torch.testing.assert_close(penalty, torch.tensor([1.5, 0.75, 0.0, 0.0]), atol=1e-5, rtol=0)
    score.calm_weight.fill_(0.0)
    penalty = score.penalty(deviation, LEFT_OUT)
    torch.testing.assert_close(penalty, torch.tensor([1.5, 0.0, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_errors_below_the_floor_are_as_good_as_none():
    """With a floor of .2 an error of .01 is judged like one of .2, and one of .4 as twice the reference."""
    score = Score(gaussian.known(SIZE, components=8), RewardConfig(error_floor=0.2))
    score.reference.fill_(math.log(0.2))
    errors = torch.tensor([0.01, 0.2, 0.4]).view(3, 1, 1).expand(3, len(schedule.LEVELS), len(score.groups))
    windows = torch.zeros(3, FRAMES, CHANNELS)
    score.reference[..., 1:] = 0.0  # at rest: the first knot alone
    deviation = score.deviation(errors, score.condition(windows))
    assert deviation[:, 0, 0].tolist() == pytest.approx([0.0, 0.0, math.log(2)], abs=1e-6)
    assert score.sibling(score.denoiser, groups=True).reward.error_floor == 0.2


def test_penalty_of_statistics_by_hand():
    """Two of 14 statistics off by .7 to either side, tolerance .2: 2·.5/14 times the weight; added to the errors'."""
    score = gaussian_score(groups=False)
    score.statistics_tolerance.fill_(0.2)
    score.statistics_weight.fill_(3.0)
    oddity = LEFT_OUT.clone()
    oddity[1, 0], oddity[1, 9], oddity[2, 5] = 0.7, -0.7, 0.1
    deviation = torch.zeros(4, 3, 1)
    deviation[3] = 2.0
    expected = torch.tensor([0.0, 3.0 / 14, 0.0, 2.0])
    torch.testing.assert_close(score.penalty(deviation, oddity), expected, atol=1e-5, rtol=0)


def test_oddity_fades_out_below_walking():
    """At .1 m/s statistics count for nothing, at .25 m/s half, from .4 m/s on in full."""
    score = gaussian_score()
    score.statistics_reference.zero_()
    windows = travelling(torch.tensor([0.0, 0.1, 0.25, 0.4, 2.0]))
    share = oddity(score, windows) / statistics(windows, score.channel_std)
    expected = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0])
    torch.testing.assert_close(share, expected.unsqueeze(1).expand_as(share), atol=1e-5, rtol=0)


def test_standing_is_judged_where_that_is_asked_for():
    """With `judge_standing` statistics count in full at any speed, and a sibling of the score does the same."""
    score = Score(gaussian.known(SIZE, components=8), RewardConfig(judge_standing=True))
    windows = travelling(torch.tensor([0.0, 0.25, 2.0]))
    torch.testing.assert_close(oddity(score, windows), statistics(windows, score.channel_std))
    assert score.sibling(score.denoiser, groups=True).reward.judge_standing


def test_posture_counts_at_standstill_and_is_allowed_to_differ():
    """Statistics fade out where nobody goes anywhere, posture does not; three in four real postures cost nothing."""
    score = gaussian_score(judge_posture=True)
    assert score.statistics == (*STATISTICS, *POSTURE)
    assert score.sibling(score.denoiser, groups=True).reward.judge_posture
    score.calibrate(draw(score, 1500, seed=1), quantile=0.5)
    standing = draw(score, 50, seed=2)
    standing[..., :2] = 0.0
    odd = oddity(score, standing)
    assert odd[:, : len(STATISTICS)].abs().max() == 0 and odd[:, len(STATISTICS) :].abs().min() > 0
    within = (oddity(score, draw(score, 1500, seed=3)).abs() <= score.statistics_tolerance).float().mean(0)
    assert within[len(STATISTICS) :].tolist() == pytest.approx([0.75] * len(POSTURE), abs=0.05)


def test_statistics_count_in_units_of_their_spread():
    """With `judge_cadence` the oddities of those who move have deviation 1; posture keeps its units, rest has none."""
    score = gaussian_score(judge_cadence=True, judge_posture=True)
    assert score.statistics == (*STATISTICS, *CADENCE, *POSTURE)
    real, still = draw(score, 1500, seed=1), draw(score, 500, seed=4)
    real[:, 0, :2], still[..., :2] = torch.tensor([-0.3, 0.0]), 0.0
    still[..., 3:] *= 50.0  # whose spread would hide that of those who move
    score.calibrate(torch.cat((real, still)), quantile=0.5)
    motion = len(STATISTICS) + len(CADENCE)
    assert oddity(score, real)[:, :motion].square().mean(0).sqrt().tolist() == pytest.approx([1.0] * motion, abs=0.1)
    assert score.statistics_scale[motion:].tolist() == [1.0] * len(POSTURE)
    assert oddity(score, still)[:, :motion].abs().max() == 0
    within = (oddity(score, real).abs() <= score.statistics_tolerance).float().mean(0)
    assert within[:motion].tolist() == pytest.approx([0.5] * motion, abs=0.02)
    assert score.sibling(score.denoiser, groups=True).reward.judge_cadence


def test_reward_is_what_its_parts_say():
    """The reward is exp(-sharpness · penalty of the deviation of the errors)."""
    score = gaussian_score()
    windows, eps = draw(score, 10, seed=1), noise(10)
    score.sharpness.fill_(3.0)
    score.statistics_weight.fill_(0.7)
    score.calibrate(draw(score, 200, seed=2))
    with torch.no_grad():
        error, reward = score(windows, eps)
        expected_error, by_group = score.errors(windows, eps)
        penalty = score.penalty(score.deviation(by_group, score.condition(windows)), oddity(score, windows))
        expected = torch.exp(-3.0 * penalty)
    torch.testing.assert_close(error, expected_error)
    torch.testing.assert_close(reward, expected)
    assert ((reward > 0) & (reward <= 1)).all() and reward.std() > 0


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_what_real_motion_costs_is_allowed(share):
    """The allowance is that share of the mean penalty of real motion; what counts is the rest, never negative."""
    score, plain = gaussian_score(), gaussian_score()
    real, eps = draw(score, 1500, seed=1), noise(1500)
    score.calibrate(real, allowance=share)
    plain.calibrate(real)
    fresh = draw(score, 1500, seed=2)
    with torch.no_grad():
        left, whole = score.judge(fresh, eps)[3], plain.judge(fresh, eps)[3]
        free = score.condition(fresh) @ score.allowance
    assert plain.allowance.abs().max() == 0
    torch.testing.assert_close(left, (whole - free).clamp_min(0))
    assert free.mean().item() == pytest.approx(share * whole.mean().item(), rel=0.1)
    assert (left == 0).any() and (left > 0).any()


def test_calibration_centres_real_motion():
    """Fresh windows of the same kind deviate by 0 on average, half of their deviations lie within the tolerance.

    Errors and statistics alike.
    """
    score = gaussian_score()
    score.calibrate(draw(score, 1500, seed=1), quantile=0.5)
    fresh = draw(score, 1500, seed=2)
    with torch.no_grad():
        deviation = score.deviation(score.errors(fresh, noise(1500))[1], score.condition(fresh))
    assert deviation.mean((0, 1)).abs().max() < 0.05
    within = (deviation.abs() <= score.tolerance).float().mean((0, 1))
    assert ((within > 0.45) & (within < 0.55)).all()
    odd = oddity(score, fresh)
    assert (odd.mean(0).abs() < 0.15 * odd.std(0)).all()
    within = (odd.abs() <= score.statistics_tolerance).float().mean(0)
    assert ((within > 0.45) & (within < 0.55)).all()


def test_calibration_by_speed():
    """Where fast windows are twice as far from the mean, only a reference by speed expects their larger errors."""
    score = gaussian_score(groups=False)
    slow, fast = draw(score, 800, seed=1), draw(score, 800, seed=2, scale=2.0)
    for windows, speed in ((slow, 0.8), (fast, 3.0)):
        windows[:, 0, :2] = torch.tensor([-speed * 0.3, 0.0])
        windows[:, 0, 3:5] = torch.tensor([1.0, 0.0])
    knots = [SPEED_KNOTS.index(0.8), SPEED_KNOTS.index(3.0)]
    score.calibrate(torch.cat((slow, fast)), by_speed=True)
    low, high = score.reference[:, 0, knots].T
    assert (high - low).min() > 0.1
    with torch.no_grad():
        error = score.errors(fast, noise(800))[1].log().mean(0).squeeze()
    torch.testing.assert_close(high, error, atol=0.02, rtol=0)
    slower, faster = score.statistics_reference[STATISTICS.index("head spread"), knots]
    assert faster - slower > 0.2
    score.calibrate(torch.cat((slow, fast)), by_speed=False)
    low, high = score.reference[:, 0, knots].T
    torch.testing.assert_close(low, high, atol=1e-5, rtol=0)
    low, high = score.statistics_reference[:, knots].T
    torch.testing.assert_close(low, high, atol=1e-5, rtol=0)


def test_errors_at_rest_are_compared_with_walking():
    """People who stand make next to no error; `lenient_rest` expects of rest what it expects of walking, or more."""
    references = []
    for judged in (False, True):
        score = gaussian_score(groups=False, lenient_rest=judged)
        still, walking = draw(score, 800, seed=1, scale=0.2), draw(score, 800, seed=2)
        for windows, speed in ((still, 0.0), (walking, 0.8)):
            windows[:, 0, :2] = torch.tensor([-speed * 0.3, 0.0])
            windows[:, 0, 3:5] = torch.tensor([1.0, 0.0])
        score.calibrate(torch.cat((still, walking)))
        references.append(score.reference[:, 0, [SPEED_KNOTS.index(speed) for speed in (0.0, 0.4, 0.8)]])
    strict, lenient = references
    assert (strict[:, 0] < strict[:, 2] - 0.1).all()
    torch.testing.assert_close(lenient[:, 2], strict[:, 2])
    torch.testing.assert_close(lenient[:, 0], strict[:, 2])
    torch.testing.assert_close(lenient[:, 1], torch.maximum(strict[:, 1], strict[:, 2]))


def test_calm_windows_are_not_preferred():
    """Contracted windows have a LOWER error; the reward prefers real ones if calm counts and is fooled otherwise."""
    score = gaussian_score()
    score.calibrate(draw(score, 1000, seed=1))
    score.statistics_weight.fill_(0.0)
    real, calm = draw(score, 500, seed=2), draw(score, 500, seed=2, scale=0.3)
    with torch.no_grad():
        assert (score.errors(calm, noise(500))[0] < score.errors(real, noise(500))[0]).float().mean() > 0.99
        score.calm_weight.fill_(1.0)
        assert (score(calm, noise(500))[1] < score(real, noise(500))[1]).float().mean() > 0.99
        score.calm_weight.fill_(0.0)
        assert (score(calm, noise(500))[1] >= score(real, noise(500))[1]).float().mean() > 0.95


def test_statistics_see_calm_windows():
    """By their spread, whatever the error says: with statistics alone real windows are preferred to contracted ones."""
    score = gaussian_score()
    score.denoiser.mean.zero_()  # else most of the spread were the mean's, which contracting leaves
    score.calibrate(draw(score, 1000, seed=1))
    score.calm_weight.fill_(0.0)
    score.statistics_weight.fill_(1.0)
    real, calm = draw(score, 500, seed=2), draw(score, 500, seed=2, scale=0.3)
    with torch.no_grad():
        assert (score(calm, noise(500))[1] < score(real, noise(500))[1]).float().mean() > 0.95


def test_sibling_shares_denoiser_and_normaliser():
    """But not groups or calibration."""
    score = gaussian_score()
    score.calibrate(draw(score, 100, seed=1))
    other = score.sibling(score.denoiser, groups=False)
    assert other.groups == ("all",) and other.denoiser is score.denoiser
    assert torch.equal(other.channel_std, score.channel_std) and torch.equal(other.channel_mean, score.channel_mean)
    assert other.reference.abs().max() == 0
    windows = draw(score, 5, seed=3)
    with torch.no_grad():
        assert torch.equal(other.errors(windows, noise(5))[0], score.errors(windows, noise(5))[0])


def test_the_judgement_compiles_as_one_graph():
    """torch.compile sees no break in it, and what it sees gives the same numbers, for every share of environments."""
    torch.compiler.reset()
    score = gaussian_score()
    seen = torch.compile(score.judge, backend="eager", fullgraph=True, dynamic=False)
    windows = draw(score, 6, seed=1)
    for part in (windows, windows[:4]):
        with torch.inference_mode():
            found, expected = seen(part, noise(len(part))), score.judge(part, noise(len(part)))
        assert [value.shape for value in found] == [(len(part), 3), (len(part), 3, 9), (len(part), 14), (len(part),)]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)

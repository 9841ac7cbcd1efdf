"""Shares of windows preferred: ties, halves, spread, and cross-fitting on motion whose errors are known."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise

import pytest
import torch

from tests.training import gaussian
from tests.training.test_score import draw
from training.motion.windows import Windows
from training.prior import preference
from training.prior.preference import Calibration, Judged
from training.prior.score import Score

PLAIN = Calibration(groups=False, by_speed=False, calm_weight=0.0, tolerance_quantile=0.0, statistics_weight=0.0)
TWO_SIDED = Calibration(groups=True, by_speed=False, calm_weight=1.0, tolerance_quantile=0.5, statistics_weight=0.0)
BY_STATISTICS = Calibration(
    groups=False, by_speed=False, calm_weight=0.0, tolerance_quantile=0.5, statistics_weight=1.0
)


def symmetric_score() -> Score:
    """A score of a known Gaussian that is the same left and right: ten variances, one for each frame."""
    denoiser = gaussian.known(580, components=8)
    denoiser.mean.zero_()
    denoiser.basis.copy_(torch.eye(580))
    denoiser.variance.copy_(gaussian.spectrum(10).repeat_interleave(58))
    return Score(denoiser).eval()


def test_ties_count_one_half():
    """Less, equal, more, equal in two draws of two windows: (1 + ½)/2 and (0 + ½)/2."""
    real, changed = torch.tensor([[1.0, 3.0], [2.0, 4.0]]), torch.tensor([[2.0, 2.0], [2.0, 4.0]])
    assert preference.preferred(real, changed).tolist() == [0.75, 0.25]


def test_standard_error_counts_performances():
    """Ten windows alike in each of four performances are four draws: √(4/3·Σ(10·dev)²)/40 = s/√4."""
    group = torch.arange(4).repeat_interleave(10)
    each = torch.tensor([0.0, 1.0, 1.0, 1.0]).repeat_interleave(10)
    assert preference.standard_error(each, group) == pytest.approx(torch.tensor([0.0, 1, 1, 1]).std().item() / 2)
    alone = preference.standard_error(each, torch.arange(40))
    assert alone == pytest.approx(each.std().item() / math.sqrt(40), rel=1e-5)


def test_halves_keep_performances_whole():
    """Every performance on one side; both sides get slow and fast ones and about as many windows."""
    sizes, speeds = [500, 20, 30, 40, 250, 60], [4.0, 1.0, 1.2, 3.5, 0.8, 2.0]
    group = torch.cat([torch.full((n,), g) for g, n in enumerate(sizes)])
    speed = torch.cat([torch.full((n,), s) for n, s in zip(sizes, speeds, strict=True)])
    half = preference.halves(group, speed)
    for g in range(6):
        assert len(half[group == g].unique()) == 1
    for side in (half, ~half):
        assert 300 <= side.sum() <= 600
        assert speed[side].min() <= 1.0 and speed[side].max() >= 3.5 - 1e-6


def test_group_numbers_follow_the_clips():
    """Windows of clips 0, 1, 2 of performances b, a, b."""
    windows = Windows(torch.zeros(5, 10, 58), torch.tensor([0, 0, 1, 2, 2]), torch.zeros(5, 28))
    assert preference.group_numbers(windows, ["b", "a", "b"]).tolist() == [1, 1, 0, 1, 1]


def test_judging_is_the_noises():
    """Errors of the same windows are the same in any split into batches; draws differ."""
    score = symmetric_score()
    windows = draw(score, 600, seed=1)
    judged = preference.judge(score, windows, draws=2, seed=7)
    generator = torch.Generator().manual_seed(7)
    noise = torch.randn(600, 3, 10, 58, generator=generator)
    with torch.no_grad():
        error, group_error = score.errors(windows, noise)
    torch.testing.assert_close(judged.error[0], error, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(judged.group_error[0], group_error, atol=1e-5, rtol=1e-5)
    assert judged.error.shape == (2, 600, 3) and judged.group_error.shape == (2, 600, 3, 9)
    assert (judged.error[0] - judged.error[1]).abs().min() > 0
    part = judged.take(torch.arange(600) < 10)
    assert part.windows.shape[0] == part.error.shape[1] == part.group_error.shape[1] == 10


@pytest.fixture(scope="module")
def judged() -> tuple[Judged, Judged, Judged]:
    """Real windows of a known Gaussian, the same contracted to .3, the same stretched to 2."""
    score = symmetric_score()
    score.calibrate(draw(score, 600, seed=1))
    return tuple(preference.judge(score, draw(score, 400, seed=2, scale=s), 2, 0) for s in (1.0, 0.3, 2.0))


def test_comparing(judged: tuple[Judged, Judged, Judged]):
    """The raw error prefers calm windows, always; a two-sided reward prefers real ones; both dislike stretched ones."""
    score = symmetric_score()
    score.calibrate(draw(score, 600, seed=1))
    score.calm_weight.fill_(1.0)
    real, calm, wild = judged
    figures = preference.compare(score, real, calm)
    assert max(figures["error"]) < 0.01 and figures["reward"] > 0.99
    assert figures["mean_reward"] < figures["mean_reward_of_real"]
    assert min(preference.compare(score, real, wild)["error"]) > 0.99
    same = preference.compare(score, real, real)
    assert same["error"] == [0.5] * 3 and same["reward"] == 0.5
    assert same["reward_apart"] == pytest.approx(0.5, abs=0.05)


def test_noise_apart_hides_small_changes():
    """Two percent of stretching is seen under the same noise, and hardly where each side meets noise of its own."""
    score = symmetric_score()
    score.calibrate(draw(score, 400, seed=1))
    for value in (score.calm_weight, score.tolerance, score.statistics_weight):
        value.zero_()
    real, wider = (preference.judge(score, draw(score, 400, seed=2, scale=s), 2, 0) for s in (1.0, 1.02))
    figures = preference.compare(score, real, wider)
    assert figures["reward"] > 0.9
    assert 0.5 < figures["reward_apart"] < 0.75


def test_cross_fit_shows_what_a_remedy_does(judged: tuple[Judged, Judged, Judged]):
    """Without remedies calm windows win, two-sided groups or statistics turn that round; stretched windows lose."""
    real, calm, wild = judged
    half = torch.arange(400) % 2 == 0
    count: list[int] = []
    remedies, changed = (PLAIN, TWO_SIDED, BY_STATISTICS), {"calm": calm, "wild": wild}
    shares = preference.cross_fit(symmetric_score(), real, changed, half, remedies, lambda: count.append(1))
    assert len(count) == 6
    assert shares[PLAIN]["calm"].shape == (400,)
    assert shares[PLAIN]["calm"].mean() < 0.3
    assert min(shares[c]["calm"].mean() for c in (TWO_SIDED, BY_STATISTICS)) > 0.95
    assert min(shares[c]["wild"].mean() for c in remedies) > 0.95


def test_cross_fit_measures_on_the_other_half(judged: tuple[Judged, Judged, Judged]):
    """A half's shares do not depend on how its own windows would have calibrated the reward: spoilt ones don't show."""
    real, calm, _ = judged
    half = torch.arange(400) < 200
    score = symmetric_score()
    before = preference.cross_fit(score, real, {"calm": calm}, half, (TWO_SIDED,))[TWO_SIDED]["calm"]
    spoilt = real.windows.clone()
    spoilt[half] *= 0.01  # what the other half is calibrated on
    mixed = Judged(spoilt, real.error, real.group_error)
    after = preference.cross_fit(score, mixed, {"calm": calm}, half, (TWO_SIDED,))[TWO_SIDED]["calm"]
    torch.testing.assert_close(after[half], before[half], rtol=0, atol=0)
    assert (after[~half] - before[~half]).abs().mean() > 0.1


SHIPPED = Calibration(True, True, calm_weight=0.3, tolerance_quantile=0.5, statistics_weight=2.0, allowance=0.5)


def test_remedies_are_added_one_by_one():
    """From none to all of them, each step with one more."""
    steps = list(preference.added(SHIPPED).values())
    assert steps[0] == preference.NO_REMEDY and steps[-1] == SHIPPED and len(steps) == 7
    for before, after in pairwise(steps):
        assert sum(getattr(before, f.name) != getattr(after, f.name) for f in fields(Calibration)) == 1


def test_remedies_are_left_out_one_by_one():
    """All of them first, then each left out, then calm motion weighted otherwise."""
    others = preference.left_out(SHIPPED)
    assert others.pop("all") == SHIPPED
    assert others["no groups"] == replace(SHIPPED, groups=False)
    assert others["no statistics weight"] == replace(SHIPPED, statistics_weight=0.0)
    assert others["calm 0.25"] == replace(SHIPPED, calm_weight=0.25)
    for other in others.values():
        assert sum(getattr(SHIPPED, f.name) != getattr(other, f.name) for f in fields(Calibration)) == 1


def test_every_combination_once():
    """2 × 2 × 4 × 2 × 2, and of the shipped weights what is not among them: its own, and four with one remedy less."""
    shipped = replace(SHIPPED, allowance=0.0)
    every = preference.combinations(shipped)
    assert len(set(every)) == len(every) == 64 + 5
    assert {*preference.added(shipped).values(), *preference.left_out(shipped).values()} <= set(every)
    assert len(preference.combinations(replace(shipped, calm_weight=1.0))) == 64

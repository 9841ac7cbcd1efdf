"""What the score asks of how a body is held: by speed, by body group, within what people differ by."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.training.test_score import draw, gaussian_score, oddity
from training import features
from training.prior import score as scoring
from training.prior.score import POSE_STD_FLOOR, SPEED_KNOTS, Score
from training.prior.statistics import POSE, STATISTICS


def judge_of_poses() -> Score:
    """A score that judges poses by 1,500 windows, half of people who stand, half of people who walk at .8 m/s.

    Those who walk hold their hands .3 further out.
    """
    score = gaussian_score(judge_pose=True)
    score.set_pose(people(score, 1500, seed=1))
    score.calibrate(people(score, 1500, seed=2))
    return score


def people(score: Score, count: int, seed: int) -> Tensor:
    """See `judge_of_poses`."""
    windows = draw(score, count, seed)
    windows[..., :2], windows[:, :, 3:5] = 0.0, torch.tensor([1.0, 0.0])
    windows[1::2, 0, 0] = -0.8 * 0.3
    windows[1::2, :, features.GROUPS["hands"]] += 0.3
    return windows


def test_poses_are_judged_by_speed_and_at_rest(monkeypatch):
    """Real poses are a deviation off, half of them cost nothing; hands further out are right in walking only."""
    monkeypatch.setattr(scoring, "POSE_STD_FLOOR", 0.01)
    score = judge_of_poses()
    assert score.statistics == (*STATISTICS, *POSE)
    fresh = people(score, 1500, seed=3)
    off = oddity(score, fresh)[:, len(STATISTICS) :]
    expected = [4 / 6 if name.startswith("root_rotation") else 1.0 for name in POSE]  # two of its six are fixed here
    for part in (off[::2], off[1::2]):
        assert part.square().mean(0).tolist() == pytest.approx(expected, abs=0.15)
    within = (off <= score.statistics_tolerance[len(STATISTICS) :]).float().mean(0)
    assert within.tolist() == pytest.approx([0.5] * len(POSE), abs=0.05)
    moved = fresh.clone()
    moved[..., features.GROUPS["hands"]] += 3.0
    more = oddity(score, moved)[:, len(STATISTICS) :]
    hands = POSE.index("hands pose")
    assert (more[:, hands] > off[:, hands] + 3.0).all()
    others = [column for column in range(len(POSE)) if column != hands]
    torch.testing.assert_close(more[:, others], off[:, others])
    knots = [SPEED_KNOTS.index(speed) for speed in (0.0, 0.8)]
    still, walking = score.pose_reference[-18:, knots].mT  # from the head on: hands are 3 to 9 of the last 21
    assert (walking - still)[:3].mean() == pytest.approx(0.3, abs=0.1)


def test_poses_are_part_of_the_penalty():
    """Every pose a unit beyond its tolerance costs the weight of statistics, one of them its share of the poses."""
    score = judge_of_poses()
    score.statistics_weight.fill_(3.0)
    odd = score.statistics_tolerance.expand(4, -1).clone()
    odd[1, len(STATISTICS) :] += 1.0
    odd[2, len(STATISTICS) + 3] += 1.0
    odd[3, 5] += 1.0
    expected = 3.0 * torch.tensor([0.0, 1.0, 1 / len(POSE), 1 / len(STATISTICS)])
    torch.testing.assert_close(score.penalty(torch.zeros(4, 3, 9), odd), expected, atol=1e-5, rtol=0)


def test_people_too_alike_do_not_make_a_narrow_judge():
    """Of people who hold themselves all the same a quarter of the deviation over all motion is allowed for."""
    score = judge_of_poses()
    score.set_pose(people(score, 1, seed=1).expand(50, -1, -1))
    floor = (POSE_STD_FLOOR * score.channel_std[2:]).square().unsqueeze(1)
    torch.testing.assert_close(score.pose_variance, floor.expand_as(score.pose_variance))
    other = score.sibling(score.denoiser, groups=False)
    assert torch.equal(other.pose_variance, score.pose_variance)
    assert torch.equal(other.pose_reference, score.pose_reference)

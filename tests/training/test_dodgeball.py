"""Dodgeball: the shape that a ball meets, the way out of its path, launches and hits by hand."""

from __future__ import annotations

import pytest
import torch

from runtime.capsules import segment_distance
from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE
from tests.training.test_steering import body
from tests.training.test_tasks import EVERYONE, make
from training import bodies
from training.kinematics import Kinematics
from training.rows import Rows
from training.tasks import Body, dodgeball
from training.tasks.dodgeball import Dodgeball


def test_segments_by_hand():
    """Crossing at a distance, side by side, end to end, and two points."""
    x, y, z, o = torch.eye(3)[0], torch.eye(3)[1], torch.eye(3)[2], torch.zeros(3)
    assert segment_distance(-x, x, 2 * z - y, 2 * z + y).item() == pytest.approx(2.0)
    assert segment_distance(o, x, y, x + y).item() == pytest.approx(1.0)
    assert segment_distance(o, x, 3 * x, 4 * x).item() == pytest.approx(2.0)
    assert segment_distance(o, o, 3 * x, 3 * x).item() == pytest.approx(3.0)


def standing() -> torch.Tensor:
    """Capsule ends [1, G, 2, 3] of the default pose."""
    pose = torch.tensor(DEFAULT_POSE, dtype=torch.float32)
    root = torch.tensor([[0.0, 0.0, DEFAULT_HEIGHT]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    return bodies.ends(*Kinematics()(*root, pose[None]))


def test_the_shape_stands_on_its_soles():
    """The lowest point in the default pose is the ground, the highest the head's crown at 1.342 + .175 + .095 m."""
    ends = standing()
    assert (ends[..., 2].amin(-1) - bodies.capsules()[2]).amin().item() == pytest.approx(0.0, abs=2e-3)
    crown = DEFAULT_HEIGHT + 0.236151 + 0.223894 + 0.175 + 0.095
    assert (ends[..., 2].amax(-1) + bodies.capsules()[2]).amax().item() == pytest.approx(crown, abs=1e-3)


@pytest.mark.parametrize(
    ("height", "aside", "hits"), [(1.2, 0.0, True), (1.2, 0.6, False), (0.5, 0.3, False), (0.5, 0.2, True)]
)
def test_a_ball_at_15_m_s_hits_what_is_in_its_way(height, aside, hits):
    """Along x, 1 m before the body: the torso is in the way, .6 m aside nothing; a shin, .085 m aside, is .05 m."""
    ball = torch.tensor([[1.0, aside, height, -15.0, 0.0, 0.0]])
    ends, touched = standing(), False
    for _ in range(4):
        touched |= bool(dodgeball.gap(ball, ends, ends) < 0)
        ball = torch.cat(dodgeball.fly(ball, dodgeball._STEP), 1)
    assert touched == hits
    start = torch.tensor([[1.0, aside, height, -15.0, 0.0, 0.0]])
    assert (dodgeball.clearance(start, ends).item() < 0) == hits


@pytest.mark.parametrize(("aside", "expected"), [(0.1, -1.0), (-0.1, 1.0), (0.7, 0.0)])
def test_the_way_out_of_a_balls_path(aside, expected):
    """A ball along -x in half a second, `aside` m to the left: .5 m in .5 s to the other side, none where it misses."""
    here = body()
    goal = torch.tensor([[8.0, aside, 1.5, -16.0, 0.0, 0.0]]).repeat(len(here.root_position), 1)
    values = Dodgeball.observe(here.root_rotation, here.root_position, goal)[0].tolist()
    seen = dict(zip(Dodgeball.observation_names, values, strict=True))
    assert seen["velocity_left"] == pytest.approx(expected, abs=1e-4)
    assert seen["velocity_ahead"] == pytest.approx(0.0, abs=1e-4)
    assert [seen["facing_ahead"], seen["coming"], seen["time"]] == pytest.approx([1.0, 1.0, 0.5])


def test_balls_are_aimed_aside():
    """Within the option's 0.3 m to either side of the torso, and to both."""
    task: Dodgeball = make("dodgeball", envs=256, wait=[0.0, 0.0], aside=0.3)
    state = body()
    torso = state.body_position[:1, BODIES.index("torso")]
    state = Body(**{name: value[:1].repeat(256, *[1] * (value.dim() - 1)) for name, value in vars(state).items()})
    task.reset(Rows.of(torch.ones(256, dtype=torch.bool)), state)
    task.advance(state)
    ball = task.goal
    time = dodgeball.pass_time(ball, torso)
    place = dodgeball.fly(ball, time.unsqueeze(1))[0] - torso
    way = ball[:, 3:5] / ball[:, 3:5].norm(dim=1, keepdim=True)
    aside = way[:, 0] * place[:, 1] - way[:, 1] * place[:, 0]
    assert -0.3 <= aside.min() < -0.25 and 0.25 < aside.max() <= 0.3
    assert aside.mean().abs() < 0.05


def test_balls_come_one_after_the_other_and_are_counted():
    """A standing humanoid is hit by every ball that is aimed at its torso; one that is far away by none."""
    task: Dodgeball = make("dodgeball", wait=[0.1, 0.2])
    state = body()
    task.reset(EVERYONE, state)
    for _ in range(300):
        task.advance(state)
    assert task.thrown.min() >= 5
    assert (task.thrown - task.hits).max() <= 1  # the last may be on its way
    away = body()
    away.body_position[..., 1] += 5.0
    task.reset(EVERYONE, away)
    task.goal[:] = torch.tensor([8.0, 0.0, 1.5, -15.0, 0.0, 1.0])
    assert not any(task.failed(away).any() or task.advance(away) for _ in range(20))

"""What moving costs, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from runtime import character
from runtime.character import JOINT_NAMES, JOINTS
from tests.training.test_steering import body
from training.learning.effort import GRAVITY, Effort

KNEE = JOINT_NAMES.index("right_knee")


def weight() -> float:
    """Of the humanoid, N."""
    model = character.model()
    return GRAVITY * float(model.body_mass[character.find_slots(model).body :].sum())


def moving(joint_velocity: float, speed: float = 0.0):
    """Humanoids at rest but for a right knee that turns (rad/s), and for their roots' speed (m/s)."""
    made = body(velocity=(speed, 0.0))
    made.joint_velocity[:, KNEE] = joint_velocity
    return made


def target(off: float) -> torch.Tensor:
    """Targets that only the right knee is off from, by so many rad."""
    made = moving(0.0).joint_position.clone()
    made[:, KNEE] += off
    return made


def test_the_humanoid_weighs_what_a_person_does():
    """Some 50 kg: the character's masses, without the world's."""
    assert 400 < weight() < 600


@pytest.mark.parametrize(("speed", "room"), [(0.0, 0.5), (1.5, 2.0)])
def test_power_over_weight_and_speed(speed, room):
    """A knee .1 rad off that turns at 2 rad/s: kp · .1 · 2 W, over m g (v + .5 m/s), whichever way it turns."""
    power = JOINTS[KNEE].kp * 0.1 * 2.0
    for direction in (2.0, -2.0):
        state = moving(direction, speed)
        found = Effort()(state, state, target(0.1))
        assert found.tolist() == pytest.approx([power / (weight() * room)] * 4, rel=1e-4)


def test_torques_end_at_the_joints_limit():
    """Ten rad off is no more than the joint's effort gives."""
    state = moving(2.0)
    expected = JOINTS[KNEE].effort * 2.0 / (weight() * 0.5)
    assert Effort()(state, state, target(10.0)).tolist() == pytest.approx([expected] * 4, rel=1e-4)


def test_a_step_counts_with_both_its_ends():
    """Turning at 1 rad/s before and 3 after, it costs the mean of the two; the speed is that after the step."""
    expected = JOINTS[KNEE].kp * 0.1 * (1.0 + 3.0) / 2 / (weight() * (1.0 + 0.5))
    found = Effort()(moving(1.0, speed=3.0), moving(3.0, speed=1.0), target(0.1))
    assert found.tolist() == pytest.approx([expected] * 4, rel=1e-4)


def test_holding_still_costs_nothing():
    """Whatever torques it takes: no joint turns, no work is done."""
    state = moving(0.0)
    assert not Effort()(state, state, target(0.5)).any()

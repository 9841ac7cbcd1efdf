"""Slips and jerks as the reward sees them: what an evaluation measures, and worth a share of the reward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from runtime.character import State
from runtime.recording import Motion
from tests.training.motions import standing
from training import _gait
from training.learning.flaws import FASTEST_SLIP, Slip, jerk
from training.metrics import take
from training.motion import soles
from training.motion.clips import motion_states


def shuffling() -> State:
    """States [60]: the standing figure drifts at .2 m/s, bobs by 3 cm and swings its legs."""
    still, t = standing(60), np.arange(60) / 30
    joints = still.joint_position + 0.1 * np.sin(4 * t[:, None] + np.arange(28))
    position = still.root_position + np.stack((0.2 * t, 0 * t, 0.03 * np.sin(9 * t)), 1)
    return motion_states(Motion(30.0, position, still.root_rotation, joints))


def corners_of(states: State) -> torch.Tensor:
    """Corners [T, 2, 8, 3] m of states [T]."""
    return Slip().corners(*(torch.from_numpy(x).float() for x in (states.body_position, states.body_rotation)))


def test_slips_are_those_that_an_evaluation_counts():
    """Over every step, both feet's speeds are `soles.skate`'s, up to the cap, and nothing for a foot in the air."""
    states = shuffling()
    corners = corners_of(states)
    speed = 2.0 * Slip.speed(corners[:-1], corners[1:]).numpy()  # of both feet
    counts = []
    for step in range(59):
        slips = soles.skate(take(states, slice(step, step + 2)), 30.0)
        counts.append(len(slips))
        assert speed[step] == pytest.approx(np.minimum(slips, FASTEST_SLIP).sum(), abs=1e-4)
    assert set(counts) == {0, 1, 2}


def test_jerk_is_that_of_an_evaluation():
    """Four frames give the third difference that pieces of motion are measured by."""
    angles = shuffling().joint_position
    expected = _gait.jerk(angles[None, 10:14])
    found = jerk(torch.from_numpy(angles[10:14, None]))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("slip_weight", "jerk_weight"), [(0.0, 0.0), (2.0, 0.0), (0.0, 1e-4), (2.0, 1e-4)])
def test_flaws_cost_a_share_of_the_reward(make_environment, slip_weight, jerk_weight):
    """The reward is what it would be without weights, times exp(-w_slip slip - w_jerk jerk) of the logged figures."""
    plain, graded = (make_environment(envs=8, standing_share=0.0) for _ in range(2))
    graded.config = replace(graded.config, slip_weight=slip_weight, jerk_weight=jerk_weight)
    lost = []
    for step in range(6):
        action = torch.full((8, 28), 0.3 * (-1) ** step)
        _, whole, _, _, without = plain.step(action)
        _, reward, _, _, figures = graded.step(action)
        share = torch.exp(
            -sum((slip_weight * figures.get("slip", 0.0), jerk_weight * figures.get("jerk", 0.0)), torch.zeros(8))
        )
        torch.testing.assert_close(reward, whole * share)
        assert ("slip" in figures, "jerk" in figures) == (slip_weight > 0, jerk_weight > 0)
        assert not {"slip", "jerk"} & set(without)
        lost.append(1.0 - share)
    assert (torch.cat(lost) > 0.01).any() == (slip_weight + jerk_weight > 0)


def test_a_blown_up_simulation_costs_no_number(make_environment):
    """A simulation that went non-finite leaves rewards and figures finite."""
    environment = make_environment(slip_weight=2.0, jerk_weight=1e-4)
    environment.engine.qvel[2, 7] = torch.nan
    _, reward, _, _, figures = environment.step(torch.zeros(4, 28))
    assert figures["blown_up"].sum() == 1
    assert reward.isfinite().all() and figures["slip"].isfinite().all() and figures["jerk"].isfinite().all()

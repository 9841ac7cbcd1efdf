"""Actions in rad and from -1 to 1."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env

from runtime.character import DEFAULT_POSE, JOINT_NAMES, JOINTS
from runtime.gym import CharacterEnv

SHOULDER, KNEE = JOINT_NAMES.index("right_shoulder_x"), JOINT_NAMES.index("right_knee")


def test_normalised_actions_by_hand() -> None:
    """0 is the default pose, -1 and 1 the ends of the servos' range, .5 half way from the one to the other."""
    env = CharacterEnv(normalised=True)
    low, high = np.array([joint.target_range for joint in JOINTS]).T
    np.testing.assert_array_equal(env.targets(np.zeros(28)), DEFAULT_POSE)
    np.testing.assert_allclose(env.targets(np.ones(28)), high, atol=1e-6)
    np.testing.assert_allclose(env.targets(-np.ones(28)), low, atol=1e-6)
    np.testing.assert_allclose(env.targets(np.full(28, 3.0)), high, atol=1e-6)
    half = env.targets(np.full(28, 0.5))
    assert half[KNEE] == pytest.approx((2.793 + 150 / 500) / 2)  # rad: range and effort over gain
    assert half[SHOULDER] == pytest.approx((np.pi / 2 + 2.444 + 100 / 400) / 2)


def test_spaces_are_bounded() -> None:
    """In rad by the servos' ranges, normalised by one: what is sampled is taken as it is."""
    for normalised in (False, True):
        env = CharacterEnv(normalised=normalised)
        assert env.action_space.is_bounded() and env.action_space.shape == (28,)
        assert normalised == bool((env.action_space.high == 1.0).all() and (env.action_space.low == -1.0).all())
    action = CharacterEnv().action_space.sample()
    np.testing.assert_allclose(CharacterEnv().targets(action), action)


def test_a_normalised_step_is_that_of_its_targets() -> None:
    """The same motion of both kinds of action."""
    action = np.random.default_rng(0).uniform(-1.0, 1.0, 28).astype(np.float32)
    unit, rad = CharacterEnv(normalised=True), CharacterEnv()
    unit.reset(seed=0), rad.reset(seed=0)
    found, expected = unit.step(action)[0], rad.step(unit.targets(action))[0]
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("task", ["steering", "getup"])
def test_stable_baselines_checks_pass(task: str) -> None:
    """Its `check_env` finds no fault, and of normalised actions nothing to advise."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(CharacterEnv(task, normalised=True))
    assert [str(w.message) for w in caught if "unconventional shape" not in str(w.message)] == []


def test_actions_that_are_none_are_named() -> None:
    """One joint too few; NaN, as from a policy that has diverged."""
    env = CharacterEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action: expected finite numbers of shape \[28\], found shape \[27\]"):
        env.step(np.zeros(27))
    with pytest.raises(ValueError, match=r"action: expected finite numbers of shape \[28\], found NaN or infinity"):
        env.step(np.full(28, np.nan))

"""Many characters in one environment against Gymnasium's own loop over `CharacterEnv`."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from runtime import GoalError, Location, Steering
from runtime.character import DEFAULT_POSE
from runtime.gym import TASKS, CharacterVectorEnv
from runtime.gym.benchmark import main

COUNT = 3


def both(name: str, **settings: object) -> tuple[gymnasium.vector.VectorEnv, gymnasium.vector.VectorEnv]:
    """The environment, and Gymnasium's loop over single ones."""
    ours = gymnasium.make_vec(f"smp/{name}-v0", num_envs=COUNT, **settings)
    return ours, gymnasium.make_vec(f"smp/{name}-v0", num_envs=COUNT, vectorization_mode="sync", **settings)


@pytest.mark.parametrize("name", list(TASKS))
def test_it_is_the_loop_over_single_ones(name: str, prior_path: Path) -> None:
    """Sixty random actions, episodes of 0.8 s that also end by falls: the same motion, goals, ends and rewards."""
    ours, theirs = both(name, prior=prior_path, episode_seconds=0.8)
    assert isinstance(ours.unwrapped, CharacterVectorEnv) and ours.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    found, expected = ours.reset(seed=7)[0], theirs.reset(seed=7)[0]
    ends, rng = 0, np.random.default_rng(0)
    for _ in range(60):
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value, err_msg=key)
        actions = (DEFAULT_POSE + rng.normal(0.0, 1.0, (COUNT, 28))).astype(np.float32)
        found, *results, info = ours.step(actions)
        expected, *wanted, wanted_info = theirs.step(actions)
        np.testing.assert_allclose(results[0], wanted[0], rtol=1e-5)
        np.testing.assert_array_equal(results[1:], wanted[1:])
        for key, value in wanted_info.items():
            np.testing.assert_allclose(info[key], value, rtol=1e-5, err_msg=key)
        ends += int(np.any(results[1:], axis=0).sum())
    assert ends >= 2 * COUNT


def test_a_broken_simulation_ends_its_episode_alone() -> None:
    """Velocities of 1e9 rad/s in one: terminated, reward 0, finite; the others go on, and it begins again."""
    envs = CharacterVectorEnv(COUNT, threads=1)
    envs.reset(seed=0)
    still = np.tile(DEFAULT_POSE, (COUNT, 1))
    envs._qvel[1] = 1e9
    observation, reward, terminated, _, info = envs.step(still)
    np.testing.assert_array_equal(terminated, [False, True, False])
    assert reward[1] == 0.0 and min(reward[[0, 2]]) > 0.0
    np.testing.assert_array_equal(info["blown_up"], [False, True, False])
    assert all(np.isfinite(value).all() for value in observation.values())
    observation, _, terminated, _, info = envs.step(still)
    assert not terminated.any() and np.abs(observation["joint_velocity"][1]).max() == 0.0
    np.testing.assert_array_equal(info["_task_reward"], [True, False, True])


def test_options_are_for_all_and_mistakes_are_named() -> None:
    """One heading and goal for all; another task's goal, a seed too few, no characters, an action of another shape."""
    envs = CharacterVectorEnv(COUNT, threads=1)
    observation, _ = envs.reset(seed=0, options={"heading": 0.0, "goal": Steering(speed=1.0)})
    np.testing.assert_allclose(observation["goal"], np.tile([1.0, 0.0, 1.0, 0.0], (COUNT, 1)))
    np.testing.assert_allclose(observation["root_rotation"], np.tile([1.0, 0.0, 0.0, 0.0], (COUNT, 1)))
    with pytest.raises(GoalError, match="the goal is for 'location'"):
        envs.reset(options={"goal": Location(1.0, 2.0)})
    with pytest.raises(ValueError, match="seed: expected one number or 3, found 2"):
        envs.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="num_envs of at least 1"):
        CharacterVectorEnv(0)
    with pytest.raises(ValueError, match=r"action: expected finite numbers of shape \[3, 28\], found shape \[28\]"):
        envs.step(DEFAULT_POSE)


def test_every_character_has_its_own_task() -> None:
    """Two balls are not one: what makes the task is called once for each."""
    envs = CharacterVectorEnv(2, TASKS["dodgeball"], threads=1)
    assert envs._episodes[0].task is not envs._episodes[1].task
    envs.reset(seed=0)


def test_the_benchmark_runs(capsys) -> None:
    """Two characters, three steps: one line with both rates and their ratio."""
    main(["--envs", "2", "--steps", "3", "--threads", "1"])
    text = capsys.readouterr().out
    assert text.startswith("2 characters, no prior: ") and text.strip().endswith("times as many")
    with pytest.raises(SystemExit):
        main(["--envs", "0"])

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import runtime.gym
from runtime import Controller, GoalError, Location, Prior, Steering, World
from runtime.character import DEFAULT_POSE, STATE_SHAPES, State
from runtime.gym import CharacterEnv
from tests.tiny import OFFSETS, linear, write_controller

ROOT = Path(__file__).parents[3]


def act(controller: Controller, observation: dict) -> np.ndarray:
    """What a controller does in the state of an observation."""
    state = State(**{name: observation[name][None] for name in STATE_SHAPES})
    return controller.act(state, observation["goal"][None])[0]


@pytest.mark.parametrize("name", list(runtime.gym.TASKS))
def test_gymnasiums_own_checks_pass(name: str, prior_path: Path) -> None:
    """`check_env` finds no fault with any task, with a prior; it warns of unbounded and unscaled spaces only."""
    env = gymnasium.make(f"smp/{name}-v0", prior=prior_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env.unwrapped, skip_render_check=True)  # test_frames.py draws
    expected = ("symmetric and normalized space", "minimum value is -infinity", "maximum value is infinity")
    assert [str(w.message) for w in caught if not any(text in str(w.message) for text in expected)] == []


def test_a_step_is_the_worlds(tmp_path: Path) -> None:
    """The same controller from the same start, here and in a World: the same motion over two seconds."""
    controller = Controller.load(write_controller(tmp_path / "c.onnx", linear(right_elbow=0.5, left_hip_y=-0.3)))
    env = CharacterEnv("steering", episode_seconds=10.0)
    observation, _ = env.reset(seed=0, options={"heading": 0.5, "goal": Steering(speed=1.0)})
    world = World(fade=0.0)
    hero = world.add_character(controller, heading=0.5)
    hero.goal = Steering(speed=1.0)
    for _ in range(60):
        observation, *_ = env.step(act(controller, observation))
        world.step()
        np.testing.assert_allclose(observation["joint_position"], hero.state.joint_position, atol=1e-5)
        np.testing.assert_allclose(env.state.root_position, hero.state.root_position, atol=1e-5)


def test_the_reward_is_the_weighted_sum(prior_path: Path) -> None:
    """Of task and prior, as `info` has them; the prior's is its score of the states 6, 3, 1 and 0 back."""
    env = CharacterEnv("steering", prior_path, task_weight=0.25, style_weight=2.0)
    env.reset(seed=3)
    states = [env.state] * 7
    for _ in range(3):
        twin = np.random.Generator(np.random.PCG64())
        twin.bit_generator.state = env.np_random.bit_generator.state
        _, reward, *_, info = env.step(DEFAULT_POSE)
        states = [*states[1:], env.state]
        assert reward == pytest.approx(0.25 * info["task_reward"] + 2.0 * info["style_reward"])
        chosen = [states[-1 - back] for back in OFFSETS]
        window = State(**{name: np.stack([vars(state)[name] for state in chosen])[None] for name in STATE_SHAPES})
        prior = Prior.load(prior_path)
        noise = twin.standard_normal((1, *prior.noise_shape), dtype=np.float32)
        assert info["style_reward"] == pytest.approx(prior.score(window, noise).reward[0], rel=1e-5)


def test_without_a_prior_there_is_the_task_alone() -> None:
    """Standing when asked to stand, facing where one is asked to: the task's whole reward, half weighted."""
    env = CharacterEnv("steering")
    env.reset(seed=0, options={"heading": 0.0, "goal": Steering(speed=0.0, direction=0.0)})
    _, reward, _, _, info = env.step(DEFAULT_POSE)
    assert info["task_reward"] == pytest.approx(1.0, abs=0.02)
    assert reward == pytest.approx(0.5 * info["task_reward"]) and info["style_reward"] == 0.0


def test_the_shipped_controller_earns_its_reward(walking_prior_path: Path) -> None:
    """`exported/steering.onnx` asked for 1.5 m/s, ten seconds: upright, task reward above .85 after 2 s, styled.

    The prior is one of its own walk, so that exp(-1) = .37 is usual.
    """
    env = CharacterEnv("steering", walking_prior_path)
    controller = Controller.load(ROOT / "exported/steering.onnx")
    observation, _ = env.reset(seed=0, options={"heading": 0.0, "goal": Steering(speed=1.5)})
    rewards = []
    for _ in range(300):
        observation, _, terminated, _, info = env.step(act(controller, observation))
        assert not terminated
        rewards.append((info["task_reward"], info["style_reward"]))
    task, style = np.mean(rewards[60:], axis=0)
    assert task > 0.85
    assert 0.1 < style <= 1.0


def test_falling_ends_an_episode_and_time_truncates_it() -> None:
    """Legs folded at full reach, it falls within 3 s: terminated. Standing .5 s of .5: truncated at step 15."""
    env = CharacterEnv("steering")
    env.reset(seed=0)
    folded = DEFAULT_POSE.copy()
    folded[[17, 24]] = 2.7  # knees
    assert any(env.step(folded)[2] for _ in range(90))
    env = CharacterEnv("steering", episode_seconds=0.5)
    env.reset(seed=0)
    assert [env.step(DEFAULT_POSE)[3] for _ in range(15)] == [False] * 14 + [True]


def test_a_broken_simulation_ends_the_episode_with_good_numbers() -> None:
    """Velocities of 1e9 rad/s blow the physics up: terminated, reward 0, a finite observation; reset mends it."""
    env = CharacterEnv("steering")
    env.reset(seed=0)
    env._data.qvel[:] = 1e9
    observation, reward, terminated, _, info = env.step(DEFAULT_POSE)
    assert terminated and reward == 0.0 and info["blown_up"]
    assert all(np.isfinite(value).all() for value in observation.values())
    observation, _ = env.reset(seed=0)
    assert np.abs(observation["joint_velocity"]).max() == 0.0
    assert not env.step(DEFAULT_POSE)[2]


def test_episodes_are_reproducible_and_goals_change() -> None:
    """The same seed gives the same goals; within 20 s there are at least three of them."""
    goals = []
    for _ in range(2):
        env = CharacterEnv("location")
        observation, _ = env.reset(seed=5)
        drawn = [observation["goal"]]
        for _ in range(600):
            drawn.append(env.step(DEFAULT_POSE)[0]["goal"])
        goals.append(np.array(drawn))
    np.testing.assert_array_equal(goals[0], goals[1])
    assert len(np.unique(goals[0], axis=0)) >= 3


def test_a_jump_counts_down() -> None:
    """From .8 s before the apex, a thirtieth of a second a step; without a jump the countdown stands still."""
    env = CharacterEnv("jump")
    observation, _ = env.reset(seed=0)
    while observation["goal"][4] == 0.0:
        before = observation["goal"][5]
        observation, *_ = env.step(DEFAULT_POSE)
        assert before == pytest.approx(0.8)
    following = env.step(DEFAULT_POSE)[0]
    assert following["goal"][5] == pytest.approx(observation["goal"][5] - 1 / 30, abs=1e-6)


def test_wrong_arguments_are_named() -> None:
    """An unknown task or option, a weight that is no number, another task's goal."""
    with pytest.raises(ValueError, match="task: expected one of steering"):
        CharacterEnv("fly")
    with pytest.raises(ValueError, match="finite weights"):
        CharacterEnv(task_weight=float("nan"))
    env = CharacterEnv()
    with pytest.raises(ValueError, match="expected heading and goal, found speed"):
        env.reset(options={"speed": 1})
    with pytest.raises(GoalError, match="the goal is for 'location'"):
        env.reset(options={"goal": Location(1.0, 2.0)})


def test_vector_environments_work(prior_path: Path) -> None:
    """Gymnasium's own vector environment runs two of them side by side."""
    envs = gymnasium.make_vec("smp/steering-v0", num_envs=2, vectorization_mode="sync", prior=prior_path)
    observation, _ = envs.reset(seed=0)
    assert observation["joint_position"].shape == (2, 28)
    observation, reward, *_ = envs.step(np.tile(DEFAULT_POSE, (2, 1)).astype(np.float32))
    assert observation["goal"].shape == (2, 4) and reward.shape == (2,)
    envs.close()

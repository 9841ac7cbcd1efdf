"""The numpy tasks against training's torch ones: the same rewards of the same states."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from runtime import character
from runtime.character import State
from runtime.goals import SCHEMAS
from runtime.gym import TASKS
from runtime.gym.dodgeball import Dodgeball, fly
from runtime.gym.tasks import fallen, heading, lowest_sole
from training import bodies
from training import tasks as torch_tasks
from training.tasks import Body

COUNT = 400


def random_states(count: int, seed: int = 0) -> list[State]:
    """Poses anywhere within the joints' ranges, upright, lying and falling, moving at up to some metres a second."""
    rng, model = np.random.default_rng(seed), character.model()
    data, slots = mujoco.MjData(model), character.find_slots(model)
    low, high = np.array([joint.range for joint in character.JOINTS]).T
    states = []
    for number in range(count):
        upright = number % 3 > 0
        yaw, tilt = rng.uniform(-np.pi, np.pi), rng.normal(size=3) * (0.1 if upright else 1.0)
        data.qpos[:3] = *rng.normal(size=2), rng.uniform(0.8, 1.2) if upright else rng.uniform(0.1, 1.4)
        turn = np.array([np.cos(yaw / 2), *tilt, np.sin(yaw / 2)])[[0, 1, 2, 4]]
        data.qpos[3:7] = turn / np.linalg.norm(turn)
        data.qpos[7:] = (0.2 if upright else 1.0) * rng.uniform(low, high)
        data.qvel[:] = rng.normal(size=34)
        mujoco.mj_kinematics(model, data)
        state = character.read_state(data.qpos, data.qvel, data.xpos, data.xquat, slots)
        states.append(State(**{name: np.array(value) for name, value in vars(state).items()}))
    return states


def body(states: list[State]) -> Body:
    """The states as training sees them, in double precision."""
    return Body(**{name: torch.from_numpy(np.stack([vars(s)[name] for s in states])) for name in vars(states[0])})


@pytest.mark.parametrize("name", list(TASKS))
def test_rewards_are_trainings(name: str) -> None:
    """Of 400 states and goals, drawn by the numpy task, both give the same reward to 1e-6."""
    ours, rng, states = TASKS[name](), np.random.default_rng(1), random_states(COUNT)
    goals = np.array([ours.draw(state, rng)[0] for state in states]).reshape(COUNT, len(SCHEMAS[name]))
    if name == "jump":
        goals[:, 5] -= rng.integers(0, 45, COUNT) / 30  # anywhere in the countdown
    if name == "dodgeball":  # anywhere on their way
        goals = np.array([fly(goal, rng.uniform(0.0, 0.6)) if goal[2] >= 0 else goal for goal in goals])
    options = {"fallen_share": 0.0} if name == "getup" else {}
    theirs = torch_tasks.create(name, options, COUNT, torch.Generator().manual_seed(0))
    theirs.goal = torch.from_numpy(goals)
    if name == "jump":
        theirs.steering.goal = theirs.goal[:, :4]
    expected = theirs.reward(body(states)).double().numpy()
    found = np.array([ours.reward(state, goal) for state, goal in zip(states, goals, strict=True)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert name == "skill" or np.ptp(found) > 0.2  # the states tell rewards apart
    assert found.min() >= 0.0 and found.max() <= 1.0


@pytest.mark.parametrize("name", ["steering", "speed", "location", "jump", "skill"])
def test_failures_are_trainings(name: str) -> None:
    """The same of the 400 states have failed."""
    ours, states = TASKS[name](), random_states(COUNT)
    theirs = torch_tasks.create(name, {}, COUNT, torch.Generator().manual_seed(0))
    expected = theirs.failed(body(states)).numpy()
    np.testing.assert_array_equal([ours.failed(state, np.zeros(0)) for state in states], expected)
    assert 0.05 < expected.mean() < 0.95


def test_getup_fails_by_falling_from_standing() -> None:
    """With the head at 1.3 m all is well, below .5 m it is over: episodes begin standing here."""
    (state,) = random_states(1)
    task = TASKS["getup"]()
    for height, expected in ((1.3, False), (0.45, True)):
        state.body_position[2, 2] = height
        assert task.failed(state, np.zeros(0)) is expected


@pytest.mark.parametrize("name", list(TASKS))
def test_goals_are_drawn_within_their_schema(name: str) -> None:
    """500 goals about a state: finite, within the ranges of the schema, kept for .2 s at least."""
    task, rng, states = TASKS[name](), np.random.default_rng(0), random_states(50)
    for number in range(500):
        goal, steps = task.draw(states[number % 50], rng)
        assert goal.shape == (len(SCHEMAS[name]),) and np.isfinite(goal).all() and steps >= 6
        for entry, value in zip(SCHEMAS[name], goal, strict=True):
            assert entry.low - 1e-6 <= value <= entry.high + 1e-6, entry.name


def test_geometry_by_hand() -> None:
    """Turned left by 90°, the heading is along y; standing, the soles are at 0 and nobody has fallen."""
    (state,) = random_states(1)
    np.testing.assert_allclose(heading(np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)])), [0.0, 1.0], atol=1e-12)
    from runtime.prior import _standing

    state = _standing()
    assert lowest_sole(state) == pytest.approx(0.0, abs=0.002)
    assert not fallen(state)


def test_hits_are_trainings() -> None:
    """Balls about to pass within half a metre of a body that moves: the same ones hit it, and some of each kind."""
    rng, states = np.random.default_rng(3), [state for state in random_states(COUNT) if not fallen(state)]
    count = len(states)
    later = [State(**vars(state) | {"body_position": state.body_position + 0.03}) for state in states]
    speed = rng.normal(size=(count, 3)) * [12.0, 12.0, 2.0]
    place = np.array([s.root_position for s in states]) + rng.normal(scale=0.3, size=(count, 3)) - speed / 60
    goals = np.concatenate((place, speed), 1)
    theirs = torch_tasks.create("dodgeball", {}, count, torch.Generator().manual_seed(0))
    theirs.goal = torch.from_numpy(goals)
    theirs.before = bodies.ends(body(states).body_position.float(), body(states).body_rotation.float()).double()
    expected = theirs.failed(body(later)).numpy()
    ours = Dodgeball()
    for state, after, goal, hit in zip(states, later, goals, expected, strict=True):
        ours.begin(state)
        ours.reward(after, goal)
        assert ours.failed(after, goal) == hit
    assert 0.2 < expected.mean() < 0.8


def test_there_is_a_numpy_twin_for_every_task() -> None:
    """A new task of training's shows here that it has none."""
    files = {path.stem for path in (Path(torch_tasks.__file__).parent).glob("*.py")} - {"__init__", "base", "own"}
    assert files == set(TASKS)

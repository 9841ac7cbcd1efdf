"""The tasks' files against training's code: the same rewards and failures of the same states."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import onnxruntime
import pytest
import torch

from runtime import character
from runtime._shipped import FOLDER
from runtime.character import State
from runtime.contract import ContractError
from runtime.goals import SCHEMAS
from runtime.gym import TASKS, tasks
from runtime.gym.tasks import Exported, one
from training import bodies, rewards
from training import tasks as torch_tasks
from training.rewards import NAMES
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


def stacked(states: list[State]) -> State:
    """The states as those of N characters."""
    return State(**{name: np.stack([vars(state)[name] for state in states]) for name in vars(states[0])})


def trainings(name: str, goals: np.ndarray) -> torch_tasks.Task:
    """The task as training has it, with these goals [N, G] in force."""
    options = {"fallen_share": 0.0} if name == "getup" else {}
    task = torch_tasks.create(name, options, len(goals), torch.Generator().manual_seed(0))
    task.goal = torch.from_numpy(goals)
    if name == "jump":
        task.steering.goal = task.goal[:, :4]
    if name == "getup":
        task.was_up = torch.ones(len(goals), dtype=torch.bool)
    return task


@pytest.mark.parametrize("name", NAMES)
def test_files_are_what_training_computes(name: str) -> None:
    """Of 400 states and goals, drawn here, the same reward to 1e-5 and the same failures; both kinds of each are met.

    A file that is older than the code shows here: `python -m training.rewards` writes it again.
    """
    ours, rng, states = TASKS[name](), np.random.default_rng(1), random_states(COUNT)
    assert isinstance(ours, Exported)
    goals = np.array([ours.draw(state, rng)[0] for state in states]).reshape(COUNT, len(SCHEMAS[name]))
    if name == "jump":
        goals[:, 5] -= rng.integers(0, 45, COUNT) / 30  # anywhere in the countdown
    if name == "dodgeball":  # anywhere on their way
        for row in range(COUNT):
            for _ in range(rng.integers(0, 18)):
                goals[row] = ours.after_step(goals[row])
    theirs = trainings(name, goals)
    if name == "dodgeball":
        theirs.before = bodies.ends(body(states).body_position.float(), body(states).body_rotation.float()).double()
    reward, failed = ours.judge(stacked(states), stacked(states), goals)
    np.testing.assert_allclose(reward, theirs.reward(body(states)).double().numpy(), atol=1e-5)
    np.testing.assert_array_equal(failed, theirs.failed(body(states)).numpy())
    assert np.ptp(reward) > 0.2 and 0.05 < failed.mean() < 0.95
    assert reward.min() >= 0.0 and reward.max() <= 1.0 + 1e-6
    single = ours.judge(one(states[3]), one(states[3]), goals[3:4])
    np.testing.assert_allclose(single[0], reward[3:4], atol=1e-6)


@pytest.mark.parametrize("name", list(TASKS))
def test_goals_are_drawn_within_their_schema(name: str) -> None:
    """500 goals about a state: finite, within the ranges of the schema, kept for .2 s at least."""
    task, rng, states = TASKS[name](), np.random.default_rng(0), random_states(50)
    for number in range(500):
        goal, steps = task.draw(states[number % 50], rng)
        assert goal.shape == (len(SCHEMAS[name]),) and np.isfinite(goal).all() and steps >= 6
        for entry, value in zip(SCHEMAS[name], goal, strict=True):
            assert entry.low - 1e-6 <= value <= entry.high + 1e-6, entry.name


def test_balls_hit_who_moves_into_them() -> None:
    """Balls about to pass within half a metre of a body that moves: the same ones hit it, and some of each kind."""
    rng, states = np.random.default_rng(3), random_states(COUNT)
    later = [State(**vars(state) | {"body_position": state.body_position + 0.03}) for state in states]
    speed = rng.normal(size=(COUNT, 3)) * [12.0, 12.0, 2.0]
    place = np.array([s.root_position for s in states]) + rng.normal(scale=0.3, size=(COUNT, 3)) - speed / 60
    goals = np.concatenate((place, speed), 1)
    theirs = trainings("dodgeball", goals)
    theirs.before = bodies.ends(body(states).body_position.float(), body(states).body_rotation.float()).double()
    hit = theirs._hit(body(later)).numpy()
    _, failed = TASKS["dodgeball"]().judge(stacked(states), stacked(later), goals)
    np.testing.assert_array_equal(failed, theirs.failed(body(later)).numpy())
    assert 0.2 < hit.mean() < 0.8


def test_a_task_whose_file_is_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the path, instead of a traceback out of ONNX Runtime."""
    monkeypatch.setattr(tasks, "FOLDER", tmp_path)
    tasks._session.cache_clear()
    (state,) = random_states(1)
    with pytest.raises(ContractError, match=r"steering\.onnx"):
        TASKS["steering"]().judge(one(state), one(state), np.zeros((1, 4)))
    tasks._session.cache_clear()


def test_every_task_of_training_is_here() -> None:
    """A new task of training's shows here that it is missing, and so does its file."""
    files = {path.stem for path in (Path(torch_tasks.__file__).parent).glob("*.py")} - {"__init__", "base", "own"}
    assert files == set(TASKS)
    assert {path.stem for path in (FOLDER / "tasks").glob("*.onnx")} == set(NAMES)


def test_the_command_writes_what_is_shipped(tmp_path: Path) -> None:
    """Training's file of a task, written anew, judges as the shipped one."""
    rewards.write("getup", tmp_path / "getup.onnx")
    again = onnxruntime.InferenceSession(tmp_path / "getup.onnx")
    shipped = tasks._session("getup")
    states = stacked(random_states(20))
    feed = {each.name: vars(states).get(each.name, np.zeros((20, 0))).astype(np.float32) for each in again.get_inputs()}
    for found, expected in zip(again.run(None, feed), shipped.run(None, feed), strict=True):
        np.testing.assert_array_equal(found, expected)

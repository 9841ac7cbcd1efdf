from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from runtime import GoalError, Location, Steering, World, character
from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES, State
from tests.tiny import assert_states_equal, linear, write_controller

KNEE = JOINT_NAMES.index("right_knee")


def fresh_state(world: World) -> State:
    """Return the only character's state, computed by mj_forward on a new MjData with the world's qpos and qvel."""
    data = mujoco.MjData(world.model)
    data.qpos[:], data.qvel[:] = world.data.qpos, world.data.qvel
    mujoco.mj_forward(world.model, data)
    return character.read_state(data.qpos, data.qvel, data.xpos, data.xquat, character.find_slots(world.model))


def test_a_controller_may_say_how_its_character_begins(tmp_path: Path) -> None:
    """Walking along y, a quarter turn to the left where it is put: there it walks along -x; a reset repeats that."""
    angles = DEFAULT_POSE + 0.1
    start = {
        "qpos": [0.0, 0.0, 0.95, math.cos(math.pi / 4), 0.0, 0.0, math.sin(math.pi / 4), *angles],
        "qvel": [0.0, 1.5, 0.0, 0.0, 0.0, 0.3, *(0.2 * np.ones(28))],
    }
    path = write_controller(tmp_path / "c.onnx", task="skill", edit_metadata=lambda m: m.update(start=start))
    world = World()
    hero = world.add_character(path, position=(1.0, 2.0), heading=math.pi / 2)
    for _ in range(2):
        state = hero.state
        np.testing.assert_allclose(state.root_position, [1.0, 2.0, 0.95])
        np.testing.assert_allclose(character.rotate(state.root_rotation, np.array([1.0, 0, 0])), [-1, 0, 0], atol=1e-12)
        np.testing.assert_allclose(state.root_linear_velocity, [-1.5, 0, 0], atol=1e-12)
        np.testing.assert_allclose(state.root_angular_velocity, [0, 0, 0.3], atol=1e-12)
        np.testing.assert_allclose(state.joint_position, angles)
        np.testing.assert_allclose(state.joint_velocity, 0.2)
        world.step()
        hero.reset()
    hero.controller = None
    hero.reset()
    np.testing.assert_allclose(hero.state.joint_position, DEFAULT_POSE)


def test_character_stands_where_it_is_put() -> None:
    """At (1, 2) with heading 90° the root is there, at default height, and its x axis points along the world's y."""
    hero = World().add_character(position=(1.0, 2.0), heading=math.pi / 2)
    np.testing.assert_allclose(hero.state.root_position, [1.0, 2.0, DEFAULT_HEIGHT])
    ahead = character.rotate(hero.state.root_rotation, np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(ahead, [0.0, 1.0, 0.0], atol=1e-12)
    np.testing.assert_array_equal(hero.state.joint_position, DEFAULT_POSE)
    np.testing.assert_array_equal(hero.joint_target, DEFAULT_POSE)


def test_state_is_of_one_instant(lively: Path) -> None:
    """After step and after any advance, body poses belong to the same instant as positions and velocities."""
    world = World()
    hero = world.add_character(lively)
    for seconds in (1 / 30, 1 / 120, 2 / 120, 3 / 120, 7 / 120):
        world.advance(seconds)
        assert_states_equal(hero.state, fresh_state(world), atol=1e-12)
        world.step()
        assert_states_equal(hero.state, fresh_state(world), atol=1e-12)


def test_state_is_a_copy() -> None:
    """A state kept by the caller does not change when the world goes on."""
    world = World()
    hero = world.add_character()
    state = hero.state
    hero.push((100.0, 0.0, 0.0))
    world.step()
    assert state.root_position[0] == 0.0
    assert hero.state.root_position[0] != 0.0
    state.joint_position[:] = 9.0
    assert hero.state.joint_position.max() < 9.0


def test_goal_reaches_the_controller(tmp_path: Path) -> None:
    """A knee gain of 0.2 rad per m/s and a goal of 1.5 m/s along x give a knee target of 0.3 rad at the next step."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "c.onnx", linear(right_knee=0.2)))
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.0, abs=1e-6)
    hero.goal = Steering(speed=1.5)
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.3, abs=1e-6)
    hero.goal = None
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.0, abs=1e-6)


def test_goal_of_another_task_is_refused(controller_path: Path) -> None:
    """A controller for steering takes no point to go to, and says which goals it takes; the old goal stays."""
    hero = World().add_character(controller_path)
    hero.goal = Steering(speed=1.0)
    with pytest.raises(GoalError, match=r"'steering'.*'location'"):
        hero.goal = Location(1.0, 2.0)
    assert hero.goal == Steering(speed=1.0)


def test_goal_gives_way_to_a_controller_of_another_task(controller_path: Path) -> None:
    """A controller for steering on a character that was to go to a point starts with the default goal."""
    hero = World().add_character()
    with pytest.warns(UserWarning, match="no controller"):
        hero.goal = Location(1.0, 2.0)
    hero.controller = controller_path
    assert hero.goal is None
    np.testing.assert_array_equal(hero.goal_vector(), [0.0, 0.0, 1.0, 0.0])


def test_switching_controllers(tmp_path: Path, controller_path: Path) -> None:
    """Without a fade a new controller acts alone from the next control step on; with None the pose is held at once."""
    world = World(fade=0.0)
    hero = world.add_character(controller_path)
    hero.goal = Steering(speed=1.0)
    world.step()
    hero.controller = write_controller(tmp_path / "other.onnx", linear(right_knee=0.5))
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.5, abs=1e-6)
    hero.controller = None
    np.testing.assert_array_equal(hero.joint_target, DEFAULT_POSE)
    world.step()
    np.testing.assert_array_equal(hero.joint_target, DEFAULT_POSE)


def test_push_gives_its_impulse() -> None:
    """In free fall 100 N·s along x change the momentum by just that within one control step, and no more later."""
    world = World()
    hero = world.add_character()
    world.data.qpos[2] = 50.0
    mujoco.mj_step1(world.model, world.data)

    def momentum() -> float:
        data = mujoco.MjData(world.model)
        data.qpos[:], data.qvel[:] = world.data.qpos, world.data.qvel
        mujoco.mj_forward(world.model, data)
        mujoco.mj_subtreeVel(world.model, data)
        return float(data.subtree_linvel[1, 0] * world.model.body_mass.sum())

    hero.push((60.0, 0.0, 0.0))
    hero.push((40.0, 0.0, 0.0), body="pelvis")
    world.step()
    assert momentum() == pytest.approx(100.0, rel=0.01)
    world.step()
    assert momentum() == pytest.approx(100.0, rel=0.01)


@pytest.mark.parametrize(
    ("impulse", "body", "match"),
    [((1.0, 2.0), "torso", "impulse"), ((math.nan, 0.0, 0.0), "torso", "impulse"), ((1.0, 0.0, 0.0), "tail", "body")],
)
def test_push_refuses_nonsense(impulse: tuple[float, ...], body: str, match: str) -> None:
    """An impulse is three finite numbers on one of the bodies."""
    with pytest.raises(ValueError, match=match):
        World().add_character().push(impulse, body=body)


def test_fallen() -> None:
    """Standing is not fallen; after a shove of 150 N·s and three seconds the default pose lies on the ground."""
    world = World()
    hero = world.add_character()
    assert not hero.fallen
    hero.push((150.0, 0.0, 0.0))
    for _ in range(90):
        world.step()
    assert hero.fallen
    hero.reset()
    assert not hero.fallen


def test_reset_of_one_character(lively: Path) -> None:
    """A reset character stands still where it is put, forgets its push, keeps its goal; the other is not touched."""
    world = World()
    hero, other = world.add_character(lively), world.add_character(lively, position=(0.0, 3.0))
    hero.goal = Steering(speed=1.0)
    for _ in range(5):
        world.step()
    hero.push((500.0, 0.0, 0.0))
    before = other.state
    hero.reset(position=(4.0, 5.0), heading=math.pi)
    np.testing.assert_allclose(hero.state.root_position, [4.0, 5.0, DEFAULT_HEIGHT])
    assert not hero.state.joint_velocity.any()
    np.testing.assert_array_equal(hero.render_pose()[0], hero.state.body_position)
    assert hero.goal == Steering(speed=1.0)
    assert_states_equal(other.state, before)
    assert world.time == pytest.approx(5 / 30)
    world.step()
    assert np.linalg.norm(hero.state.root_linear_velocity) < 3.0  # m/s; the forgotten push would give 10
    hero.reset()
    np.testing.assert_allclose(hero.state.root_position[:2], [4.0, 5.0])


@pytest.mark.parametrize("position", [(1.0,), (1.0, math.nan), (1.0, 2.0, 3.0)])
def test_nonsense_places_are_refused(position: tuple[float, ...]) -> None:
    """A place is two finite numbers and a finite angle."""
    world = World()
    hero = world.add_character()
    with pytest.raises(ValueError, match="position"):
        hero.reset(position=position)
    with pytest.raises(ValueError, match="position"):
        world.add_character(position=position)
    with pytest.raises(ValueError, match="heading"):
        hero.reset(heading=math.inf)


def test_render_pose_lies_between_the_last_two_physics_steps(lively: Path) -> None:
    """At alpha 0.25 poses are a quarter of the way between the last two physics steps; at alpha 0 they are the old."""
    world = World()
    hero = world.add_character(lively)
    hero.push((50.0, 0.0, 20.0))
    world.advance(9 / 120)
    old = hero.state
    world.advance(1 / 120)
    new = hero.state
    np.testing.assert_allclose(hero.render_pose()[0], old.body_position, atol=1e-9)
    world.advance(0.25 / 120)
    positions, rotations = hero.render_pose()
    assert (positions.shape, rotations.shape) == ((15, 3), (15, 4))
    np.testing.assert_allclose(positions, 0.75 * old.body_position + 0.25 * new.body_position, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=1), 1.0)
    angle = 2.0 * np.arccos(np.clip(np.abs((old.body_rotation * new.body_rotation).sum(axis=1)), 0.0, 1.0))
    part = 2.0 * np.arccos(np.clip(np.abs((old.body_rotation * rotations).sum(axis=1)), 0.0, 1.0))
    np.testing.assert_allclose(part, 0.25 * angle, atol=1e-4)
    assert angle.max() > 0.01
    world.data.qpos[3:7] *= -1.0  # q and -q are one rotation: the picture stays the same
    mujoco.mj_step1(world.model, world.data)
    np.testing.assert_allclose(np.abs((hero.render_pose()[1] * rotations).sum(axis=1)), 1.0)

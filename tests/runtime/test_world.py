from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from runtime import ControllerError, SimulationError, Steering, World, character
from runtime._scene import Layout
from runtime.character import BODIES, JOINT_NAMES, State
from runtime.controller import Batch, Controller
from tests.tiny import assert_states_equal, linear, write_controller

KNEE = JOINT_NAMES.index("right_knee")


def test_world_moves_exactly_as_a_plain_loop(lively: Path) -> None:
    """30 control steps equal, bit for bit, mj_step four times a control step with the controller asked before."""
    world = World()
    hero = world.add_character(lively, heading=0.3)
    hero.goal = Steering(speed=1.0, direction=0.5)
    model, data = character.model(), mujoco.MjData(character.model())
    data.qpos[:] = world.data.qpos
    controller, slots = Controller.load(lively), character.find_slots(model)
    for _ in range(30):
        mujoco.mj_kinematics(model, data)
        state = character.read_state(data.qpos, data.qvel, data.xpos, data.xquat, slots)
        batch = State(**{name: value[None] for name, value in vars(state).items()})
        data.ctrl[:] = controller.act(batch, hero.goal.vector()[None])[0]
        mujoco.mj_step(model, data, nstep=4)
        world.step()
        np.testing.assert_array_equal(hero.joint_target, data.ctrl)
    np.testing.assert_array_equal(world.data.qpos, data.qpos)
    np.testing.assert_array_equal(world.data.qvel, data.qvel)
    assert np.abs(data.qvel).max() > 0.1  # it did move


def test_advance_in_any_portions(lively: Path) -> None:
    """One second in 60 frames, 50 frames or 30 control steps is the same second: 120 physics steps, same motion."""
    ends = []
    for portions in (60, 50, 0):
        world = World()
        hero = world.add_character(lively)
        counts = [world.advance(1 / portions) for _ in range(portions)] or [world.step() or 4 for _ in range(30)]
        assert sum(counts) == 120
        assert world.time == 1.0
        assert world.data.time == pytest.approx(1.0)
        ends.append(hero.state)
    assert_states_equal(ends[0], ends[1])
    assert_states_equal(ends[0], ends[2])


def test_alpha_is_the_rest_of_a_step() -> None:
    """5 ms are 0.6 physics steps; 5 ms more make one step and leave 0.2."""
    world = World()
    assert world.advance(0.005) == 0
    assert world.alpha == pytest.approx(0.6)
    assert world.time == 0.0
    assert world.advance(0.005) == 1
    assert world.alpha == pytest.approx(0.2)
    assert world.time == pytest.approx(1 / 120)


def test_cap_drops_time_and_says_so() -> None:
    """Of one second late a quarter is simulated, 30 physics steps; 0.75 s are dropped; another cap can be set."""
    world = World()
    assert world.advance(1.0) == 30
    assert world.dropped_time == pytest.approx(0.75)
    world.advance(0.2)
    assert world.dropped_time == pytest.approx(0.75)
    assert World(max_advance=2.0).advance(1.0) == 120


def test_time_scale_and_pause() -> None:
    """At half speed a second of real time is 60 physics steps, at 3 times 360 in portions; a pause drops nothing."""
    world = World(max_advance=1.0)
    world.time_scale = 0.5
    assert world.advance(1.0) == 60
    world.time_scale = 3.0
    assert sum(world.advance(0.1) for _ in range(10)) == 360
    world.time_scale = 0.0
    assert world.advance(1.0) == 0
    world.time_scale = 1.0
    world.paused = True
    assert world.advance(5.0) == 0
    world.step()  # a single step while paused
    assert world.time == pytest.approx(3.5 + 1 / 30)
    world.paused = False
    assert world.advance(1 / 60) == 2
    assert world.dropped_time == 0.0
    for nonsense in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="time_scale"):
            world.time_scale = nonsense


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_advance_refuses_what_is_no_time(seconds: float) -> None:
    """Negative, NaN and infinite times are errors."""
    with pytest.raises(ValueError, match="seconds"):
        World().advance(seconds)


def test_real_time_factor_is_measured() -> None:
    """It is nan before the first step and positive afterwards."""
    world = World()
    assert math.isnan(world.real_time_factor)
    world.step()
    assert world.real_time_factor > 0.0


def test_what_a_control_step_costs_is_told_in_two_parts() -> None:
    """Physics and what the controllers need; together they are what the real-time factor comes from."""
    world = World()
    world.add_character()
    assert math.isnan(world.physics_time)
    assert math.isnan(world.inference_time)
    world.advance(0.2)
    assert world.physics_time > 0.0
    assert world.inference_time > 0.0
    assert world.physics_time + world.inference_time == pytest.approx(1.0 / (30.0 * world.real_time_factor))


def test_control_acts_every_fourth_physics_step(tmp_path: Path) -> None:
    """A goal set between control steps waits for the next one."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "c.onnx", linear(right_knee=0.2)))
    world.advance(1 / 120)
    hero.goal = Steering(speed=1.5)
    world.advance(3 / 120)
    assert hero.joint_target[KNEE] == pytest.approx(0.0, abs=1e-6)
    world.advance(1 / 120)
    assert hero.joint_target[KNEE] == pytest.approx(0.3, abs=1e-6)


def test_one_inference_per_controller(controller_path: Path, lively: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five characters on two controllers are two network runs a control step, of three and two characters."""
    batches = []
    run = Batch.run
    monkeypatch.setattr(Batch, "run", lambda self: batches.append(self.size) or run(self))
    world = World()
    for place, path in enumerate((controller_path, lively, controller_path, lively, controller_path)):
        world.add_character(path, position=(0.0, 2.0 * place))
    world.add_character(position=(0.0, -2.0))  # nobody moves this one
    world.step()
    assert sorted(batches) == [2, 3]


def test_characters_do_not_depend_on_their_company(lively: Path) -> None:
    """A character among others ends where it ends alone, within what a shared solver leaves (1 µm after 0.3 s)."""
    alone, together = World(), World()
    one = alone.add_character(lively)
    together.add_character(position=(0.0, 3.0))
    other = together.add_character(lively)
    together.add_character(lively, position=(0.0, -3.0))
    for each in (one, other):
        each.goal = Steering(speed=2.0)
    for _ in range(10):
        alone.step()
        together.step()
    assert_states_equal(one.state, other.state, atol=1e-6)


def test_adding_a_character_keeps_the_others_going(lively: Path) -> None:
    """Adding one in mid-motion, mid-control step and mid-push changes neither state, targets, clock nor motion."""
    worlds = [World(), World()]
    heroes = [world.add_character(lively) for world in worlds]
    for hero, world in zip(heroes, worlds, strict=True):
        hero.goal = Steering(speed=1.0)
        world.advance(0.2)
        hero.push((20.0, 0.0, 0.0))
        world.advance(2 / 120 + 0.001)
    before, pose = heroes[0].state, heroes[0].render_pose()
    worlds[0].add_character(position=(0.0, 5.0))
    assert_states_equal(heroes[0].state, before)
    np.testing.assert_array_equal(heroes[0].render_pose()[0], pose[0])
    assert worlds[0].time == worlds[1].time
    for world in worlds:
        world.advance(0.1)
    np.testing.assert_array_equal(heroes[0].joint_target, heroes[1].joint_target)
    assert_states_equal(heroes[0].state, heroes[1].state, atol=1e-9)


def test_names() -> None:
    """Names are given in order, can be chosen, and are not given twice."""
    world = World()
    assert [world.add_character().name for _ in range(2)] == ["humanoid", "humanoid2"]
    assert world.add_character(name="bob").name == "bob"
    assert world.model.body("bob/head").id > 0
    with pytest.raises(ValueError, match="'bob'"):
        world.add_character(name="bob")
    assert [each.name for each in world.characters] == ["humanoid", "humanoid2", "bob"]


def test_bad_controller_leaves_the_world_as_it_was(tmp_path: Path) -> None:
    """A controller that cannot be loaded adds no character."""
    world = World()
    with pytest.raises(ControllerError):
        world.add_character(tmp_path / "nowhere.onnx")
    assert world.characters == ()
    assert world.model.nbody == 1


def test_reset_of_the_world_repeats_the_motion(lively: Path) -> None:
    """After a reset the clocks are at zero and the same second happens again, bit for bit."""
    world = World()
    hero = world.add_character(lively, position=(1.0, 0.0))
    start = hero.state
    ends = []
    for _ in range(2):
        hero.push((10.0, 5.0, 0.0))
        for _ in range(30):
            world.step()
        world.advance(1.003)
        ends.append(hero.state)
        world.reset()
        assert (world.time, world.dropped_time, world.alpha) == (0.0, 0.0, 0.0)
        assert_states_equal(hero.state, start)
    assert_states_equal(ends[0], ends[1])


def test_nan_from_a_network(tmp_path: Path) -> None:
    """A NaN target stops the world with the character's name, the file and the time, before physics sees it."""
    world = World()
    path = write_controller(tmp_path / "c.onnx", nan_above=2.0)
    world.add_character(path)
    victim = world.add_character(path, position=(0.0, 2.0))
    world.step()
    victim.goal = Steering(speed=3.0)
    with pytest.raises(SimulationError, match=r"^humanoid2: joint targets of .*c\.onnx are not finite at 0\.033 s"):
        world.step()
    assert np.isfinite(world.data.qpos).all()
    victim.goal = None
    world.step()


@pytest.mark.filterwarnings("ignore")
def test_nan_in_physics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN velocity stops the world with the character's name and the time; a reset makes it usable again."""
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a log file there
    world = World()
    hero = world.add_character()
    world.step()
    world.data.qvel[20] = math.nan
    with pytest.raises(SimulationError, match="humanoid: physics is not finite any more at"):
        world.step()
    world.reset()
    world.step()
    assert np.isfinite(hero.state.body_position).all()


def test_world_without_characters() -> None:
    """An empty world has time, too."""
    world = World()
    world.step()
    assert world.time == pytest.approx(1 / 30)
    assert len(BODIES) == 15


def test_many_characters_are_compiled_once(lively: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten characters added and given goals in a row cost one compilation, and each gets its place and its goal."""
    world = World()
    compiled = []
    compile_layout = Layout.compile
    monkeypatch.setattr(Layout, "compile", lambda self: compiled.append(self.characters) or compile_layout(self))
    for place in range(10):
        world.add_character(lively, position=(0.0, float(place))).goal = Steering(speed=place / 10)
    world.step()
    assert [len(names) for names in compiled] == [10]
    assert [round(each.state.root_position[1]) for each in world.characters] == list(range(10))

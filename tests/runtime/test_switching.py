from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from runtime import (
    ControllerError,
    Director,
    GoalError,
    GoalScript,
    Jump,
    Location,
    Speed,
    Steering,
    Transition,
    World,
)
from runtime.character import DEFAULT_POSE, JOINT_NAMES
from runtime.controller import Batch
from runtime.events import ControllerChanged, GoalDropped, Reloaded, ReloadFailed
from tests.tiny import linear, write_controller

KNEE = JOINT_NAMES.index("right_knee")


def test_a_fade_is_a_smooth_step_between_two_networks(tmp_path: Path) -> None:
    """From a knee at 0.3 to one at 0.9 rad in 0.2 s (6 steps): shares x²(3-2x) for x = 1/7 … 6/7, then 1."""
    world = World(fade=0.2)
    hero = world.add_character(write_controller(tmp_path / "a.onnx", linear(right_knee=0.3)))
    hero.goal = Steering(speed=1.0)
    world.step()
    hero.controller = write_controller(tmp_path / "b.onnx", linear(right_knee=0.9))
    found = []
    for _ in range(9):
        world.step()
        found.append(hero.joint_target[KNEE])
    x = np.arange(1, 8) / 7
    shares = np.concatenate([x * x * (3 - 2 * x), [1.0, 1.0]])
    np.testing.assert_allclose(found, 0.3 + 0.6 * shares, atol=1e-6)


def test_both_networks_see_what_happens_during_a_fade(tmp_path: Path) -> None:
    """Half-way a new goal moves the joint by the mean of what either controller would make of it."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "a.onnx", linear(right_knee=0.2)))
    world.step()
    hero.switch(write_controller(tmp_path / "b.onnx", linear(right_knee=0.4)), fade=1 / 30)  # one step, share 1/2
    hero.goal = Steering(speed=2.0)
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.5 * 0.4 + 0.5 * 0.8, abs=1e-6)


def test_a_switch_during_a_fade_does_not_jump(tmp_path: Path) -> None:
    """Cut off half-way to another controller and back again, no joint target moves by more than a fade's steps do."""
    world = World(fade=0.3)
    paths = [write_controller(tmp_path / f"{gain}.onnx", linear(right_knee=gain)) for gain in (0.2, 1.0, 0.6)]
    hero = world.add_character(paths[0])
    hero.goal = Steering(speed=1.0)
    world.step()
    found = [hero.joint_target[KNEE]]
    for path in (paths[1], paths[2], paths[0], None, paths[1]):
        hero.controller = path
        for _ in range(4):
            world.step()
            found.append(hero.joint_target[KNEE])
    assert np.abs(np.diff(found)).max() < 0.17  # of 0.8 rad; a smooth step over 10 moves by 0.12 at most
    assert np.ptp(found) > 0.3


def test_fading_to_no_controller_ends_in_the_default_pose(tmp_path: Path) -> None:
    """With None the targets go to the default pose and stay there; the network is not asked any more."""
    world = World(fade=0.1)
    hero = world.add_character(write_controller(tmp_path / "a.onnx", linear(right_knee=0.5)))
    hero.goal = Steering(speed=1.0)
    world.step()
    hero.controller = None
    world.step()
    assert 0.0 < hero.joint_target[KNEE] < 0.5
    for _ in range(4):
        world.step()
    np.testing.assert_array_equal(hero.joint_target, DEFAULT_POSE)


def test_guests_share_their_old_controller_s_batch(
    controller_path: Path, lively: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one of three fades to another controller there are still two network runs: of three, and of one."""
    world = World()
    heroes = [world.add_character(controller_path, position=(0.0, 2.0 * place)) for place in range(3)]
    world.step()
    heroes[1].controller = lively
    batches = []
    run = Batch.run
    monkeypatch.setattr(Batch, "run", lambda self: batches.append(self.size) or run(self))
    world.step()
    assert sorted(batches) == [1, 3]
    batches.clear()
    for _ in range(7):
        world.step()
    assert sorted(batches[-2:]) == [1, 2]


def test_no_fade_before_the_first_step(lively: Path, controller_path: Path) -> None:
    """A character that has not moved yet has nothing to fade from."""
    world = World()
    hero = world.add_character(lively)
    hero.controller = controller_path
    assert world._simulation.actors[0].fade is None
    world.step()
    np.testing.assert_allclose(hero.joint_target, DEFAULT_POSE, atol=1e-6)


def test_goals_are_smoothed_by_half_life(tmp_path: Path) -> None:
    """With a half-life of one control step a goal of 2 m/s shows as 1, 1.5, 1.75 m/s; facing turns the shorter way."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "a.onnx", linear(right_knee=0.1)))
    hero.goal_half_life = 1 / 30
    world.step()
    hero.goal = Steering(speed=2.0, facing=-2.0)
    seen, facing = [], []
    for _ in range(3):
        world.step()
        seen.append(hero.joint_target[KNEE] / 0.1)
        facing.append(np.arctan2(*world._simulation.conductor._groups[0].goal_now(world._simulation.actors[0])[[3, 2]]))
    np.testing.assert_allclose(seen, [1.0, 1.5, 1.75], atol=1e-4)
    np.testing.assert_allclose(facing, [-1.0, -1.5, -1.75], atol=1e-6)
    hero.goal_half_life = 0.0
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.2, abs=1e-6)
    with pytest.raises(ValueError, match="half_life"):
        hero.goal_half_life = -1.0


def test_a_script_gives_goals_at_their_times(tmp_path: Path) -> None:
    """Entries at 0.1 and 0.2 s act at the control steps that begin then; a goal by hand holds until the next entry."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "a.onnx", linear(right_knee=0.1)))
    hero.script = GoalScript((0.1, 0.2), (Steering(speed=1.0), Steering(speed=3.0)))
    seen = []
    for step in range(8):
        if step == 4:
            hero.goal = Steering(speed=2.0)
        world.step()
        seen.append(round(float(hero.joint_target[KNEE] / 0.1), 3))
    assert seen == [0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("times", [(1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (1.0,)])
def test_scripts_that_mean_nothing(times: tuple[float, ...]) -> None:
    """Times ascend and each has a goal; and a character must be able to follow the goals."""
    with pytest.raises(GoalError, match="script"):
        GoalScript(times, (None, None))


def test_a_script_the_character_cannot_follow_is_refused(controller_path: Path) -> None:
    """A steering controller takes no script with points to go to; the old script stays."""
    hero = World().add_character(controller_path)
    script = GoalScript.from_record(GoalScript((0.0,), (Steering(speed=1.0),)).record())
    hero.script = script
    with pytest.raises(GoalError, match="location"):
        hero.script = GoalScript((0.0,), (Location(),))
    assert hero.script is script and script.at(5.0) == Steering(speed=1.0) and script.at(-1.0) is None


def test_what_a_controller_ignores_is_said_once(controller_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """A jump goal steers a walk: velocity and facing count, apex and countdown are ignored, with one warning."""
    hero = World().add_character(controller_path)
    for speed in (1.0, 2.0, 3.0):
        hero.goal = Jump(speed=speed, apex=0.3)
    np.testing.assert_allclose(hero.goal_vector(), [3.0, 0.0, 1.0, 0.0])
    assert [str(warning.message) for warning in recwarn] == [
        "humanoid: a jump goal is given, and ignored are apex, countdown"
    ]


def test_a_steering_goal_moves_a_character_that_can_jump(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """What the goal does not say takes the schema's default: no apex, and nothing is ignored."""
    hero = World().add_character(write_controller(tmp_path / "jump.onnx", task="jump"))
    hero.goal = Steering(speed=2.0)
    np.testing.assert_allclose(hero.goal_vector(), [2.0, 0.0, 1.0, 0.0, 0.0, 0.8], atol=1e-6)
    assert not recwarn.list


def wait_for(world: World, kind: type, seconds: float = 20.0) -> object:
    """Step until an event of a kind is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.step()
        for event in world.events():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} within {seconds} s")


def rewrite(path: Path, content: bytes) -> None:
    """Replace a file so that its time stamp changes however coarse the clock is."""
    before = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_a_changed_file_is_loaded_and_a_bad_one_is_not(tmp_path: Path) -> None:
    """A new version takes over in play; a broken one leaves it at work with an event; the next good one counts."""
    path = write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    contents = [
        write_controller(tmp_path / f"{gain}.onnx", linear(right_knee=gain)).read_bytes() for gain in (0.5, 0.8)
    ]
    world = World(fade=0.0, reload_every=0.01)
    hero = world.add_character(path)
    hero.goal = Steering(speed=1.0)
    world.step()
    rewrite(path, contents[0])
    assert wait_for(world, Reloaded).path == str(path)
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.5, abs=1e-6)
    rewrite(path, b"nonsense")
    failed = wait_for(world, ReloadFailed)
    assert failed.path == str(path) and "c.onnx" in failed.error
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.5, abs=1e-6)
    rewrite(path, contents[1])
    wait_for(world, Reloaded)
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.8, abs=1e-6)
    assert world.add_character(path, position=(0.0, 3.0)).controller is hero.controller


def test_a_world_that_was_not_asked_to_looks_at_no_file(tmp_path: Path) -> None:
    """Without `reload_every` a changed file changes nothing."""
    path = write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    world = World()
    hero = world.add_character(path)
    hero.goal = Steering(speed=1.0)
    rewrite(path, b"nonsense")
    for _ in range(3):
        world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.2, abs=1e-6)
    assert not any(isinstance(event, ControllerChanged | ReloadFailed) for event in world.events())


def test_a_file_that_is_gone_is_told_once(tmp_path: Path) -> None:
    """The controller that was loaded goes on; whoever asks for the file by its path gets an error; it may come back."""
    path = write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    content = write_controller(tmp_path / "other.onnx", linear(right_knee=0.5)).read_bytes()
    world = World(fade=0.0, reload_every=1e-9)
    hero = world.add_character(path)
    hero.goal = Steering(speed=1.0)
    hero.director = Director(
        states={"walk": str(path)}, start="walk", transitions=(Transition("walk", "walk", "fell"),)
    )
    path.unlink()
    for _ in range(5):
        world.step()
    failed = [event for event in world.events() if isinstance(event, ReloadFailed)]
    assert [event.path for event in failed] == [str(path)] and "is gone" in failed[0].error
    assert hero.joint_target[KNEE] == pytest.approx(0.2, abs=1e-6)
    with pytest.raises(ControllerError, match="No such file"):
        world.add_character(path, position=(0.0, 3.0))
    assert len(world.characters) == 1
    path.write_bytes(content)
    wait_for(world, Reloaded)
    world.step()
    assert hero.joint_target[KNEE] == pytest.approx(0.5, abs=1e-6)


def test_a_director_needs_its_files_only_when_it_is_set(tmp_path: Path, controller_path: Path) -> None:
    """A file deleted afterwards stops no step: the transition to it goes to the controller that was loaded."""
    path = write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    world = World(fade=0.0)
    hero = world.add_character()
    arrow = Transition("stand", "walk", "after:0.1")
    hero.director = Director(
        states={"stand": str(controller_path), "walk": str(path)}, start="stand", transitions=(arrow,)
    )
    path.unlink()
    hero.goal = Steering(speed=1.0)
    for _ in range(6):
        world.step()
    assert hero.director_state == "walk"
    assert hero.joint_target[KNEE] == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(("task", "dropped"), [("jump", False), ("location", True)])
def test_a_file_replaced_by_one_of_another_task(tmp_path: Path, task: str, dropped: bool) -> None:
    """It takes over; a goal that means something to it stays, another one is dropped with an event that says why."""
    path = write_controller(tmp_path / "c.onnx")
    content = write_controller(tmp_path / "other.onnx", task=task).read_bytes()
    world = World(reload_every=0.01)
    hero, other = world.add_character(path), world.add_character(position=(0.0, 3.0))
    hero.goal = Steering(speed=1.0)
    world.step()
    rewrite(path, content)
    wait_for(world, Reloaded)
    assert hero.controller is not None and hero.controller.task == task
    assert hero.goal == (None if dropped else Steering(speed=1.0))
    with pytest.raises(GoalError, match=f"its controller is for '{task}', the goal for 'speed'"):
        hero.goal = Speed(1.0)
    before = world.time
    world.step()
    assert world.time > before and not other.fallen


def test_a_dropped_goal_is_told_with_its_reason(tmp_path: Path, controller_path: Path) -> None:
    """By hand, too: the event names the character, the goal and the controller that cannot follow it."""
    world = World()
    hero = world.add_character(controller_path)
    hero.goal = Steering(speed=1.0)
    hero.controller = write_controller(tmp_path / "location.onnx", task="location")
    (event,) = (event for event in world.events() if isinstance(event, GoalDropped))
    assert (event.character, event.goal) == (hero.name, Steering(speed=1.0))
    assert event.reason.endswith("location.onnx is for 'location'")


def test_a_changed_file_is_loaded_for_whoever_asks_now(tmp_path: Path) -> None:
    """Without `reload_every` who has the old controller keeps it; who is given the path gets the new one."""
    path = write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    content = write_controller(tmp_path / "other.onnx", linear(right_knee=0.5)).read_bytes()
    world = World(fade=0.0)
    hero = world.add_character(path)
    rewrite(path, content)
    other = world.add_character(path, position=(0.0, 3.0))
    hero.goal = other.goal = Steering(speed=1.0)
    world.step()
    assert [each.joint_target[KNEE] for each in (hero, other)] == pytest.approx([0.2, 0.5], abs=1e-6)

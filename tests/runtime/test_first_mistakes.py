"""What a new user gets wrong: each mistake is refused where it is made, and nobody else's step ever stops for it."""

from __future__ import annotations

import rlcompleter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import runtime
from runtime import Character, DirectorError, GoalError, GoalScript, Location, Steering, World
from runtime.character import JOINT_NAMES
from runtime.events import Failed, GoalDropped, Removed
from tests.tiny import linear, write_controller

KNEE = JOINT_NAMES.index("right_knee")


@dataclass
class Own:
    """A goal of a user's own class: its vector is what it is told to be, and may move on to something else."""

    numbers: object
    next: object = None
    task: ClassVar[str] = "steering"

    def vector(self) -> object:
        """Return the numbers, whatever they are."""
        return self.numbers


class Moving(Own):
    """One that says what it is later."""

    def after(self, seconds: float) -> object:
        """Return what is next; raise it where it is an error."""
        if isinstance(self.next, Exception):
            raise self.next
        return self.next


GOOD = np.array([1.0, 0.0, 1.0, 0.0])
WRONG_GOALS = [
    (Steering, "found the class Steering itself"),
    ("run", r"expected None or a goal such as Steering\(speed=1.0\).*found 'run'"),
    (1.5, "found 1.5"),
    (np.zeros(4), "found array"),
    ((1.0, 0.0), r"found \(1.0, 0.0\)"),
    (Own(np.zeros(3)), r"expected 4 finite numbers of Own.vector\(\)"),
    (Own(np.zeros((4, 1))), "expected 4 finite numbers"),
    (Own(np.full(4, np.nan)), "expected 4 finite numbers"),
    (Own("run"), r"Own.vector\(\) raised ValueError"),
    (Moving(GOOD, next="later"), "found 'later'"),
    (Moving(GOOD, next=KeyError("gone")), r"after\(0.0333333\) raised KeyError"),
    (Moving(GOOD, next=Location()), "expected Moving.after to give a steering goal"),
]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[World, Character, Character]:
    """Two characters whose right knee follows the goal: 0.2 rad for each m/s along x; the second walks at 2 m/s."""
    world, path = World(), write_controller(tmp_path / "c.onnx", linear(right_knee=0.2))
    one, other = world.add_character(path), world.add_character(path, position=(0.0, 3.0))
    other.goal = Steering(speed=2.0)
    return world, one, other


@pytest.mark.parametrize(("goal", "match"), WRONG_GOALS)
def test_a_wrong_goal_is_refused_where_it_is_set(
    goal: object, match: str, pair: tuple[World, Character, Character]
) -> None:
    """With and without a controller, alone and in a script: an error, the old goal stays, and both go on by it."""
    world, one, other = pair
    one.goal = Steering(speed=1.0)
    with pytest.raises(GoalError, match=match):
        one.goal = goal
    if not hasattr(goal, "after"):
        with pytest.raises(GoalError, match=match):
            GoalScript((0.0,), (goal,))
    with pytest.raises(GoalError, match=match):
        World().add_character().goal = goal
    world.step()
    assert one.goal == Steering(speed=1.0)
    assert [each.joint_target[KNEE] for each in (one, other)] == pytest.approx([0.2, 0.4], abs=1e-6)


def test_a_goal_that_changes_after_it_was_set_does_not_count(pair: tuple[World, Character, Character]) -> None:
    """The numbers are those of the moment at which it was set."""
    world, one, _ = pair
    numbers = GOOD.copy()
    one.goal = Own(numbers)
    numbers[:] = np.nan
    world.step()
    assert one.joint_target[KNEE] == pytest.approx(0.2, abs=1e-6)


def test_a_goal_that_breaks_as_it_moves_is_dropped(pair: tuple[World, Character, Character]) -> None:
    """Good when it is set, an error two control steps later: an event, and both go on, one of them without a goal."""
    world, one, other = pair
    goal = Moving(GOOD, next=Moving(GOOD, next=RuntimeError("no idea")))
    one.goal = goal
    for _ in range(4):
        world.step()
    (event,) = (event for event in world.events() if isinstance(event, GoalDropped))
    assert event.character == one.name and "RuntimeError('no idea')" in event.reason
    assert one.goal is None
    assert [each.joint_target[KNEE] for each in (one, other)] == pytest.approx([0.0, 0.4], abs=1e-6)


def test_a_script_that_a_new_controller_cannot_follow(tmp_path: Path, pair: tuple[World, Character, Character]) -> None:
    """The entry is left out with an event and the steps go on; the goal before it was dropped by the controller."""
    world, one, other = pair
    one.script = GoalScript((0.0, 0.1), (Steering(speed=1.0), Steering(speed=2.0)))
    world.step()
    one.controller = write_controller(tmp_path / "location.onnx", task="location")
    for _ in range(5):
        world.step()
    dropped = [event for event in world.events() if isinstance(event, GoalDropped)]
    assert [event.goal for event in dropped] == [Steering(speed=1.0), Steering(speed=2.0)]
    assert "location.onnx is for 'location'" in dropped[0].reason
    assert one.goal is None and other.joint_target[KNEE] == pytest.approx(0.4, abs=1e-6)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_goal_of_an_own_class_stops_neither_recordings_nor_recoveries(tmp_path: Path, recorded: bool) -> None:
    """One whose physics breaks is reset, and the world is being recorded, though such a goal has no record."""
    world = World(on_error="reset")
    one, other = world.add_character(), world.add_character(position=(0.0, 3.0))
    one.controller = other.controller = write_controller(tmp_path / "c.onnx")
    one.goal = Own(GOOD)
    recorder = world.record(tmp_path / "own.rec") if recorded else None
    if not recorded:
        world.data.qvel[other.slots.dof] = np.nan
    world.step()
    if recorder is not None:
        recorder.close()
        assert runtime.Recording.load(tmp_path / "own.rec").characters == (one.name, other.name)
    else:
        assert [event.character for event in world.events() if isinstance(event, Failed)] == [other.name]


def test_a_misspelt_attribute_is_an_error(pair: tuple[World, Character, Character]) -> None:
    """On worlds, characters, props and obstacles; the message lists what can be set, and nothing was."""
    world, hero, _ = pair
    with pytest.raises(AttributeError, match=r"World: expected one of max_advance, paused, time_scale .*'pause'"):
        world.pause = True
    with pytest.raises(AttributeError, match=r"Character: expected one of controller, director, goal, .*'gaol'"):
        hero.gaol = Steering()
    for thing, name in ((world, "step"), (hero, "push"), (hero, "state"), (hero, "name"), (world, "time")):
        with pytest.raises(AttributeError):
            setattr(thing, name, 1.0)
    for thing in (world.add_ball(), world.add_obstacle(position=(9.0, 0.0, 0.5))):
        with pytest.raises(AttributeError, match="velocity"):
            thing.velocity = (1.0, 0.0, 0.0)
    assert not hasattr(world, "pause") and not hasattr(hero, "gaol")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("paused", "no", "paused: expected True or False, found 'no'"),
        ("paused", None, "paused: expected True or False, found None"),
        ("max_advance", -1.0, "max_advance: expected 0 to inf s, found -1"),
        ("time_scale", "fast", "time_scale: expected 0 to 100, found 'fast'"),
    ],
)
def test_settings_of_a_world_are_checked(name: str, value: object, match: str) -> None:
    """A wrong value is refused in one sentence, and the old one stays."""
    world = World()
    before = getattr(world, name)
    with pytest.raises(ValueError, match=match):
        setattr(world, name, value)
    assert getattr(world, name) == before


def test_things_of_other_kinds_are_refused() -> None:
    """A director, a script and a half-life are what they are called."""
    hero = World().add_character()
    with pytest.raises(DirectorError, match="expected a Director or None, found 'walk'"):
        hero.director = "walk"
    with pytest.raises(GoalError, match="expected a GoalScript or None, found"):
        hero.script = [Steering()]
    with pytest.raises(ValueError, match="goal_half_life: expected 0 to 60 s, found 'soon'"):
        hero.goal_half_life = "soon"


def test_a_removed_character_says_so(pair: tuple[World, Character, Character]) -> None:
    """Its leaving is an event, whatever is asked of it is a clear error, and the others' steps go on."""
    world, one, other = pair
    world.step()
    world.remove(one)
    assert [event for event in world.events() if isinstance(event, Removed)] == [Removed(1 / 30, "humanoid")]
    assert not one.alive and other.alive and world.characters == (other,)
    assert one.name == "humanoid" and "removed" in repr(one)
    readings = [name for name in dir(one) if name not in ("alive", "name", "push", "switch", "reset")]
    uses = [lambda name=name: getattr(one, name)() for name in readings if callable(getattr(Character, name))]
    uses += [lambda name=name: getattr(one, name) for name in readings if not callable(getattr(Character, name))]
    uses += [lambda: one.push((1.0, 0.0, 0.0)), lambda: one.switch(None), one.reset, lambda: world.throw(one)]
    uses += [lambda: setattr(one, "goal", Steering()), lambda: setattr(one, "controller", None)]
    for use in uses:
        with pytest.raises(ValueError, match="humanoid: this character has been removed from the world"):
            use()
    with pytest.raises(ValueError, match="remove: expected something of this world"):
        world.remove(one)
    again = world.add_character(name="humanoid")
    assert again is not one and not one.alive
    world.step()
    assert other.joint_target[KNEE] == pytest.approx(0.4, abs=1e-6)


def test_a_goal_set_just_before_the_removal_is_nobody_else_s(
    tmp_path: Path, pair: tuple[World, Character, Character]
) -> None:
    """The next character of that name does not get it."""
    world, one, _ = pair
    one.goal = Steering(speed=5.0)
    world.remove(one)
    again = world.add_character(tmp_path / "c.onnx", name=one.name)
    world.step()
    assert again.joint_target[KNEE] == pytest.approx(0.0, abs=1e-6)


def test_a_restore_brings_back_and_takes_away(pair: tuple[World, Character, Character]) -> None:
    """Who is not in the snapshot is not alive after it; the handles of those who are go on working."""
    world, one, _ = pair
    snapshot = world.save()
    guest = world.add_character(position=(3.0, 0.0))
    world.restore(snapshot)
    assert one.alive and not guest.alive and one in world.characters
    assert world.characters[0] is one
    assert one.state.root_position[0] == pytest.approx(0.0)


def test_only_what_is_for_users_is_shown(pair: tuple[World, Character, Character]) -> None:
    """`dir` and completion show public names, each with a docstring; `Character` is a public name of `runtime`."""
    world, hero, _ = pair
    assert "Character" in runtime.__all__ and isinstance(hero, runtime.Character)
    completer = rlcompleter.Completer({"hero": hero})
    completed = [completer.complete("hero.", number) for number in range(len(dir(hero)))]
    assert {text.removeprefix("hero.").rstrip("()") for text in completed if text} == set(dir(hero))
    assert completer.complete("hero.", len(dir(hero))) is None
    assert set(dir(hero)) == {
        "airborne", "alive", "controller", "director", "director_state", "fallen", "frozen", "goal", "goal_half_life",
        "goal_vector", "joint_target", "name", "push", "render_pose", "reset", "script", "slots", "state", "switch",
    }  # fmt: skip
    for thing in (hero, world):
        assert not [name for name in dir(thing) if name.startswith("_") or not getattr(type(thing), name).__doc__]

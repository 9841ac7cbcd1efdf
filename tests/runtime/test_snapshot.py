from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest

from runtime import Controller, Director, GoalScript, Jump, SnapshotError, Steering, Transition, World
from tests.tiny import INPUT_SIZE, write_controller


def busy_world(lively: Path, other: Path) -> World:
    """A world with everything in it: fades, smoothing, a script, a director, pushes, props, an obstacle."""
    world = World(props=1, fade=0.5)
    one, two = world.add_character(lively), world.add_character(lively, position=(0.0, 3.0), heading=1.0)
    three = world.add_character(position=(3.0, 0.0), name="three")
    world.add_obstacle(size=(1.0, 1.0, 0.3), position=(0.0, -3.0, 0.15))
    world.add_ball(position=(1.0, 1.0, 2.0), velocity=(-1.0, 0.3, 0.0))
    world.add_box(size=(0.2, 0.3, 0.1), mass=3.0, position=(-1.0, 2.0, 1.0))
    one.goal_half_life = 0.3
    one.goal = Steering(speed=2.0)
    two.script = GoalScript((0.1, 0.5, 0.9), (Steering(speed=1.0), Steering(speed=2.0), None))
    arrows = (Transition("a", "b", ("after:0.4",)), Transition("*", "c", "fell"))
    three.director = Director({"a": str(lively), "b": str(other), "c": None}, "a", arrows)
    for step in range(8):
        world.advance(0.03)
        if step == 3:
            one.goal = Steering(speed=1.0, direction=2.0)
            one.controller = other
            three.push((30.0, 10.0, 0.0))
        if step == 5:
            world.throw(two, mass=2.0, distance=2.0)
    two.push((10.0, 0.0, 5.0), body="head")
    world.advance(1 / 120)
    one.push((0.0, 12.0, 0.0))  # waits for the next control step
    return world


def go_on(world: World) -> list[np.ndarray]:
    """Let 1.2 s pass in uneven portions; return everything that can be compared."""
    out = []
    for portion in (0.011, 0.03, 0.2, 0.016):
        for _ in range(5):
            world.advance(portion)
            out += [world.data.qpos.copy(), world.data.qvel.copy(), world.data.ctrl.copy(), *world.render_poses()]
    out.append(np.array([world.time, world.alpha]))
    return out


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another controller that wriggles."""
    weights = np.random.default_rng(1).uniform(-0.05, 0.05, (INPUT_SIZE, 28))
    return write_controller(tmp_path / "other.onnx", weights)


def test_a_restored_world_goes_on_bit_for_bit(lively: Path, other: Path) -> None:
    """The same world later, the same world after being changed, and a new world all repeat the same 1.2 s exactly."""
    world = busy_world(lively, other)
    snapshot = world.save()
    wanted = go_on(world)
    events = [event for event in world.events() if event.time > 0.3]
    world.restore(snapshot)
    again = go_on(world)
    world.add_character(position=(9.0, 9.0))
    world.remove(world.characters[1])
    world.remove(world.obstacles[0])
    world.props[0].remove()
    world.add_box(position=(7.0, 7.0, 1.0))
    world.step()
    world.events()
    world.restore(snapshot)
    third = go_on(world)
    assert [character.name for character in world.characters] == ["humanoid", "humanoid2", "three"]
    fresh = World.from_snapshot(snapshot, fade=0.5)
    for run in (again, third, go_on(fresh)):
        assert all(np.array_equal(a, b) for a, b in zip(wanted, run, strict=True))
    assert fresh.events() == [event for event in events if event.time > 0.3]
    assert len(events) > 2


def test_saving_changes_nothing(lively: Path, other: Path) -> None:
    """A world that is saved in between moves as one that is not, and two saves are equal bytes."""
    one, two = busy_world(lively, other), busy_world(lively, other)
    assert one.save() == one.save()
    assert all(np.array_equal(a, b) for a, b in zip(go_on(one), go_on(two), strict=True))


def test_handles_stay_good(lively: Path) -> None:
    """Characters and props that were there before and after a restore are the same objects."""
    world = World()
    hero, ball = world.add_character(lively), world.add_ball(position=(3.0, 0.0, 1.0))
    snapshot = world.save()
    world.step()
    world.restore(snapshot)
    assert world.characters == (hero,) and world.props == (ball,)
    assert world.time == 0.0
    np.testing.assert_array_equal(ball.state[0], [3.0, 0.0, 1.0])


def test_a_goal_that_moves_is_where_it_was(tmp_path: Path) -> None:
    """A jump 0.3 s before its apex is that again."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "jump.onnx", task="jump"))
    hero.goal = Jump(apex=0.3, countdown=0.5)
    for _ in range(7):
        world.step()
    snapshot, countdown = world.save(), hero.goal.countdown
    assert countdown == pytest.approx(0.3)
    for _ in range(5):
        world.step()
    world.restore(snapshot)
    assert hero.goal.countdown == countdown
    world.step()
    assert hero.goal.countdown == pytest.approx(0.3 - 1 / 30)


def spoiled(change: Callable[[dict], object]) -> bytes:
    """A snapshot of a world with one character, with its map changed."""
    world = World()
    world.add_character()
    record = msgpack.unpackb(world.save())
    change(record)
    return msgpack.packb(record)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda record: record.update(mujoco="3.0.0"), "mujoco '4.*3.0.0"),
        (lambda record: record.update(character="0" * 64), "character"),
        (lambda record: record.update(version=99), "version 1, found 99"),
        (lambda record: record.pop("format"), "World.save"),
        (lambda record: record.pop("watch"), "watch"),
        (lambda record: record.update(prop_bodies=10**9), "props"),
        (lambda record: record.update(state=b"\0" * 16), "numbers of state"),
        (lambda record: record.update(old=[b"", b""]), "reshape"),
        (lambda record: record["characters"][0].update(goals=[{"task": "swim"}]), "swim"),
        (lambda record: record["characters"][0].update(controller=["/nowhere.onnx", ""]), "nowhere"),
        (lambda record: record["characters"][0].update(placement=[[0.0], 0.0]), "placement|unpack"),
        (lambda record: record.update(pushes=[["nobody", 0, [0.0, 0.0, 0.0]]]), "nobody"),
        (lambda record: record.update(props=[["b", "cone", [1.0], 1.0, 0, None]]), "cone"),
    ],
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(change, match: str) -> None:
    """Every broken part is named in one error; the world is what it was and goes on."""
    world = World()
    hero = world.add_character()
    world.step()
    before = world.save()
    with pytest.raises(SnapshotError, match=match):
        world.restore(spoiled(change))
    assert world.save() == before and world.characters == (hero,)
    world.step()


@pytest.mark.parametrize("content", [b"", b"\x93\1\2", b"\xc1" * 50, b"\x80", "text", None])
def test_bytes_that_are_none(content) -> None:
    """What is no msgpack map of a world is refused."""
    with pytest.raises(SnapshotError):
        World().restore(content)


def test_another_file_at_the_same_path_is_refused(tmp_path: Path, lively: Path) -> None:
    """A snapshot knows its controllers by their SHA-256."""
    world = World()
    path = write_controller(tmp_path / "c.onnx")
    world.add_character(path)
    snapshot = world.save()
    path.write_bytes(lively.read_bytes())
    with pytest.raises(SnapshotError, match="SHA-256"):
        World.from_snapshot(snapshot)
    world.restore(snapshot)  # this one has the old file loaded


def test_a_controller_given_as_an_object_needs_no_file(tmp_path: Path) -> None:
    """A restore in place finds the controllers that are at work, though their file is gone."""
    path = write_controller(tmp_path / "c.onnx")
    controller = Controller.load(path)
    path.unlink()
    world = World()
    hero = world.add_character(controller)
    world.step()
    snapshot = world.save()
    hero.controller = None
    hero.controller = controller
    world.restore(snapshot)
    assert hero.controller is controller

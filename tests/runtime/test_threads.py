from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from runtime import Steering, World
from runtime.character import BODIES, rotate


@pytest.fixture
def running(lively: Path):
    """A world with three characters, stepped by a thread of its own; errors of the thread fail the test."""
    world = World(props=2)
    for place in range(3):
        world.add_character(lively, position=(0.0, 3.0 * place))
    world.step()
    stop, errors = threading.Event(), []

    def simulate() -> None:
        try:
            while not stop.is_set():
                world.step()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=simulate)
    thread.start()
    yield world
    stop.set()
    thread.join()
    assert errors == []


def test_poses_are_never_torn(running: World) -> None:
    """While another thread steps, every pose read is of one instant: the shin hangs at the thigh's end, always.

    The knee's place, computed from the thigh's pose, is the shin's position to a nanometre; a pose half of one step
    and half of the next would miss it by millimetres. And time never runs backwards.
    """
    thigh, shin = BODIES.index("right_thigh"), BODIES.index("right_shin")
    before = 0.0
    for _ in range(2000):
        hero = running.characters[1]
        state = hero.state
        knee = state.body_position[thigh] + rotate(state.body_rotation[thigh], np.array([0.0, 0.0, -0.421546]))
        np.testing.assert_allclose(knee, state.body_position[shin], atol=1e-9)
        np.testing.assert_array_equal(state.root_position, state.body_position[0])
        positions, rotations = running.render_poses()
        assert np.isfinite(positions).all() and rotations.shape == (3, 15, 4)
        assert running.time >= before
        before = running.time


def test_goals_and_pushes_from_many_threads(running: World) -> None:
    """Four threads set goals and push at full speed; every one of them gets through, and none of the pushes is lost."""

    def play(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(300):
            hero = running.characters[int(rng.integers(3))]
            hero.goal = Steering(float(rng.uniform(0.0, 3.0)), float(rng.uniform(-3.0, 3.0)))
            hero.push((0.0, 0.0, 1e-6))

    threads = [threading.Thread(target=play, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = Steering(2.5, 1.0)
    for hero in running.characters:
        hero.goal = last
    until = time.monotonic() + 20.0
    while running._simulation.pushes and time.monotonic() < until:
        time.sleep(0.01)
    assert not running._simulation.pushes
    assert all(hero.goal == last for hero in running.characters)


def test_the_scene_changes_while_it_is_stepped(running: World, controller_path: Path) -> None:
    """Characters, props, controllers and snapshots come and go from another thread; the world stays whole."""
    for round_ in range(8):
        ball = running.throw(running.characters[0], mass=0.1)
        guest = running.add_character(controller_path, position=(9.0, 9.0), name=f"guest{round_}")
        running.characters[1].controller = controller_path
        snapshot = running.save()
        guest.reset(position=(9.0, 12.0))
        assert guest.state.root_position[1] == pytest.approx(12.0, abs=1.0)
        running.remove(guest)
        ball.remove()
        if round_ % 4 == 3:
            running.restore(snapshot)
            running.remove(running.characters[-1])
            running.props[-1].remove()
    assert len(running.characters) == 3 and running.props == ()


def test_a_reader_does_not_wait_for_a_step(lively: Path) -> None:
    """With the world's lock held by a thread that never lets go, goals are taken and poses, states, events are read."""
    world = World()
    hero = world.add_character(lively)
    world.step()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with world._simulation.lock:
            held.set()
            release.wait(30.0)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30.0)
    done = threading.Event()

    def read() -> None:
        hero.goal = Steering(1.0)
        hero.push((1.0, 0.0, 0.0))
        _ = hero.state, hero.fallen, hero.joint_target, hero.render_pose(), world.render_poses(), world.time
        _ = world.events(), hero.goal, hero.airborne, hero.frozen, world.alpha, world.characters
        done.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert done.wait(30.0)
    release.set()
    holder.join()
    reader.join()

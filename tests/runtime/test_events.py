from __future__ import annotations

import mujoco
import numpy as np
import pytest

from runtime import Location, Steering, World
from runtime.events import Event, Fell, GoalReached, GotUp, Hit, Landed
from tests.tiny import write_controller


def lift(world: World, height: float, velocity: float = 0.0) -> None:
    """Put the only character `height` m higher, moving upwards."""
    world.data.qpos[2] += height
    world.data.qvel[2] = velocity
    world.refresh()


def steps(world: World, count: int) -> list[Event]:
    """Make control steps and return what happened."""
    for _ in range(count):
        world.step()
    return world.events()


def test_a_fall_is_told_once_and_so_is_getting_up() -> None:
    """A shoved character falls once, at a time when it lies; put upright by hand it has got up, once."""
    world = World()
    hero = world.add_character()
    hero.push((150.0, 0.0, 0.0))
    events = steps(world, 120)
    fell = [event for event in events if isinstance(event, Fell)]
    assert len(fell) == 1 and fell[0].character == "humanoid" and 0.1 < fell[0].time < 3.0
    assert fell[0].time * 30 == pytest.approx(round(fell[0].time * 30))  # the end of a control step
    assert hero.fallen and not any(isinstance(event, GotUp) for event in events)
    lift(world, 1.0)
    world.data.qpos[3:7] = 1.0, 0.0, 0.0, 0.0
    world.refresh()
    assert [type(event) for event in steps(world, 1)] == [GotUp]


def test_a_landing_is_told_with_the_time_in_the_air() -> None:
    """Dropped from 0.6 m it flies sqrt(2 · 0.6 / 9.81) = 0.35 s, 10 whole control steps, and lands feet first."""
    world = World()
    hero = world.add_character()
    steps(world, 3)
    assert not hero.airborne
    lift(world, 0.6)
    world.step()
    assert hero.airborne
    landed = [event for event in steps(world, 15) if isinstance(event, Landed)]
    assert len(landed) == 1
    assert landed[0].flight == pytest.approx(10 / 30)
    assert landed[0].body in ("left_foot", "right_foot")
    assert not hero.airborne


def test_a_step_of_a_run_is_no_landing() -> None:
    """0.1 m of height are 0.14 s in the air, less than the 0.25 s that count."""
    world = World()
    world.add_character()
    steps(world, 3)
    lift(world, 0.1)
    assert not any(isinstance(event, Landed) for event in steps(world, 20))


def test_a_blow_between_control_steps_is_seen_with_its_impulse() -> None:
    """A 0.5 kg ball at 20 m/s touches the chest for less than a control step, and brings 10 N·s or what it bounces."""
    world = World()
    hero = world.add_character()
    world.throw(hero, mass=0.5, radius=0.1, speed=20.0, distance=1.0)
    hits = [event for event in steps(world, 10) if isinstance(event, Hit)]
    assert [(hit.character, hit.by) for hit in hits] == [("humanoid", "ball")]
    assert 9.0 < hits[0].impulse < 21.0
    assert hits[0].body in ("torso", "pelvis")
    assert np.linalg.norm(np.array(hits[0].position) - hero.state.body_position[1]) < 0.4


def test_two_characters_hit_each_other_and_both_are_told() -> None:
    """Of two who are thrown together each is told that the other hit it, once."""
    world = World()
    one, other = world.add_character(), world.add_character(position=(0.6, 0.0), heading=3.14)
    one.push((100.0, 0.0, 0.0))
    other.push((-100.0, 0.0, 0.0))
    hits = [event for event in steps(world, 9) if isinstance(event, Hit)]
    assert {(hit.character, hit.by) for hit in hits} >= {("humanoid", "humanoid2"), ("humanoid2", "humanoid")}


def test_standing_on_an_obstacle_is_no_hit_and_touching_softly_neither() -> None:
    """Feet on a box are no hit, and a feather (1 g) that lands on a head brings less than 1 N·s."""
    world = World()
    world.add_obstacle(size=(2.0, 2.0, 0.2), position=(0.0, 0.0, 0.1))
    world.add_character()
    lift(world, 0.2)
    world.add_ball(radius=0.05, mass=0.001, position=(0.0, 0.0, 2.2))
    assert not any(isinstance(event, Hit) for event in steps(world, 20))


def test_reaching_a_goal_is_told_once_for_every_goal(tmp_path) -> None:
    """Standing still, within 0.5 m of its point: told once; a point 5 m away is not; the same point given again is."""
    world = World()
    hero = world.add_character(write_controller(tmp_path / "c.onnx", task="location"))
    hero.goal = Location(0.2, 0.0)
    events = steps(world, 9)
    assert [(event.character, event.goal) for event in events if isinstance(event, GoalReached)] == [
        ("humanoid", Location(0.2, 0.0))
    ]
    hero.goal = Location(5.0, 0.0)
    assert steps(world, 9) == []
    hero.goal = Location(0.2, 0.0)
    assert [type(event) for event in steps(world, 9)] == [GoalReached]


def test_listeners_are_called_after_the_step_and_may_use_the_world(controller_path) -> None:
    """A listener sees the events in order, may set goals and even step the world, and can be taken off again."""
    world = World()
    hero = world.add_character(controller_path)
    heard = []

    def listen(event: Event) -> None:
        heard.append(type(event))
        hero.goal = None
        if len(heard) == 1:
            world.step()

    stop = world.on_event(listen)
    hero.goal = Steering()
    hero.push((300.0, 0.0, 0.0))
    for _ in range(60):
        world.step()
    assert heard[0] is GoalReached  # it stands and faces as asked at the first look
    assert Fell in heard
    before = len(heard)
    stop()
    hero.reset()
    hero.push((300.0, 0.0, 0.0))
    steps(world, 60)
    assert len(heard) == before


def test_events_nobody_asks_for_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than 10,000 events the oldest are lost."""
    world = World()
    for number in range(10_005):
        world._simulation.happened(Event(float(number), ""))
    events = world.events()
    assert len(events) == 10_000
    assert events[0].time == 5.0
    assert world.events() == []


def test_refresh_is_what_writing_by_hand_needs() -> None:
    """After it states, poses and contacts are those of the written positions."""
    world = World()
    hero = world.add_character()
    lift(world, 1.0)
    data = mujoco.MjData(world.model)
    data.qpos[:] = world.data.qpos
    mujoco.mj_forward(world.model, data)
    np.testing.assert_allclose(hero.state.body_position, data.xpos[1:])
    assert world.data.ncon == 0

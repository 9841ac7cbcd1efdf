from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from runtime import SimulationError, Steering, World
from runtime.events import Failed
from tests.tiny import assert_states_equal, linear, write_controller


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MuJoCo writes its warnings to a log file in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fragile(tmp_path: Path) -> Path:
    """A controller that gives NaN above 2 m/s."""
    return write_controller(tmp_path / "fragile.onnx", linear(right_knee=0.1), nan_above=2.0)


def failures(world: World) -> list[Failed]:
    """Return the failures among the events."""
    return [event for event in world.events() if isinstance(event, Failed)]


def test_a_network_that_fails_freezes_its_character_alone(fragile: Path) -> None:
    """The victim stands where it was, bit for bit, to the end; the other one moves as if nothing had happened."""
    worlds = [World(on_error="freeze"), World(on_error="freeze")]
    for world in worlds:
        world.add_character(fragile).goal = Steering(speed=1.0)
        world.add_character(fragile, position=(0.0, 3.0)).goal = Steering(speed=1.0)
        for _ in range(5):
            world.step()
    world, calm = worlds
    other, victim = world.characters
    victim.goal = Steering(speed=3.0)
    held = victim.state.body_position
    for each in worlds:
        for _ in range(20):
            each.step()
    failed = failures(world)
    assert [(event.character, event.time) for event in failed] == [("humanoid2", pytest.approx(5 / 30))]
    assert "fragile.onnx" in failed[0].reason
    assert victim.frozen and not other.frozen
    np.testing.assert_allclose(victim.state.body_position, held, atol=1e-12)
    assert not victim.state.joint_velocity.any()
    assert_states_equal(other.state, calm.characters[0].state, atol=1e-6)
    victim.goal = Steering(speed=1.0)
    victim.reset()
    for _ in range(5):
        world.step()
    assert not victim.frozen and victim.state.joint_velocity.any()


def test_a_network_that_fails_resets_its_character(fragile: Path) -> None:
    """It stands at its place again, once for every control step that its network fails in."""
    world = World(on_error="reset")
    victim = world.add_character(fragile, position=(1.0, 2.0))
    victim.goal = Steering(speed=1.0)
    for _ in range(10):
        world.step()
    victim.goal = Steering(speed=3.0)
    world.step()
    world.step()
    assert len(failures(world)) == 2
    assert np.linalg.norm(victim.state.root_position[:2] - [1.0, 2.0]) < 0.01
    victim.goal = Steering(speed=1.0)
    world.step()
    assert failures(world) == []


@pytest.mark.parametrize("policy", ["freeze", "reset"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_broken_physics_is_one_character_s_matter(policy: str, value: float, lively: Path) -> None:
    """NaN or infinite speed in one joint: its character is dealt with, the other one moves on undisturbed."""
    worlds = [World(on_error=policy), World(on_error=policy)]
    for world in worlds:
        world.add_character(lively)
        world.add_character(position=(0.0, 4.0))
        for _ in range(5):
            world.step()
    world, calm = worlds
    world.data.qvel[34 + 20] = value
    world.step()
    calm.step()
    assert [event.character for event in failures(world)] == ["humanoid2"]
    assert_states_equal(world.characters[0].state, calm.characters[0].state, atol=1e-6)
    assert np.isfinite(world.data.qpos).all() and np.abs(world.data.qvel).max() < 1e3
    assert world.characters[1].frozen == (policy == "freeze")
    for _ in range(10):
        world.step()
    assert failures(world) == []


def test_a_position_that_is_no_number_is_replaced_by_the_last_good_one(lively: Path) -> None:
    """NaN written into a joint angle: frozen, the character is where it was published last."""
    world = World(on_error="freeze")
    hero = world.add_character(lively)
    for _ in range(5):
        world.step()
    good = hero.state
    world.data.qpos[20] = math.nan
    world.step()
    assert len(failures(world)) == 1
    np.testing.assert_array_equal(hero.state.joint_position, good.joint_position)


def test_a_broken_prop_is_taken_away() -> None:
    """A ball with a NaN velocity goes, with an event; nobody else is touched."""
    world = World(on_error="freeze")
    hero = world.add_character()
    ball = world.add_ball(position=(3.0, 0.0, 1.0))
    world.step()
    world.data.qvel[34] = math.nan
    world.step()
    assert [event.character for event in failures(world)] == ["ball"]
    assert not ball.alive and not hero.frozen
    world.step()


def test_the_failure_can_be_looked_into(fragile: Path) -> None:
    """The event's snapshot is the last good state: restored elsewhere, the next step fails again, at the same time."""
    world = World(on_error="freeze")
    victim = world.add_character(fragile)
    for _ in range(5):
        world.step()
    victim.goal = Steering(speed=3.0)
    world.step()
    snapshot = failures(world)[0].snapshot
    again = World.from_snapshot(snapshot)
    assert again.time == pytest.approx(5 / 30)
    with pytest.raises(SimulationError, match=r"humanoid: joint targets of .*fragile\.onnx are not finite at 0\.167 s"):
        again.step()


def test_with_raise_the_world_stays_at_the_last_good_state(lively: Path) -> None:
    """The physics error names character and time; positions read afterwards are finite, and a reset goes on."""
    world = World()
    hero = world.add_character(lively)
    world.step()
    world.data.qvel[20] = 1e9
    with pytest.raises(SimulationError, match=r"humanoid: physics is not finite any more at 0\.033 s"):
        world.step()
    assert np.isfinite(hero.state.body_position).all()
    world.reset()
    world.step()


def test_a_fade_from_a_failing_network_ends(fragile: Path, controller_path: Path) -> None:
    """Where only the old controller fails, the new one takes over at once and nobody is frozen."""
    world = World(on_error="freeze", fade=0.5)
    hero = world.add_character(fragile)
    world.step()
    hero.controller = controller_path
    hero.goal = Steering(speed=3.0)
    for _ in range(3):
        world.step()
    assert not hero.frozen and world._simulation.actors[0].fade is None and failures(world) == []


def test_policies_that_are_none() -> None:
    """Another word for the policy is refused with the ones there are."""
    with pytest.raises(ValueError, match="raise, freeze, reset"):
        World(on_error="ignore")

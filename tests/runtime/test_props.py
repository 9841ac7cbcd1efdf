from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from runtime import World
from runtime._scene import Layout, PropShape
from runtime.character import BODIES
from runtime.events import Hit


def may_touch(model: mujoco.MjModel, one: str, other: str) -> bool:
    """MuJoCo's rule for two bodies' first geoms."""
    a, b = (int(model.body_geomadr[model.body(name).id]) for name in (one, other))
    return bool(
        model.geom_contype[a] & model.geom_conaffinity[b] or model.geom_contype[b] & model.geom_conaffinity[a]
    )  # fmt: skip


def test_characters_touch_each_other_and_not_themselves() -> None:
    """Of 40 characters (more than there are bits) every one may touch every other and the ground, none itself."""
    model = Layout(tuple(f"c{number}" for number in range(40))).compile()
    for one in range(40):
        assert not may_touch(model, f"c{one}/head", f"c{one}/right_foot")
        assert may_touch(model, f"c{one}/head", "world")
        assert all(may_touch(model, f"c{one}/torso", f"c{other}/left_hand") for other in range(one))


def test_two_characters_in_one_place_push_each_other_apart() -> None:
    """Put 0.4 m from each other, arms in each other, they are driven apart; a character alone stays where it is."""
    world = World()
    one, other = world.add_character(), world.add_character(position=(0.0, 0.4))
    for _ in range(15):
        world.step()
    gap = np.linalg.norm(one.state.root_position[:2] - other.state.root_position[:2])
    assert gap > 0.45
    alone = World()
    hero = alone.add_character()
    for _ in range(15):
        alone.step()
    assert np.linalg.norm(hero.state.root_position[:2]) < 0.05


def test_a_heap_does_not_break_the_physics() -> None:
    """Three put into each other 2 cm apart are driven apart whole, and none is ever faster than 60 m/s or rad/s.

    Without the cap on speeds two of these three are not finite any more within the first control step.
    """
    world = World()
    for place in range(3):
        world.add_character(position=(0.0, 0.02 * place))
    with pytest.warns(UserWarning, match="put into each other"):
        world.step()
    for _ in range(60):
        world.step()
        assert np.abs(world.data.qvel).max() <= 60.0
    assert np.isfinite(world.data.qpos).all()


def test_putting_one_into_another_warns() -> None:
    """10 cm from each other is a warning that names both."""
    world = World()
    world.add_character()
    other = world.add_character(position=(0.0, 3.0))
    world.step()
    with pytest.warns(UserWarning, match=r"humanoid and humanoid2 by \d+ cm"):
        other.reset(position=(0.0, 0.1))


def test_a_ball_falls_and_rests_on_the_ground() -> None:
    """From 2 m it falls 0.5 · 9.81 · 0.3² m in the first 0.3 s (within a step), and ends 0.2 m, its radius, up."""
    world = World()
    ball = world.add_ball(radius=0.2, mass=0.5, position=(1.0, 2.0, 2.0), velocity=(0.5, 0.0, 0.0))
    for _ in range(9):
        world.step()
    position, rotation, velocity, spin = ball.state
    np.testing.assert_allclose(position, [1.15, 2.0, 2.0 - 0.5 * 9.81 * 0.3**2], atol=0.015)
    np.testing.assert_allclose(velocity, [0.5, 0.0, -9.81 * 0.3], atol=1e-6)
    np.testing.assert_allclose(rotation, [1.0, 0.0, 0.0, 0.0])
    assert not spin.any()
    for _ in range(120):
        world.step()
    assert ball.state[0][2] == pytest.approx(0.2, abs=0.01)


def test_a_push_moves_a_box_by_impulse_over_mass() -> None:
    """8 N·s make 4 m/s of 2 kg in free fall."""
    world = World()
    box = world.add_box(size=(0.2, 0.3, 0.4), mass=2.0, position=(0.0, 0.0, 50.0), rotation=(0.0, 0.0, 0.0, 2.0))
    np.testing.assert_allclose(box.state[1], [0.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(box.size, [0.1, 0.15, 0.2])
    box.push((8.0, 0.0, 0.0))
    world.step()
    world.step()
    assert box.state[2][0] == pytest.approx(4.0)


@pytest.mark.parametrize("shape", [PropShape("ball", (0.3,), 2.0), PropShape("box", (0.4, 0.2, 0.3), 3.0)])
def test_a_written_body_moves_as_a_compiled_one(shape: PropShape) -> None:
    """A body that stood by and was made a ball or a box moves bit for bit as one that was compiled as such."""
    world = World(props=3)
    for place in range(2):
        world.add_ball(position=(5.0, place, 1.0))
    add = world.add_ball if shape.kind == "ball" else world.add_box
    prop = add(shape.size[0] if shape.kind == "ball" else shape.size, shape.mass, (0.0, 0.0, 0.5), (1.0, 2.0, 3.0))
    sizes = " ".join(str(x if shape.kind == "ball" else x / 2) for x in shape.size)
    spec = mujoco.MjSpec.from_string(
        f"""<mujoco><option timestep="{1 / 120!r}" integrator="implicitfast" iterations="6" ls_iterations="10"/>
        <worldbody><geom type="plane" size="0 0 1" friction="1 .05 .05"/><body pos="0 0 .5"><freejoint/>
        <geom type="{"sphere" if shape.kind == "ball" else "box"}" friction="1 .05 .05" mass="{shape.mass}"
        size="{sizes}"/></body></worldbody></mujoco>"""
    )
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qvel[:3] = 1.0, 2.0, 3.0
    for _ in range(60):
        mujoco.mj_step(model, data, 4)
        world.step()
    np.testing.assert_allclose(prop.state[0], data.qpos[:3], atol=1e-9)
    np.testing.assert_allclose(prop.state[1], data.qpos[3:], atol=1e-9)


def test_nothing_is_compiled_while_bodies_stand_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two bodies allocated ahead two balls compile nothing, the third compiles once; removal gives bodies back."""
    world = World(props=2)
    world.step()
    compiled = []
    compile_layout = Layout.compile
    monkeypatch.setattr(Layout, "compile", lambda self: compiled.append(self.props) or compile_layout(self))
    balls = [world.add_ball(position=(0.0, place, 1.0)) for place in range(2)]
    balls[0].remove()
    again = world.add_ball(position=(0.0, 5.0, 1.0))
    assert compiled == []
    assert again.name == "ball"
    world.add_ball(position=(0.0, 7.0, 1.0))
    world.step()
    assert compiled == [4]
    assert again.state[0][1] == 5.0  # and the compilation has not moved it
    assert not balls[0].alive
    with pytest.raises(ValueError, match="removed"):
        _ = balls[0].state


def test_props_that_stand_by_stay_where_they_are() -> None:
    """Weightless and touching nothing: after 10 s they have not moved by a nanometre."""
    world = World(props=3)
    world.add_character()
    before = world.data.qpos[35:].copy()
    for _ in range(300):
        world.step()
    np.testing.assert_allclose(world.data.qpos[35:], before, atol=1e-9)


@pytest.mark.parametrize(("azimuth", "body"), [(None, "torso"), (math.pi / 2, "head"), (2.5, "left_thigh")])
def test_a_thrown_ball_hits(azimuth: float | None, body: str) -> None:
    """A ball thrown at a standing character from anywhere hits it with what it has, and is gone after a reset."""
    world = World()
    hero = world.add_character()
    ball = world.throw(hero, body=body, mass=2.0, speed=8.0, azimuth=azimuth, distance=3.0)
    for _ in range(15):
        world.step()
    hits = [event for event in world.events() if isinstance(event, Hit)]
    assert [(hit.character, hit.by) for hit in hits] == [("humanoid", "ball")]
    assert 5.0 < hits[0].impulse < 40.0  # 2 kg at 8 m/s bring 16 N·s
    world.reset()
    assert world.props == () and not ball.alive


def test_reset_puts_added_props_back() -> None:
    """A box is where it was put again, with the velocity it was given."""
    world = World()
    box = world.add_box(position=(0.0, 0.0, 3.0), velocity=(1.0, 0.0, 0.0))
    for _ in range(30):
        world.step()
    world.reset()
    np.testing.assert_array_equal(box.state[0], [0.0, 0.0, 3.0])
    np.testing.assert_array_equal(box.state[2], [1.0, 0.0, 0.0])


def test_an_obstacle_carries_and_can_be_removed() -> None:
    """A ball comes to rest on a 1 m high box, and falls to the ground once the box is gone."""
    world = World()
    wall = world.add_obstacle(size=(1.0, 1.0, 1.0), position=(0.0, 0.0, 0.5), heading=0.3)
    ball = world.add_ball(position=(0.0, 0.0, 1.3))
    for _ in range(60):
        world.step()
    assert ball.state[0][2] == pytest.approx(1.1, abs=0.01)
    world.remove(wall)
    assert world.obstacles == ()
    for _ in range(60):
        world.step()
    assert ball.state[0][2] == pytest.approx(0.1, abs=0.01)


def test_removing_a_character_leaves_the_others_alone() -> None:
    """The second of three goes; the third keeps its name, state and motion."""
    world = World()
    heroes = [world.add_character(position=(0.0, 2.0 * place)) for place in range(3)]
    for _ in range(5):
        world.step()
    before = heroes[2].state
    world.remove(heroes[1])
    assert [hero.name for hero in world.characters] == ["humanoid", "humanoid3"]
    np.testing.assert_array_equal(heroes[2].state.body_position, before.body_position)
    positions, _ = world.render_poses()
    assert positions.shape == (2, len(BODIES), 3)
    np.testing.assert_allclose(positions[1], heroes[2].render_pose()[0])
    world.step()
    with pytest.raises(ValueError, match="something of this world"):
        world.remove(heroes[1])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda world: world.add_ball(radius=0.0), "size"),
        (lambda world: world.add_ball(mass=math.nan), "mass"),
        (lambda world: world.add_ball(position=(0.0, 0.0)), "position"),
        (lambda world: world.add_box(size=(1.0, 1.0)), "size"),
        (lambda world: world.add_box(size=(1.0, -1.0, 1.0)), "size"),
        (lambda world: world.add_box(rotation=(0.0, 0.0, 0.0, 0.0)), "rotation"),
        (lambda world: world.add_ball(name="a/b"), "name"),
        (lambda world: world.add_obstacle(size=(0.0, 1.0, 1.0)), "edges"),
        (lambda world: world.throw(world.add_character(), speed=0.0), "throw"),
        (lambda world: World(props=-1), "props"),
    ],
)
def test_nonsense_is_refused(make, match: str) -> None:
    """Sizes, masses, places and names that mean nothing are errors, and leave nothing behind."""
    world = World()
    with pytest.raises(ValueError, match=match):
        make(world)
    assert world.props == () and world.obstacles == ()

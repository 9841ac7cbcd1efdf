import math

import numpy as np
import pytest

from runtime import ControllerError, Jump, Location, Steering
from tests.tiny import linear, write_controller
from viewer.input import Wish
from viewer.picking import Grab
from viewer.stage import APART, MAX_PROPS, Stage, places


@pytest.fixture
def tiny(tmp_path):
    """A controller that stands and lifts its right arm with the speed along x."""
    return write_controller(tmp_path / "tiny.onnx", linear(right_shoulder_y=0.5))


@pytest.fixture
def other(tmp_path):
    """Another one."""
    return write_controller(tmp_path / "other.onnx", linear(left_shoulder_y=0.5))


def test_each_controller_gets_its_character_side_by_side(tiny, other):
    """Two files: two characters abreast, 1.5 m apart, in the files' order from the left."""
    stage = Stage([tiny, other])
    roots = stage.world.render_poses()[0][:, 0]
    np.testing.assert_allclose(roots[:, :2], [[0.0, 0.5 * APART], [0.0, -0.5 * APART]], atol=1e-9)
    assert [character.controller.path.stem for character in stage.world.characters] == ["tiny", "other"]
    assert stage.selected is None


def test_more_characters_than_controllers_take_turns(tiny, other):
    """Five characters of two controllers; one character of two has the first and can get the second."""
    names = [character.controller.path.stem for character in Stage([tiny, other], 5).world.characters]
    assert names == ["tiny", "other", "tiny", "other", "tiny"]
    stage = Stage([tiny, other], 1)
    assert (len(stage.world.characters), len(stage.loaded), stage.selected) == (1, 2, 0)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 10, 100])
def test_everyone_has_room(count):
    """No two nearer than 1.5 m, and the middle of them is the origin to within a rank."""
    spots = np.array(places(count))
    apart = np.linalg.norm(spots[:, None] - spots, axis=-1)[~np.eye(count, dtype=bool)]
    assert len(spots) == count
    assert count == 1 or apart.min() == pytest.approx(APART)
    assert np.abs(spots.mean(axis=0)).max() <= APART


def test_everyone_does_what_is_wished_and_then_only_the_chosen_one(tiny):
    """The others stop, and look where they looked."""
    stage = Stage([tiny], 3)
    stage.wish = Wish(1.0, 0.5)
    stage.advance(0.1)
    assert [character.goal for character in stage.world.characters] == [Steering(1.0, 0.5)] * 3
    stage.select(1)
    stage.wish = Wish(2.0, 1.0)
    stage.advance(0.1)
    first, second, third = (character.goal for character in stage.world.characters)
    assert second == Steering(2.0, 1.0)
    assert (first.speed, third.speed) == (0.0, 0.0)
    assert abs(first.direction) < 0.1
    np.testing.assert_allclose(stage.focus[:2], stage.world.render_poses()[0][1, 0, :2])


def test_controllers_are_switched_by_number_and_in_turn(tiny, other):
    """From 0; past the last comes the first; a number that is not there is told."""
    stage = Stage([tiny, other], 1)
    hero = stage.world.characters[0]
    assert (stage.switch(1), hero.controller.path.stem) == ("other", "other")
    assert (stage.cycle(1), hero.controller.path.stem) == ("tiny", "tiny")
    assert (stage.cycle(-1), hero.controller.path.stem) == ("other", "other")
    assert stage.switch(2) == "there is no controller 3: 2 loaded"
    assert hero.controller.path.stem == "other"


def test_without_controllers_nothing_can_be_switched_and_the_character_stands(tiny):
    """And holds its pose."""
    stage = Stage()
    assert stage.cycle(1) == "no controller is loaded"
    stage.wish = Wish(1.0)
    stage.advance(0.2)
    assert stage.world.time == pytest.approx(0.2)


def test_a_changed_file_is_loaded_again_and_a_bad_one_is_not(tmp_path, tiny):
    """After reloading the character has the new file's controller."""
    stage = Stage([tiny])
    old = stage.world.characters[0].controller
    write_controller(tiny, linear(right_shoulder_y=0.9))
    assert stage.reload() == "reloaded 1 file"
    assert stage.world.characters[0].controller is stage.loaded[0] is not old
    tiny.write_bytes(b"no controller")
    with pytest.raises(ControllerError):
        stage.reload()
    assert stage.world.characters[0].controller is stage.loaded[0]


def test_a_thrown_ball_hits_and_a_reset_takes_it_away():
    """From 5 m at 9 m/s it is there within a second; the character is pushed away from where it came."""
    stage = Stage()
    stage.throw(math.pi)  # from behind
    ball = stage.world.props[0]
    assert ball.state[0][0] == pytest.approx(-5.0, abs=0.5)
    for _ in range(30):
        stage.advance(1 / 30)
    assert stage.world.characters[0].state.root_position[0] > 0.05
    stage.reset()
    assert stage.world.props == ()
    assert stage.world.time == 0.0


def test_there_are_never_too_many_things():
    """The oldest goes."""
    stage = Stage()
    stage.drop_box()
    first = stage.world.props[0]
    for _ in range(MAX_PROPS + 3):
        stage.drop_box()
    assert len(stage.world.props) == MAX_PROPS
    assert first not in stage.world.props


def test_a_pulled_body_comes_along():
    """The torso is pulled 0.4 m up for half a second: the character is lifted off the ground."""
    stage = Stage()
    torso = stage.world.data.body("humanoid/torso")
    before = torso.xpos.copy()
    stage.grab = Grab(torso.id, np.zeros(3), before + [0.0, 0.0, 0.4])
    for _ in range(15):
        stage.advance(1 / 30)
    assert stage.world.data.body("humanoid/torso").xpos[2] > before[2] + 0.1
    feet = stage.world.render_poses()[0][0, [11, 14], 2]
    assert (feet > 0.1).all()


def test_pausing_holds_the_spring_too():
    """Nothing piles up that would throw the character when time goes on."""
    stage = Stage()
    hand = stage.world.data.body("humanoid/right_hand")
    stage.grab = Grab(hand.id, np.zeros(3), hand.xpos + [0.0, 0.0, 5.0])
    stage.world.paused = True
    for _ in range(100):
        stage.advance(0.1)
    stage.grab, stage.world.paused = None, False
    stage.advance(0.1)
    assert stage.world.time == pytest.approx(0.1)
    assert np.abs(stage.world.characters[0].state.root_linear_velocity).max() < 0.5


def test_the_display_tells_what_is_wanted_and_had(tiny):
    """Of the chosen character: its controller, its goal."""
    stage = Stage([tiny], 2)
    stage.wish = Wish(1.5, math.pi / 2)
    stage.advance(0.1)
    status = stage.status()
    assert status.controller == "tiny"
    assert "everyone" in status.detail
    speed, heading = status.rows
    assert speed.wanted == "wanted 1.5"
    assert heading.had == "90°"


def test_goals_are_drawn_where_they_are_wanted(tiny):
    """An arrow in the character's colour, a target on the ground, a ring at the height to jump to."""
    from viewer.scenery import _air_marks, _ground_marks, _marker

    marker = _marker(Jump(2.0, 0.5), np.array([3.0, 4.0]), 1, 1.0)[0]
    assert (marker.speed, marker.direction, marker.facing, marker.owner) == (2.0, 0.5, 0.5, 1)
    target = _ground_marks(Location(5.0, 6.0), 0)
    assert all((decal.start == [5.0, 6.0]).all() for decal in target)
    ring = _air_marks(Jump(apex=0.3), np.array([1.0, 2.0, 0.9]))[0]
    np.testing.assert_allclose(ring.position, [1.0, 2.0, 0.8824 + 0.3], atol=0.03)
    assert not _air_marks(Jump(), np.zeros(3))


def test_a_scene_holds_everyone_and_everything(tiny):
    """Characters, their arrows, a ball with its streak, contacts, trails, the mouse's string."""
    stage = Stage([tiny], 2)
    stage.show_trails = stage.show_contacts = True
    stage.wish = Wish(1.0)
    stage.throw(0.0)
    stage.drop_box()
    hand = stage.world.data.body("humanoid/right_hand")
    stage.grab = Grab(hand.id, np.zeros(3), hand.xpos + [0.0, 0.0, 0.3])
    for _ in range(8):
        stage.advance(1 / 30)
    scene = stage.scene()
    assert len(scene.position) == len(scene.markers) == 2
    assert sorted(prop.shape for prop in scene.props if prop.solid) == ["ball", "ball", "box", "box"]
    assert sorted(prop.shape for prop in scene.props if not prop.solid) == ["ball", "box"]  # bead and string
    assert any(decal.ring > 0 for decal in scene.decals)  # where the balls will be
    assert sum(decal.width == 0.022 for decal in scene.decals) >= 8  # soles' corners and trails

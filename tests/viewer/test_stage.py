import math

import numpy as np
import pytest

from runtime import ControllerError, Jump, Location, Prior, Speed, Steering
from runtime.character import DEFAULT_POSE
from tests.tiny import linear, write_controller, write_prior
from viewer import report
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
    assert (stage.switch(1), hero.controller.path.stem) == ("2 other", "other")
    assert (stage.cycle(1), hero.controller.path.stem) == ("1 tiny", "tiny")
    assert (stage.cycle(-1), hero.controller.path.stem) == ("2 other", "other")
    assert stage.switch(2) == "3 is no controller: 1 tiny, 2 other"
    assert hero.controller.path.stem == "other"


def test_controllers_beside_the_loaded_one_that_fit_can_be_switched_to(tmp_path):
    """Those that the same keys steer, by name, after the loaded one; no skill, none that gets up, nothing spoilt."""
    tasks = {"a": "skill", "b": "speed", "c": "jump", "d": "getup", "e": "steering", "f": "dodgeball", "g": "location"}
    files = {name: write_controller(tmp_path / f"{name}.onnx", task=task) for name, task in tasks.items()}
    (tmp_path / "h.onnx").write_bytes(b"spoilt")
    stage = Stage([files["e"]])
    hero = stage.world.characters[0]
    assert stage.switch(4) == "5 is no controller: 1 e, 2 b, 3 c, 4 g"
    assert (stage.switch(1), hero.controller.path) == ("2 b", files["b"])
    stage.wish = Wish(2.0, 0.5)
    stage.advance(0.1)
    assert hero.goal == Speed(2.0, 0.5)
    assert (stage.cycle(1), hero.controller.path) == ("3 c", files["c"])
    assert "3 of 4" in stage.status().detail
    files["g"].write_bytes(b'{"task": "location"} and no more')
    with pytest.raises(ControllerError):
        stage.switch(3)
    assert hero.controller.path == files["c"]


def test_from_a_skill_one_switches_to_another_which_begins_where_it_is(tmp_path):
    """In the state in which its file says that it begins, at the character's place and heading."""
    qpos = [0.0, 0.0, 0.6, 1.0, 0.0, 0.0, 0.0, *DEFAULT_POSE.tolist()]

    def begin_low(metadata):
        metadata["start"] = {"qpos": qpos, "qvel": [0.0] * 34}

    files = [write_controller(tmp_path / f"{name}.onnx", task="skill") for name in ("a", "c")]
    files.append(write_controller(tmp_path / "b.onnx", task="skill", edit_metadata=begin_low))
    write_controller(tmp_path / "d.onnx")
    stage = Stage([files[0]])
    hero = stage.world.characters[0]
    hero.reset((3.0, 4.0), 1.0)
    assert stage.switch(1) == "2 b"
    assert hero.state.root_position == pytest.approx([3.0, 4.0, 0.6], abs=1e-3)
    assert report.yaw_of(hero.state) == pytest.approx(1.0, abs=1e-3)
    assert stage.switch(3) == "4 is no controller: 1 a, 2 b, 3 c"


def test_where_nothing_fits_that_is_told(tiny):
    """A controller alone in its folder."""
    assert Stage([tiny]).cycle(1) == "there is no other controller for the same keys beside tiny.onnx"


@pytest.mark.parametrize("seconds", [1 / 60, 0.1, 0.25])
def test_the_chosen_one_of_many_is_judged_however_rarely_pictures_come(tmp_path, tiny, seconds):
    """By four pictures a second too: ten values a second from 0.3 s on; another choice starts another curve."""
    stage = Stage([tiny], 3)
    stage.judge(Prior.load(write_prior(tmp_path / "prior.onnx")))
    for _ in range(round(1.0 / seconds)):
        stage.advance(seconds)
    assert len(stage.status().naturalness) in (7, 8)
    stage.select(2)
    stage.advance(0.25)
    assert len(stage.status().naturalness) == 0
    for _ in range(round(0.5 / seconds)):
        stage.advance(seconds)
    assert len(stage.status().naturalness) in (5, 6)


def test_each_is_judged_by_the_prior_of_its_own_controller(tmp_path):
    """Of two controllers one names a prior that lies there: whom it moves has a curve, and nobody else."""

    def named(metadata):
        metadata["prior"] = {"name": "own", "sha256": "0" * 64}

    (tmp_path / "priors").mkdir()
    write_prior(tmp_path / "priors" / "own.onnx")
    paths = [write_controller(tmp_path / "a.onnx"), write_controller(tmp_path / "b.onnx", edit_metadata=named)]
    stage = Stage(paths)
    stage.judge()
    told = []
    for index in (0, 1):
        stage.select(index)
        for _ in range(20):
            stage.advance(1 / 30)
        told.append(stage.status().naturalness)
    assert told[0] is None and len(told[1]) > 2
    stage.switch(0)
    stage.advance(0.1)
    assert stage.status().naturalness is None


def test_what_comes_too_late_is_dropped_and_counted():
    """Of 1.5 s a quarter is simulated, as the world does it itself."""
    stage = Stage()
    stage.advance(1.5)
    assert stage.world.time == pytest.approx(0.25)
    assert stage.world.dropped_time == pytest.approx(1.25)


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
    stage.advance(0.2)
    old, before = stage.world.characters[0].controller, stage.world.data.qpos.copy()
    write_controller(tiny, linear(right_shoulder_y=0.9))
    assert stage.reload() == "reloaded 1 file"
    assert stage.world.characters[0].controller.sha256 == stage.loaded[0].sha256 != old.sha256
    assert (stage.world.data.qpos == before).all() and stage.world.time == pytest.approx(0.2)
    now = stage.world.characters[0].controller
    tiny.write_bytes(b"no controller")
    with pytest.raises(ControllerError):
        stage.reload()
    assert stage.world.characters[0].controller is now
    stage.advance(0.2)


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

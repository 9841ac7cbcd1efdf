from pathlib import Path

import numpy as np
import pytest

from runtime import Getup, Jump, Steering
from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE, FEET
from tests.tiny import write_controller
from viewer.input import Wish
from viewer.stage import Stage

EXPORTED = Path(__file__).parent.parent.parent / "exported"
JUMP = EXPORTED / "jump.onnx"


@pytest.fixture
def stage(tmp_path):
    """One character that steers, with a controller that jumps and one that gets up at hand."""
    paths = [write_controller(tmp_path / f"{task}.onnx", task=task) for task in ("steering", "jump", "getup")]
    stage = Stage(paths, 1, get_up=False)
    stage.wish = Wish(1.0, 0.5)
    return stage


def lay_down(stage, index=0):
    """Put a character on its back, or lift one that lies: 0.2 m over the ground."""
    slots, data = stage.world.characters[index].slots, stage.world.data
    data.qpos[slots.qpos + 2 : slots.qpos + 7] = [0.2, np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0]
    stage.world.refresh()


def stand_up(stage, index=0):
    """Put a character on its feet in the default pose, at rest."""
    slots, data = stage.world.characters[index].slots, stage.world.data
    data.qpos[slots.qpos + 2 : slots.qpos + 35] = [DEFAULT_HEIGHT, 1.0, 0.0, 0.0, 0.0, *DEFAULT_POSE]
    data.qvel[slots.dof : slots.dof + 34] = 0.0
    stage.world.refresh()


def go(stage, seconds):
    """Let time pass, control step by control step."""
    for _ in range(round(seconds * 30)):
        stage.advance(1 / 30)


def hero(stage):
    """The character."""
    return stage.world.characters[0]


def test_a_jump_borrows_the_controller_that_can_and_gives_it_back(stage):
    """0.8 s to the apex, 0.7 s after it: then it steers as before, and can jump again."""
    go(stage, 0.2)
    for _ in range(2):
        assert stage.stunts.jump() == ""
        assert hero(stage).controller.task == "jump"
        go(stage, 0.5)
        goal = hero(stage).goal
        assert isinstance(goal, Jump)
        assert (goal.apex, goal.speed, goal.direction) == (0.3, 1.0, 0.5)
        assert goal.countdown == pytest.approx(0.3, abs=0.05)
        go(stage, 1.2)
        assert hero(stage).controller.task == "steering"
        assert hero(stage).goal == Steering(1.0, 0.5)


@pytest.mark.skipif(not JUMP.exists(), reason="no exported/jump.onnx yet")
def test_the_shipped_controller_jumps():
    """From standing: the root rises by more than half of the 30 cm asked for, both feet leave the ground, it lands."""
    stage = Stage([JUMP])
    go(stage, 1.0)
    stage.stunts.jump()
    heights, feet = [], []
    for _ in range(75):
        go(stage, 1 / 30)
        position = stage.world.render_poses()[0][0]
        heights.append(position[0, 2])
        feet.append(position[[BODIES.index(foot) for foot in FEET], 2].min())
    assert max(heights) > DEFAULT_HEIGHT + 0.15
    assert max(feet) > feet[0] + 0.1
    assert not hero(stage).fallen


def test_the_height_to_jump_to_is_drawn_while_it_jumps(stage):
    """A ring around the character, and none before."""
    go(stage, 0.1)
    assert not stage.scene().props
    stage.stunts.jump()
    go(stage, 0.1)
    assert [prop.shape for prop in stage.scene().props] == ["ring"]
    assert stage.status().rows[1].wanted == "wanted 30"


def test_a_controller_that_jumps_jumps_by_itself(tmp_path):
    """Nothing is borrowed, nothing given back; a second command in the air changes nothing."""
    stage = Stage([write_controller(tmp_path / "jump.onnx", task="jump")])
    go(stage, 0.1)
    assert stage.stunts.jump() == ""
    go(stage, 0.4)
    before = hero(stage).goal.countdown
    stage.stunts.jump()
    assert hero(stage).goal.countdown == before
    go(stage, 1.5)
    assert (hero(stage).controller.task, hero(stage).goal.apex) == ("jump", 0.0)


def test_getting_up_is_over_once_it_has_stood_for_a_while(stage):
    """Standing all the time (as here) that is after 0.8 s."""
    assert stage.stunts.get_up() == "getting up"
    go(stage, 0.5)
    assert hero(stage).goal == Getup()
    go(stage, 0.6)
    assert hero(stage).controller.task == "steering"


def test_it_keeps_getting_up_while_it_lies(stage):
    """Laid on its back it lies there until it is told; then it is not given back, however long it takes."""
    lay_down(stage)
    go(stage, 1.0)
    assert hero(stage).controller.task == "steering"
    for _ in range(3):
        assert stage.stunts.get_up() == "getting up"
        go(stage, 1.0)
        assert hero(stage).fallen
        assert hero(stage).controller.task == "getup"


def test_who_has_fallen_gets_up_without_being_told(tmp_path):
    """By the file beside its own; on its feet for 0.8 s it steers again, and again after the next fall."""
    path = write_controller(tmp_path / "steering.onnx")
    write_controller(tmp_path / "getup.onnx", task="getup")
    stage = Stage([path])
    stage.wish = Wish(1.0, 0.5)
    go(stage, 0.2)
    for _ in range(2):
        lay_down(stage)
        go(stage, 0.1)
        assert hero(stage).controller.task == "getup"
        stand_up(stage)
        go(stage, 0.7)
        assert hero(stage).controller.task == "getup"
        go(stage, 0.2)
        assert (hero(stage).controller.task, hero(stage).goal) == ("steering", Steering(1.0, 0.5))


def test_one_of_several_gets_up_and_a_reset_ends_it(tmp_path):
    """The other one goes on; R puts both on their feet, each with its own controller."""
    path = write_controller(tmp_path / "steering.onnx")
    write_controller(tmp_path / "getup.onnx", task="getup")
    stage = Stage([path], 2)
    lay_down(stage, 1)
    go(stage, 0.1)
    assert [character.controller.task for character in stage.world.characters] == ["steering", "getup"]
    stage.select(1)
    assert stage.stunts.jump() == "it gets up first"
    stage.select(0)
    assert stage.stunts.jump() == "no loaded controller can jump: add --controller FILE of the task jump"
    stage.reset()
    go(stage, 0.2)
    assert [character.controller.task for character in stage.world.characters] == ["steering", "steering"]


def test_a_fall_in_a_jump_ends_in_getting_up(tmp_path):
    """Once the borrowed controller has been given back."""
    paths = [write_controller(tmp_path / f"{task}.onnx", task=task) for task in ("steering", "jump", "getup")]
    stage = Stage(paths[:1])
    stage.stunts.jump()
    go(stage, 0.1)
    lay_down(stage)
    go(stage, 1.0)
    assert (hero(stage).controller.task, stage.stunts.get_up()) == ("jump", "it jumps first")
    go(stage, 0.6)
    assert hero(stage).controller.task == "getup"


def test_the_shipped_controller_gets_up():
    """Felled by a push of 180 N·s it is on its feet and steers again within 8 s."""
    stage = Stage([EXPORTED / "steering.onnx"])
    go(stage, 0.5)
    hero(stage).push((0.0, 180.0, 0.0))
    go(stage, 0.5)
    assert (hero(stage).fallen, hero(stage).controller.task) == (True, "getup")
    for _ in range(15):
        go(stage, 0.5)
        if hero(stage).controller.task == "steering":
            break
    assert (hero(stage).fallen, hero(stage).controller.task) == (False, "steering")


def test_a_skill_is_left_lying(tmp_path):
    """Whoever crawls has not fallen: nothing takes over, and C says how to start over."""
    path = write_controller(tmp_path / "crawl.onnx", task="skill")
    write_controller(tmp_path / "getup.onnx", task="getup")
    stage = Stage([path])
    lay_down(stage)
    go(stage, 0.5)
    assert hero(stage).controller.task == "skill"
    assert stage.stunts.get_up() == "crawl does one thing only: R starts over"


def test_a_spoilt_file_for_getting_up_is_told_and_does_not_stop_anybody(tmp_path):
    """At the start, and when C asks for it."""
    path = write_controller(tmp_path / "steering.onnx")
    (tmp_path / "getup.onnx").write_bytes(b"broken")
    stage = Stage([path])
    assert "getup.onnx: not a usable controller" in stage.stunts.trouble
    assert "getup.onnx: not a usable controller" in stage.stunts.get_up()
    write_controller(tmp_path / "getup.onnx", task="getup")
    assert stage.stunts.get_up() == "getting up"


def test_who_is_given_a_controller_by_hand_keeps_it(stage):
    """Switching in the middle of a jump is the user's last word; a reset gives back what was borrowed."""
    stage.stunts.jump()
    go(stage, 0.2)
    stage.switch(2)
    go(stage, 2.0)
    assert hero(stage).controller.task == "getup"
    stage.switch(0)
    stage.stunts.jump()
    stage.reset()
    assert hero(stage).controller.task == "steering"


def test_with_several_each_gets_its_own_back(tmp_path):
    """Two controllers that steer, one that jumps: everyone jumps, then everyone has what it had."""
    paths = [write_controller(tmp_path / f"{name}.onnx") for name in ("a", "b")]
    stage = Stage([*paths, write_controller(tmp_path / "jump.onnx", task="jump")], 2)
    go(stage, 0.1)
    stage.stunts.jump()
    assert [character.controller.path.stem for character in stage.world.characters] == ["jump", "jump"]
    go(stage, 1.8)
    assert [character.controller.path.stem for character in stage.world.characters] == ["a", "b"]


def test_a_controller_beside_the_loaded_one_is_found(tmp_path):
    """Steering alone is loaded; a jump borrows the file jump.onnx of its folder, and Tab does not know of it."""
    paths = [write_controller(tmp_path / f"{task}.onnx", task=task) for task in ("steering", "jump")]
    stage = Stage(paths[:1], 1)
    assert stage.stunts.jump() == ""
    assert hero(stage).controller.path == paths[1] and len(stage.loaded) == 1
    go(stage, 1.7)
    assert hero(stage).controller.path == paths[0]
    assert "no loaded controller can get up" in stage.stunts.get_up()
    (tmp_path / "getup.onnx").write_bytes(b"broken")
    assert "getup.onnx: not a usable controller" in stage.stunts.get_up()

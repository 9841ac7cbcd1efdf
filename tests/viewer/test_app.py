"""Keys, mouse, sticks and time through the whole viewer, without a window: a NullScreen takes the pictures."""

import math

import numpy as np
import pytest
from PIL import Image

from runtime import Motion, Steering, save_motion
from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE
from tests.tiny import linear, write_controller
from viewer import film
from viewer.actions import COMMANDS, HELD, PLAYBACK
from viewer.app import App
from viewer.camera import Camera
from viewer.live import Live
from viewer.null import NullScreen
from viewer.player import Player
from viewer.stage import Stage


@pytest.fixture
def tiny(tmp_path):
    """A controller that stands and lifts its right arm with the speed along x."""
    return write_controller(tmp_path / "tiny.onnx", linear(right_shoulder_y=0.5))


def live(folder, *controllers, count=None, camera=None, get_up=True) -> App:
    """An app on a stage with these controllers."""
    stage = Stage(controllers, count, get_up)
    return App(Live(stage, folder), camera or Camera(yaw=0.5), NullScreen(640, 360), folder)


def clip(path, seconds=2.0, rate=30.0, **changes):
    """A motion file: the default pose moving along x at 1 m/s."""
    count = round(seconds * rate) + 1
    place = np.zeros((count, 3))
    place[:, 0], place[:, 2] = np.arange(count) / rate, DEFAULT_HEIGHT
    turn = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    motion = Motion(**({"rate": rate, "root_position": place, "root_rotation": turn,
                        "joint_position": np.tile(DEFAULT_POSE, (count, 1))} | changes))  # fmt: skip
    save_motion(path, motion)
    return path


def go(app, seconds, fps=30):
    """Let real time pass, picture by picture."""
    for _ in range(round(seconds * fps)):
        app.update(1.0 / fps)
        app.draw()


def goal(app, index=0):
    """What a character is asked to do."""
    return app.mode.stage.world.characters[index].goal


def test_keys_steer_pause_reset_and_quit(tmp_path, tiny):
    """W walks away from the camera, shift runs, letting go stops, P holds time, R sets it to zero, Esc closes."""
    app = live(tmp_path, tiny)
    app.press("W")
    go(app, 0.2)
    assert goal(app) == Steering(1.3, 0.5)
    app.press("LSHIFT")
    go(app, 0.1)
    assert goal(app) == Steering(3.0, 0.5)
    app.release("W")
    go(app, 0.1)
    assert goal(app) == Steering(0.0, 0.5)
    app.press("P")
    before = app.mode.time
    go(app, 0.5)
    assert app.mode.time == before == pytest.approx(0.4)
    assert "paused" in app.screen.page.texts
    app.press("PERIOD")
    assert app.mode.time == pytest.approx(before + 1 / 30)
    app.press("P")
    app.press("R")
    assert app.mode.time == 0.0
    app.press("ESCAPE")
    assert app.closed


def test_losing_the_keyboard_lets_go_of_everything(tmp_path, tiny):
    """Releases go to another window then."""
    app = live(tmp_path, tiny)
    app.press("W")
    app.let_go()
    go(app, 0.1)
    assert goal(app).speed == 0.0


@pytest.mark.parametrize("playback", [False, True])
def test_every_key_does_something_and_none_breaks_a_picture(tmp_path, tiny, playback):
    """All that the help tells of, twice in a row, live and in a recording."""
    if playback:
        app = App(Player(film.load(clip(tmp_path / "a.motion")), tmp_path), Camera(), NullScreen(), tmp_path)
        keys = [key for binding in PLAYBACK for key in binding.keys if binding.action != "quit"]
    else:
        app = live(tmp_path, tiny, tiny)
        keys = [key for binding in HELD + COMMANDS for key in binding.keys if binding.action != "quit"]
    for key in keys:
        for _ in range(2):
            app.press(key)
            app.update(0.02)
            app.draw()
            app.release(key)
    assert app.screen.frames == 2 * len(keys)
    assert not app.closed


def test_time_runs_slower_and_faster_and_that_is_told(tmp_path):
    """Half of it after one press, a quarter after two, and no more than four times."""
    app = live(tmp_path)
    app.press("MINUS")
    go(app, 2.0)
    assert app.mode.time == pytest.approx(1.0, abs=0.02)
    assert "real time ×0.50 of ×0.5" in app.screen.page.texts
    for _ in range(9):
        app.press("EQUAL")
    assert app.mode.time_scale == 4.0
    for _ in range(9):
        app.press("MINUS")
    assert app.mode.time_scale == 0.1


def test_real_time_is_what_was_simulated_of_it(tmp_path):
    """Where every picture comes 0.5 s late, half of the time is dropped, and the display says so."""
    app = live(tmp_path)
    for _ in range(10):
        app.update(0.5)
    assert app.status().real_time_factor == pytest.approx(0.5, abs=0.01)


def test_what_a_picture_costs_is_told(tmp_path):
    """By the clock, which here goes on by 4 ms at every look."""
    ticks = iter(np.arange(0.0, 10.0, 0.004))
    app = App(Live(Stage(), tmp_path), Camera(), NullScreen(), tmp_path, clock=lambda: float(next(ticks)))
    go(app, 0.2)
    app.draw()
    assert "picture 4.0 ms" in app.screen.page.texts
    assert any(text.startswith("physics ") for text in app.screen.page.texts)
    assert any(text.startswith("networks ") for text in app.screen.page.texts)


def test_numbers_and_tab_switch_the_controller(tmp_path, tiny):
    """To the second, back by Tab; one that is not there is told."""
    other = write_controller(tmp_path / "other.onnx", linear(left_shoulder_y=0.5))
    app = live(tmp_path, tiny, other, count=1)
    hero = app.mode.stage.world.characters[0]
    app.press("_2")
    go(app, 0.1)
    assert hero.controller.path.stem == "other"
    assert "other" in app.screen.page.texts
    app.press("TAB")
    assert hero.controller.path.stem == "tiny"
    app.press("_7")
    go(app, 0.1)
    assert "7 is no controller: 1 tiny, 2 other" in " ".join(app.screen.page.texts)
    assert hero.controller.path.stem == "tiny"


def test_who_has_fallen_is_told_what_helps(tmp_path, tiny):
    """C, where a controller for it is at hand and nothing is automatic; while it gets up, that; else only R."""
    write_controller(tmp_path / "getup.onnx", task="getup")
    app = live(tmp_path, tiny, get_up=False)
    lay_down(app)
    go(app, 0.2)
    assert "fallen: C gets up, R starts over" in app.screen.page.texts
    app.press("C")
    app.draw()
    assert "getting up" in app.screen.page.texts
    go(app, 3.0)
    assert "getting up" in app.screen.page.texts
    app = live(tmp_path, tiny)
    lay_down(app)
    go(app, 0.2)
    assert "getting up" in app.screen.page.texts
    (tmp_path / "getup.onnx").unlink()
    app = live(tmp_path, tiny)
    lay_down(app)
    go(app, 0.2)
    assert "fallen: R starts over" in app.screen.page.texts


def test_a_skill_is_not_told_that_it_fell(tmp_path):
    """Who crawls lies by trade: neither the event nor the state is told."""
    app = live(tmp_path, write_controller(tmp_path / "crawl.onnx", task="skill"))
    lay_down(app)
    for _ in range(30):
        go(app, 0.1)
        assert not any("fallen" in text for text in app.screen.page.texts)
    assert app.mode.stage.world.characters[0].fallen


def lay_down(app):
    """Put the character on its back."""
    world = app.mode.stage.world
    start = world.characters[0].slots.qpos
    world.data.qpos[start + 2 : start + 7] = [0.2, np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0]
    world.refresh()


def test_help_has_a_page_for_the_keys_and_one_for_the_gamepad(tmp_path, tiny):
    """F1 leafs through them and closes the last; a notice is told beside either."""
    app = live(tmp_path, tiny)
    app.press("F1")
    app.press("_7")
    app.draw()
    assert {"F11", "full screen, and back", "7 is no controller: 1 tiny"} <= set(app.screen.page.texts)
    app.press("F1")
    app.draw()
    assert {"left stick", "right bumper", "the next controller"} <= set(app.screen.page.texts)
    assert "F11" not in app.screen.page.texts
    app.press("F1")
    app.draw()
    assert not {"left stick", "F11"} & set(app.screen.page.texts)


@pytest.mark.parametrize("distance", [1.2, 1.8, 3.0])
@pytest.mark.parametrize("pitch", [2.0, 30.0])
def test_zooming_in_does_not_cut_off_the_head(tmp_path, distance, pitch):
    """The top of the skull, 1.63 m up, is under the picture's upper edge and above its middle."""
    app = live(tmp_path, camera=Camera(pitch=math.radians(pitch)))
    go(app, 0.5)
    app.camera.distance = distance
    go(app, 0.1)
    root = app.mode.stage.world.render_poses()[0][0, 0]
    clip_space = app.camera.view_projection(640 / 360) @ [root[0], root[1], 1.63, 1.0]
    assert 0.0 < clip_space[1] / clip_space[3] < 0.95


def test_f_throws_a_ball_that_is_seen_and_told_of(tmp_path):
    """It comes from the side of the camera, and when it hits the display tells what it gave."""
    app = live(tmp_path, camera=Camera(yaw=0.0))
    app.press("F")
    assert app.mode.stage.world.props[0].state[0][0] < -3.0
    go(app, 0.2)
    assert [prop.shape for prop in app.screen.scene.props] == ["ball"]
    go(app, 0.7)
    assert any(text.startswith("ball hits the ") for text in app.screen.page.texts)


def test_g_drops_a_box(tmp_path):
    """Above the character, and it comes down."""
    app = live(tmp_path)
    app.press("G")
    go(app, 0.1)
    box = app.screen.scene.props[0]
    assert (box.shape, box.position[2] > 2.0) == ("box", True)
    go(app, 1.5)
    assert app.screen.scene.props[0].position[2] < 1.0


def test_without_a_controller_for_it_space_and_c_say_so(tmp_path, tiny):
    """And nothing else happens."""
    app = live(tmp_path, tiny)
    for key, word in (("SPACE", "jump"), ("C", "get up")):
        app.press(key)
        go(app, 0.1)
        assert f"no loaded controller can {word}: add" in " ".join(app.screen.page.texts)
    assert goal(app).task == "steering"


def test_dragging_beside_the_character_turns_the_view(tmp_path):
    """100 pixels to the right turn by 0.6 rad; the wheel comes nearer."""
    app = live(tmp_path)
    app.mouse_press(20.0, 330.0, orbit=False)
    app.mouse_drag(120.0, 330.0, 100.0, 0.0)
    app.mouse_release()
    assert app.camera.yaw == pytest.approx(0.5 - 0.6)
    app.scroll(1.0)
    assert app.camera.distance == pytest.approx(3.9 * 0.88)


def test_dragging_the_character_pulls_it_and_the_other_button_turns_the_view(tmp_path):
    """The pelvis is in the middle of the picture; pulled up by 100 pixels it rises, let go it is free."""
    app = live(tmp_path, camera=Camera(yaw=0.5, pitch=math.radians(5)))
    app.mouse_press(320.0, 185.0, orbit=False)
    grab = app.mode.stage.grab
    assert grab is not None
    before = grab.target.copy()
    app.mouse_drag(320.0, 285.0, 0.0, 100.0)
    assert app.camera.yaw == 0.5
    assert grab.target[2] > before[2] + 0.3
    go(app, 0.5)
    assert app.mode.stage.world.render_poses()[0][0, 0, 2] > DEFAULT_HEIGHT + 0.05
    assert sum(not prop.solid for prop in app.screen.scene.props) == 2
    app.mouse_release()
    assert app.mode.stage.grab is None
    app.mouse_press(320.0, 185.0, orbit=True)
    assert app.mode.stage.grab is None


def test_a_click_chooses_whom_to_steer(tmp_path, tiny):
    """The right one of two; 0 steers both again."""
    app = live(tmp_path, tiny, tiny, camera=Camera(yaw=0.0, distance=6.0))
    place = app.mode.stage.world.render_poses()[0][1, 0]
    clip_space = app.camera.view_projection(640 / 360) @ [*place, 1.0]
    x, y = (0.5 + 0.5 * clip_space[:2] / clip_space[3]) * [640, 360]
    app.mouse_press(x, y, orbit=False)
    app.mouse_release()
    assert app.mode.stage.selected == 1
    app.press("W")
    go(app, 0.1)
    assert (goal(app, 0).speed, goal(app, 1).speed) == (0.0, 1.3)
    app.press("_0")
    go(app, 0.1)
    assert (goal(app, 0).speed, goal(app, 1).speed) == (1.3, 1.3)


def test_a_click_on_the_ground_is_where_to_go(tmp_path):
    """For a controller of the task location; dragging over the ground is none, and the target is drawn there."""
    path = write_controller(tmp_path / "go.onnx", task="location")
    app = live(tmp_path, path, camera=Camera(yaw=0.0, pitch=0.5, distance=6.0))
    go(app, 0.1)
    before = goal(app)
    app.mouse_press(100.0, 100.0, orbit=False)
    app.mouse_drag(160.0, 100.0, 60.0, 0.0)
    app.mouse_release()
    go(app, 0.1)
    assert math.dist((goal(app).x, goal(app).y), (before.x, before.y)) < 0.1
    ray = app.camera.ray(0.3, 0.3, 640 / 360)
    place = app.camera.eye - ray * app.camera.eye[2] / ray[2]
    app.mouse_press(0.3 * 640, 0.3 * 360, orbit=False)
    app.mouse_release()
    go(app, 0.1)
    assert (goal(app).x, goal(app).y) == pytest.approx(tuple(place[:2]), abs=1e-4)
    assert any(decal.ring and decal.start == pytest.approx(place[:2], abs=1e-4) for decal in app.screen.scene.decals)


def test_the_right_stick_turns_the_camera_and_the_left_one_steers(tmp_path, tiny):
    """For half a second, pushed to the right: 1.25 rad to the right."""
    app = live(tmp_path, tiny)
    app.drive.pad.right = (1.0, 0.0)
    go(app, 0.5)
    assert app.camera.yaw == pytest.approx(0.5 - 1.25)
    app.drive.pad.right, app.drive.pad.left = (0.0, 0.0), (0.0, 1.0)
    go(app, 0.1)
    assert goal(app) == Steering(3.0, app.camera.yaw)


def test_f12_saves_the_picture(tmp_path):
    """As it was drawn, under the next free name."""
    app = live(tmp_path / "out")
    go(app, 0.1)
    app.press("F12")
    app.press("F12")
    assert np.asarray(Image.open(tmp_path / "out" / "viewer-002.png")).shape == (360, 640, 3)
    go(app, 0.1)
    assert any("viewer-002.png" in text for text in app.screen.page.texts)


def test_where_nothing_can_be_written_that_is_told(tmp_path):
    """A file where the folder should be."""
    (tmp_path / "out").touch()
    app = live(tmp_path / "out")
    go(app, 0.1)
    for key in ("F12", "V"):
        app.press(key)
        go(app, 0.1)
        assert any(text.startswith(("no picture saved", "nothing is recorded")) for text in app.screen.page.texts)


def test_v_records_and_the_recording_plays(tmp_path, tiny):
    """A second of standing, read back as the same poses."""
    app = live(tmp_path, tiny)
    app.press("V")
    go(app, 1.0)
    assert any(text.startswith("recording to") for text in app.screen.page.texts)
    app.press("V")
    shown = film.load(tmp_path / "recording-001.rec")
    assert list(shown.motions) == ["humanoid"]
    assert shown.duration == pytest.approx(1.0, abs=0.1)
    player = App(Player(shown, tmp_path), Camera(), NullScreen(), tmp_path)
    go(player, 0.5)
    assert player.screen.scene.position[0, 0, 2] == pytest.approx(DEFAULT_HEIGHT, abs=0.05)


def test_a_closed_app_finishes_its_recording(tmp_path):
    """The file is whole."""
    app = live(tmp_path)
    app.press("V")
    go(app, 0.5)
    app.close()
    assert film.load(tmp_path / "recording-001.rec").duration > 0.3


def test_a_recording_plays_and_is_scrubbed(tmp_path):
    """At its own speed; scrubbing by key and along the bar, by frame, back to the start; it ends on its last frame."""
    app = App(Player(film.load(clip(tmp_path / "a.motion")), tmp_path), Camera(), NullScreen(1000, 500), tmp_path)
    go(app, 1.0)
    assert app.mode.position == pytest.approx(1.0)
    assert app.screen.scene.position[0, 0, 0] == pytest.approx(1.0)
    app.press("LEFT")
    go(app, 0.3)
    app.release("LEFT")
    assert app.mode.position == pytest.approx(0.4)
    app.mouse_press(500.0, 20.0, orbit=False)
    app.mouse_drag(735.0, 20.0, 235.0, 0.0)
    app.mouse_release()
    assert app.mode.position == pytest.approx(1.5)
    app.press("COMMA")
    assert app.mode.position == pytest.approx(44 / 30)
    assert app.mode.paused
    app.press("P")
    go(app, 5.0)
    assert app.mode.position == 2.0
    app.press("R")
    assert app.mode.position == 0.0


def test_a_loop_starts_again(tmp_path):
    """1.5 of its 1 s is half a second in."""
    app = App(Player(film.load(clip(tmp_path / "a.motion", 1.0, loop=True))), Camera(), NullScreen(), tmp_path)
    go(app, 1.5)
    assert app.mode.position == pytest.approx(0.5, abs=1e-6)

import math

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from runtime.character import JOINT_NAMES
from tests.tiny import linear, write_controller
from viewer import headless, strip
from viewer.__main__ import main
from viewer.camera import Camera
from viewer.live import Live
from viewer.script import parse
from viewer.stage import Stage


def frames(path):
    """The frames of a video, [T, H, W, 3], and its facts."""
    reader = imageio_ffmpeg.read_frames(str(path))
    facts = next(reader)
    width, height = facts["size"]
    return np.array([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]), facts


def test_the_command_writes_a_video_and_a_strip(gl_window, tmp_path, capsys):
    """One second at 10 frames of 320x180, four poses; the character is in the middle of frame and tiles."""
    movie, film = tmp_path / "out.mp4", tmp_path / "strip.png"
    still = str(write_controller(tmp_path / "still.onnx"))
    arguments = ["--headless", "--seconds", "1", "--goals", "0:speed=1.5,dir=0;0.5:speed=1,dir=90", "--fps", "10"]
    arguments += ["--controller", still]
    arguments += ["--size", "320x180", "--video", str(movie), "--strip", str(film), "--strip-poses", "4"]
    assert main(arguments) == 0
    shown, facts = frames(movie)
    assert (len(shown), facts["size"], facts["fps"]) == (10, (320, 180), 10.0)
    bright = shown[-1][50:120, 100:220].min(axis=2) > 205
    assert bright.sum() > 150
    assert abs(np.flatnonzero(bright.any(axis=0)).mean() + 100 - 160) < 12
    tiles = np.asarray(Image.open(film))
    width, height = strip.TILE
    assert tiles.shape == (height, 4 * width + 3 * 4, 3)
    for tile in range(4):
        column = tiles[40:320, tile * (width + 4) :][:, :width].min(axis=2) > 205
        assert abs(np.flatnonzero(column.any(axis=0)).mean() - width / 2) < 40
    said = capsys.readouterr().out
    assert "10 frames" in said
    assert "4 poses from 0 to 1 s" in said


def test_the_same_command_gives_the_same_picture(gl_window, tmp_path):
    """Bit for bit: nothing in it depends on how long drawing took."""
    lively = str(write_controller(tmp_path / "lively.onnx", linear(right_shoulder_y=0.4, abdomen_y=0.1)))
    films = [tmp_path / "a.png", tmp_path / "b.png"]
    for film in films:
        video = ["--video", str(tmp_path / "v.mp4"), "--size", "160x90"] if film == films[1] else []
        arguments = ["--controller", lively, "--headless", "--seconds", "0.7", "--strip", str(film), *video]
        assert main([*arguments, "--goals", "0:speed=1;0.35:speed=3"]) == 0
    assert films[0].read_bytes() == films[1].read_bytes()  # the video's frames did not disturb the strip either


def job(**changes) -> headless.Job:
    """A second at 10 frames, without files being written."""
    settings = {"seconds": 1.0, "script": parse("0:speed=0"), "camera": Camera(), "fps": 10, "video": "unused"}
    return headless.Job(**(settings | changes))


def test_frames_poses_and_goals_come_in_the_order_of_their_times():
    """Frames at 0, .1, ... .9 s; poses at .25 and 1 s; the goal of .55 s is there from the frame at .6 s on."""
    mode, seen = Live(Stage()), []
    stage = mode.stage
    headless.play(
        mode, job(script=parse("0:speed=0;0.55:speed=2"), strip_times=(0.25, 1.0)),
        on_frame=lambda: seen.append(("frame", round(stage.world.time, 3), stage.wish.speed)),
        on_pose=lambda: seen.append(("pose", round(stage.world.time, 3), stage.wish.speed)),
    )  # fmt: skip
    expected = [("frame", pytest.approx(k / 10, abs=1 / 120), 2.0 if k >= 6 else 0.0) for k in range(10)]
    expected.insert(3, ("pose", 0.25, 0.0))
    assert seen == [*expected, ("pose", 1.0, 2.0)]


def test_a_goal_reaches_the_controller_at_its_control_step(tmp_path):
    """Asked for at 0.5 s, the joint target moves with the control step at 0.5 s: not yet at it, but one frame later."""
    path = write_controller(tmp_path / "c.onnx", linear(right_shoulder_y=0.5))
    mode, targets = Live(Stage([path])), {}
    world = mode.stage.world
    column = JOINT_NAMES.index("right_shoulder_y")
    script = parse("0:speed=0;0.5:speed=1,dir=0")
    headless.play(
        mode, job(script=script, fps=30),
        on_frame=lambda: targets.setdefault(round(world.time * 30), world.characters[0].joint_target[column]),
        on_pose=lambda: None,
    )  # fmt: skip
    assert targets[15] == pytest.approx(0.0)
    assert targets[16] == pytest.approx(0.5)


def test_the_camera_of_the_strip_sees_travel_from_left_to_right():
    """Travel along x is seen by looking along +y, along y by looking along -x; standing, the heading decides."""
    path = np.array([[0.0, 0.0, 0.9], [1.0, 0.0, 0.9]])
    assert strip.side_yaw(path, 1.0) == pytest.approx(math.pi / 2)
    assert strip.side_yaw(path[:, [1, 0, 2]], 1.0) == pytest.approx(math.pi)
    assert strip.side_yaw(0.1 * path, 1.0) == pytest.approx(1.0 + math.pi / 2)
    right = np.cross(Camera(yaw=math.pi / 2, pitch=0.1).forward, [0, 0, 1])
    assert right[0] > 0.9

"""The real window, on an X server of its own: each test runs a script in a fresh process under Xvfb."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed (Debian: xvfb)")

DRIVER = """
import json, math, sys
import numpy as np
import pyglet
from pyglet.window import key
from viewer import window
from viewer.camera import Camera
from viewer.stage import Stage

seen, actions = {}, []
stage, camera = Stage(None), Camera(yaw=0.5)

class Window(window.ViewerWindow):
    # acts as told, in seconds since it opened

    def __init__(self, *arguments):
        super().__init__(*arguments)
        pyglet.clock.tick()
        for seconds, action in actions:
            pyglet.clock.schedule_once(lambda elapsed, action=action: action(self), seconds)

window.ViewerWindow = Window

def at(seconds, action):
    actions.append((seconds, action))

def run():
    window.run(stage, camera, (640, 360))
    seen["time"] = stage.world.time
    print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def display():
    """An X server with a screen of 1280 x 800 and nobody else on it."""
    with contextlib.ExitStack() as stack:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
        server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
        stack.callback(lambda: (server.terminate(), server.wait()))
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"


def play(display: str, script: str) -> dict:
    """Run DRIVER and a script that schedules actions and then calls run(); returns what it noted in `seen`."""
    command = [sys.executable, "-c", DRIVER + script]
    environment = os.environ | {"DISPLAY": display}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_keys_steer_pause_reset_and_quit(display):
    """W walks away from the camera, shift runs, letting go stops, P holds time, R sets it to zero, Esc closes."""
    seen = play(display, """
goal = lambda: [stage.goal.speed, stage.goal.direction]
press = lambda symbol: lambda window: window.dispatch_event("on_key_press", symbol, 0)
release = lambda symbol: lambda window: window.dispatch_event("on_key_release", symbol, 0)
note = lambda name, value: lambda window: seen.update({name: value()})
at(0.5, press(key.W)); at(0.8, note("walk", goal))
at(0.9, press(key.LSHIFT)); at(1.2, note("run", goal))
at(1.3, release(key.W)); at(1.6, note("stop", goal))
at(1.7, press(key.P)); at(1.9, note("paused", lambda: stage.world.time))
at(2.3, note("still_paused", lambda: stage.world.time)); at(2.4, press(key.P))
at(2.9, note("before_reset", lambda: stage.world.time)); at(3.0, press(key.R)); at(3.2, press(key.ESCAPE))
run()
""")  # fmt: skip
    assert seen["walk"] == [1.3, 0.5]
    assert seen["run"] == [3.0, 0.5]
    assert seen["stop"] == [0.0, 0.5]
    assert seen["paused"] == seen["still_paused"] > 0.5
    assert seen["before_reset"] > seen["paused"]
    assert 0.0 < seen["time"] < 0.8


def test_the_picture_fills_the_window_after_resizing_and_the_mouse_moves_the_camera(display):
    """640 x 360 becomes 800 x 500; a drag of 100 pixels to the right turns by 0.6 rad, a notch comes 12 % nearer."""
    seen = play(display, """
def look(window):
    image = window._renderer.target.read().astype(int)
    seen.setdefault("sizes", []).append([image.shape[1], image.shape[0]])
    seen.setdefault("spread", []).append(int(np.ptp(image[:, 20])))
    seen.setdefault("camera", []).append([camera.yaw, camera.distance])
at(0.5, look)
at(0.6, lambda window: window.set_size(800, 500))
at(0.8, lambda window: window.dispatch_event("on_mouse_drag", 0, 0, 100, 0, 1, 0))
at(0.9, lambda window: window.dispatch_event("on_mouse_scroll", 0, 0, 0, 1))
at(1.4, look); at(1.5, lambda window: window.close())
run()
""")  # fmt: skip
    assert seen["sizes"] == [[640, 360], [800, 500]]
    assert min(seen["spread"]) > 40  # sky above, ground below
    (yaw, distance), (turned, nearer) = seen["camera"]
    assert turned == pytest.approx(yaw - 0.6)
    assert nearer == pytest.approx(0.88 * distance)


def test_a_stall_is_not_made_up_for(display):
    """The program hangs for 1.5 s: the world drops more than a second of it instead of racing after it."""
    seen = play(display, """
import time
def stall(window):
    seen["before"] = stage.world.dropped_time
    time.sleep(1.5)
at(0.5, stall)
at(1.0, lambda window: seen.update(after=stage.world.dropped_time)); at(1.2, lambda window: window.close())
run()
""")  # fmt: skip
    assert 1.0 < seen["after"] - seen["before"] < 1.5


def test_a_real_key_reaches_the_character(display):
    """Through the X server: xdotool holds D, and the character is to go to the camera's right."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (Debian: xdotool)")
    seen = play(display, """
import subprocess
xdotool = lambda *words: subprocess.run(["xdotool", *words], check=True)
at(0.6, lambda window: (window.activate(), xdotool("mousemove", "200", "200")))
at(0.8, lambda window: xdotool("keydown", "d"))
at(1.4, lambda window: seen.update(goal=[stage.goal.speed, stage.goal.direction]))
at(1.5, lambda window: xdotool("keyup", "d"))
at(1.8, lambda window: seen.update(end=stage.goal.speed))
at(1.9, lambda window: xdotool("key", "Escape"))
at(6.0, lambda window: window.close())
run()
""")  # fmt: skip
    assert seen["goal"] == [1.3, pytest.approx(0.5 - 1.5707963)]
    assert seen["end"] == 0.0
    assert seen["time"] < 5.0

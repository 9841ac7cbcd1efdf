"""The real window, on an X server of its own: each test runs a script in a fresh process under Xvfb."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import linear, write_controller

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed (Debian: xvfb)")
needs_xdotool = pytest.mark.skipif(shutil.which("xdotool") is None, reason="xdotool is not installed (Debian: xdotool)")

DRIVER = """
import json, math, subprocess, sys, time
from pathlib import Path
import numpy as np
import pyglet
from runtime.character import DEFAULT_HEIGHT
from pyglet.window import key
from viewer import window
from viewer.camera import Camera
from viewer.live import Live
from viewer.stage import Stage

FOLDER, CONTROLLERS = Path(sys.argv[1]), sys.argv[2:]
seen, actions, steps = {}, [], []
stage, camera = Stage(CONTROLLERS, 1), Camera(yaw=0.5)
world, hero = stage.world, stage.world.characters[0]

class Window(window.ViewerWindow):
    # acts as told: in seconds since it opened, or as soon as the step before has come true

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.app.folder = FOLDER
        pyglet.clock.tick()
        self.started = time.monotonic()
        for seconds, action in actions:
            pyglet.clock.schedule_once(lambda elapsed, action=action: action(self), seconds)
        pyglet.clock.schedule_interval(self.go_on, 0.05)
        pyglet.clock.schedule_once(lambda elapsed: self.close(), 240.0)  # whatever happens

    def go_on(self, elapsed):
        if steps and steps[0][0](self):
            steps.pop(0)[1](self)

window.ViewerWindow = Window

def at(seconds, action):
    actions.append((seconds, action))

def when(condition, action):
    steps.append((condition, action))

def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)

def run():
    window.run(Live(stage, FOLDER), camera, (640, 360))
    seen["time"] = world.time
    seen["steps_left"] = len(steps)
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


def play(display: str, folder: Path, script: str, *controllers: Path) -> dict:
    """Run DRIVER and a script that schedules actions and then calls run(); returns what it noted in `seen`."""
    command = [sys.executable, "-c", DRIVER + script, str(folder), *map(str, controllers)]
    environment = os.environ | {"DISPLAY": display}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    assert seen["steps_left"] == 0, seen
    return seen


def test_the_picture_fills_the_window_after_resizing_and_the_mouse_moves_the_camera(display, tmp_path):
    """640 x 360 becomes 800 x 500; a drag of 100 pixels to the right turns by 0.6 rad, a notch comes 12 % nearer."""
    seen = play(display, tmp_path, """
def look(window):
    image = window.app.screen.read().astype(int)
    seen.setdefault("sizes", []).append([image.shape[1], image.shape[0]])
    seen.setdefault("spread", []).append(int(np.ptp(image[:, 20])))
    seen.setdefault("camera", []).append([camera.yaw, camera.distance])
    seen["frames"] = window.app.frames
def drawn(window, width):
    return window.app.screen.width == width and window.app.frames > seen.get("frames", 0) + 2
when(lambda window: drawn(window, 640), lambda window: (look(window), window.set_size(800, 500)))
when(lambda window: window.app.screen.width == 800, lambda window: seen.update(frames=window.app.frames))
when(lambda window: drawn(window, 800), lambda window: window.dispatch_event("on_mouse_drag", 0, 0, 100, 0, 1, 0))
when(lambda window: True, lambda window: window.dispatch_event("on_mouse_scroll", 0, 0, 0, 1))
when(lambda window: True, lambda window: (look(window), window.close()))
run()
""")  # fmt: skip
    assert seen["sizes"] == [[640, 360], [800, 500]]
    assert min(seen["spread"]) > 40  # sky above, ground below
    (yaw, distance), (turned, nearer) = seen["camera"]
    assert turned == pytest.approx(yaw - 0.6)
    assert nearer == pytest.approx(0.88 * distance)


def test_f11_fills_the_screen_and_gives_it_back(display, tmp_path):
    """The screen of 1280 x 800 and the picture in it, then the window of 640 x 360 again."""
    seen = play(display, tmp_path, """
def press(window):
    window.dispatch_event("on_key_press", key.F11, 0)
    seen["frames"] = window.app.frames
def look(window):
    image = window.app.screen.read().astype(int)
    seen.setdefault("sizes", []).append([*window.get_size(), image.shape[1], image.shape[0], int(np.ptp(image[:, 20]))])
def drawn(window):
    return window.app.frames > seen.get("frames", 0) + 2
when(drawn, press)
when(drawn, lambda window: (look(window), press(window)))
when(drawn, lambda window: (look(window), window.close()))
run()
""")  # fmt: skip
    full, back = seen["sizes"]
    assert full[:4] == [1280, 800, 1280, 800]
    assert back[:4] == [640, 360, 640, 360]
    assert min(full[4], back[4]) > 40  # sky above, ground below


def test_a_stall_is_not_made_up_for(display, tmp_path):
    """The program hangs for 1.5 s: the world drops more than a second of it instead of racing after it."""
    seen = play(display, tmp_path, """
def stall(window):
    seen["before"] = [world.time, world.dropped_time]
    time.sleep(1.5)
def look(window):
    seen["after"] = [world.time, world.dropped_time]
    window.close()
when(lambda window: world.time > 0.3, stall)
when(lambda window: world.dropped_time > seen["before"][1] + 1.0, look)
run()
""")  # fmt: skip
    assert seen["after"][0] - seen["before"][0] < 1.0  # a picture or two, each of 0.25 s at most


@needs_xdotool
def test_real_keys_walk_switch_throw_and_quit(display, tmp_path):
    """Through the X server, with shipped controllers: W walks away from the camera, 2 switches, F throws, Esc quits.

    Space borrows the controller that jumps, by half of the 30 cm that are asked for at least, and gives it back.
    The ball knocks the character or is dodged: it comes as near as the character's own width, or is told to have hit.
    """
    other = write_controller(tmp_path / "other.onnx", linear())
    seen = play(display, tmp_path, """
def away():
    return float(hero.state.root_position[:2] @ camera.forward[:2]) / math.cos(camera.pitch)

def shot(name):
    def save(window):
        from viewer.images import write_png
        write_png(FOLDER / name, window.app.screen.read())
    return save

def near():
    return min([np.linalg.norm(p.state[0] - hero.state.body_position, axis=1).min() for p in world.props] or [9.0])

def landed(window):
    seen["rise"] = max(seen.get("rise", 0.0), float(hero.state.root_position[2]) - DEFAULT_HEIGHT)
    return hero.controller.path.stem == "steering"

def watch(window):
    seen["nearest"] = min(seen.get("nearest", 9.0), float(near()))
    seen["hit"] = seen.get("hit", False) or " hits the " in window.app.status().notice
    return seen["hit"] or world.time > seen["thrown"] + 2.0

when(lambda window: world.time > 0.5, lambda window: (window.activate(), xdotool("mousemove", 200, 200)))
when(lambda window: True, lambda window: xdotool("keydown", "w"))
when(lambda window: away() > 1.0, lambda window: (seen.update(goal=[hero.goal.speed, hero.goal.direction]),
                                                  shot("walking.png")(window), xdotool("keyup", "w")))
when(lambda window: hero.goal.speed == 0.0, lambda window: xdotool("key", "2"))
when(lambda window: hero.controller.path.stem == "other", lambda window: xdotool("key", "1"))
when(lambda window: hero.controller.path.stem == "steering", lambda window: xdotool("key", "space"))
when(lambda window: hero.controller.task == "jump", lambda window: seen.update(apex=hero.goal.apex))
when(landed, lambda window: xdotool("key", "r"))
when(lambda window: world.time < 1.0, lambda window: xdotool("key", "f"))
when(lambda window: len(world.props) == 1, lambda window: seen.update(thrown=world.time))
when(watch, lambda window: xdotool("key", "F12"))
when(lambda window: (FOLDER / "viewer-001.png").exists(), lambda window: xdotool("key", "Escape"))
run()
""", ROOT / "exported" / "steering.onnx", other, ROOT / "exported" / "jump.onnx")  # fmt: skip
    assert seen["goal"] == [1.3, pytest.approx(0.5)]
    assert seen["apex"] == 0.3 and seen["rise"] > 0.15
    assert seen["hit"] or seen["nearest"] < 0.8
    check_picture(tmp_path / "walking.png")


def check_picture(path: Path) -> None:
    """Coarse features: the character is there, in the middle, on the ground; sky above, darker ground below."""
    image = np.asarray(Image.open(path)).astype(int)
    assert image.shape == (360, 640, 3)
    middle = image[60:320, 200:440]
    bright = middle.min(axis=2) > 215  # the light shell, brighter than the sky
    assert 400 < bright.sum() < 12000
    columns, rows = bright.any(axis=0).nonzero()[0] + 200, bright.any(axis=1).nonzero()[0] + 60
    assert abs(columns.mean() - 320) < 60
    assert rows.max() - rows.min() > 80  # more than a quarter of the picture's height
    assert 220 < rows.max() < 320  # its feet stand on the ground below the middle
    assert image[:20].mean() > image[-60:, :40].mean() + 30


@needs_xdotool
def test_resizing_hiding_and_closing_from_outside(display, tmp_path):
    """As a window manager does: another size, unmapped and mapped again (the world goes on unseen), asked to close."""
    seen = play(display, tmp_path, """
import ctypes
def own(window): return str(window._window)
def frames(window): return window.app.frames
when(lambda window: world.time > 0.3, lambda window: xdotool("windowsize", own(window), 700, 400))
when(lambda window: window.app.screen.width == 700, lambda window: xdotool("windowunmap", own(window)))
when(lambda window: window.hidden, lambda window: seen.update(hidden_at=[frames(window), world.time]))
when(lambda window: world.time > seen["hidden_at"][1] + 0.5,
     lambda window: (seen.update(drawn=frames(window) - seen["hidden_at"][0]), xdotool("windowmap", own(window))))
when(lambda window: not window.hidden and frames(window) > seen["hidden_at"][0] + 3,
     lambda window: (seen.update(size=[window.app.screen.width, window.app.screen.height]),
                     window.dispatch_event("on_close")))
run()
""")  # fmt: skip
    assert seen["size"] == [700, 400]
    assert seen["drawn"] == 0


def test_the_command_opens_a_window_and_says_when_it_cannot(display):
    """`python -m viewer` shows its first picture and closes on demand; with a broken display it is one sentence."""
    program = """
import sys
import pyglet
from viewer import window
from viewer.__main__ import main
draw = window.ViewerWindow.on_draw
def once(self):
    draw(self)
    if self.app.frames == 1:
        print("first picture")
        pyglet.clock.schedule_once(lambda elapsed: self.close(), 0.1)
window.ViewerWindow.on_draw = once
sys.exit(main(["--size", "320x200"]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"DISPLAY": display}, text=True,
                          capture_output=True, timeout=300, check=False)  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["first picture"]), done.stderr
    bad = subprocess.run([sys.executable, "-m", "viewer"], cwd=ROOT, env=os.environ | {"DISPLAY": ":4711"}, text=True,
                         capture_output=True, timeout=300, check=False)  # fmt: skip
    assert bad.returncode == 2
    assert "no window can be opened here" in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1


def test_the_panel_is_drawn_over_the_picture_and_takes_the_mouse(display, tmp_path):
    """Where imgui-bundle is installed: a dark panel on the left, whose dragging does not turn the view."""
    pytest.importorskip("imgui_bundle", reason="imgui-bundle is not installed (the extra `panel`)")
    pytest.importorskip("OpenGL", reason="PyOpenGL is not installed (the extra `panel`)")
    seen = play(display, tmp_path, """
from pyglet import gl
def look(window):
    image = np.empty((360, 640, 4), np.uint8)
    gl.glReadPixels(0, 0, 640, 360, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, image.ctypes.data)
    picture = window.app.screen.read().astype(int)
    seen["differs"] = float((np.abs(image[::-1, :, :3].astype(int) - picture).max(axis=2) > 20)[110:340, 20:340].mean())
    seen["elsewhere"] = float((np.abs(image[::-1, :, :3].astype(int) - picture).max(axis=2) > 20)[:, 400:].mean())
draw, shown = Window.on_draw, []
def noticed(self):
    draw(self)
    if self._panel is not None:
        shown.append(1)
        if len(shown) == 5:
            look(self)
Window.on_draw = noticed
at(0.3, lambda window: window.open_panel())
when(lambda window: "differs" in seen, lambda window: window.dispatch_event("on_mouse_motion", 100, 150, 0, 0))
when(lambda window: window._panel.wants_mouse,
     lambda window: window.dispatch_event("on_mouse_drag", 120, 150, 20, 0, 1, 0))
when(lambda window: True, lambda window: (seen.update(yaw=camera.yaw), window.close()))
run()
""")  # fmt: skip
    assert seen["differs"] > 0.5
    assert seen["elsewhere"] == 0.0
    assert seen["yaw"] == 0.5

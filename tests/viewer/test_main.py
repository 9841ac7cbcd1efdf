import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import shipped
from tests.tiny import linear, write_controller
from viewer import command, options
from viewer.__main__ import main

ROOT = Path(__file__).parent.parent.parent


def complaint(capsys, *arguments: str) -> str:
    """What the command says on stderr when it refuses, after checking that it exits with 2 and no traceback."""
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse
        code = stop.code
    said = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in said
    assert said.startswith("viewer: ")
    return said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--controller", "no/such.onnx"], "no/such.onnx: not a usable controller"),
        (["--controller", __file__], "not a usable controller"),
        (["--headless"], "nothing to write: add --video FILE.mp4, --strip FILE.png or --screenshot FILE.png"),
        (["--video", "a.mp4"], "--video is for rendering without a display: add --headless"),
        (["--goals", "0:speed=1"], "--goals is for rendering without a display: add --headless"),
        (["--headless", "--video", "a.avi"], "a.avi: expected a name that ends in .mp4 or .webp"),
        (["--headless", "--strip", "a.jpg"], "a.jpg: expected a name that ends in .png"),
        (["--headless", "--strip", "no/such/folder/a.png"], "no/such/folder/a.png: cannot be written"),
        (["--headless", "--video", "a.mp4", "--goals", "0:pace=1"], "getup, found 'pace'"),
        (["--headless", "--video", "a.mp4", "--seconds", "0"], "--seconds: expected 0.1 to 3600, found 0"),
        (["--headless", "--video", "a.mp4", "--seconds", "soon"], "--seconds: expected a number, found 'soon'"),
        (["--headless", "--video", "a.mp4", "--fps", "29.97"], "--fps: expected a whole number, found 29.97"),
        (["--size", "1280"], "expected WIDTHxHEIGHT like 1280x720, found '1280'"),
        (["--size", "101x100"], "expected even numbers"),
        (["--headless", "--strip", "a.png", "--strip-from", "9"], "0 <= --strip-from <= --strip-to <= --seconds"),
        (["--headless", "--strip", "a.png", "--strip-from", "2", "--strip-to", "1"], "found 2, 1, 8"),
        (["--headless", "--video", "a.mp4", "--video-from", "9"], "--video-from before --seconds, found 9 and 8"),
        (["--headless", "--screenshot", "a.gif"], "a.gif: expected a name that ends in .png"),
        (["--screenshot", "a.png"], "--screenshot is for rendering without a display: add --headless"),
        (["--characters", "101"], "--characters: expected 1 to 100, found 101"),
        (["--quality", "best"], "invalid choice: 'best'"),
        (["--recording", "no/such.motion"], "no/such.motion: expected a recording or a clip, found No such file"),
        (["--recording", __file__], "test_main.py: expected"),
        (["--recording", "a.motion", "--controller", "b.onnx"], "--controller is for a live simulation"),
        (["--recording", "a.motion", "--no-getup"], "--no-getup is for a live simulation"),
        (["--recording", "a.motion", "--export", "a.fbx"], "a.fbx: expected a name that ends in .glb or .bvh"),
        (["--export", "a.glb"], "--export writes a recording for other programs: add --recording FILE"),
        (["--prior", "no/such.onnx"], "no/such.onnx: not a usable prior"),
        (["--frames", "9"], "unrecognized arguments: --frames 9"),
    ],
)
def test_what_the_user_gets_wrong_is_told_in_a_sentence(capsys, monkeypatch, tmp_path, arguments, expected):
    """Exit code 2, what was expected and what was found, no traceback, and no file is left behind."""
    monkeypatch.chdir(tmp_path)
    said = complaint(capsys, *arguments)
    assert expected in said
    assert said.count("\n") == 1 or "\n  - " in said  # a bad controller's problems are a list
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_that_breaks_down_exits_with_1(gl_window, capsys, tmp_path):
    """A controller that gives NaN above 2 m/s is named, with the time."""
    path = write_controller(tmp_path / "broken.onnx", linear(), nan_above=2.0)
    arguments = ["--controller", str(path), "--headless", "--seconds", "1", "--strip", str(tmp_path / "a.png")]
    assert main([*arguments, "--goals", "0:speed=1;0.5:speed=3"]) == 1
    said = capsys.readouterr().err
    assert "broken.onnx are not finite at 0.5" in said
    assert not (tmp_path / "a.png").exists()


def test_getting_up_by_itself_can_be_switched_off(tmp_path):
    """It is on unless --no-getup is given."""
    path = str(write_controller(tmp_path / "steering.onnx"))
    for extra, automatic in (([], True), (["--no-getup"], False)):
        chosen = options.read(["--controller", path, *extra])
        assert command._simulation(chosen).stage.stunts.automatic is automatic


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in the checkout in a fresh process without a display."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=kept | environment, text=True, capture_output=True, check=False)


def test_a_missing_library_is_told_with_the_packages_that_have_it(tmp_path):
    """Where EGL is not installed: the apt-get line, exit code 2."""
    code = f"""
import sys, pyglet.lib
def load_library(*names, **_): raise ImportError(f'Library "{{names[0]}}" not found.')
pyglet.lib.load_library = load_library
from viewer.__main__ import main
sys.exit(main(["--headless", "--seconds", "0.1", "--strip", {str(tmp_path / "a.png")!r}]))
"""
    result = run(code)
    assert result.returncode == 2
    assert "apt-get install libegl1 libgl1 libgl1-mesa-dri" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_the_window_points_to_headless():
    """One sentence, exit code 2."""
    result = run("import sys; from viewer.__main__ import main; sys.exit(main([]))")
    assert result.returncode == 2
    assert "add --headless --video out.mp4" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_steering_and_scripts_need_no_opengl():
    """Everything but drawing is imported without touching a display or OpenGL."""
    modules = "camera, input, scene, script, skin, visibility"
    result = run(f"from viewer import {modules}; import sys; sys.exit('pyglet.gl' in sys.modules)")
    assert result.returncode == 0, result.stderr


def test_without_arguments_a_shipped_character_is_steered(tmp_path, monkeypatch):
    """In an empty folder: the shipped steering controller, on its feet after 5 s of standing still."""
    monkeypatch.chdir(tmp_path)
    stage = command._simulation(options.read([])).stage
    (character,) = stage.world.characters
    assert character.controller.path == shipped("steering")
    for _ in range(150):
        stage.world.step()
    assert not character.fallen


@pytest.mark.parametrize("package", ["pyglet", "imageio_ffmpeg"])
def test_a_missing_extra_is_told_in_a_sentence(package):
    """A runtime installed without the extra `viewer`: how to install it, exit code 2."""
    result = run(f"import sys; sys.modules[{package!r}] = None; from viewer.__main__ import main; sys.exit(main([]))")
    assert result.returncode == 2
    assert result.stderr == f'viewer: {package} is not installed: pip install "smp-runtime[viewer]"\n'


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_display_that_is_not_there_is_named():
    """One sentence, exit code 2."""
    result = run("import sys; from viewer.__main__ import main; sys.exit(main([]))", DISPLAY=":4711")
    assert result.returncode == 2
    assert "no window can be opened here (DISPLAY :4711 does not answer: " in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1

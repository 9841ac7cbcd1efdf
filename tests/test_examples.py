"""The Python examples of the pages, run as they stand there, each with what must have come of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import PAGES, ROOT, example, examples, run

ELSEWHERE = {"your own RL": "tests/training/test_style_reward.py", "game": "tests/training/test_own_task.py"}
"""Examples that are tested with what they need."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> Path:
    """An empty working folder, as for someone who has installed the runtime."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_example_is_tested() -> None:
    """Here by a function of its name, or where `ELSEWHERE` says."""
    here = {name for name in examples() if f"test_{name}" in globals()}
    there = {
        name for name, path in ELSEWHERE.items() if re.search(rf'example[:("]+ ?{name}"', (ROOT / path).read_text())
    }
    assert set(examples()) == here | there


def test_embedding(capsys) -> None:
    """4 s pass, the character stands and has walked ahead."""
    names = run(example("embedding"))
    world, hero = names["world"], names["hero"]
    assert abs(world.time - 4.0) <= 1 / 60
    assert not hero.fallen
    assert 2.0 < hero.state.root_position[0] < 6.5  # 4 s at 1.5 m/s are 6 m, less the start from standing
    assert capsys.readouterr().out.count("\n") >= 4


def test_first(capsys) -> None:
    """3 s pass, the character has walked ahead, and the line says how far."""
    hero = run(example("first"))["hero"]
    ahead = hero.state.root_position[0]
    assert not hero.fallen and 1.0 < ahead < 5.0
    assert capsys.readouterr().out == f"after 3 s it is {ahead:.1f} m ahead\n"


def test_crowd(capsys) -> None:
    """6 s pass, four characters with directors, and whoever is hit is told of."""
    world = run(example("crowd"))["world"]
    assert abs(world.time - 6.0) < 1e-9
    assert {character.director_state for character in world.characters} <= {"walk", "getup"}
    assert len(world.props) == 6
    assert re.search(r"^\d+\.\d\d s: Hit humanoid", capsys.readouterr().out, re.MULTILINE)


def test_loop(capsys) -> None:
    """A thread simulates while another one sets goals and reads poses; both end."""
    names = run(example("loop"))
    assert not names["thread"].is_alive()
    assert names["world"].time > 0.0
    assert names["positions"].shape == (1, 15, 3)
    assert "s simulated" in capsys.readouterr().out


def test_script() -> None:
    """It walks for 4 s, then stands where it is."""
    hero = run(example("script"))["hero"]
    assert hero.goal.speed == 0.0
    assert not hero.fallen and 2.0 < hero.state.root_position[0] < 7.0
    assert abs(hero.state.root_linear_velocity[0]) < 0.5


def test_director(capsys) -> None:
    """The goal of a jump brings the jumper, which hands back; the steering goal of before is in force again."""
    hero = run(example("director"))["hero"]
    said = capsys.readouterr().out
    assert "director: walk -> jump (goal:jump)" in said and "director: jump -> walk (after:1.2, upright)" in said
    assert hero.director_state == "walk" and hero.goal.task == "steering" and hero.goal.speed == 1.5


def test_interchange(elsewhere: Path) -> None:
    """Two seconds of walking are recorded and written as glTF and BVH."""
    run(example("interchange"))
    assert (elsewhere / "walk.glb").read_bytes()[:4] == b"glTF"
    assert "Frames: 60\n" in (elsewhere / "walk.bvh").read_text()


def test_stream(capsys) -> None:
    """The client against the page's command, on a free port; the first character walks ahead."""
    command = "python -m runtime.stream --controller steering --characters 2"
    assert command in PAGES["docs/engines.md"]
    with subprocess.Popen(
        [sys.executable, *command.split()[1:], "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = server.stdout.readline().split(": ")[0]
        code = example("stream")
        assert "ws://127.0.0.1:8765" in code
        poses = run(code.replace("ws://127.0.0.1:8765", url))["poses"]
        server.terminate()
    assert poses.position.shape == (2, 15, 3) and poses.rotation.shape == (2, 15, 4)
    assert "the first pelvis is at" in capsys.readouterr().out


def test_gym() -> None:
    """A hundred random steps: rewards between 0 and 1, and an episode that has fallen by then."""
    names = run(example("gym"))
    assert set(names["info"]) >= {"task_reward", "style_reward"} or names["info"] == {}
    assert 0.0 <= names["reward"] <= 1.0


def test_stable_baselines(capsys) -> None:
    """512 steps of PPO: it has learned from all of them, and both rewards of the last step are said."""
    names = run(example("stable_baselines"))
    assert names["model"].num_timesteps == 512 and names["action"].shape == (2, 28)
    assert re.fullmatch(r"task [01]\.\d\d, style [01]\.\d\d\n", capsys.readouterr().out)


def test_naturalness(capsys) -> None:
    """A finite value above 0 after three seconds, and the line says it."""
    value = run(example("naturalness"))["watch"].value
    assert 0.0 < value < 100.0
    assert capsys.readouterr().out.strip() == f"{value:.2f}"

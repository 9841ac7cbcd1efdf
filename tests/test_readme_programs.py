"""The examples of the README's section "In other programs", run as they stand there, outside the repository."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def example(name: str) -> str:
    """The Python block that follows the marker `<!-- example: NAME -->`."""
    match = re.search(rf"<!-- example: {name} -->\n+```python\n(.*?)```", README, re.DOTALL)
    assert match, f"README.md has lost the marker of its example {name}"
    return match[1]


def run(code: str) -> dict:
    """Run an example; what it defined."""
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_interchange(elsewhere: Path) -> None:
    """Two seconds of walking are recorded and written as glTF and BVH."""
    run(example("interchange"))
    assert (elsewhere / "walk.glb").read_bytes()[:4] == b"glTF"
    assert "Frames: 60\n" in (elsewhere / "walk.bvh").read_text()


def test_stream(elsewhere: Path, capsys) -> None:
    """The client against the command above it, on a free port; the first character walks ahead."""
    command = [sys.executable, "-m", "runtime.stream", "--controller", "steering"]
    assert "python -m runtime.stream --controller steering --characters 2" in README
    with subprocess.Popen(
        [*command, "--characters", "2", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = server.stdout.readline().split(": ")[0]
        code = example("stream")
        assert "ws://127.0.0.1:8765" in code
        poses = run(code.replace("ws://127.0.0.1:8765", url))["poses"]
        server.terminate()
    assert poses.position.shape == (2, 15, 3) and poses.rotation.shape == (2, 15, 4)
    assert "the first pelvis is at" in capsys.readouterr().out


def test_gym(elsewhere: Path) -> None:
    """A hundred random steps: rewards between 0 and 1, and an episode that has fallen by then."""
    names = run(example("gym"))
    assert set(names["info"]) >= {"task_reward", "style_reward"} or names["info"] == {}
    assert 0.0 <= names["reward"] <= 1.0


def test_naturalness(elsewhere: Path, capsys) -> None:
    """A number above 0 is printed: the prior's error over that of people's motion."""
    names = run(example("naturalness"))
    assert 0.0 < names["watch"].value < 100.0
    assert capsys.readouterr().out.strip() == f"{names['watch'].value:.2f}"

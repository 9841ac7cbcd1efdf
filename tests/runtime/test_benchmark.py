from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime import _switching, benchmark
from runtime._soak import soak
from tests.tiny import write_controller

SHIPPED = Path(__file__).parents[2] / "exported" / "steering.onnx"


def test_the_command_measures_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--quick --soak 60` writes JSON with every part, whose figures agree with each other, and prints a table."""
    path = tmp_path / "figures.json"
    benchmark.main(["--controller", str(SHIPPED), "--quick", "--soak", "60", "--json", str(path)])
    figures = json.loads(path.read_text())
    assert set(figures) == {"machine", "controller", "overhead", "real_time", "import", "memory", "soak"}
    one, four = figures["overhead"]
    assert (one["characters"], four["characters"]) == (1, 4)
    for row in (one, four):
        assert (
            0.0 < row["physics_cpu_ms"] and 0.0 < row["inference_cpu_ms"] and row["step_p50_ms"] <= row["step_p99_ms"]
        )
        ratio = row["step_cpu_ms"] / (row["physics_cpu_ms"] + row["inference_cpu_ms"])
        assert row["overhead_cpu_percent"] == pytest.approx(100.0 * (ratio - 1.0))
    assert [(row["characters"], row["cores"]) for row in figures["real_time"]] == [(1, 1), (4, 1), (4, 2)]
    assert all(row["factor_wall"] > 0.0 for row in figures["real_time"])
    assert figures["soak"]["steps"] == 60
    text = capsys.readouterr().out
    assert "times real time" in text and "soak: steps 60" in text


def test_a_crowd_walks_apart_in_all_directions() -> None:
    """Nine characters stand 3 m apart, go nine ways, and have walked when they are handed over."""
    world = benchmark.crowd(SHIPPED, 9)
    places = [character.state.root_position[:2] for character in world.characters]
    assert len(places) == 9 and world.time == pytest.approx(1.5)
    assert max(abs(places[0])) > 0.3
    assert len({round(character.goal.direction % 6.283, 3) for character in world.characters}) == 9


def test_a_soak_keeps_the_clock_and_the_rotations() -> None:
    """After 300 control steps of everything at once the clock is at 10 s and all rotations are unit quaternions."""
    figures = soak(SHIPPED, 300, seed=3)
    assert figures["clock_error_s"] == 0.0
    assert figures["quaternion_error"] < 1e-9
    assert figures["resident_mib_at_the_end"] > 1.0


def test_switching_is_counted(monkeypatch: pytest.MonkeyPatch, controller_path: Path, lively: Path) -> None:
    """Two characters in 4 s: each is switched when 1.5 s of its own clock are over; the wriggling controller falls."""
    monkeypatch.setattr(_switching, "CHARACTERS", 2)
    monkeypatch.setattr(_switching, "SECONDS", 4.0)
    monkeypatch.setattr(_switching, "FADES", (0.2,))
    alone, other, turns = _switching.switching(str(controller_path), str(lively))
    assert (alone["switches"], other["switches"], turns["switches"]) == (0, 0, 4)
    assert other["falls"] >= 2
    assert turns["falls_a_minute"] == pytest.approx(60.0 * turns["falls"] / 8.0)


def test_a_controller_that_is_not_there_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with a usage error that names the path."""
    with pytest.raises(SystemExit):
        benchmark.main(["--controller", str(tmp_path / "nowhere.onnx")])
    assert "nowhere.onnx" in capsys.readouterr().err


def test_switching_among_three_tasks_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One character through a round of 9.5 s: four switches and a jump; alone none, and the jumper jumps, too."""
    monkeypatch.setattr(_switching, "CHARACTERS", 1)
    monkeypatch.setattr(_switching, "SECONDS", 9.9)
    files = [str(write_controller(tmp_path / f"{task}.onnx", task=task)) for task in ("steering", "jump", "getup")]
    alone, jumper, turns = _switching.among(*files)
    assert [(row["switches"], row["jumps"]) for row in (alone, jumper, turns)] == [(0, 0), (0, 1), (4, 1)]

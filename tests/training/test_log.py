"""What a run writes while it trains."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.learning import log
from training.learning.learner import Learner
from training.learning.log import FIGURES, Log
from training.learning.workers import Worker

ITERATION = {"task_reward": 0.5, "style_reward": 0.25, "failed": 0.001, "done": 0.01}


def at(samples: int) -> Learner:
    """All that a log asks of a learner."""
    return cast(Learner, SimpleNamespace(samples=samples))


def rows(folder: Path) -> list[dict[str, float]]:
    """The CSV file as numbers."""
    with (folder / FIGURES).open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """A clock that stands until it is set."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(log.time, "monotonic", lambda: clock.now)
    return clock


def test_figures_are_means_over_ten_seconds(config, tmp_path, clock):
    """Two iterations in ten seconds are one row of means with the rate; what is left at the end is another."""
    writer = Log(tmp_path, config, Worker(0, 1), samples=0, seconds=0.0)
    clock.now = 105.0
    writer.write(at(100), ITERATION)
    assert not (tmp_path / FIGURES).exists()
    clock.now = 110.0
    writer.write(at(200), ITERATION | {"task_reward": 0.7})
    clock.now = 112.0
    writer.write(at(300), ITERATION)
    writer.close(at(300))
    first, second = rows(tmp_path)
    assert first["task_reward"] == pytest.approx(0.6) and first["style_reward"] == 0.25
    assert (first["samples"], first["samples_s"], first["episode_steps"]) == (200, 20.0, pytest.approx(100.0))
    assert (second["samples"], second["samples_s"], second["minutes"]) == (300, 50.0, pytest.approx(0.2))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("reward/task")] == [(200, pytest.approx(0.6)), (300, 0.5)]


def test_tags_are_few_and_grouped():
    """Every figure of a run is in one of five groups, the task's own in `task`; the CSV keeps its columns."""
    figures = ("samples", "minutes", "task_reward", "failed", "velocity_error_m_s", "style_by_speed/up_to_0.8", "done",
               "value", "critic_real", "samples_s", "episode_steps")  # fmt: skip
    tags = [tag for tag in map(log.tag, figures) if tag]
    assert tags == ["speed/minutes", "reward/task", "task/failed", "task/velocity_error_m_s", "style/up_to_0.8_m_s",
                    "learner/value", "style/critic_real", "speed/samples_s", "task/episode_steps"]  # fmt: skip


def test_a_resumed_run_appends(config, tmp_path, clock):
    """One header, minutes and samples go on; figures that the file has no column for are left out of it."""
    for samples, seconds, more in ((0, 0.0, {}), (100, 60.0, {"new": 1.0})):
        writer = Log(tmp_path, config, Worker(0, 1), samples, seconds)
        clock.now += 12.0
        writer.write(at(samples + 100), ITERATION | more)
        writer.close(at(samples + 100))
    first, second = rows(tmp_path)
    assert second.keys() == first.keys()
    assert (second["samples"], second["minutes"]) == (200, pytest.approx(1.2))
    assert second["samples_s"] == pytest.approx(100 / 12)


def test_without_a_terminal_a_line_every_ten_seconds(config, tmp_path, clock, capsys):
    """What a log file gets: where the run is at once, then a line and a row every ten seconds, with the time left."""
    writer = Log(tmp_path, config, Worker(0, 1), samples=0, seconds=0.0)
    assert str(tmp_path) in capsys.readouterr().out
    for number in range(1, 4):
        clock.now += 10.0
        writer.write(at(100 * number), ITERATION)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("task ")]
    assert [line.split(", ")[1] for line in lines] == ["100 samples", "200 samples", "300 samples"]
    assert lines[0].startswith("task 0.50 style 0.25") and len(rows(tmp_path)) == 3
    writer.close(at(300))


def test_only_the_leader_writes(config, tmp_path):
    """Another worker's log writes nothing."""
    writer = Log(tmp_path, config, Worker(1, 2), samples=0, seconds=0.0)
    writer.write(at(100), ITERATION)
    writer.close(at(100))
    assert list(tmp_path.iterdir()) == []

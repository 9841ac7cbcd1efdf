"""What a run shows while it trains: a progress bar, TensorBoard events and a CSV of the same figures.

TensorBoard has them in five groups: reward, style, learner, speed, and task for what is left: the task's own errors,
falls and the length of episodes. Columns of the CSV keep the figures' own names.

Where there is no terminal for a bar (a log file, a cluster's job) it prints a line every ten seconds. It begins with
where the run is and what runs it, before the first figure is there.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from training.config import RunConfig
from training.learning.learner import Learner
from training.learning.workers import Worker

EVERY_SECONDS = 10.0
FIGURES = "figures.csv"
TAGS = {
    "reward": {"task_reward": "task", "style_reward": "style", "reward": "whole", "effort": "effort"},
    "style": {name: name for name in ("critic_real", "critic_policy", "critic_slope", "own_loss")},
    "learner": {name: name for name in ("value", "surrogate", "entropy", "symmetry", "learning_rate")},
    "speed": {"samples_s": "samples_s", "minutes": "minutes"},
}
"""Groups of TensorBoard and what of figures.csv is in them, by the name it has there."""
UNSHOWN = ("samples", "done")
"""The axis itself, and what `episode_steps` says."""


class Log:
    """Figures are averaged over ten seconds, then written; only the leading worker writes."""

    def __init__(self, folder: Path, config: RunConfig, worker: Worker, samples: int, seconds: float) -> None:
        """Open the writers; `samples` and `seconds` are what a resumed run has behind it."""
        self._leads = worker.leads
        if not self._leads:
            return
        print(f"{config.task.name}: {config.learner.samples:,} samples in {folder}", flush=True)
        print(f"{config.physics}, {config.learner.envs:,} environments in {worker.world} processes", flush=True)
        print("curves: tensorboard --logdir runs", flush=True)
        self._events = SummaryWriter(str(folder))
        self._path = folder / FIGURES
        columns = (
            TextColumn("{task.fields[figures]}"), BarColumn(), TextColumn("{task.completed:,} samples"),
            TextColumn("{task.fields[rate]:,.0f}/s"), TimeRemainingColumn(),
        )  # fmt: skip
        self._progress = Progress(*columns)
        self._bar = self._progress.add_task(
            "", total=config.learner.samples, completed=samples, figures=config.task.name, rate=0.0
        )
        self._progress.start()
        self._last = time.monotonic()
        self._total = config.learner.samples
        self._start = self._last - seconds
        self._samples = samples
        self._sums: dict[str, float] = {}
        self._count = 0

    def write(self, learner: Learner, figures: dict[str, float]) -> None:
        """Take the figures of one iteration."""
        if not self._leads:
            return
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._write_mean(learner)

    def close(self, learner: Learner) -> None:
        """Write what is left and flush everything."""
        if self._leads:
            if self._count:
                self._write_mean(learner)
            self._progress.stop()
            self._events.close()

    def _write_mean(self, learner: Learner) -> None:
        now = time.monotonic()
        row = {"samples": learner.samples, "minutes": (now - self._start) / 60}
        row |= {name: value / self._count for name, value in self._sums.items()}
        row["samples_s"] = (learner.samples - self._samples) / (now - self._last)
        row["episode_steps"] = 1.0 / max(row["done"], 1e-9)
        for name, value in row.items():
            if shown := tag(name):
                self._events.add_scalar(shown, value, int(row["samples"]))
        append(self._path, row)
        figures = f"task {row['task_reward']:.2f} style {row['style_reward']:.2f} fails {1800 * row['failed']:.1f}/min"
        self._progress.update(self._bar, completed=learner.samples, rate=row["samples_s"], figures=figures)
        if not self._progress.console.is_terminal:
            left = (self._total - learner.samples) / max(row["samples_s"], 1.0) / 60
            rate = f"{learner.samples:,} samples, {row['samples_s']:,.0f}/s, {left:.0f} min left"
            print(f"{figures}, {rate}", flush=True)
        self._sums, self._count, self._last, self._samples = {}, 0, now, learner.samples


def tag(name: str) -> str:
    """Where TensorBoard shows a figure: GROUP/NAME; empty for what it has anyhow. What no group names is the task's."""
    if name in UNSHOWN:
        return ""
    if name.startswith("style_by_speed/"):
        return f"style/{name.partition('/')[2]}_m_s"
    return next((f"{group}/{names[name]}" for group, names in TAGS.items() if name in names), f"task/{name}")


def append(path: Path, row: dict[str, float]) -> None:
    """Add a row to a CSV file; a new file gets a header, an old one keeps its columns and lacks the other figures."""
    old = path.open(newline="").readline().strip().split(",") if path.exists() else None
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, old or list(row), extrasaction="ignore")
        if old is None:
            writer.writeheader()
        writer.writerow(row)

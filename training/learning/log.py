"""What a run shows while it trains: a progress bar, TensorBoard events and a CSV of the same figures."""

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


class Log:
    """Figures are averaged over ten seconds, then written; only the leading worker writes."""

    def __init__(self, folder: Path, config: RunConfig, worker: Worker, samples: int) -> None:
        """Open the writers; `samples` is where a resumed run starts."""
        self._leads = worker.leads
        if not self._leads:
            return
        self._events = SummaryWriter(str(folder))
        self._file = (folder / "figures.csv").open("a", newline="")
        self._csv: csv.DictWriter[str] | None = None
        columns = (
            TextColumn("{task.fields[figures]}"), BarColumn(), TextColumn("{task.completed:,} samples"),
            TextColumn("{task.fields[rate]:,.0f}/s"), TimeRemainingColumn(),
        )  # fmt: skip
        self._progress = Progress(*columns)
        self._bar = self._progress.add_task(
            "", total=config.learner.samples, completed=samples, figures=config.task.name, rate=0.0
        )
        self._progress.start()
        self._start = self._last = time.monotonic()
        self._from = self._samples = samples
        self._sums: dict[str, float] = {}
        self._count = 0

    def write(self, learner: Learner, figures: dict[str, float]) -> None:
        """Take the figures of one iteration."""
        if not self._leads:
            return
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        now = time.monotonic()
        if now - self._last < EVERY_SECONDS:
            return
        row = {name: value / self._count for name, value in self._sums.items()}
        row = {"samples": learner.samples, "minutes": (now - self._start) / 60} | row
        row["samples_s"] = (learner.samples - self._samples) / (now - self._last)
        row["episode_steps"] = 1.0 / max(row["done"], 1e-9)
        self._record(row)
        self._progress.update(
            self._bar, completed=learner.samples, rate=row["samples_s"],
            figures=f"task {row['task_reward']:.2f} style {row['style_reward']:.2f} fails {30 * 60 * row['failed']:.1f}/min",
        )  # fmt: skip
        self._sums, self._count, self._last, self._samples = {}, 0, now, learner.samples

    def close(self) -> None:
        """Flush everything."""
        if self._leads:
            self._progress.stop()
            self._events.close()
            self._file.close()

    def _record(self, row: dict[str, float]) -> None:
        for name, value in row.items():
            self._events.add_scalar(name, value, int(row["samples"]))
        if self._csv is None:
            self._csv = csv.DictWriter(self._file, list(row))
            if self._file.tell() == 0:
                self._csv.writeheader()
        self._csv.writerow(row)
        self._file.flush()

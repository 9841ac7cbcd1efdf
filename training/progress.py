"""How fast a run learned: `python -m training.progress run=runs/steering/20261122-134500 output=progress.json`.

A run with `learner.keep_checkpoints=true` leaves one checkpoint every `learner.checkpoint_minutes`. Here each of them
is exported and evaluated as a finished controller would be, through the ONNX file and `runtime`, with fewer episodes.
What counts as learned are two marks: the share of goals kept, and the prior's error over that of real motion.
Figures of the training itself (reward, episode length) are taken under exploration noise and cannot say this.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from runtime import ControllerError, PriorError, SimulationError
from training import config as settings
from training import run
from training.command import Command
from training.config import RunConfig
from training.evaluate import EvaluateConfig, EvaluateError, evaluate
from training.learning import checkpoint
from training.learning.checkpoint import CheckpointError
from training.prior.file import PriorFileError
from training.trials import TrialError

COLUMNS = ("success", "speed_error_m_s", "heading_error_deg", "falls_per_minute", "prior_ratio")
"""Headline figures that are shown, where the task has them."""


@dataclass(frozen=True)
class ProgressConfig:
    """Evaluate a run's kept checkpoints: `python -m training.progress run=FOLDER output=REPORT`."""

    run: str = ""
    """Run folder with kept checkpoints."""
    output: str = ""
    """JSON file to write; empty: stdout."""
    every: int = 1
    """Take every so many checkpoints; the last is always taken."""
    episodes: int = 32
    """Episodes of random goals for each."""
    seed: int = 0
    """Draws goals, starts and the prior's noise."""
    success: float = 0.8
    """Share of goals kept that counts as learned …"""
    prior_ratio: float = 1.5
    """… while the prior's error over that of real motion is at most this."""

    def __post_init__(self) -> None:
        """Check what types do not say."""
        for name in ("every", "episodes"):
            if getattr(self, name) < 1:
                raise settings.ConfigError(f"{name}={getattr(self, name)}: expected at least 1")


def main() -> None:
    """Do what the command line (`key=value` of ProgressConfig) asks for; exits with 2 and one sentence on bad input."""
    Command("training.progress", ProgressConfig).read(sys.argv[1:])
    try:
        config = settings.resolve(ProgressConfig, OmegaConf.from_cli())
        result = progress(config, Console(stderr=True))
    except (
        settings.ConfigError, CheckpointError, EvaluateError, ControllerError, PriorError, PriorFileError,
        SimulationError, TrialError,
    ) as error:  # fmt: skip
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    text = json.dumps(result, indent=1, allow_nan=False)
    if config.output:
        Path(config.output).write_text(text + "\n")
    else:
        print(text)


def progress(config: ProgressConfig, console: Console) -> dict[str, Any]:
    """Evaluate the run's checkpoints, eldest first, and show the table.

    Returns {"run", "marks", "reached": minutes of training until both marks were met or None, "checkpoints": [...]}.
    Raises CheckpointError where there are none.
    """
    trained = checkpoint.resumed(RunConfig(resume=config.run))
    paths = sorted((Path(config.run) / checkpoint.KEPT).glob("*.pt"))
    if not paths:
        raise CheckpointError(
            f"{config.run}: expected kept checkpoints in {checkpoint.KEPT}/, found none; train with "
            "learner.keep_checkpoints=true"
        )
    chosen = [path for index, path in enumerate(paths) if index % config.every == 0 or path is paths[-1]]
    rows = []
    for row in _measured(config, trained, chosen):
        rows.append(row)
        shown = ", ".join(f"{name} {row[name]:.2f}" for name in COLUMNS if row.get(name) is not None)
        console.print(f"{row['minutes']:.1f} min, {row['samples']:,} samples: {shown}")
    console.print(_table(rows))
    reached = [row["minutes"] for row in rows if _learned(row, config)]
    marks = {"success": config.success, "prior_ratio": config.prior_ratio}
    if reached:
        console.print(f"both marks ({marks}) met after {reached[0]:.1f} minutes of training")
    return {
        "run": config.run, "marks": marks, "episodes": config.episodes, "seed": config.seed,
        "reached": reached[0] if reached else None, "checkpoints": rows,
    }  # fmt: skip


def _measured(config: ProgressConfig, trained: RunConfig, paths: list[Path]) -> Iterator[dict[str, Any]]:
    """Minutes, samples and headline figures of each checkpoint."""
    settings_text = (Path(config.run) / checkpoint.CONFIGURATION).read_text()
    for path in paths:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / checkpoint.CONFIGURATION).write_text(settings_text)
            (folder / checkpoint.CHECKPOINT).symlink_to(path.resolve())
            run.export_only(checkpoint.resumed(RunConfig(resume=name, export_only=True)))
            asked = EvaluateConfig(
                controller=str(folder / "controller.onnx"), prior=trained.task.prior, episodes=config.episodes,
                grid_episodes=0, gait=False, seed=config.seed,
            )  # fmt: skip
            headline = evaluate(asked)["headline"]
        stored = torch.load(path, map_location="cpu", weights_only=True)
        yield {"minutes": stored["seconds"] / 60, "samples": stored["learner"]["samples"], **headline}


def _learned(row: dict[str, Any], config: ProgressConfig) -> bool:
    """Whether both marks are met; a figure that could not be measured is null and meets none."""
    success, ratio = row["success"], row["prior_ratio"]
    return success is not None and ratio is not None and success >= config.success and ratio <= config.prior_ratio


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="how the run learned")
    columns = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    for name in ("minutes", "samples", *columns):
        table.add_column(name, justify="right")
    for row in rows:
        figures = ("–" if row.get(name) is None else f"{row[name]:.2f}" for name in columns)
        table.add_row(f"{row['minutes']:.1f}", f"{row['samples']:,}", *figures)
    return table


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

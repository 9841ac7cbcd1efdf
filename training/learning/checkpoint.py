"""Checkpoints: what a killed run goes on from. One file a run, replaced whole, read without unpickling code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from training import config as settings
from training.config import RunConfig
from training.learning.learner import Learner

CONFIGURATION = "configuration.json"
CHECKPOINT = "checkpoint.pt"


class CheckpointError(ValueError):
    """A checkpoint or run folder that cannot be gone on from."""


def save(config: RunConfig, learner: Learner, seconds: float) -> None:
    """Write the learner's state and the training time so far to the run folder."""
    path = Path(config.folder) / CHECKPOINT
    partial = path.with_suffix(".partial")
    torch.save({"learner": learner.state(), "seconds": seconds}, partial)
    partial.replace(path)


def restore(config: RunConfig, learner: Learner) -> float:
    """Load what `resume` or `init` names into the learner; returns seconds of training already done."""
    if config.resume:
        state = _load(Path(config.resume) / CHECKPOINT)
        learner.restore(state["learner"], counters=True)
        return state["seconds"]
    if config.init:
        learner.restore(_load(Path(config.init))["learner"], counters=False)
    return 0.0


def resumed(config: RunConfig) -> RunConfig:
    """Give the configuration of the run folder `config.resume`, with the new limits on samples and minutes.

    Raises CheckpointError when the folder is none or lacks its files.
    """
    folder = Path(config.resume)
    for name in (CONFIGURATION, CHECKPOINT):
        if not (folder / name).is_file():
            raise CheckpointError(f"resume={folder}: expected a run folder with {name}, found none")
    stored = json.loads((folder / CONFIGURATION).read_text())
    old = settings.resolve(RunConfig, OmegaConf.create(stored))
    limits = {"samples": config.learner.samples, "minutes": config.learner.minutes}
    return replace(
        old, resume=str(folder), init="", folder=str(folder), output=config.output or old.output,
        learner=replace(old.learner, **limits),
    )  # fmt: skip


def _load(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({type(error).__name__}: {error})") from None

"""How fast a run learned, measured on its kept checkpoints."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from training import config as settings
from training import progress, run
from training.config import RunConfig
from training.learning import checkpoint
from training.learning.checkpoint import CheckpointError
from training.learning.workers import Worker
from training.progress import ProgressConfig


@pytest.fixture
def kept(config: RunConfig, tmp_path, monkeypatch) -> RunConfig:
    """A finished run of six iterations that kept all its checkpoints."""
    config = replace(config, learner=replace(config.learner, keep_checkpoints=True))
    (tmp_path / checkpoint.CONFIGURATION).write_text(json.dumps(settings.as_plain(config)))
    run.train(Worker(0, 1), config)
    return config


def test_every_kept_checkpoint_is_measured(kept, tmp_path):
    """Six iterations of 32 samples: six checkpoints, every third and the last are evaluated, in their order."""
    files = sorted(path.name for path in (tmp_path / checkpoint.KEPT).iterdir())
    assert files == [f"{32 * count:012d}.pt" for count in range(1, 7)]
    config = ProgressConfig(run=str(tmp_path), every=3, episodes=1, success=0.0, prior_ratio=1e9)
    result = progress.progress(config, Console(quiet=True))
    assert [row["samples"] for row in result["checkpoints"]] == [32, 128, 192]
    minutes = [row["minutes"] for row in result["checkpoints"]]
    assert 0 < minutes[0] < minutes[1] < minutes[2] and result["reached"] == minutes[0]  # marks that all meet
    assert all(0 <= row["success"] <= 1 and row["prior_ratio"] > 0 for row in result["checkpoints"])
    assert (tmp_path / checkpoint.CHECKPOINT).exists() and not list(tmp_path.glob("*.tmp"))


def test_marks_that_are_not_met(kept, tmp_path):
    """A prior's error that no motion has is never reached."""
    config = ProgressConfig(run=str(tmp_path), every=9, episodes=1, success=0.0, prior_ratio=0.0)
    assert progress.progress(config, Console(quiet=True))["reached"] is None


def test_a_run_that_kept_nothing(config, tmp_path, monkeypatch, capsys):
    """One sentence says which setting was missing; so does a folder that is no run."""
    (tmp_path / checkpoint.CONFIGURATION).write_text(json.dumps(settings.as_plain(config)))
    run.train(Worker(0, 1), config)
    with pytest.raises(CheckpointError, match=r"learner\.keep_checkpoints=true"):
        progress.progress(ProgressConfig(run=str(tmp_path)), Console(quiet=True))
    monkeypatch.setattr(sys, "argv", ["training.progress", "run=/nowhere"])
    with pytest.raises(SystemExit) as error:
        progress.main()
    assert error.value.code == 2 and "expected a run folder" in capsys.readouterr().err

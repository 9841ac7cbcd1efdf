"""The figures of a prior: `python -m training.audit prior=exported/priors/locomotion.onnx output=report.json`.

    prior file, prepared clips ──> preference: real windows against changed ones   (training.prior.preference)
                               ──> remedies: the same, reward calibrated otherwise
                               ──> generated: samples as bodies                    (training.prior.generated)
                               ──> coverage: samples against data                  (training.prior.coverage)
                               ──> cost: windows a second
                               ──> JSON report, tables

A prior is audited before any policy trains on it: a policy will find whatever the prior prefers to real motion.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import MISSING, DictConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from runtime.recording import RecordingError
from training import _audit_tables, config, features, pretrain, provenance
from training.learning.starts import Starts
from training.motion import dataset
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.motion.windows import Windows
from training.prior import file, generated, preference, sampling, schedule
from training.prior.changes import CHANGES
from training.prior.coverage import coverage
from training.prior.file import LoadedPrior, PriorFileError
from training.prior.preference import Calibration
from training.prior.score import Score

COST_BATCH = 512
COST_SECONDS = 2.0


@dataclass(frozen=True)
class AuditConfig:
    """`python -m training.audit`."""

    prior: str = MISSING
    """Prior file."""
    data: str = ""
    """Folder that `training.prepare` wrote; empty: data/<name in the prior file>."""
    output: str = ""
    """JSON report to write; empty: tables only."""
    samples: int = 2000
    """Windows to generate."""
    draws: int = 4
    """Draws of noise every window is judged under."""
    seed: int = 0
    """Seeds changes, noise and samples."""


@dataclass(frozen=True)
class Data:
    """Motion to audit a prior on."""

    held_out: Windows
    """Windows of held-out clips."""
    groups: list[str]
    """Performance of each held-out clip."""
    training: Windows
    """Training windows, at all playing speeds the prior was trained on."""
    weights: Tensor
    """[N] how often training drew them."""
    known: bool
    """Whether these are the very clips the prior was made of."""


@hydra.main(config_path="conf/audit", config_name="audit", version_base="1.3")
def main(composed: DictConfig) -> None:
    """Audit and report; exits with 2 and one sentence on bad input."""
    console = Console()
    try:
        settings = config.resolve(AuditConfig, composed)
        _check(settings)
        loaded = file.load(settings.prior)
        folder = settings.data or f"data/{loaded.metadata['configuration']['name']}"
        data = prepare(loaded, dataset.load(folder), folder)
    except (config.ConfigError, PriorFileError, FileNotFoundError, RecordingError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    if not data.known:
        console.print(f"[yellow]{folder} is not the data this prior was made of: held-out clips may be known to it")
    report = audit(settings, loaded, data, console)
    _audit_tables.show(report, console)
    if settings.output:
        Path(settings.output).write_text(json.dumps(_rounded(report), indent=1) + "\n")
        console.print(f"wrote {settings.output}")


def _check(settings: AuditConfig) -> None:
    for name, least in (("samples", 1), ("draws", 1)):
        if (value := getattr(settings, name)) < least:
            raise config.ConfigError(f"configuration: {name}: expected at least {least}, found {value}")
    if settings.output and not Path(settings.output).absolute().parent.is_dir():
        raise config.ConfigError(f"output: {settings.output}: no such folder; make it first")


def prepare(loaded: LoadedPrior, clips: list[Clip], folder: str) -> Data:
    """Cut the windows; raises ConfigError when the dataset has no held-out or no training clips."""
    sides = {side: [clip for clip in clips if clip.split == side] for side in ("train", "held_out")}
    if missing := [side for side, members in sides.items() if not members]:
        raise config.ConfigError(f"{folder}: expected clips on both sides of the split, found none {missing[0]}")
    settings = loaded.metadata["configuration"]
    training = motion_windows.cut(sides["train"], settings["play_speeds"])
    return Data(
        held_out=motion_windows.cut(sides["held_out"]),
        groups=[clip.group for clip in sides["held_out"]],
        training=training,
        weights=motion_windows.balance(training, sides["train"], settings["balance"]),
        known=pretrain.datasets(clips) == loaded.metadata["datasets"],
    )


def audit(settings: AuditConfig, loaded: LoadedPrior, data: Data, console: Console) -> dict[str, Any]:
    """All figures, ready for JSON; progress goes to `console`."""
    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        preferences, remedies = _judgements(settings, loaded, data, progress)
        samples = _samples(settings, loaded.score, data, progress)
        bar = progress.add_task("cost", total=1)
        speed = windows_per_second(loaded.score, data.held_out.values)
        progress.advance(bar)
    return {
        "prior": {"file": settings.prior, "name": loaded.metadata["configuration"]["name"]},
        "sha256": loaded.sha256,
        "headline": headline(preferences, remedies, samples, speed),
        "data": {
            "held_out_windows": len(data.held_out), "held_out_performances": len(set(data.groups)),
            "training_windows": len(data.training), "what_the_prior_was_made_of": data.known,
        },
        "settings": {"samples": settings.samples, "draws": settings.draws, "seed": settings.seed},
        "code_version": provenance.code_version(),
        "preference": {"levels": list(schedule.LEVELS), "changes": preferences},
        "remedies": remedies,
        **samples,
        "cost": {
            "windows_per_second_one_thread": speed, "batch": COST_BATCH, "hardware": provenance.hardware(),
            "parameters": sum(weights.numel() for weights in loaded.score.denoiser.parameters()),
        },
        "seconds": time.monotonic() - start,
    }  # fmt: skip


def headline(
    preferences: dict[str, Any], remedies: dict[str, Any], samples: dict[str, Any], speed: float
) -> dict[str, Any]:
    """The figures that a model card shows, in its words."""
    fitted, own = remedies["shipped"], samples["generated"]["samples"]
    return {
        "real preferred by the reward, calibrated on other clips, over": {
            name: f"{share:.2f} ± {fitted['standard_error'][name]:.2f}" for name, share in fitted["changes"].items()
        },
        "real preferred by the raw error at t = 8 over": {name: row["error"][-1] for name, row in preferences.items()},
        "held-out windows covered by samples": samples["coverage"]["coverage_of_held_out"],
        "held-out windows covered by as many training windows": samples["coverage"]["coverage_of_held_out_by_training"],
        "samples near training data": samples["coverage"]["fidelity_to_training"],
        "samples' distance to training data over held-out motion's": samples["coverage"]["copy_ratio"],
        "samples with a joint beyond its limits": own["beyond_limits"],
        "samples with a sole 2 cm in the ground": own["sunk_2_cm"],
        "samples that make no start state": samples["generated"]["rejected_as_starts"],
        "windows judged a second on one thread": round(speed),
    }


def shipped_calibration(loaded: LoadedPrior) -> Calibration:
    """The remedies that the file's own reward uses."""
    reward = loaded.metadata["configuration"]["reward"]
    return Calibration(**{field.name: reward[field.name] for field in fields(Calibration)})


def _judgements(
    settings: AuditConfig, loaded: LoadedPrior, data: Data, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of changes and of remedies."""
    generator = torch.Generator().manual_seed(settings.seed)
    windows, score = data.held_out.values, loaded.score
    bar = progress.add_task("real and changed windows", total=1 + len(CHANGES))
    real = preference.judge(score, windows, settings.draws, settings.seed)
    progress.advance(bar)
    changed = {}
    for name, change in CHANGES.items():
        changed[name] = preference.judge(score, change(windows, generator), settings.draws, settings.seed)
        progress.advance(bar)
    table = {name: preference.compare(score, real, judged) for name, judged in changed.items()}
    shipped = shipped_calibration(loaded)
    calibrations = preference.combinations(shipped)
    bar = progress.add_task("remedies", total=2 * len(calibrations))
    group = preference.group_numbers(data.held_out, data.groups)
    half = preference.halves(group, data.held_out.speed)
    fitted = preference.cross_fit(score, real, changed, half, calibrations, lambda: progress.advance(bar))
    shares = {c: {name: each.mean().item() for name, each in row.items()} for c, row in fitted.items()}
    errors = {name: preference.standard_error(each, group) for name, each in fitted[shipped].items()}
    plain = {name: preference.preferred(real.error.mean(2), c.error.mean(2)).mean() for name, c in changed.items()}
    return table, {
        "windows_in_halves": [int(half.sum()), int((~half).sum())],
        "mean_error": {name: share.item() for name, share in plain.items()},
        "added": {name: shares[calibration] for name, calibration in preference.added(shipped).items()},
        "left_out": {name: shares[calibration] for name, calibration in preference.left_out(shipped).items()},
        "every_combination": [{**asdict(calibration), "changes": row} for calibration, row in shares.items()],
        "shipped": {**asdict(shipped), "changes": shares[shipped], "standard_error": errors},
        "shipped_minus_as_in_the_file": {name: shares[shipped][name] - row["reward"] for name, row in table.items()},
    }


def _samples(settings: AuditConfig, score: Score, data: Data, progress: Progress) -> dict[str, Any]:
    """Figures of generated windows, beside those of training data drawn as training draws it and of held-out motion."""
    bar = progress.add_task("samples", total=4)
    generator = torch.Generator().manual_seed(settings.seed)
    size = features.WINDOW * len(features.WINDOW_NAMES)
    windows = score.denormalise(sampling.ddpm(score.denoiser, (settings.samples, size), generator))
    progress.advance(bar)
    rejected = _rejected(score, settings.samples, generator)
    progress.advance(bar)
    picks = torch.multinomial(data.weights, settings.samples, replacement=True, generator=generator)
    alike, held_out = data.training.values[picks], data.held_out.values
    sets = {"samples": windows, "training": alike, "held_out": held_out}
    figures = {name: generated.figures(values) for name, values in sets.items()}
    progress.advance(bar)
    near = coverage(windows, held_out, data.training.values, alike, score.channel_std)
    progress.advance(bar)
    return {"generated": {**figures, "rejected_as_starts": rejected}, "coverage": near}


def _rejected(score: Score, count: int, generator: torch.Generator) -> float | None:
    """Share of samples that make no start state; None where `Starts` gives up, which it does when hardly any does."""
    try:
        starts = Starts(score, count, generator)
    except RuntimeError:
        return None
    return starts.rejected / starts.sampled


@torch.no_grad()
def windows_per_second(score: Score, windows: Tensor) -> float:
    """How many windows the score judges a second, in batches of 512 on one thread: features not included.

    By the fastest batch, so that other load on the machine does not count.
    """
    batch = windows[torch.arange(COST_BATCH) % len(windows)]
    noise = torch.randn(COST_BATCH, len(schedule.LEVELS), *windows.shape[1:])
    with _one_thread():
        end, fastest = time.perf_counter() + COST_SECONDS, math.inf
        while (start := time.perf_counter()) < end:
            score(batch, noise)
            fastest = min(fastest, time.perf_counter() - start)
    return COST_BATCH / fastest


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rounded(value: Any) -> Any:  # noqa: ANN401 - anything JSON holds
    """Floats to five significant digits."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float) and value and math.isfinite(value):
        return round(value, 4 - math.floor(math.log10(abs(value))))
    return value


if __name__ == "__main__":
    main()

"""The figures of a prior: `python -m training.audit prior=exported/priors/locomotion.onnx output=report.json`.

    prior file, prepared clips ──> real: ratios of people it learned from and of others, by person and by speed
                               ──> preference: real windows against changed ones, and against motion such as policies
                                               make, by level and by person         (training._audit_judgement)
                               ──> samples: as bodies, projected, against data      (training._audit_samples)
                               ──> styles as asked for, where it knows any          (training._audit_styles)
                               ──> cost: windows a second
                               ──> JSON report, tables

A prior is audited before any policy trains on it: a policy will find whatever the prior prefers to real motion. Most
of the time goes into samples; a line at the start says how much it may be.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import MISSING, DictConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from runtime.recording import RecordingError
from training import _audit_judgement, _audit_samples, _audit_styles, _audit_tables, config, pretrain, provenance
from training.command import Command, begin
from training.motion import dataset
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.motion.windows import Windows
from training.prior import file
from training.prior.data import sides
from training.prior.file import LoadedPrior, PriorFileError
from training.prior.fit import Styles
from training.prior.score import Score
from training.prior.style import whole

COST_BATCH = 512
COST_SECONDS = 2.0
TAKES = "with 2,048 an audit of exported/priors/locomotion.onnx takes 1.7 min on 2 cores of AMD EPYC"
"""How long it takes, as exported/priors/locomotion.audit.json says."""


@dataclass(frozen=True)
class AuditConfig:
    """Measure a prior before any policy trains on it: `python -m training.audit prior=FILE`."""

    prior: str = MISSING
    """Prior file."""
    data: str = ""
    """Folder that `training.prepare` wrote; empty: data/<name in the prior file>."""
    output: str = ""
    """JSON report to write; empty: tables only."""
    samples: int = 4096
    """Windows to generate."""
    seed: int = 0
    """Seeds changes, noise and samples."""


@dataclass(frozen=True)
class Data:
    """Motion to audit a prior on."""

    held_out: Windows
    """Windows of held-out clips."""
    clips: list[Clip]
    """The held-out clips that they are of."""
    training: Windows
    """Training windows, at all playing speeds the prior was trained on."""
    weights: Tensor
    """[N] how often training drew them."""
    known: bool
    """Whether these are the very clips the prior was made of."""
    styles: Styles | None
    """What style every window is in, for a prior that knows styles."""


COMMAND = Command("training.audit", AuditConfig, needs="prior")


def main() -> None:
    """Read the command line, audit and report; exits with 2 and one sentence on bad input."""
    begin(COMMAND)
    _main()


@hydra.main(config_path="conf/audit", config_name="audit", version_base="1.3")
def _main(composed: DictConfig) -> None:
    """Audit as the composed configuration says."""
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
    console.print(f"{settings.samples:,} samples; {TAKES}", soft_wrap=True)
    report = audit(settings, loaded, data, console)
    _audit_tables.show(report, console)
    if settings.output:
        Path(settings.output).write_text(json.dumps(_rounded(report), indent=1) + "\n")
        console.print(f"wrote {settings.output}")
    console.print(f"took {report['seconds']:.0f} s")


def _check(settings: AuditConfig) -> None:
    if settings.samples < 1:
        raise config.ConfigError(f"configuration: samples: expected at least 1, found {settings.samples}")
    if settings.output and not Path(settings.output).absolute().parent.is_dir():
        raise config.ConfigError(f"output: {settings.output}: no such folder; make it first")


def prepare(loaded: LoadedPrior, clips: list[Clip], folder: str) -> Data:
    """Cut the windows; raises ConfigError when the dataset has no held-out or no training clips."""
    settings = loaded.metadata["configuration"]
    known, unknown = sides(clips, settings.get("held_out", "clips"), folder)
    offsets = loaded.score.offsets
    training = motion_windows.cut(known, settings["play_speeds"], offsets)
    held_out = motion_windows.cut(unknown, offsets=offsets)
    styles = pretrain.labels(known, training, unknown, held_out, folder) if loaded.score.styles else None
    if styles and styles.names != loaded.score.styles:
        raise config.ConfigError(f"{folder}: expected styles {loaded.score.styles}, found {styles.names}")
    return Data(
        held_out=held_out,
        clips=unknown,
        training=training,
        weights=motion_windows.balance(training, known, settings["balance"]),
        known=pretrain.datasets(clips) == loaded.metadata["datasets"],
        styles=styles,
    )


def audit(settings: AuditConfig, loaded: LoadedPrior, data: Data, console: Console) -> dict[str, Any]:
    """All figures, ready for JSON; progress goes to `console`."""
    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        own, style = (whole(data.styles.held_out), whole(data.styles.training)) if data.styles else (None, None)
        judged = _audit_judgement.measure(
            loaded.score, data.clips, data.held_out, own, data.training, style, data.weights, settings.seed, progress
        )
        bar = progress.add_task("samples", total=1)
        generator = torch.Generator().manual_seed(settings.seed)
        samples = _audit_samples.measure(
            loaded.score, data.held_out, data.training, data.weights, settings.samples, generator, style
        )
        if data.styles:
            samples["styles"] = _audit_styles.measure(
                loaded.score, data.held_out, data.training, data.styles, settings.samples, generator
            )
        progress.advance(bar)
        bar = progress.add_task("cost", total=1)
        speed = windows_per_second(loaded.score, data.held_out.values)
        progress.advance(bar)
    return {
        "prior": {"file": settings.prior, "name": loaded.metadata["configuration"]["name"]},
        "sha256": loaded.sha256,
        "headline": headline(judged, samples, speed),
        "data": {
            "held_out_windows": len(data.held_out), "held_out_performances": len({clip.group for clip in data.clips}),
            "training_windows": len(data.training), "what_the_prior_was_made_of": data.known,
            "held_out": loaded.metadata["configuration"].get("held_out", "clips"),
        },
        "settings": {"samples": settings.samples, "seed": settings.seed},
        "code_version": provenance.code_version(),
        **judged,
        **samples,
        "cost": {
            "windows_per_second_one_thread": speed, "batch": COST_BATCH, "hardware": provenance.hardware(),
            "parameters": sum(weights.numel() for weights in loaded.score.denoiser.parameters()),
        },
        "seconds": time.monotonic() - start,
    }  # fmt: skip


def headline(judged: dict[str, Any], samples: dict[str, Any], speed: float) -> dict[str, Any]:
    """The figures that a model card shows, in its words."""
    changes, real = judged["preference"]["changes"], judged["real"]
    covered, valid = samples["coverage"], samples["validity"]
    return {
        "median ratio of training and of held-out windows": [real[k]["ratio"][1] for k in ("training", "held_out")],
        "real preferred over": {name: row["preferred"] for name, row in changes.items()},
        "real preferred, of the person of whom least, over": {
            name: min(row["by_person"].values()) for name, row in changes.items()
        },
        "held-out windows covered by samples": covered["coverage_of_held_out"],
        "held-out windows covered by as many training windows": covered["coverage_of_held_out_by_training"],
        "covered by samples, of what as many training windows cover": covered["of_what_training_covers"],
        "samples near training data": covered["fidelity_to_training"],
        "samples' distance to training data over held-out motion's": covered["copy_ratio"],
        "Fréchet distance to held-out motion of samples": covered["frechet_samples"],
        "Fréchet distance to held-out motion of as many training windows": covered["frechet_training"],
        "samples valid as they come": valid["samples"]["valid"],
        "samples valid once projected": valid["projected"]["valid"],
        "held-out windows valid": valid["held_out"]["valid"],
        "samples that make no start state": samples["starts"]["rejected"],
        "windows judged a second on one thread": round(speed),
        **_style_figures(samples),
    }


def _style_figures(samples: dict[str, Any]) -> dict[str, Any]:
    """The headline of a prior that knows styles."""
    if "styles" not in samples:
        return {}
    found = samples["styles"]
    return {
        "style of generated windows as asked": found["generated_guidance_1"]["accuracy"],
        "style of generated windows as asked, guidance 2": found["generated_guidance_2"]["accuracy"],
        "style of generated windows as asked, guidance 3": found["generated_guidance_3"]["accuracy"],
        "style of held-out windows told right by the classifier": found["classifier_on_held_out"],
        "two styles composed, upper and lower body as asked": [found["composed"][k] for k in found["composed"]],
    }


@torch.no_grad()
def windows_per_second(score: Score, windows: Tensor) -> float:
    """How many windows the score judges a second, in batches of 512 on one thread: features not included.

    By the fastest batch, so that other load on the machine does not count.
    """
    batch = windows[torch.arange(COST_BATCH) % len(windows)]
    noise = score.noise(COST_BATCH, torch.Generator())
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

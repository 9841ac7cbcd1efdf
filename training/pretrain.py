"""Train a motion prior: `python -m training.pretrain prior=locomotion data=data/locomotion`.

    prepared clips ──> windows ──> prior.fit (denoiser, EMA, reference errors) ──> prior file (ONNX)

The run folder gets the resolved configuration before anything else, then the curve; the file itself carries its
configuration, the data's licences and hashes, and the reference errors of real motion.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from runtime.recording import RecordingError
from training import config as settings
from training.command import Command, begin
from training.motion import dataset
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.motion.windows import Windows
from training.prior import data, file
from training.prior.fit import Fit, Styles, fit, joint_statistics

COMMAND = Command("training.pretrain", settings.PretrainConfig, ("prior",))


def main() -> None:
    """Read the command line, train, write the file; exits with 2 and one sentence on bad input."""
    begin(COMMAND)
    _main()


@hydra.main(config_path="conf", config_name="pretrain", version_base="1.3")
def _main(composed: DictConfig) -> None:
    """Train as the composed configuration says."""
    try:
        config = settings.resolve(settings.PretrainConfig, composed)
        settings.check_output(config.output, config.overwrite)
        folder = Path(HydraConfig.get().runtime.output_dir)
        config = replace(config, output=config.output or str(folder / f"{config.prior.name}.onnx"))
        (folder / "configuration.json").write_text(json.dumps(settings.as_plain(config), indent=1))
        train(config, dataset.load(config.data), folder)
    except (settings.ConfigError, FileNotFoundError, RecordingError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def train(config: settings.PretrainConfig, clips: list[Clip], folder: Path) -> Fit:
    """Train on the clips' training side, judge on the held-out side, write `config.output`.

    Raises ConfigError when a side has no clip.
    """
    console, start = Console(), time.monotonic()
    known, unknown = data.sides(clips, config.prior.held_out, config.data)
    training = motion_windows.cut(known, config.prior.play_speeds, config.prior.offsets)
    held_out = motion_windows.cut(unknown, offsets=config.prior.offsets)
    speeds = len(config.prior.play_speeds)
    console.print(f"{len(training):,} training windows at {speeds} speeds, {len(held_out):,} held out")
    weights = motion_windows.balance(training, known, config.prior.balance)
    styles = labels(known, training, unknown, held_out, config.data) if config.prior.styles else None
    result = _fit(config, training, weights, held_out, styles, console)
    (folder / "curve.json").write_text(json.dumps(result.curve))
    minutes = (time.monotonic() - start) / 60
    mean, std = joint_statistics(training, weights, config.prior.mirrored)
    extra = {
        "joints": {"mean": mean.tolist(), "std": std.tolist()},
        "datasets": datasets(clips),
        "training": {
            "seed": config.seed, "iterations": result.iterations, "minutes": minutes, "windows": len(training),
            "held_out_windows": len(held_out), "held_out_error": result.curve[-1][2],
        },
    }  # fmt: skip
    file.save(Path(config.output), result.score, config.prior, extra)
    console.print(f"wrote {config.output} after {minutes:.1f} min, {result.iterations:,} steps")
    return result


def _fit(
    config: settings.PretrainConfig, training: Windows, weights: Tensor, held_out: Windows, styles: Styles | None,
    console: Console,
) -> Fit:  # fmt: skip
    steps = TextColumn("{task.completed:,} steps")
    with Progress(
        TextColumn("{task.description}"), BarColumn(), steps, TimeElapsedColumn(), console=console
    ) as progress:
        bar = progress.add_task("training", total=config.prior.iterations)

        def report(step: int, loss: float, error: float) -> None:
            progress.update(bar, completed=step, description=f"loss {loss:.4f}, held out {error:.4f}")

        return fit(config.prior, training, weights, held_out, config.seed, report, styles)


def labels(known: list[Clip], training: Windows, unknown: list[Clip], held_out: Windows, folder: str) -> Styles:
    """What style every window is in; raises ConfigError when clips have no style or one is only held out."""
    names = sorted({clip.style for clip in known} - {""})
    if missing := [clip.motion.name for clip in (*known, *unknown) if clip.style not in names]:
        raise settings.ConfigError(
            f"{folder}: prior.styles=true needs a style that is trained on for every clip, but {missing[0]} "
            f"({len(missing)} clips) has none"
        )

    def one_hot(clips: list[Clip], windows: Windows) -> Tensor:
        number = torch.tensor([names.index(clip.style) for clip in clips])[windows.clip]
        return torch.nn.functional.one_hot(number, len(names)).float()

    return Styles(tuple(names), one_hot(known, training), one_hot(unknown, held_out))


def datasets(clips: list[Clip]) -> list[dict[str, Any]]:
    """What the prior was made of: one entry a licence, with clips, minutes and a hash of the motion."""
    by_licence: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_licence[clip.motion.licence].append(clip)
    entries = []
    for licence, members in sorted(by_licence.items()):
        digest = hashlib.sha256()
        for clip in members:
            digest.update(clip.motion.root_position.tobytes() + clip.motion.joint_position.tobytes())
        folders = sorted({clip.motion.source.split("/")[0] for clip in members})
        minutes = sum(clip.motion.seconds for clip in members) / 60
        entries.append({
            "name": "+".join(folders), "licence": licence, "clips": len(members), "minutes": round(minutes, 2),
            "sha256": digest.hexdigest(),
        })  # fmt: skip
    return entries


if __name__ == "__main__":
    main()

"""What a prior prefers, measured: the first half of `training.audit`. Private to it.

held-out windows ──> judged as they are and changed in many ways            (training.prior.changes, rollouts)
                 ──> shares preferred, per level and for the reward         (training.prior.preference)
                 ──> the same for rewards calibrated otherwise: remedies
                 ──> the same by speed, so that nothing hides in the mean
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor

from training.motion.windows import SPEED_EDGES, Windows
from training.prior import preference, schedule
from training.prior.changes import Change
from training.prior.file import LoadedPrior
from training.prior.preference import Calibration, Judged
from training.prior.score import Score

QUANTILES = (0.1, 0.5, 0.9)
CALM = ("joint motion × .8", "joint motion × .5", "half speed", "frozen")
"""Changes that make motion calmer: those that a score tends to prefer."""


def shipped_calibration(loaded: LoadedPrior) -> Calibration:
    """The remedies that the file's own reward uses."""
    return Calibration(**{field.name: getattr(loaded.score.reward, field.name) for field in fields(Calibration)})


def measure(
    loaded: LoadedPrior, held_out: Windows, style: Tensor | None, groups: list[str], changes: Mapping[str, Change],
    draws: int, seed: int, every_remedy: bool, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Figures of all `changes` on held-out windows of `style` [N, 2S]: {"preference", "remedies", "by_speed"}."""
    generator = torch.Generator().manual_seed(seed)
    windows, score = held_out.values, loaded.score
    bar = progress.add_task("real and changed windows", total=1 + len(changes))
    real = preference.judge(score, windows, draws, seed, style)
    progress.advance(bar)
    changed = {}
    for name, change in changes.items():
        changed[name] = preference.judge(score, change(windows, generator), draws, seed, style)
        progress.advance(bar)
    table = {name: preference.compare(score, real, judged) for name, judged in changed.items()}
    shipped = shipped_calibration(loaded)
    calibrations = preference.combinations(shipped) if every_remedy else preference.named(shipped)
    bar = progress.add_task("remedies", total=2 * len(calibrations))
    group = preference.group_numbers(held_out, groups)
    half = preference.halves(group, held_out.speed)
    fitted = preference.cross_fit(
        score, real, changed, half, calibrations, lambda: progress.advance(bar), loaded.mirrored
    )
    shares = {c: {name: each.mean().item() for name, each in row.items()} for c, row in fitted.items()}
    errors = {name: preference.standard_error(each, group) for name, each in fitted[shipped].items()}
    plain = {name: preference.preferred(real.error.mean(2), c.error.mean(2)).mean() for name, c in changed.items()}
    remedies = {
        "windows_in_halves": [int(half.sum()), int((~half).sum())],
        "mean_error": {name: share.item() for name, share in plain.items()},
        "added": {name: shares[calibration] for name, calibration in preference.added(shipped).items()},
        "left_out": {name: shares[calibration] for name, calibration in preference.left_out(shipped).items()},
        "every_combination": [{**asdict(calibration), "changes": row} for calibration, row in shares.items()],
        "shipped": {**asdict(shipped), "changes": shares[shipped], "standard_error": errors},
        "shipped_minus_as_in_the_file": {name: shares[shipped][name] - row["reward"] for name, row in table.items()},
    }
    return {
        "preference": {"levels": list(schedule.LEVELS), "changes": table},
        "remedies": remedies,
        "by_speed": by_speed(score, real, held_out.speed, fitted[shipped]),
    }


def by_speed(score: Score, real: Judged, speed: Tensor, preferred: Mapping[str, Tensor]) -> dict[str, Any]:
    """Quantiles of real windows' errors and rewards per bin of root speed [N], and shares preferred to calm changes.

    `preferred` holds, per change, the share of draws in which each window was preferred [N].
    """
    reward = torch.exp(-score.sharpness * preference.penalty(score, real))  # [R, N]
    bins, q = torch.bucketize(speed, torch.tensor(SPEED_EDGES)), torch.tensor(QUANTILES)
    report = {}
    for number, edge in enumerate((*SPEED_EDGES, None)):
        inside = bins == number
        if not inside.any():
            continue
        report["faster" if edge is None else f"up to {edge} m/s"] = {
            "windows": int(inside.sum()),
            "error_quantiles": real.error[:, inside].flatten(0, 1).quantile(q, dim=0).T.tolist(),
            "reward_quantiles": reward[:, inside].flatten().quantile(q).tolist(),
            "preferred_to": {name: preferred[name][inside].mean().item() for name in CALM if name in preferred},
        }
    return {"levels": list(schedule.LEVELS), "quantiles": list(QUANTILES), "bins": report}

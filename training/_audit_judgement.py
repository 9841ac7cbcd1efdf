"""What a prior prefers, measured: the first half of `training.audit`. Private to it.

held-out clips ──> windows as they are, changed                (training.prior.changes)
               ──> done otherwise, then cut                    (training.prior.imitations)
               ──> shares preferred by the ratio e/ρ, of pairs that are as fast, by level, together and by person

All windows are judged under one and the same draw of noise: what is compared then differs by the motion alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor

from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.motion.windows import SPEED_EDGES, Windows
from training.prior.changes import CHANGES
from training.prior.imitations import IMITATIONS, imitate
from training.prior.score import Score

AS_FAST = 0.05  # m/s: a change that leaves the speed alone is compared with the very window that it is of
NEIGHBOURS = 32
"""Real windows next in speed among which one is drawn to compare with, where a change does not leave the speed."""
QUANTILES = (0.1, 0.5, 0.9)
CHUNK = 2048  # windows


def measure(
    score: Score, clips: Sequence[Clip], held_out: Windows, style: Tensor | None, training: Windows,
    training_style: Tensor | None, weights: Tensor, seed: int, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Figures of held-out windows of `clips`, of `style` [N, 2S], and of all changes of them: {"real", "preference"}.

    `training` windows, their styles and `weights` [M] are what the prior learned from.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = score.noise(1, generator)
    bar = progress.add_task("real and changed windows", total=2 + len(CHANGES) + len(IMITATIONS))
    real = ratios(score, held_out.values, noise, style)
    progress.advance(bar)
    picks = torch.multinomial(weights, min(len(held_out), len(training)), replacement=True, generator=generator)
    told = None if training_style is None else training_style[picks]
    known = ratios(score, training.values[picks], noise, told)
    progress.advance(bar)
    names = [clip.group for clip in clips]
    table = {}
    for name, change in CHANGES.items():
        changed = held_out.take(torch.arange(len(held_out)))
        changed.values.copy_(change(held_out.values, generator))
        judged = ratios(score, changed.values, noise, style)
        table[name] = compare(real, held_out, judged, changed, names, generator, own=True)
        progress.advance(bar)
    for name, imitation in IMITATIONS.items():
        changed = motion_windows.cut(imitate(clips, imitation), offsets=score.offsets)
        told = None if style is None else style[_first_of(held_out.clip, len(clips))][changed.clip]
        judged = ratios(score, changed.values, noise, told)
        table[name] = compare(real, held_out, judged, changed, names, generator, own=False)
        progress.advance(bar)
    return {
        "real": {
            "quantiles": list(QUANTILES),
            "training": _spread(known),
            "held_out": _spread(real),
            "by_person": {name: _spread(part) for name, part in _by_name(real, held_out.clip, names).items()},
            "by_speed": by_speed(real, held_out.speed),
        },
        "preference": {"levels": list(score.levels), "changes": table},
    }


@torch.no_grad()
def ratios(score: Score, windows: Tensor, noise: Tensor, style: Tensor | None = None) -> Tensor:
    """Ratio e/ρ [N, K] of raw windows [N, F, 58] at every level, mean over body groups, under `noise` [1, K, F, 58]."""
    found = []
    for rows in torch.arange(len(windows)).split(CHUNK):
        told, part = None if style is None else style[rows], windows[rows]
        _, errors = score.errors(part, noise.expand(len(rows), -1, -1, -1), told)
        found.append(score.ratio(errors, score.condition(part, told)).mean(2))
    return torch.cat(found)


def compare(
    real: Tensor, of_real: Windows, changed: Tensor, of_changed: Windows, names: Sequence[str],
    generator: torch.Generator, own: bool,
) -> dict[str, Any]:  # fmt: skip
    """How often real windows have the lower ratio: shares by level, together, and by person.

    `real` [N, K] and `changed` [M, K] are ratios of windows of clips whose performances are `names`. With `own` the
    changed windows are those of the same rows, and each is compared with its own where that is as fast.
    """
    partner = partners(of_real.speed, of_changed.speed, generator)
    if own:
        same = (of_real.speed - of_changed.speed).abs() < AS_FAST
        partner = torch.where(same, torch.arange(len(changed)), partner)
    beside = real[partner]
    together = preferred(beside.mean(1), changed.mean(1))
    return {
        "windows": len(changed),
        "by_level": preferred(beside, changed).mean(0).tolist(),
        "preferred": together.mean().item(),
        "by_person": {n: part.mean().item() for n, part in _by_name(together, of_changed.clip, names).items()},
        "median_ratio": changed.mean(1).median().item(),
    }


def preferred(real: Tensor, changed: Tensor) -> Tensor:
    """1 where a real ratio is lower than the changed one, ½ where they are equal, else 0."""
    return (real < changed).float() + 0.5 * (real == changed).float()


def partners(real: Tensor, changed: Tensor, generator: torch.Generator) -> Tensor:
    """For each of the speeds `changed` [M] the place of a real window [N] drawn among those next in speed."""
    order = real.argsort()
    some = min(NEIGHBOURS, len(real))
    place = torch.searchsorted(real[order], changed.contiguous())
    first = (place - some // 2).clamp(0, len(real) - some)
    return order[first + torch.randint(some, changed.shape, generator=generator)]


def by_speed(ratio: Tensor, speed: Tensor) -> dict[str, Any]:
    """Quantiles of real windows' ratios [N, K], mean over levels, per bin of root speed [N] m/s."""
    bins, report = torch.bucketize(speed, torch.tensor(SPEED_EDGES)), {}
    for number, edge in enumerate((*SPEED_EDGES, None)):
        if (bins == number).any():
            report["faster" if edge is None else f"up to {edge} m/s"] = _spread(ratio[bins == number])
    return report


def _spread(ratio: Tensor) -> dict[str, Any]:
    """Number of windows and quantiles of their ratios [N, K], mean over levels."""
    return {"windows": len(ratio), "ratio": ratio.mean(1).quantile(torch.tensor(QUANTILES)).tolist()}


def _by_name(values: Tensor, clip: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Values [N, ...] of windows by the performance that their clips [N] are of, in the names' order."""
    numbers = {name: [i for i, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}
    parts = {name: values[torch.isin(clip, torch.tensor(those))] for name, those in numbers.items()}
    return {name: part for name, part in parts.items() if len(part)}


def _first_of(clip: Tensor, count: int) -> Tensor:
    """Row of the first window of each of `count` clips, from the windows' clips [N]; 0 where a clip has none."""
    return torch.stack([(clip == number).long().argmax() for number in range(count)])

"""Which of two motions a prior prefers: real windows, or the same windows changed (method.md §10).

Both are judged under the same draws of noise, so that the comparison tells of the motion and not of luck; a share of
.5 means the prior is blind to the change, less that it prefers the change, ties count one half.

    judge ── errors of windows under several draws of noise ── shares: per level, for the reward
    cross_fit ── the same errors under rewards calibrated otherwise: what each remedy of `score` does

A reward that is calibrated on the windows it is measured on flatters itself. `cross_fit` therefore parts the held-out
performances in two halves, calibrates on one and measures on the other, both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from training.motion import windows as motion_windows
from training.prior import schedule
from training.prior.score import Score

_BATCH = 512


@dataclass(frozen=True)
class Judged:
    """N windows and their errors under R draws of noise."""

    windows: Tensor
    """[N, 10, 58] raw."""
    error: Tensor
    """[R, N, K] over all channels."""
    group_error: Tensor
    """[R, N, K, G] per body group."""
    style: Tensor | None = None
    """[N, 2S] that the windows are judged as; None where the prior has no styles."""

    def take(self, mask: Tensor) -> Judged:
        """Return the windows under a mask [N]."""
        style = None if self.style is None else self.style[mask]
        return Judged(self.windows[mask], self.error[:, mask], self.group_error[:, mask], style)


@torch.no_grad()
def judge(score: Score, windows: Tensor, draws: int, seed: int, style: Tensor | None = None) -> Judged:
    """Errors of raw windows [N, 10, 58] as motion of `style` [N, 2S].

    The noise depends on `seed`, `draws` and N alone.
    """
    told = [None] * len(windows.split(_BATCH)) if style is None else style.split(_BATCH)
    generator = torch.Generator().manual_seed(seed)
    errors, group_errors = [], []
    for _ in range(draws):
        noise = torch.randn(len(windows), len(schedule.LEVELS), *windows.shape[1:], generator=generator)
        batches = zip(windows.split(_BATCH), noise.split(_BATCH), told, strict=True)
        parts = [score.errors(*batch) for batch in batches]
        error, group_error = (torch.cat(values) for values in zip(*parts, strict=True))
        errors.append(error)
        group_errors.append(group_error)
    return Judged(windows, torch.stack(errors), torch.stack(group_errors), style)


def penalty(score: Score, judged: Judged) -> Tensor:
    """[R, N] what `score` makes of the errors: the reward is exp(-sharpness · penalty)."""
    own = judged.error.unsqueeze(-1) if score.groups == ("all",) else judged.group_error
    condition = score.condition(judged.windows, judged.style)
    oddity = score.oddity(judged.windows, condition)
    costs = [score.penalty(score.deviation(errors, condition), oddity) for errors in own]
    return score.beyond_allowance(torch.stack(costs), condition)


def preferred(real: Tensor, changed: Tensor) -> Tensor:
    """Share of draws in which the real one of each window has less, of [R, N, ...]; ties count one half: [N, ...]."""
    return ((real < changed).float() + 0.5 * (real == changed).float()).mean(0)


def standard_error(each: Tensor, group: Tensor) -> float:
    """Standard error of the mean of `each` [N], windows of one performance (`group` [N] numbers) counted as one draw.

    Neighbouring windows are almost the same motion: √(G/(G-1)·Σ_g(Σ_{i∈g}(x_i - x̄))²)/N for G performances.
    """
    _, number = group.unique(return_inverse=True)
    count = int(number.max()) + 1
    sums = torch.zeros(count).index_add_(0, number, each - each.mean())
    return (count / max(count - 1, 1) * sums.square().sum()).sqrt().item() / len(each)


def compare(score: Score, real: Judged, changed: Judged) -> dict[str, Any]:
    """Figures of one change: shares preferred per level and for the reward, mean errors and rewards.

    `reward_apart` is the share where both sides meet noise of their own, as two steps of a policy do.
    """
    costs = penalty(score, real), penalty(score, changed)
    rewards = [torch.exp(-score.sharpness * cost) for cost in costs]
    return {
        "error": preferred(real.error, changed.error).mean(0).tolist(),
        "reward": preferred(*costs).mean().item(),
        "reward_apart": preferred(costs[0], costs[1].roll(1, 0)).mean().item() if len(costs[0]) > 1 else None,
        "mean_error": changed.error.mean((0, 1)).tolist(),
        "mean_reward": rewards[1].mean().item(),
        "mean_reward_of_real": rewards[0].mean().item(),
    }


@dataclass(frozen=True)
class Calibration:
    """Remedies of `training.prior.score` in one combination; see `training.config.RewardConfig`."""

    groups: bool
    by_speed: bool
    calm_weight: float
    tolerance_quantile: float
    statistics_weight: float
    allowance: float = 0.0


NO_REMEDY = Calibration(False, False, 0.0, 0.0, 0.0)
CALM_WEIGHTS = (0.0, 0.25, 0.5, 1.0)


def added(shipped: Calibration) -> dict[str, Calibration]:
    """The remedies of `shipped`, one more in each: from none (but no extra reward below the reference) to all."""
    steps, now = {"no extra below": NO_REMEDY}, NO_REMEDY
    for name in ("groups", "by_speed", "tolerance_quantile", "calm_weight", "statistics_weight", "allowance"):
        now = replace(now, **{name: getattr(shipped, name)})
        steps[f"+ {name.replace('_', ' ')}"] = now
    return steps


def left_out(shipped: Calibration) -> dict[str, Calibration]:
    """All remedies of `shipped`, then all but one, then all with other calm weights."""
    others = {f"no {f.name.replace('_', ' ')}": {f.name: getattr(NO_REMEDY, f.name)} for f in fields(Calibration)}
    others |= {f"calm {weight:g}": {"calm_weight": weight} for weight in CALM_WEIGHTS[1:]}
    return {"all": shipped} | {name: replace(shipped, **change) for name, change in others.items()}


def named(shipped: Calibration) -> tuple[Calibration, ...]:
    """The combinations of `added` and `left_out`, each once."""
    return tuple(dict.fromkeys((*added(shipped).values(), *left_out(shipped).values())))


def combinations(shipped: Calibration) -> tuple[Calibration, ...]:
    """Every combination of remedies, each once, with the weight that `shipped` gives to statistics."""
    switches, weights = (False, True), (0.0, shipped.statistics_weight)
    every = product(switches, switches, CALM_WEIGHTS, (0.0, 0.5), weights)
    return tuple(dict.fromkeys((*(Calibration(*combination) for combination in every), *named(shipped))))


def halves(group: Tensor, speed: Tensor) -> Tensor:
    """Mask [N] that parts windows in two by `group` [N] (numbers), both halves with slow and fast groups.

    Groups go by mean speed [N] in pairs; of each, the larger goes to the half with fewer windows so far.
    """
    sizes = {g: int((group == g).sum()) for g in group.unique().tolist()}
    order = sorted(sizes, key=lambda g: speed[group == g].mean().item())
    first: list[int] = []
    counts = [0, 0]
    for pair in (order[i : i + 2] for i in range(0, len(order), 2)):
        light = counts.index(min(counts))
        for place, g in enumerate(sorted(pair, key=sizes.__getitem__, reverse=True)):
            side = light if place == 0 else 1 - light
            counts[side] += sizes[g]
            first += [g] if side == 0 else []
    return torch.isin(group, torch.tensor(first))


def cross_fit(
    score: Score, real: Judged, changed: Mapping[str, Judged], half: Tensor, calibrations: Sequence[Calibration],
    report: Callable[[], None] = lambda: None, mirrored: bool = True,
) -> dict[Calibration, dict[str, Tensor]]:  # fmt: skip
    """Share [N] of draws in which the reward, calibrated on the other half of the windows, prefers each real window.

    Per calibration and change. `half` [N] is a mask; `report` is called after each calibration of each half.
    `mirrored` is whether the prior knows the mirror images of its clips.
    """
    shares = {calibration: {name: torch.empty(len(half)) for name in changed} for calibration in calibrations}
    for measured in (half, ~half):
        others = real.take(~measured)
        known = motion_windows.sides(others.windows, mirrored)
        style = None if others.style is None else others.style.repeat(2 if mirrored else 1, 1)
        here, changed_here = real.take(measured), {name: judged.take(measured) for name, judged in changed.items()}
        fitted: dict[Calibration, Score] = {}  # the references do not depend on the weights, the allowance does
        for calibration in calibrations:
            weights = {} if calibration.allowance else {"calm_weight": 0.0, "statistics_weight": 0.0}
            key = replace(calibration, **weights)
            fitted[key] = fitted.get(key) or calibrated(score, key, known, style)
            fitted[key].calm_weight.fill_(calibration.calm_weight)
            fitted[key].statistics_weight.fill_(calibration.statistics_weight)
            cost = penalty(fitted[key], here)
            for name, judged in changed_here.items():
                shares[calibration][name][measured] = preferred(cost, penalty(fitted[key], judged))
            report()
    return shares


def calibrated(score: Score, calibration: Calibration, windows: Tensor, style: Tensor | None = None) -> Score:
    """Return a score with `score`'s denoiser, calibrated so on raw real windows [N, 10, 58] of `style` [N, 2S]."""
    other = score.sibling(score.denoiser, calibration.groups).eval()
    other.sharpness.copy_(score.sharpness)
    other.calm_weight.fill_(calibration.calm_weight)
    other.statistics_weight.fill_(calibration.statistics_weight)
    other.calibrate(
        windows, by_speed=calibration.by_speed, quantile=calibration.tolerance_quantile, style=style,
        allowance=calibration.allowance,
    )  # fmt: skip
    return other


def group_numbers(windows: motion_windows.Windows, groups: list[str]) -> Tensor:
    """Number [N] of the performance each window is from; `groups` names that of each clip."""
    names = sorted(set(groups))
    return torch.tensor([names.index(name) for name in groups])[windows.clip]

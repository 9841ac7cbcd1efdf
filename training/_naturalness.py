"""How natural rollouts are: gait, smoothness, effort, the prior's judgement. Private to `training.evaluate`.

Spread is over episodes: a figure is taken in every episode first; `mean`, `std` and quantiles are of those. `ratio`
takes all episodes' values together and compares them with what mocap has at the speeds at which they were met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.character import CONTROL_HZ, State
from runtime.prior import Prior
from training import _gait, _mocap, metrics
from training._mocap import Mocap
from training.metrics import Rollout

START_SKIP = 30  # steps after a (re)start that do not count as motion of the controller's own
WINDOW_STEP = 3  # every third window is scored
SPEED_NAMES = (
    f"0-{_mocap.SPEED_EDGES[0]:g}",
    *(f"{low:g}-{high:g}" for low, high in zip(_mocap.SPEED_EDGES[:-1], _mocap.SPEED_EDGES[1:], strict=True)),
    f"{_mocap.SPEED_EDGES[-1]:g}+",
)  # m/s

Group = Sequence[tuple[int, Rollout]]
"""Rollouts with their numbers, which seed what is random in measuring them."""
Statistic = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Measure:
    """What rollouts are measured against."""

    prior: Prior | None
    """None: what it would say is None."""
    mocap: Mocap | None
    """None: figures that need it are None."""
    seed: int

    def at(self, table: str, column: str) -> Callable[[np.ndarray], np.ndarray] | None:
        """What mocap has at given speeds, see `Mocap.at`; None without mocap."""
        mocap = self.mocap
        return None if mocap is None else lambda speed: mocap.at(table, column, speed)


def runs(rollout: Rollout, skip: int) -> list[State]:
    """Unbroken motion of an episode without the first `skip` steps after each (re)start."""
    return [metrics.take(rollout.states, part) for part in rollout.runs(skip)]


def naturalness(group: Group, skip: int, measure: Measure) -> dict[str, Any]:
    """All figures, without the first `skip` steps after each (re)start."""
    moving = [runs(rollout, skip) for _, rollout in group]
    pieces, strides = [_gait.pieces(parts) for parts in moving], [_gait.strides(parts) for parts in moving]
    skate, frequency = [(p.skate, p.skate_speed) for p in pieces], [(s.frequency, s.speed) for s in strides]
    seconds = sum(len(run.root_position) for parts in moving for run in parts) / CONTROL_HZ
    return {
        "seconds": seconds,
        "skate_m_s": {
            "mean": compare(skate, measure.at("pieces", "skate_mean"), np.mean),
            "median": compare(skate, measure.at("pieces", "skate_median"), np.median),
            "p90": compare(skate, measure.at("pieces", "skate_p90"), lambda values: np.quantile(values, 0.9)),
        },
        "flight_share": compare([(p.flight, p.speed) for p in pieces], measure.at("pieces", "flight"), np.mean),
        "flight_by_speed": _by_speed(
            np.concatenate([p.speed for p in pieces]), np.concatenate([p.flight for p in pieces]),
            measure.at("pieces", "flight"),
        ),
        "jerk_rad_s3": compare([(p.jerk, p.speed) for p in pieces], measure.at("pieces", "jerk"), np.mean),
        "stride_frequency_hz": compare(frequency, measure.at("strides", "frequency"), np.median),
        "stride_amplitude_rad": {
            name: compare(
                [(s.amplitude[:, joints].mean(axis=1), s.speed) for s in strides],
                measure.at("strides", f"amplitude_{name}"), np.median,
            )
            for name, joints in _gait.AMPLITUDE_GROUPS.items()
        },
        "strides": sum(len(values) for values, _ in frequency),
        "stride_time_share": sum((1 / values).sum() for values, _ in frequency) / seconds if seconds else None,
        **_effort([rollout for _, rollout in group], skip),
        "prior": _prior(group, skip, measure),
    }  # fmt: skip


def compare(
    values: Sequence[tuple[np.ndarray, np.ndarray]],
    expected: Callable[[np.ndarray], np.ndarray] | None,
    statistic: Statistic,
) -> dict[str, Any]:
    """Spread over episodes of `statistic` of values, and its ratio to mocap's.

    `values` holds for every episode values [M] and the speeds [M] at which they were met, `expected` gives mocap's
    figure at such speeds; averaged over all of them it is `mocap`, by which the statistic of all episodes' values
    together is divided.
    """
    figure: dict[str, Any] = metrics.spread([float(statistic(part)) if len(part) else np.nan for part, _ in values])
    together, speed = (np.concatenate(parts) for parts in zip(*values, strict=True))
    if expected is None or not len(together):
        return figure | {"mocap": None, "ratio": None}
    mocap = float(expected(speed).mean())
    return figure | {"mocap": mocap, "ratio": float(statistic(together)) / mocap if mocap > 0.0 else None}


def _by_speed(
    speed: np.ndarray, values: np.ndarray, expected: Callable[[np.ndarray], np.ndarray] | None = None
) -> dict[str, dict[str, float | int]]:
    """Mean and count of values [M] in every bin of the speeds [M] at which they were met, and mocap's mean there."""
    index, bins = np.digitize(speed, _mocap.SPEED_EDGES), {}
    for number, name in enumerate(SPEED_NAMES):
        inside = index == number
        bins[name] = {"mean": metrics.mean(values[inside]), "count": int(inside.sum())}
        if expected is not None:
            bins[name]["mocap"] = metrics.mean(expected(speed[inside]))
    return bins


def _effort(rollouts: Sequence[Rollout], skip: int) -> dict[str, Any]:
    share, power = [], []
    for rollout in rollouts:
        counted = rollout.life >= skip
        torque, watts = metrics.effort(rollout)
        share.append(metrics.mean(torque[counted]))
        power.append(metrics.mean(watts[counted]))
    return {"torque_share": metrics.spread(share), "power_w": metrics.spread(power)}


def _prior(group: Group, skip: int, measure: Measure) -> dict[str, Any]:
    """The prior's error, over that of real motion as fast, and the reward made of it."""
    prior = measure.prior
    if prior is None:
        return {"windows": 0, "ratio": metrics.spread([]), "reward": metrics.spread([])}
    judged = [
        _mocap.judge(prior, runs(rollout, skip), WINDOW_STEP, np.random.default_rng((measure.seed, number)))
        for number, rollout in group
    ]
    ratio, speed = (np.concatenate([getattr(part, name) for part in judged]) for name in ("ratio", "speed"))
    error = np.concatenate([part.error for part in judged])
    return {
        "windows": len(ratio),
        "ratio": metrics.spread([metrics.mean(part.ratio) for part in judged]),
        "ratio_by_speed": _by_speed(speed, ratio),
        "reward": metrics.spread([metrics.mean(part.reward) for part in judged]),
        "error_by_level": {f"t={level}": metrics.mean(error[:, k]) for k, level in enumerate(prior.levels)},
    }

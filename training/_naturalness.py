"""How natural rollouts are: gait, smoothness, effort, the prior's judgement, coverage. Private to `training.evaluate`.

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
from training import _gait, _mocap, features, metrics
from training._mocap import Mocap
from training.metrics import Rollout

START_SKIP = 30  # steps after a (re)start that do not count as motion of the controller's own
WINDOW_STEP = 3  # every third window is scored and can become a pose
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

    prior: Prior
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
    """All figures but coverage, without the first `skip` steps after each (re)start."""
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
    """The prior's error over that of held-out real motion of the same speed, and its reward."""
    ratios, rewards, speeds = [], [], []
    for number, rollout in group:
        windows = _windows(rollout, skip)
        ratio, reward = _mocap.prior_ratio(measure.prior, windows, np.random.default_rng((measure.seed, number)))
        ratios.append(ratio)
        rewards.append(reward)
        speeds.append(_mocap.window_speed(windows))
    together = np.concatenate(ratios)
    by_level = {f"t={level}": metrics.mean(together[:, k]) for k, level in enumerate(measure.prior.levels)}
    return {
        "windows": len(together),
        "ratio": metrics.spread([metrics.mean(ratio) for ratio in ratios]),
        "ratio_by_level": by_level,
        "ratio_by_speed": _by_speed(np.concatenate(speeds), together.mean(axis=1)),
        "reward": metrics.spread([metrics.mean(reward) for reward in rewards]),
    }


def _windows(rollout: Rollout, skip: int) -> State:
    """Motion windows of an episode, leading axes [B, 10]."""
    nothing = metrics.take(rollout.states, np.zeros((0, features.WINDOW), dtype=int))
    return _mocap.join([nothing, *(_mocap.windows(run, WINDOW_STEP) for run in runs(rollout, skip))])


def coverage(group: Group, measure: Measure, slowest: float) -> dict[str, Any]:
    """Share of real poses with a policy pose near, and the reverse; `Mocap` tells what a pose is and what near.

    Poses that move more slowly than `slowest` m/s need not be covered.
    """
    mocap = measure.mocap
    if mocap is None:
        return {"coverage": None, "coverage_by_speed": None, "fidelity": None}
    found = [_mocap.pose_features(_mocap.window_values(_windows(rollout, START_SKIP))) for _, rollout in group]
    episode = np.repeat(np.arange(len(found)), [len(poses) for poses in found])
    picks = np.linspace(0, len(episode) - 1, min(_mocap.POSES, len(episode))).round().astype(int)
    policy, episode = np.concatenate(found)[picks] / mocap.scale, episode[picks]
    real, asked = mocap.poses / mocap.scale, mocap.asked & (mocap.pose_speed >= slowest)
    every = metrics.coverage(real, policy, episode, mocap.threshold)
    covered = metrics.coverage(real[asked], policy, episode, mocap.threshold)
    return {
        "policy_poses": len(policy),
        "reference_poses": len(covered.covered),
        "coverage": {"mean": metrics.mean(covered.covered), "std": covered.deviation},
        "coverage_by_speed": _by_speed(mocap.pose_speed, every.covered),
        "fidelity": metrics.spread([metrics.mean(every.faithful[episode == number]) for number in np.unique(episode)]),
    }

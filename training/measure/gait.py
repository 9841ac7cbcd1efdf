"""How people walk and run, in twelve numbers: `measure` takes them of a run, `inside` sets them beside people's bands.

A run is a `State` [T, ...] at 30 Hz of one character going straight ahead. A controller can keep its goals and be no
human being: it leans, crouches, shuffles, holds its arms up. These numbers see that, and no reward is made of them.

    measure ── passings     when the right foot passes the left
            └─ soles        which feet are on the ground
    inside ── judge ── bands

Where the bands come from. Stride frequency by speed: 68 walks of 14 people of CMU's motion capture database between
0.5 and 1.9 m/s, and running textbooks from 2.4 m/s on, with 14 % either side. The other numbers: motion capture (CMU,
DeepMimic, MimicKit) measured by these very functions, and clinical gait analysis, both widened, so that a number
outside its band is one that hardly anybody has. Between 1.9 and 2.4 m/s people do either: no bands.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runtime.character import BODIES, CONTROL_HZ, JOINT_NAMES, State, model, rotate
from training.motion import rotation, soles

SHORTEST_STRIDE, LONGEST_STRIDE = 0.3, 2.5  # s
SWING_QUANTILE = 0.97  # of both knees' angles over the run: how far a knee bends in swing
BOB_QUANTILES = 0.05, 0.95  # of the pelvis' height

SLOWEST_WALK, FASTEST_WALK, SLOWEST_RUN = 0.2, 1.9, 2.4  # m/s; slower than the first is standing
FREQUENCY_SLACK = 0.14
_WALKING_FREQUENCY = (0.5, 0.78, 1.05, 1.25, 1.45, 1.7, 1.9), (0.70, 0.79, 0.82, 0.89, 0.95, 1.03, 1.08)  # m/s, Hz
_RUNNING_FREQUENCY = (2.4, 3.0, 3.5, 4.0, 5.0), (1.35, 1.40, 1.45, 1.50, 1.65)  # m/s, Hz

Band = tuple[float, float]
_BANDS: dict[str, tuple[Band | None, Band | None, Band | None]] = {  # standing, walking, running
    "lean_deg": ((-6.0, 10.0), (-6.0, 12.0), (0.0, 22.0)),
    "stance_knee_deg": ((-2.0, 20.0), (5.0, 32.0), (15.0, 47.0)),
    "swing_knee_deg": (None, (50.0, 82.0), (70.0, 120.0)),
    "elbow_deg": ((0.0, 70.0), (6.0, 50.0), (45.0, 115.0)),
    "hand_swing_m": ((0.0, 0.08), (0.18, 0.80), (0.30, 0.90)),
    "double_support": (None, (0.12, 0.65), (0.0, 0.10)),
    "flight": ((0.0, 0.01), (0.0, 0.03), (0.08, 0.55)),
    "pelvis_height_m": ((0.82, 0.90), (0.81, 0.90), (0.76, 0.89)),
    "step_width_m": (None, (0.03, 0.22), (0.0, 0.20)),
    "pelvis_bob_m": ((0.0, 0.01), (0.012, 0.07), (0.03, 0.14)),
}

DEFINITIONS = {
    "speed_m_s": "of the root, from where the run begins to where it ends",
    "strides_per_s": "of one leg: 1 over the median time from one passing of the left foot by the right to the next",
    "lean_deg": "of the torso's axis from the vertical, forward positive, mean",
    "stance_knee_deg": "bend of a knee whose foot is on the ground (lowest corner of the sole under 2 cm), median",
    "swing_knee_deg": "97 % quantile of both knees' bend",
    "elbow_deg": "bend of both elbows, mean",
    "hand_swing_m": "range of a hand's way ahead of the root, mean of both",
    "double_support": "share of the time with both feet on the ground",
    "flight": "share of the time with neither foot on the ground",
    "pelvis_height_m": "of the root above the ground, mean",
    "step_width_m": "distance of the ankles across the heading, mean",
    "pelvis_bob_m": "of the root's height, from its 5 % to its 95 % quantile",
}
"""What each of the numbers is."""

_RIGHT, _LEFT = 0, 1
_HANDS = [BODIES.index(f"{side}_hand") for side in ("right", "left")]
_TORSO = BODIES.index("torso")
_KNEES, _ELBOWS = ([JOINT_NAMES.index(f"{side}_{joint}") for side in ("right", "left")] for joint in ("knee", "elbow"))


def measure(states: State) -> dict[str, float]:
    """Take the twelve numbers (see `DEFINITIONS`) of a run [T, ...] of at least two frames; nan where there is none."""
    root, ahead = states.root_position, _ahead(states)
    feet = soles.foot_positions(states)[..., :2]  # [T, 2, 2] m
    across = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    hands = states.body_position[:, _HANDS, :2] - root[:, None, :2]
    grounded = soles.heights(states) < soles.CONTACT_HEIGHT  # [T, 2]
    torso = rotate(states.body_rotation[:, _TORSO], np.array([0.0, 0.0, 1.0]))
    knees = states.joint_position[:, _KNEES]
    low, high = np.quantile(root[:, 2], BOB_QUANTILES)
    travel = np.linalg.norm(root[-1, :2] - root[0, :2])
    periods = stride_periods(states)
    return {
        "speed_m_s": float(travel * CONTROL_HZ / (len(root) - 1)),
        "strides_per_s": 1.0 / _median(periods),
        "lean_deg": float(np.degrees(np.arctan2(_along(torso[:, :2], ahead), torso[:, 2])).mean()),
        "stance_knee_deg": float(np.degrees(_median(knees[grounded]))),
        "swing_knee_deg": float(np.degrees(np.quantile(knees, SWING_QUANTILE))),
        "elbow_deg": float(np.degrees(np.abs(states.joint_position[:, _ELBOWS]).mean())),
        "hand_swing_m": float(np.ptp(_along(hands, ahead[:, None]), axis=0).mean()),
        "double_support": float(grounded.all(axis=1).mean()),
        "flight": float((~grounded.any(axis=1)).mean()),
        "pelvis_height_m": float(root[:, 2].mean()),
        "step_width_m": float(np.abs(_along(feet[:, _RIGHT] - feet[:, _LEFT], across)).mean()),
        "pelvis_bob_m": float(high - low),
    }


def average(runs: list[dict[str, float]]) -> dict[str, float]:
    """Average every number over the runs that have it; nan where none has."""
    return {name: _mean(np.array([run[name] for run in runs])) for name in runs[0]}


def effort(power: np.ndarray, speed: float) -> float:
    """What a run costs: mean P / (m·g·(v + 0.5 m/s)), no unit.

    `power` [T] W is the servos' Σ|torque · joint velocity|, `speed` m/s; the half metre a second keeps standing finite.
    """
    weight = float(model().body_mass.sum()) * float(np.linalg.norm(model().opt.gravity))  # N
    return float(np.mean(power)) / (weight * (speed + 0.5))


def bands(speed: float) -> dict[str, Band]:
    """Return what people's numbers lie between at `speed` m/s (see the module); none between walking and running."""
    if FASTEST_WALK < speed < SLOWEST_RUN:
        return {}
    gait = 0 if speed < SLOWEST_WALK else 1 if speed <= FASTEST_WALK else 2
    found = {name: row[gait] for name, row in _BANDS.items()}
    table = {"speed_m_s": (0.9 * speed - 0.03, 1.1 * speed + 0.03)}
    if gait:
        hz = float(np.interp(speed, *(_WALKING_FREQUENCY if gait == 1 else _RUNNING_FREQUENCY)))
        table["strides_per_s"] = ((1.0 - FREQUENCY_SLACK) * hz, (1.0 + FREQUENCY_SLACK) * hz)
    return table | {name: band for name, band in found.items() if band is not None}


def judge(numbers: Mapping[str, float], speed: float) -> dict[str, bool]:
    """Tell of every number that has a band at `speed` m/s whether it lies inside; nan does not."""
    return {name: bool(low <= numbers[name] <= high) for name, (low, high) in bands(speed).items()}


def inside(numbers: Mapping[str, float], speed: float) -> tuple[int, int]:
    """Count the numbers that lie within people's bands at `speed` m/s, and those that have a band there."""
    judged = judge(numbers, speed)
    return sum(judged.values()), len(judged)


def passings(states: State) -> np.ndarray:
    """Moments [N], in frames between which they lie, at which the right foot passes the left, forwards.

    The upward zero crossings of the right foot's lead.
    """
    lead = right_lead(states)
    (before,) = np.nonzero((lead[:-1] < 0.0) & (lead[1:] >= 0.0))
    return before + lead[before] / (lead[before] - lead[before + 1])


def right_lead(states: State) -> np.ndarray:
    """How far the right ankle is ahead of the left along the root's heading, [T] m."""
    feet = soles.foot_positions(states)[..., :2]
    return _along(feet[:, _RIGHT] - feet[:, _LEFT], _ahead(states))


def stride_periods(states: State) -> np.ndarray:
    """Times [N] s from one passing to the next, of those that can be a stride's."""
    periods = np.diff(passings(states)) / CONTROL_HZ
    return periods[(periods > SHORTEST_STRIDE) & (periods < LONGEST_STRIDE)]


def _ahead(states: State) -> np.ndarray:
    """Unit vectors [T, 2] of the root's heading on the ground."""
    yaw = rotation.yaw(states.root_rotation)
    return np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)


def _along(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Components [...] of vectors [..., 2] along unit vectors [..., 2]."""
    return (vectors * direction).sum(axis=-1)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")

"""Figures of a clip and of a dataset: speeds, turning, foot skate, flight, what happens when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from runtime.character import CONTROL_HZ
from runtime.recording import Motion
from training.motion import rotation, soles
from training.motion.clips import motion_states

SPEED_EDGES = (0.0, 0.3, 0.8, 1.3, 2.0, 3.0, 4.0, np.inf)  # m/s
SPEED_BINS = ("0-.3", ".3-.8", ".8-1.3", "1.3-2", "2-3", "3-4", "4+")
TURN_EDGES = (0.0, 15.0, 45.0, 90.0, 180.0, np.inf)  # deg/s
TURN_BINS = ("0-15", "15-45", "45-90", "90-180", "180+")
SMOOTHING = 0.5  # s, running mean over the root's velocity: about half a stride
CATEGORY_EDGES = (("stand", 0.3), ("walk", 1.7), ("jog", 2.9), ("run", np.inf))  # m/s, of the median speed
TURNING = 60.0  # deg/s


@dataclass(frozen=True)
class Figures:
    """Per-frame figures of one clip at 30 Hz; loops count one cycle."""

    speed: np.ndarray  # [T] m/s, smoothed, horizontal
    turn: np.ndarray  # [T] deg/s, smoothed, of the heading, left positive
    flying: np.ndarray  # [T] bool
    skate: np.ndarray  # [N] m/s, of soles in contact
    sink: float
    """How deep soles go below the ground at worst, m (5th percentile of the lower sole)."""

    @property
    def seconds(self) -> float:
        """Length, s."""
        return len(self.speed) / CONTROL_HZ


def measure(motion: Motion) -> Figures:
    """Figures of a clip whose floor is at height zero."""
    states = motion_states(motion)
    frames = round(motion.seconds * CONTROL_HZ) + 1 if motion.loop else len(states.root_position)
    velocity = smooth(states.root_linear_velocity[:, :2])
    turn = smooth(np.gradient(np.unwrap(rotation.yaw(states.root_rotation)))[:, None])[:, 0] * CONTROL_HZ
    return Figures(
        speed=np.linalg.norm(velocity, axis=1)[:frames],
        turn=np.degrees(turn)[:frames],
        flying=soles.flight(states)[:frames],
        skate=soles.skate(states, CONTROL_HZ),
        sink=float(-np.percentile(soles.heights(states).min(axis=1), 5)),
    )


def smooth(values: np.ndarray) -> np.ndarray:
    """Running mean of [T, C] over half a second at 30 Hz, the ends held."""
    width = min(round(SMOOTHING * CONTROL_HZ) | 1, (len(values) - 1) | 1)
    padded = np.pad(values, ((width // 2, width // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, np.ones(width) / width, mode="valid") for column in padded.T], axis=1)


def category(figures: Figures) -> str:
    """stand, walk, jog or run by the median speed."""
    speed = float(np.median(figures.speed))
    return next(name for name, edge in CATEGORY_EDGES if speed < edge)


def tags(figures: Figures) -> tuple[str, ...]:
    """start: from under 0.6 m/s to over 1 within the clip; stop: the reverse; turn: a quarter of it turning; stand."""
    slow, fast = np.nonzero(figures.speed < 0.6)[0], np.nonzero(figures.speed > 1.0)[0]
    found = []
    if len(slow) and len(fast):
        found += ["start"] * bool(slow[0] < fast[-1]) + ["stop"] * bool(slow[-1] > fast[0])
    if (np.abs(figures.turn) > TURNING).mean() > 0.25:
        found.append("turn")
    if (figures.speed < SPEED_EDGES[1]).sum() >= CONTROL_HZ / 2:
        found.append("stand")
    return tuple(found)


def minutes_by_bin(values: np.ndarray, edges: tuple[float, ...], names: tuple[str, ...]) -> dict[str, float]:
    """Minutes of 30 Hz frames in each bin."""
    counts, _ = np.histogram(values, edges)
    return {name: round(count / CONTROL_HZ / 60, 3) for name, count in zip(names, counts, strict=True)}


def flight_by_speed(every: list[Figures]) -> dict[str, float | None]:
    """Share of frames in flight for each speed bin (None where there are no frames)."""
    speed, flying = (np.concatenate([getattr(f, name) for f in every]) for name in ("speed", "flying"))
    shares = {}
    for name, low, high in zip(SPEED_BINS, SPEED_EDGES[:-1], SPEED_EDGES[1:], strict=True):
        inside = (speed >= low) & (speed < high)
        shares[name] = round(float(flying[inside].mean()), 3) if inside.any() else None
    return shares


def sum_by(keys: list[str], seconds: list[float]) -> dict[str, float]:
    """Minutes per key."""
    totals: dict[str, float] = defaultdict(float)
    for key, value in zip(keys, seconds, strict=True):
        totals[key] += value / 60
    return {key: round(value, 3) for key, value in sorted(totals.items())}

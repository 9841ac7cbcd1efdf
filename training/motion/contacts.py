"""Where feet stand: contacts of heel and toe edge told from speed and height, and points held still while they last.

A foot rolls: the heel lands, the sole lies, the toe edge leaves last. So each of the two points has its own contacts.
A point is in contact while it is slower than 0.5 m/s, lower than 4.5 cm and at most 1.5 cm above the foot's other
point (it stays in contact up to 0.8 m/s, 6 cm and 2 cm), for at least 0.1 s. A heel rises slowly at first: held down
until it is 6 cm high, it is farther than the leg reaches and pulls the pelvis down. `hold` moves each contact to one
spot on the ground and eases the correction out over 0.2 s before and after.
"""

from __future__ import annotations

import numpy as np

from training.motion.spans import runs

SLOW, STILL_SLOW = 0.5, 0.8  # m/s
LOW, STILL_LOW = 0.045, 0.06  # m
RISEN, STILL_RISEN = 0.015, 0.02  # m, above the foot's other point
MIN_SECONDS = 0.1
MAX_GAP = 0.07  # s
EASE = 0.2  # s
CLEARANCE = 0.022  # m, how high a swinging point passes at least: our feet have no toes to bend


def speeds(points: np.ndarray, rate: float) -> np.ndarray:
    """Speeds [T, ...] m/s of points [T, ..., 3] by central differences."""
    return np.linalg.norm(np.gradient(points, axis=0), axis=-1) * rate


def find(points: np.ndarray, rate: float) -> np.ndarray:
    """Contacts [T, P] bool of points [T, P, 3] m over a floor at height zero: heel and toe edge of each foot."""
    speed, height = speeds(points, rate), points[..., 2]
    feet = height.reshape(len(height), -1, 2)
    risen = (feet - feet.min(axis=2, keepdims=True)).reshape(height.shape)
    sure = (speed < SLOW) & (height < LOW) & (risen < RISEN)
    possible = (speed < STILL_SLOW) & (height < STILL_LOW) & (risen < STILL_RISEN)
    found = np.zeros_like(sure)
    for p in range(points.shape[1]):
        for first, last in runs(possible[:, p]):
            if sure[first:last, p].sum() >= MIN_SECONDS * rate:
                found[first:last, p] = True
        for first, last in runs(~found[:, p]):
            if 0 < first and last < len(found) and last - first <= MAX_GAP * rate:
                found[first:last, p] = True
    return found


def hold(points: np.ndarray, contacts: np.ndarray, rate: float) -> np.ndarray:
    """`points` [T, P, 3] moved so that every contact is one spot on the ground; below the ground nothing is left."""
    held = points.copy()
    for p in range(points.shape[1]):
        move, _ = _corrections(points[:, p], contacts[:, p], max(1, round(EASE * rate)))
        held[:, p] += move
        near = _corrections(points[:, p], contacts[:, p], max(1, round(0.5 * EASE * rate)))[1]
        held[:, p, 2] = np.maximum(held[:, p, 2], CLEARANCE * (1.0 - np.minimum(near, 1.0)))
    return held


def _corrections(point: np.ndarray, contact: np.ndarray, ease: int) -> tuple[np.ndarray, np.ndarray]:
    """What to add to `point` [T, 3], and how near contacts are [T]: 1 within one, 0 farther than `ease` frames.

    Within a contact it is the way to its spot, outside a mix of what its neighbours need at their edges.
    """
    spans = list(runs(contact))
    move, weight = np.zeros_like(point), np.zeros(len(point))
    for first, last in spans:
        spot = np.append(np.median(point[first:last, :2], axis=0), 0.0)
        way = spot - point[first:last]
        move[first:last], weight[first:last] = way, 1.0
        for frame in range(1, ease):
            share = 0.5 + 0.5 * np.cos(np.pi * frame / ease)
            for t, edge in ((first - frame, way[0]), (last - 1 + frame, way[-1])):
                if 0 <= t < len(point) and not contact[t]:
                    move[t] += share * edge
                    weight[t] += share
    return move / np.maximum(weight, 1.0)[:, None], weight

"""The ground under a capture: how its feet lie flat, where the floor is, and whether it drifts.

None of it can be read off a file. An ankle joint's axes mean what they are when the sole is flat: the mean over frames
in which foot and toes rest. The floor is where soles rest; it drifts in some captures (CMU subjects 7 and 8: 4 to 10 cm
within a walk), so on one floor the heights of resting soles are joined over time by a mean of 0.4 s.
"""

from __future__ import annotations

import numpy as np

from training.motion import contacts
from training.motion.capture import Capture
from training.motion.smoothing import orthonormal
from training.motion.spans import lasting, runs

REST_SPEED = 0.4  # m/s
REST_BAND = 0.06  # m above the foot's lowest 10 %
MIN_REST = 5  # frames
LEVEL = 0.75  # cosine of 41°; bones from ankle to toes of flat feet slope by 15 to 30°
MAX_DRIFT = 0.15  # m, more is terrain
KNOT = 0.5  # s, a longer rest tells the floor more than once
HEEL, TOE = np.array([-0.0435, 0.0, -0.05]), np.array([0.1335, 0.0, -0.05])
"""Edges of the sole in the foot's frame, m."""


def axes(capture: Capture, index: int, scale: float, remarks: list[str]) -> np.ndarray:
    """Axes [T, 3, 3] of the left (0) or right foot whose sole is flat when the source's rests flat."""
    side = ("left", "right")[index]
    ankle, toe, joint = capture.point(f"{side}_ankle"), capture.point(f"{side}_toe"), capture.ankles[:, index]
    rest = np.ones(len(ankle), dtype=bool)
    for point in (ankle, toe):
        low = point[:, 2] < np.percentile(point[:, 2], 10) + REST_BAND
        rest &= low & (contacts.speeds(point, capture.rate) * scale < REST_SPEED)
    way = toe - ankle
    level = np.linalg.norm(way[:, :2], axis=1) / np.linalg.norm(way, axis=1)  # 1: the foot's bone lies level
    rest &= level > LEVEL  # not on tiptoe
    if rest.sum() < MIN_REST:
        remarks.append(
            f"the {side} foot never rests flat: it is taken as flat where it is slow and its bone most level"
        )
        moving = contacts.speeds(ankle, capture.rate) + contacts.speeds(toe, capture.rate)
        score = np.where(moving <= np.percentile(moving, 25), level, -1.0)
        rest = score >= np.partition(score, -MIN_REST)[-MIN_REST]
    else:  # the heel is up in some of these: keep those whose ankle is lowest over the toes
        slope = ankle[:, 2] - toe[:, 2]
        rest &= slope <= np.percentile(slope[rest], 20) + 0.01
    forward = way[rest] * [1.0, 1.0, 0.0]
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    up = np.broadcast_to([0.0, 0.0, 1.0], forward.shape)
    flat = np.stack((forward, np.cross(up, forward), up), axis=-1)
    meaning = orthonormal((np.swapaxes(joint[rest], -1, -2) @ flat).mean(axis=0))
    return joint @ meaning


def edges(ankles: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Heel and toe edges [T, 4, 3] of feet at `ankles` [T, 2, 3] with axes [T, 2, 3, 3]."""
    places = np.stack((feet @ HEEL, feet @ TOE), axis=2) + ankles[:, :, None]
    return places.reshape(len(ankles), 4, 3)


def ankles(soles: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Ankles [T, 2, 3] of feet with axes [T, 2, 3, 3] nearest to heel and toe edges [T, 4, 3]."""
    middles = 0.5 * (soles[:, ::2] + soles[:, 1::2])
    return middles - feet @ (0.5 * (HEEL + TOE))


def floor(soles: np.ndarray, rate: float, flat: bool, remarks: list[str]) -> np.ndarray:
    """Height [T] m of the floor: constant, or led from one resting sole to the next where that one floor drifts."""
    height = soles[..., 2]
    low = height < np.percentile(height, 10, axis=0) + REST_BAND
    rest = lasting((contacts.speeds(soles, rate) < REST_SPEED) & low, max(2, round(0.1 * rate)))
    if not rest.any():
        remarks.append("no sole rests: the floor is where soles come lowest")
        return np.full(len(soles), np.percentile(height.min(axis=1), 2))
    level = float(np.median(height[rest]))
    rests = rest & (np.abs(height - level) < REST_BAND)
    knots = [
        (float(part.mean()), float(np.median(height[part, p])))
        for p in range(4)
        for first, last in runs(rests[:, p])
        for part in np.array_split(np.arange(first, last), max(1, round((last - first) / (KNOT * rate))))
    ]
    if not flat or not knots or np.ptp([z for _, z in knots]) > MAX_DRIFT:
        return np.full(len(soles), level)
    times, levels = np.array(sorted(knots)).T
    reach = 0.4 * rate  # frames: neighbouring rests agree on one floor
    weights = np.exp(-0.5 * ((times[:, None] - np.arange(len(soles))) / reach) ** 2) + 1e-12
    return (weights * levels[:, None]).sum(axis=0) / weights.sum(axis=0)

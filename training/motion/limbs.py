"""How upper arms and thighs are turned about their own length: so that elbows and knees bend the way they can.

A forearm bends towards the upper arm's x axis, a shin away from the thigh's. A limb that is all but straight says
nothing of its turn; there the axes are carried along without twist, and what is missing at the next bend is spread
evenly over the straight stretch. A limb that never bends faces as the trunk does.
"""

from __future__ import annotations

import numpy as np

from training.motion import rotation
from training.motion.spans import runs

LIMBS = ("left_upper_arm", "right_upper_arm", "left_thigh", "right_thigh")
BENT = 0.17  # sine of 10°
_BELOW = {"upper_arm": ("lower_arm", "hand"), "thigh": ("shin", "foot")}


def bends(points: dict[str, np.ndarray]) -> np.ndarray:
    """Angles [T, 4] rad by which elbows and knees of `LIMBS` are bent at places {body: [T, 3]}."""
    found = []
    for limb in LIMBS:
        along, beyond = _bones(points, limb)
        found.append(np.arccos(np.clip(np.sum(along * beyond, axis=1), -1.0, 1.0)))
    return np.stack(found, axis=1)


def axes(points: dict[str, np.ndarray], trunk: np.ndarray) -> np.ndarray:
    """Axes [T, 4, 3, 3] of `LIMBS` from places {body: [T, 3]} and the axes [T, 3, 3, 3] of pelvis, torso and head."""
    found = []
    for limb in LIMBS:
        side, _, part = limb.partition("_")
        along, beyond = _bones(points, limb)
        across = beyond - np.sum(along * beyond, axis=1, keepdims=True) * along
        bent = np.linalg.norm(across, axis=1) > BENT
        toward = 1.0 if part == "upper_arm" else -1.0
        ahead = _facing(along, toward * across, bent, trunk[:, 1 if part == "upper_arm" else 0])
        if part == "thigh":
            found.append(np.stack((ahead, np.cross(-along, ahead), -along), axis=-1))
        else:
            left = along if side == "left" else -along
            found.append(np.stack((ahead, left, np.cross(ahead, left)), axis=-1))
    return np.stack(found, axis=1)


def _bones(points: dict[str, np.ndarray], limb: str) -> tuple[np.ndarray, np.ndarray]:
    """Directions [T, 3] of a limb and of what hangs on it."""
    side, _, part = limb.partition("_")
    first, middle, last = (points[f"{side}_{body}"] for body in (part, *_BELOW[part]))
    return _unit(middle - first), _unit(last - middle)


def _facing(along: np.ndarray, across: np.ndarray, bent: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """The x axis [T, 3] of a limb along `along`: `across` where it is bent, carried over where it is straight."""
    ahead = across.copy()
    ahead[bent] = _unit(across[bent])
    if not bent.any():
        first = _square(trunk[0, :, 0] - 0.3 * trunk[0, :, 2], along[0])  # neither may lie along the limb
        return _carry(along, first)
    for begin, end in runs(~bent):
        if begin == 0:
            ahead[:end] = _carry(along[end::-1], ahead[end])[:0:-1]
            continue
        carried = _carry(along[begin - 1 : min(end + 1, len(along))], ahead[begin - 1])
        if end < len(along):
            turn = _angle(carried[-1], ahead[end], along[end])
            share = np.linspace(0.0, turn, len(carried))
            carried = _unit(_about(along[begin - 1 : end + 1], share, carried))
        ahead[begin:end] = carried[1 : 1 + end - begin]
    return ahead


def _carry(along: np.ndarray, first: np.ndarray) -> np.ndarray:
    """`first` [3], square to along[0], carried along the directions `along` [N, 3] without twist: [N, 3]."""
    carried = [first]
    for direction in along[1:]:
        carried.append(_square(carried[-1], direction))
    return np.stack(carried)


def _square(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """`vector` [3] without its part along `direction`, at length 1."""
    rest = vector - (vector @ direction) * direction
    return rest / np.linalg.norm(rest)


def _angle(start: np.ndarray, end: np.ndarray, about: np.ndarray) -> float:
    """Turn from `start` to `end` about `about`, rad."""
    return float(np.arctan2(np.cross(start, end) @ about, start @ end))


def _about(direction: np.ndarray, angle: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Turn vectors [N, 3] by `angle` [N] about unit directions [N, 3]."""
    turn = rotation.from_rotation_vector(direction * angle[:, None])
    return np.einsum("nij,nj->ni", rotation.to_matrix(turn), vector)


def _unit(way: np.ndarray) -> np.ndarray:
    return way / np.linalg.norm(way, axis=1, keepdims=True)

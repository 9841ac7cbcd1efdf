"""Joint rotations to hinge angles: how sources with ball joints become `Motion` on the 28-hinge humanoid.

A ball joint is three hinges, R = Rx(a)·Ry(b)·Rz(c). Every rotation has two such triples, (a, b, c) and
(a + π, π - b, c + π), each modulo 2π. `ball_angles` picks for every frame the one that stays inside the joint limits
and near the frame before: a shortest path over the whole clip (dynamic programming), with limits outweighing
continuity. Where the best triple still leaves the limits or jumps, `fit` puts smooth angles inside the limits in its
place; `Conversion` says by how much the pose was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from runtime.character import JOINT_NAMES, JOINTS
from runtime.recording import Motion
from training.motion import fit, rotation

BALLS = ("abdomen", "neck", "right_shoulder", "left_shoulder", "right_hip", "right_ankle", "left_hip", "left_ankle")
"""Joints with three hinges, in model order."""
SINGLES = ("right_elbow", "left_elbow", "right_knee", "left_knee")
JOINTED = BALLS + SINGLES

LIMITS = np.array([joint.range for joint in JOINTS])  # [28, 2] rad
LIMIT_WEIGHT = 100.0  # a radian beyond a limit costs as much as a jump of 10 rad


@dataclass(frozen=True)
class Conversion:
    """A converted motion and what conversion cost."""

    motion: Motion
    changed: np.ndarray  # [12] rad, by how much the rotation of a joint was changed at most, in the order of `JOINTED`
    changed_share: float
    """Share of frames in which any joint was turned by more than 0.02 rad."""


def columns(joint: str) -> slice:
    """Where the hinges of ball joint or single hinge `joint` lie among the 28."""
    if joint in JOINT_NAMES:
        first = JOINT_NAMES.index(joint)
        return slice(first, first + 1)
    first = JOINT_NAMES.index(f"{joint}_x")
    return slice(first, first + 3)


def from_rotations(
    balls: dict[str, np.ndarray], singles: dict[str, np.ndarray], rate: float, root_position: np.ndarray,
    root_rotation: np.ndarray, *, loop: bool, name: str, source: str, licence: str,
) -> Conversion:  # fmt: skip
    """Build a `Motion` from ball rotations {name: [T, 4]} in the parent's frame (zero: T-pose) and hinges {name: [T]}.

    `loop`, `name`, `source` and `licence` go to the motion.
    """
    angles = np.zeros((len(root_position), len(JOINT_NAMES)))
    changes = []
    for joint in BALLS:
        limits = LIMITS[columns(joint)]
        angles[:, columns(joint)] = fit.fit(balls[joint], ball_angles(balls[joint], limits), limits, rate)
        changes.append(fit.error(balls[joint], angles[:, columns(joint)]))
    for joint in SINGLES:
        low, high = LIMITS[columns(joint)][0]
        angles[:, columns(joint)] = np.clip(singles[joint], low, high)[:, None]
        changes.append(np.abs(singles[joint] - angles[:, columns(joint)][:, 0]))
    motion = Motion(rate, root_position, rotation.continuous(root_rotation), angles, loop, name, source, licence)
    changed = np.stack(changes)  # [12, T]
    return Conversion(motion, changed.max(axis=1), float((changed > 0.02).any(axis=0).mean()))


def ball_angles(q: np.ndarray, limits: np.ndarray, held: bool = False) -> np.ndarray:
    """Hinge angles [T, 3] rad with Rx·Ry·Rz = `q` [T, 4], continuous and inside `limits` [3, 2] where possible.

    With `held` they are put inside the limits, and triples are judged by how far that turns them away from `q`.
    """
    candidates = _candidates(q, limits)  # [T, K, 3]
    inside = np.clip(candidates, limits[:, 0], limits[:, 1])
    if held:
        away = rotation.multiply(rotation.conjugate(compose(inside)), q[:, None])
        price = LIMIT_WEIGHT * np.sum(rotation.to_rotation_vector(away) ** 2, axis=-1)  # [T, K]
        candidates = inside
    else:
        price = LIMIT_WEIGHT * np.sum((candidates - inside) ** 2, axis=-1)
    cost, back = price[0], np.zeros(price.shape, dtype=int)
    for t in range(1, len(q)):
        step = np.sum((candidates[t, :, None] - candidates[t - 1, None]) ** 2, axis=-1) + cost  # [K, K before]
        back[t] = step.argmin(axis=1)
        cost = step[np.arange(len(cost)), back[t]] + price[t]
    chosen = np.empty(len(q), dtype=int)
    chosen[-1] = cost.argmin()
    for t in range(len(q) - 1, 0, -1):
        chosen[t - 1] = back[t, chosen[t]]
    return candidates[np.arange(len(q)), chosen]


def compose(angles: np.ndarray) -> np.ndarray:
    """Quaternions [..., 4] of Rx·Ry·Rz for `angles` [..., 3] rad."""
    x, y, z = (rotation.about(axis, angles[..., axis]) for axis in range(3))
    return rotation.multiply(rotation.multiply(x, y), z)


def _candidates(q: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Both triples of each rotation, with x and z also one turn towards the limits: [T, 8, 3] rad."""
    m = rotation.to_matrix(q)
    b = np.arcsin(np.clip(m[..., 0, 2], -1.0, 1.0))
    a, c = np.arctan2(-m[..., 1, 2], m[..., 2, 2]), np.arctan2(-m[..., 0, 1], m[..., 0, 0])
    first = np.stack((a, b, c), axis=-1)
    second = np.stack((a + np.pi, np.pi - b, c + np.pi), axis=-1)
    middle = limits.mean(axis=1)
    near = [(t - middle + np.pi) % (2 * np.pi) - np.pi + middle for t in (first, second)]
    other = [t - 2 * np.pi * np.sign(t - middle) for t in near]  # the next nearest turn
    return np.stack(
        [
            np.stack((pair[i][:, 0], n[:, 1], pair[j][:, 2]), axis=-1)
            for n, o in zip(near, other, strict=True)
            for pair in [(n, o)]
            for i, j in product((0, 1), repeat=2)
        ],
        axis=1,
    )

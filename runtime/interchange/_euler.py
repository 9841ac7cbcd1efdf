"""Three angles of a rotation, continuous over time: what BVH wants of the root."""

from __future__ import annotations

import math

import numpy as np

_TURN = 2.0 * math.pi
_LEVEL = 1e-6  # cos b below which the first and the last axis are one: only the sum of their angles is known


def xyz_angles(rotation: np.ndarray) -> np.ndarray:
    """Angles (a, b, c) [T, 3] rad with R = Rx(a)·Ry(b)·Rz(c) of rotations [T, 4] wxyz.

    Two triples give every rotation, each up to whole turns: the one nearest to the frame before is taken, so that a
    program that interpolates the angles sees the motion and not a flip.
    """
    w, x, y, z = rotation.T
    r00, r01, r02 = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    r10, r11 = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z)
    r12, r22 = 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)
    # R02 = sin b, R00 = cos b cos c, R01 = -cos b sin c, R12 = -sin a cos b, R22 = cos a cos b
    cos_b = np.hypot(r00, r01)
    b = np.arctan2(r02, cos_b)
    first = np.stack((np.arctan2(-r12, r22), b, np.arctan2(-r01, r00)), axis=1)
    second = np.stack((first[:, 0] + math.pi, math.pi - b, first[:, 2] + math.pi), axis=1)
    both = np.arctan2(r10, r11)  # a + c where b = 90°, c - a where b = -90°
    angles = np.empty((len(rotation), 3))
    before = np.zeros(3)
    for frame in range(len(rotation)):
        if cos_b[frame] < _LEVEL:
            c = before[2]
            candidates = np.array([[both[frame] - c if b[frame] > 0 else c - both[frame], b[frame], c]])
        else:
            candidates = np.stack((first[frame], second[frame]))
        near = candidates + _TURN * np.round((before - candidates) / _TURN)
        before = near[int(np.argmin(np.abs(near - before).sum(axis=1)))]
        angles[frame] = before
    return angles

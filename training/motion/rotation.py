"""Quaternion arithmetic on numpy arrays: wxyz, unit, any leading axes."""

from __future__ import annotations

import numpy as np


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product a·b of [..., 4] wxyz: the rotation `b` first, then `a`."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b), -1, 0)
    return np.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        axis=-1,
    )


def conjugate(q: np.ndarray) -> np.ndarray:
    """The inverse rotation of unit `q` [..., 4]."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def normalise(q: np.ndarray) -> np.ndarray:
    """`q` [..., 4] at length 1."""
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def from_rotation_vector(vector: np.ndarray) -> np.ndarray:
    """Exponential map: rotation vectors [..., 3] rad to quaternions [..., 4]."""
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    scale = 0.5 * np.sinc(angle / (2.0 * np.pi))  # sin(angle / 2) / angle
    return np.concatenate((np.cos(0.5 * angle), scale * vector), axis=-1)


def to_rotation_vector(q: np.ndarray) -> np.ndarray:
    """Logarithm: quaternions [..., 4] to the shortest rotation vectors [..., 3] rad."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)


def about(axis: int, angle: np.ndarray | float) -> np.ndarray:
    """Rotation by `angle` [...] rad about coordinate axis 0, 1 or 2: quaternions [..., 4]."""
    half = 0.5 * np.asarray(angle, dtype=np.float64)
    q = np.zeros((*half.shape, 4))
    q[..., 0], q[..., 1 + axis] = np.cos(half), np.sin(half)
    return q


def to_matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4]."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def continuous(q: np.ndarray) -> np.ndarray:
    """Flip signs along the first axis so that neighbours of `q` [T, ..., 4] lie on the same half sphere."""
    dots = np.sum(q[1:] * q[:-1], axis=-1, keepdims=True)
    signs = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    return np.concatenate((q[:1], q[1:] * signs), axis=0)


def slerp(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Spherical interpolation from `a` to `b` [..., 4] along the shorter arc; `share` [...] in 0..1."""
    step = to_rotation_vector(multiply(conjugate(a), b))
    return multiply(a, from_rotation_vector(share[..., None] * step))


def yaw(q: np.ndarray) -> np.ndarray:
    """Heading [...] rad of rotations [..., 4]: the direction of the body's x axis on the ground, from world x."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    return np.arctan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))


def from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Quaternions [..., 4] of rotation matrices [..., 3, 3]: the largest of the four components is taken by root."""
    m = np.asarray(matrix)
    trace = np.einsum("...ii->...", m)
    squares = np.stack((trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]), axis=-1)  # 4c² - 1, up to 2x and the trace
    case = squares.argmax(axis=-1)
    q = np.empty((*m.shape[:-2], 4))
    for i in range(4):
        rows = case == i
        q[rows] = _largest(m[rows], i)
    return normalise(q)


def _largest(m: np.ndarray, i: int) -> np.ndarray:
    """Quaternions, not normalised, of matrices [N, 3, 3] whose component `i` is the largest."""
    x, y, z = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    if i == 0:
        return np.stack((1.0 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2], x, y, z), axis=-1)
    sums = {(0, 1): m[:, 0, 1] + m[:, 1, 0], (0, 2): m[:, 0, 2] + m[:, 2, 0], (1, 2): m[:, 1, 2] + m[:, 2, 1]}
    j, k, a = i % 3, (i + 1) % 3, i - 1
    parts = [np.zeros(len(m))] * 4
    parts[0] = (x, y, z)[a]
    parts[1 + a] = 1.0 + m[:, a, a] - m[:, j, j] - m[:, k, k]
    parts[1 + j], parts[1 + k] = sums[min(a, j), max(a, j)], sums[min(a, k), max(a, k)]
    return np.stack(parts, axis=-1)

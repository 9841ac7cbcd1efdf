"""Hinge angles where no exact ones exist or where they jump: a smooth fit inside the joint limits.

Close to b = ±90° the x and z hinges of Rx(a)·Ry(b)·Rz(c) turn about nearly one axis (a hip in a sprint, knee high), so
exact angles race or leave the limits although the limb moves evenly. On such stretches the angles minimise

    Σ_t ‖log(R(a_t)ᵀ q_t)‖² + λ Σ_t ‖a_t - a_{t-1}‖²     within the limits,

by damped Gauss-Newton steps on the free angles (those not held at a limit), the frames beside the stretch held fixed.
"""

from __future__ import annotations

import numpy as np

from training.motion import rotation
from training.motion.spans import runs

SMOOTHNESS = 0.02  # λ at 30 Hz; an even motion is bent by some thousandths of a radian
OUTSIDE = 0.005  # rad beyond a limit
JUMP = 25.0  # rad/s
REACH = 3  # frames beside a troubled frame that are fitted too
ITERATIONS = 40


def fit(q: np.ndarray, angles: np.ndarray, limits: np.ndarray, rate: float) -> np.ndarray:
    """Angles [T, 3] rad inside `limits` [3, 2] whose rotations follow `q` [T, 4].

    `angles` [T, 3] are exact but may leave the limits or jump; they stay where they do neither. `rate` in Hz.
    """
    inside = np.clip(angles, limits[:, 0], limits[:, 1])
    trouble = np.any(np.abs(angles - inside) > OUTSIDE, axis=1)
    jumps = np.abs(np.diff(angles, axis=0)).max(axis=1) * rate > JUMP
    trouble[1:] |= jumps
    trouble[:-1] |= jumps
    for _ in range(REACH):
        trouble = trouble | np.append(trouble[1:], False) | np.insert(trouble[:-1], 0, False)
    for first, last in runs(trouble):
        stretch = _Stretch(q, inside, first, last, limits, SMOOTHNESS * (rate / 30.0))
        trials = [stretch.solve(start) for start in (inside[first:last], _bridge(inside, first, last))]
        inside[first:last] = min(trials, key=stretch.cost).reshape(-1, 3)
    return inside


def error(q: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Angle [T] rad between the rotations `q` [T, 4] and those of `angles` [T, 3]."""
    return np.linalg.norm(_residual(q, angles), axis=1)


def jacobian(angles: np.ndarray) -> np.ndarray:
    """How the body-frame rotation of Rx·Ry·Rz answers its angles [..., 3]: [..., 3, 3]."""
    b, c = angles[..., 1], angles[..., 2]
    zero, one = np.zeros_like(b), np.ones_like(b)
    x = np.stack((np.cos(c) * np.cos(b), -np.sin(c) * np.cos(b), np.sin(b)), axis=-1)
    y = np.stack((np.sin(c), np.cos(c), zero), axis=-1)
    return np.stack((x, y, np.stack((zero, zero, one), axis=-1)), axis=-1)


def _residual(q: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """log(R(a)ᵀ q) [T, 3] rad."""
    x, y, z = (rotation.about(axis, angles[..., axis]) for axis in range(3))
    turned = rotation.multiply(rotation.multiply(x, y), z)
    return rotation.to_rotation_vector(rotation.multiply(rotation.conjugate(turned), q))


def _bridge(angles: np.ndarray, first: int, last: int) -> np.ndarray:
    """The stretch with x and z led straight from the frame before it to the frame after it."""
    before, after = angles[max(first - 1, 0)], angles[min(last, len(angles) - 1)]
    if first == 0:
        before = after
    if last == len(angles):
        after = before
    share = (np.arange(last - first) + 1.0)[:, None] / (last - first + 1)
    bridged = before * (1.0 - share) + after * share
    bridged[:, 1] = angles[first:last, 1]
    return bridged


class _Stretch:
    """The problem of one stretch: cost, slope and solution over its flattened angles [3 N]."""

    def __init__(
        self, q: np.ndarray, angles: np.ndarray, first: int, last: int, limits: np.ndarray, weight: float
    ) -> None:
        self.q, self.weight = q[first:last], weight
        self.low, self.high = np.tile(limits[:, 0], last - first), np.tile(limits[:, 1], last - first)
        before, after = first > 0, last < len(angles)
        self.steps = _differences(last - first, before, after)
        ends = np.zeros((len(self.steps) // 3, 3))  # what the fixed neighbours add to the steps
        if before:
            ends[0] -= angles[first - 1]
        if after:
            ends[-1] += angles[last]
        self.ends = ends.ravel()

    def cost(self, values: np.ndarray) -> float:
        smooth = self.steps @ values + self.ends
        return float(np.sum(_residual(self.q, values.reshape(-1, 3)) ** 2) + self.weight * smooth @ smooth)

    def solve(self, start: np.ndarray) -> np.ndarray:
        """The angles [3 N] reached from `start` [N, 3]."""
        values, damping = np.clip(start.ravel(), self.low, self.high), 1e-3
        best = self.cost(values)
        for _ in range(ITERATIONS):
            trial = self._step(values, damping)
            found = self.cost(trial)
            if found < best:
                gain, values, best, damping = best - found, trial, found, damping / 4.0
                if gain < 1e-9:
                    break
            else:
                damping *= 8.0
                if damping > 1e6:
                    break
        return values

    def _step(self, values: np.ndarray, damping: float) -> np.ndarray:
        """One damped Gauss-Newton step on the angles that no limit holds back."""
        slope = np.zeros((len(values), len(values)))
        rows = np.arange(len(values))
        slope[rows[:, None], (rows // 3 * 3)[:, None] + np.arange(3)] = jacobian(values.reshape(-1, 3)).reshape(-1, 3)
        downhill = slope.T @ _residual(self.q, values.reshape(-1, 3)).ravel()
        downhill -= self.weight * self.steps.T @ (self.steps @ values + self.ends)
        free = ~(((values <= self.low) & (downhill < 0)) | ((values >= self.high) & (downhill > 0)))
        curve = (slope.T @ slope + self.weight * self.steps.T @ self.steps)[np.ix_(free, free)]
        move = np.zeros_like(values)
        move[free] = np.linalg.solve(curve + damping * np.eye(len(curve)), downhill[free])
        return np.clip(values + move, self.low, self.high)


def _differences(count: int, before: bool, after: bool) -> np.ndarray:
    """Matrix [3·steps, 3·count] of the steps within a stretch and to its fixed neighbours."""
    path = np.diff(np.eye(count), axis=0)
    if before:
        path = np.concatenate((np.eye(count)[:1], path))
    if after:
        path = np.concatenate((path, -np.eye(count)[-1:]))
    return np.kron(path, np.eye(3))

"""Motions made up for tests: standing, and steps of nobody's."""

from __future__ import annotations

import numpy as np

from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES, JOINTS
from runtime.recording import Motion


def random_angles(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Smooth hinge angles [frames, 28] well inside their limits and away from b = ±90°."""
    low, high = np.array([joint.range for joint in JOINTS]).T
    low, high = np.maximum(low, -1.2), np.minimum(high, 1.2)
    phase, rate = rng.uniform(0, 2 * np.pi, 28), rng.uniform(0.5, 1.5, 28)
    wave = 0.5 + 0.45 * np.sin(phase + rate * np.arange(frames)[:, None] / 15)
    return low + wave * (high - low)


def standing(frames: int = 60, rate: float = 30.0, **described: object) -> Motion:
    """The default pose on the ground, swaying by a centimetre so that nothing is frozen."""
    sway = 0.01 * np.sin(np.arange(frames) / 5)
    position = np.stack((sway, 0 * sway, np.full(frames, DEFAULT_HEIGHT)), axis=1)
    joints = np.tile(DEFAULT_POSE, (frames, 1))
    joints[:, JOINT_NAMES.index("neck_y")] = 0.1 * np.sin(np.arange(frames) / 7)
    return Motion(rate, position, np.tile([1.0, 0, 0, 0], (frames, 1)), joints, **described)


def stepping(seed: int, frames: int = 90, speed: float = 1.0) -> Motion:
    """A made-up motion with its own joint angles that travels at `speed` m/s along x."""
    rng = np.random.default_rng(seed)
    joints = DEFAULT_POSE + 0.3 * (random_angles(rng, frames) - DEFAULT_POSE)
    position = np.stack((speed * np.arange(frames) / 30, np.zeros(frames), np.full(frames, 0.9)), axis=1)
    return Motion(30.0, position, np.tile([1.0, 0, 0, 0], (frames, 1)), joints, name=f"m{seed}", source=f"made/m{seed}")

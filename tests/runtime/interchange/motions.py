"""A motion with everything in it that a file could get wrong, and where MuJoCo puts its bodies."""

from __future__ import annotations

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from runtime import character
from runtime.recording import Motion

RANGES = np.array([joint.range for joint in character.JOINTS])  # [28, 2] rad


def tumbling(frames: int = 90, rate: float = 30.0, seed: int = 0) -> Motion:
    """Every joint sweeps its range, the root travels, somersaults forwards and turns: through every Euler angle."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / rate
    middle, half = RANGES.mean(axis=1), 0.5 * np.ptp(RANGES, axis=1)
    joints = middle + half * np.sin(2 * np.pi * (rng.uniform(0.2, 1.0, 28) * t + rng.uniform(0, 1, 28)))
    turn = Rotation.from_euler("ZYX", np.concatenate((0.9 * t, 2.1 * t, 0.4 * t), axis=1))
    place = np.concatenate((1.5 * t, 0.5 * np.sin(t), 1.0 + 0.2 * np.cos(3 * t)), axis=1)
    rotation = turn.as_quat()[:, [3, 0, 1, 2]] * np.where(rng.random((frames, 1)) < 0.5, -1.0, 1.0)  # q or -q
    return Motion(rate, place, rotation, joints, name="tumbling", source="made up", licence="CC0")


def body_positions(motion: Motion) -> np.ndarray:
    """Where MuJoCo puts the 15 bodies: [T, 15, 3] m, world, z up."""
    model = character.model()
    data, slots = mujoco.MjData(model), character.find_slots(model)
    found = []
    for frame in range(len(motion)):
        data.qpos[:3] = motion.root_position[frame]
        data.qpos[3:7] = motion.root_rotation[frame]
        data.qpos[7:] = motion.joint_position[frame]
        mujoco.mj_kinematics(model, data)
        found.append(data.xpos[slots.body : slots.body + 15].copy())
    return np.array(found)


def y_up(position: np.ndarray) -> np.ndarray:
    """Positions [..., 3] z up, x forward → y up, z forward, written out: x is our y, y our z, z our x."""
    x, y, z = np.moveaxis(position, -1, 0)
    return np.stack((y, z, x), axis=-1)

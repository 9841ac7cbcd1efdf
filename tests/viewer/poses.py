"""Characters to draw, and what a picture shows of them. For tests."""

from __future__ import annotations

import mujoco
import numpy as np

from runtime import character
from viewer.scene import Scene


def posed(height: float = 0.0, x: float = 0.0, y: float = 0.0, **angles: float) -> Scene:
    """One character in the default pose, moved by x, y and lifted by `height` m, some joints turned by rad."""
    model = character.model()
    data = mujoco.MjData(model)
    slots = character.find_slots(model)
    data.qpos[slots.qpos : slots.qpos + 3] += [x, y, height]
    data.qpos[slots.qpos + 7 :] = character.DEFAULT_POSE
    for name, angle in angles.items():
        data.qpos[slots.qpos + 7 + character.JOINT_NAMES.index(name)] += angle
    mujoco.mj_kinematics(model, data)
    bodies = slice(slots.body, slots.body + 15)
    return Scene(data.xpos[None, bodies].copy(), data.xquat[None, bodies].copy())


def changed(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Where two pictures differ clearly: mask [H, W], and the box left, top, right, bottom around it, pixels."""
    mask = np.abs(before.astype(int) - after.astype(int)).max(axis=2) > 40
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

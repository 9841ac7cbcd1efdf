"""Bodies out of the ground.

`raise_toes`: a foot without toes stabs its front edge into the floor where the real one bent its toes. The ankle's
pitch is turned just far enough that no corner of the sole lies deeper than `DEPTH`, the turn is smoothed over time, and
nothing else moves.

`raise_body`: shins that a crawl drags along lie in the floor with their whole thickness. The body is raised as it is,
just so far that no part of it lies deeper than `DEPTH`, and for as short a time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from runtime.character import JOINT_NAMES, JOINTS, State
from runtime.recording import Motion
from training.clearance import Clearance
from training.motion import soles
from training.motion.clips import kinematics
from training.motion.edit import lift

DEPTH = 0.008  # m, left as it is
MAX_TURN = 0.7  # rad
SMOOTHING = 0.05  # s, half width of the running mean over time
ROUNDS = 4
_ANKLES = [JOINT_NAMES.index("right_ankle_y"), JOINT_NAMES.index("left_ankle_y")]


def raise_toes(motion: Motion) -> tuple[Motion, float]:
    """The motion with ankles pitched so that soles stay above the ground (height zero), and the largest turn, rad."""
    low, high = JOINTS[_ANKLES[0]].range
    original = motion.joint_position[:, _ANKLES]
    turn = np.zeros_like(original)
    for _ in range(ROUNDS):
        need = _needed(motion)
        if np.abs(need).max() < 1e-3:
            break
        turn = np.clip(turn + need, -MAX_TURN, MAX_TURN)
        pitched = np.clip(original + _smooth(turn, motion), low, high)
        joints = motion.joint_position.copy()
        joints[:, _ANKLES] = pitched
        motion = replace(motion, joint_position=joints)
    return motion, float(np.abs(motion.joint_position[:, _ANKLES] - original).max())


def raise_body(motion: Motion) -> tuple[Motion, float]:
    """The motion with its body raised where any part of it is in the ground (height zero), and by how much, m."""
    poses = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    places, turns = (torch.as_tensor(part, dtype=torch.float32) for part in poses)
    sink = np.maximum(-Clearance()(places, turns).amin(dim=1).numpy() - DEPTH, 0.0)
    height = _smooth(sink[:, None], motion)[:, 0]
    return lift(motion, height), float(height.max())


def _needed(motion: Motion) -> np.ndarray:
    """Turns [T, 2] rad that would bring each sole's front edge up to `DEPTH`: toes up is negative pitch.

    A heel in the ground is not the ankle's doing (its lever is short): left alone.
    """
    position, orientation = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    nothing = np.zeros(0)
    states = State(nothing, nothing, nothing, nothing, nothing, nothing, position, orientation)
    points = soles.corners(states)  # [T, 2, 8, 3]
    feet = soles.foot_positions(states)  # [T, 2, 3]
    deepest = np.take_along_axis(points, points[..., 2].argmin(axis=-1)[..., None, None], axis=2)[:, :, 0]
    sink = np.maximum(-deepest[..., 2] - DEPTH, 0.0)
    lever = np.linalg.norm((deepest - feet)[..., :2], axis=-1)
    return np.where(soles.front(states, deepest) > 0.0, -sink / np.maximum(lever, 0.05), 0.0)


def _smooth(values: np.ndarray, motion: Motion) -> np.ndarray:
    """The largest of [T, C] nearby, then a running mean: what must be turned or raised eases in and out of it."""
    reach = max(1, round(SMOOTHING * motion.rate))
    mode = "wrap" if motion.loop else "edge"
    padded = np.pad(values, ((2 * reach, 2 * reach), (0, 0)), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    strongest = np.take_along_axis(windows, np.abs(windows).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return np.lib.stride_tricks.sliding_window_view(strongest, 2 * reach + 1, axis=0).mean(axis=-1)

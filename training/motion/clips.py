"""Motions to states: what the simulator would have reported, had it followed the clip.

Poses come from MuJoCo's own kinematics on the character's model. Velocities are FINITE DIFFERENCES over the control
step, backward: v[t] = (x[t] - x[t-1]) / dt, the first frame copies the second. Windows of simulated motion must build
theirs the same way (`differences` is that way): a prior that meets instantaneous velocities in the simulator and
differences in the data tells the two apart by that alone (method.md §3).
"""

from __future__ import annotations

import mujoco
import numpy as np

from runtime.character import CONTROL_HZ, State, find_slots, model
from runtime.recording import Motion
from training.motion import rotation
from training.motion.edit import resample

LOOP_SECONDS = 4.0
"""A loop is unrolled to this length, so that it gives long windows at many phases."""


def motion_states(motion: Motion, rate: float = CONTROL_HZ, loop_seconds: float = LOOP_SECONDS) -> State:
    """`State` with leading axis [T] of the motion at `rate` Hz; a loop is unrolled to `loop_seconds`.

    Raises ValueError when fewer than two frames result: a velocity needs two.
    """
    motion = resample(motion, rate, seconds=loop_seconds if motion.loop else None)
    if len(motion) < 2:
        raise ValueError(f"motion {motion.name!r}: {len(motion)} frame at {rate} Hz, expected at least 2")
    position, orientation = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    linear, angular, joint = differences(motion.root_position, motion.root_rotation, motion.joint_position, rate)
    return State(
        root_position=motion.root_position,
        root_rotation=motion.root_rotation,
        root_linear_velocity=linear,
        root_angular_velocity=angular,
        joint_position=motion.joint_position,
        joint_velocity=joint,
        body_position=position,
        body_rotation=orientation,
    )


def kinematics(
    root_position: np.ndarray, root_rotation: np.ndarray, joint_position: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Body positions [T, 15, 3] m and rotations [T, 15, 4] wxyz in the world, by `mj_kinematics`."""
    compiled = model()
    data = mujoco.MjData(compiled)
    slots = find_slots(compiled)
    qpos = np.concatenate((root_position, root_rotation, joint_position), axis=1)
    position, orientation = np.empty((len(qpos), 15, 3)), np.empty((len(qpos), 15, 4))
    for t, row in enumerate(qpos):
        data.qpos[slots.qpos : slots.qpos + 35] = row
        mujoco.mj_kinematics(compiled, data)
        position[t] = data.xpos[slots.body : slots.body + 15]
        orientation[t] = data.xquat[slots.body : slots.body + 15]
    return position, orientation


def differences(
    root_position: np.ndarray, root_rotation: np.ndarray, joint_position: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backward differences over one frame of [T, ...] (T > 1): the first frame copies the second.

    Returns the root's linear velocity [T, 3] m/s and angular velocity [T, 3] rad/s, both in the world frame, and joint
    velocities [T, 28] rad/s.
    """
    linear = np.diff(root_position, axis=0) * rate
    step = rotation.multiply(root_rotation[1:], rotation.conjugate(root_rotation[:-1]))
    angular = rotation.to_rotation_vector(step) * rate
    joint = np.diff(joint_position, axis=0) * rate
    return _first_again(linear), _first_again(angular), _first_again(joint)


def _first_again(steps: np.ndarray) -> np.ndarray:
    """[T - 1, C] with its first row doubled: [T, C]."""
    return np.concatenate((steps[:1], steps))

"""Hinges that do not flip: where a clip's hinge angles race, they are led along its bodies' poses with bounded speed.

Three hinges in a row have a pose in which two axes coincide; an arm or leg swung past it (cartwheel, spin kick, roll)
asks for half a turn of both within a frame. The poses of the bodies are right, the angles no servo can follow. Here
inverse kinematics follow all fifteen bodies from frame to frame with every hinge held under 20 rad/s: around the pose
a limb lags for some frames (20 cm at most in the clips at hand). The root weighs most, so that
it does not swing to make up for a limb. Clips whose hinges are steady are left as they are.
"""

from __future__ import annotations

from dataclasses import replace

import mink
import numpy as np

from runtime.character import BODIES, JOINT_NAMES, PREFIX, model
from runtime.recording import Motion
from training.motion import rotation
from training.motion.clips import kinematics
from training.motion.edit import cut, unroll

MAX_SPEED = 20.0  # rad/s
STEPS = 6
CYCLES = 3
"""Of a loop: the middle one is kept, so that it closes."""
ROOT, LIMBS = (3.0, 1.0), (1.0, 0.15)  # 1/m, 1/rad


def steady(motion: Motion, limit: float) -> tuple[Motion, float]:
    """The motion with no hinge faster than `limit` rad/s, and how far its bodies moved at most, m.

    A loop stays a loop where it still closes.
    """
    speed = np.abs(np.diff(motion.joint_position, axis=0)).max(axis=1) * motion.rate
    if not (speed > limit).any():
        return motion, 0.0
    path = unroll(motion, CYCLES) if motion.loop else motion
    places, turns = kinematics(path.root_position, path.root_rotation, path.joint_position)
    rows = _follow(path, places, turns)
    led = replace(
        path,
        root_position=rows[:, :3],
        root_rotation=rotation.continuous(rotation.normalise(rows[:, 3:7])),
        joint_position=rows[:, 7:],
    )
    if motion.loop:
        first = len(path) // CYCLES
        led, places = cut(led, first, first + len(motion)), places[first : first + len(motion)]
        gap = np.abs(led.joint_position[-1] - led.joint_position[0]).max()
        led = replace(led, loop=bool(gap * motion.rate < limit))
    moved, _ = kinematics(led.root_position, led.root_rotation, led.joint_position)
    return led, float(np.linalg.norm(moved - places, axis=-1).max())


def _follow(motion: Motion, places: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Poses [T, 35] that follow body poses [T, 15, ...], beginning with the motion's first."""
    configuration = mink.Configuration(model())
    start = np.concatenate((motion.root_position[0], motion.root_rotation[0], motion.joint_position[0]))
    configuration.update(start)
    tasks = [
        mink.FrameTask(f"{PREFIX}{body}", "body", *(LIMBS if index else ROOT)) for index, body in enumerate(BODIES)
    ]
    hold = mink.DampingTask(model(), cost=0.01)
    limits = [
        mink.ConfigurationLimit(model(), gain=0.99),
        mink.VelocityLimit(model(), {f"{PREFIX}{name}": MAX_SPEED for name in JOINT_NAMES}),
    ]
    rows = np.empty((len(motion), configuration.nq))
    for frame in range(len(motion)):
        for index, task in enumerate(tasks):
            task.set_target(mink.SE3(wxyz_xyz=np.concatenate((turns[frame, index], places[frame, index]))))
        for _ in range(STEPS):
            duration = 1.0 / (motion.rate * STEPS)
            velocity = mink.solve_ik(configuration, [*tasks, hold], duration, "daqp", damping=1e-4, limits=limits)
            configuration.integrate_inplace(velocity, duration)
        rows[frame] = configuration.q
    return rows

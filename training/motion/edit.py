"""Motions to motions: mirror, reverse, play at another speed, cut, lift, unroll loops, resample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline

from runtime.character import JOINTS
from runtime.recording import Motion
from training.features import JOINT_MIRROR
from training.motion import rotation


def mirror(motion: Motion) -> Motion:
    """Left and right swapped: reflection in the world's xz plane."""
    source, sign = JOINT_MIRROR
    return replace(
        motion,
        root_position=motion.root_position * [1.0, -1.0, 1.0],
        root_rotation=motion.root_rotation * [1.0, -1.0, 1.0, -1.0],
        joint_position=motion.joint_position[:, source] * sign,
        name=f"{motion.name}_mirror",
    )


def reverse(motion: Motion) -> Motion:
    """Played from its end to its beginning.

    People walk backwards much as a film of them walking forwards runs backwards (Winter, Pluck and Yang 1989).
    """
    return replace(
        motion,
        root_position=motion.root_position[::-1].copy(),
        root_rotation=motion.root_rotation[::-1].copy(),
        joint_position=motion.joint_position[::-1].copy(),
        name=f"{motion.name}_reversed",
    )


def play(motion: Motion, speed: float) -> Motion:
    """Played `speed` times as fast, under a name that says so: the same poses, sooner or later."""
    name, source = (f"{text}_x{speed:g}" for text in (motion.name, motion.source))
    return replace(motion, rate=motion.rate * speed, name=name, source=source)


def cut(motion: Motion, first: int, last: int, name: str | None = None) -> Motion:
    """Frames `first`..`last` - 1; no loop any more unless nothing was cut."""
    whole = first == 0 and last == len(motion)
    return replace(
        motion,
        root_position=motion.root_position[first:last],
        root_rotation=motion.root_rotation[first:last],
        joint_position=motion.joint_position[first:last],
        loop=motion.loop and whole,
        name=motion.name if name is None else name,
    )


def lift(motion: Motion, height: np.ndarray | float) -> Motion:
    """Raised by `height` (scalar or [T]) m."""
    position = motion.root_position.copy()
    position[:, 2] += height
    return replace(motion, root_position=position)


def unroll(motion: Motion, cycles: int) -> Motion:
    """A loop repeated `cycles` times, each cycle carried on from the place and heading where the one before ended.

    When the last frame equals the first it is left out between cycles; otherwise it leads to the first in one frame,
    and the root's step between the two is the mean of the steps before and after. Not a loop any more. Raises
    ValueError for a motion that is no loop.
    """
    if not motion.loop:
        raise ValueError(f"motion {motion.name!r} is not a loop")
    closed = is_closed(motion)
    body = cut(motion, 0, len(motion) - 1) if closed else motion
    end_position, end_rotation = motion.root_position[-1], motion.root_rotation[-1]
    if not closed:
        end_position, end_rotation = _next_root(motion)
    turn = rotation.yaw(end_rotation) - rotation.yaw(motion.root_rotation[0])
    positions, rotations = [], []
    offset, heading = motion.root_position[0] * [1.0, 1.0, 0.0], 0.0
    start = offset.copy()
    for _ in range(cycles):
        spin = rotation.about(2, heading)
        positions.append(_turn(spin, body.root_position - start) + offset)
        rotations.append(rotation.multiply(spin, body.root_rotation))
        offset = offset + _turn(spin, (end_position - start) * [1.0, 1.0, 0.0])
        heading += turn
    return replace(
        motion,
        root_position=np.concatenate(positions),
        root_rotation=rotation.continuous(np.concatenate(rotations)),
        joint_position=np.tile(body.joint_position, (cycles, 1)),
        loop=False,
    )


def is_closed(motion: Motion) -> bool:
    """Whether the last frame of a loop repeats the first (joints nearer than half a usual frame's step)."""
    joints = motion.joint_position
    gap = np.linalg.norm(joints[-1] - joints[0])
    return bool(gap < 0.5 * np.median(np.linalg.norm(np.diff(joints, axis=0), axis=1)))


def resample(motion: Motion, rate: float, seconds: float | None = None) -> Motion:
    """The motion at `rate` Hz; what is left of a frame is dropped.

    Fewer frames are taken by slerp and linearly between their neighbours. More frames than there were lie on cubic
    splines: straight lines between 16 frames a second are not how a body flies. A loop is unrolled: to at least
    `seconds` where given, else one cycle. The result is not a loop.
    """
    if motion.loop:
        cycles = 1 if seconds is None else int(np.ceil(seconds / motion.seconds)) + 1
        motion = unroll(motion, cycles)
        if seconds is not None:
            motion = cut(motion, 0, min(len(motion), int(np.ceil(seconds * motion.rate)) + 1))
    if rate == motion.rate:
        return motion
    ticks = np.arange(int(motion.seconds * rate + 1e-6) + 1) * (motion.rate / rate)
    if rate > motion.rate and len(motion) > 2:
        return _splined(motion, rate, ticks)
    low = np.minimum(ticks.astype(int), len(motion) - 1)
    high = np.minimum(low + 1, len(motion) - 1)
    share = np.clip(ticks - low, 0.0, 1.0)
    return replace(
        motion,
        rate=rate,
        root_position=_blend(motion.root_position, low, high, share),
        root_rotation=rotation.slerp(motion.root_rotation[low], motion.root_rotation[high], share),
        joint_position=_blend(motion.joint_position, low, high, share),
    )


def _splined(motion: Motion, rate: float, ticks: np.ndarray) -> Motion:
    """The motion at `ticks` [N] (frames of it, not whole ones), on cubic splines through its frames."""
    ticks = ticks.clip(max=len(motion) - 1)
    rows = (motion.root_position, rotation.continuous(motion.root_rotation), motion.joint_position)
    position, orientation, joints = (CubicSpline(np.arange(len(motion)), values)(ticks) for values in rows)
    low, high = np.array([joint.range for joint in JOINTS]).T
    return replace(
        motion, rate=rate, root_position=position, root_rotation=rotation.normalise(orientation),
        joint_position=joints.clip(low, high),
    )  # fmt: skip


def _blend(values: np.ndarray, low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    return values[low] * (1.0 - share[:, None]) + values[high] * share[:, None]


def _next_root(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Where the root would be one frame after the last: the mean of its first and last step, in its own heading."""
    yaw = rotation.yaw(motion.root_rotation)
    first = _turn(rotation.about(2, yaw[-1] - yaw[0]), motion.root_position[1] - motion.root_position[0])
    last = motion.root_position[-1] - motion.root_position[-2]
    turns = np.angle(np.exp(1j * np.array([yaw[1] - yaw[0], yaw[-1] - yaw[-2]])))
    return motion.root_position[-1] + 0.5 * (first + last), rotation.multiply(
        rotation.about(2, turns.mean()), motion.root_rotation[-1]
    )


def _turn(spin: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Rotate vectors [..., 3] by one quaternion [4]."""
    return vector @ rotation.to_matrix(spin).T

"""Gait, measured of simulated motion and of motion capture alike: pure functions of states at 30 Hz. Private.

A *run* is a `State` with leading axis [T]: one character in unbroken motion, be it an episode between two restarts or a
mocap clip. It is measured in parts, each of which knows its speed, so that a policy can be compared with real motion
that goes just as fast:

- `pieces`: half seconds (15 steps, 16 frames), with flight share, joint jerk and the foot skate met in them;
- `strides`: from one passing of the right foot by the left to the next, with frequency and joint amplitudes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from runtime.character import CONTROL_HZ, JOINT_NAMES, State
from training.measure import gait
from training.measure.strides import GROUPS, SHORTEST_STEP
from training.metrics import take
from training.motion import soles

PIECE = 15  # steps in a piece

AMPLITUDE_GROUPS = GROUPS
"""Joints whose amplitudes are averaged."""


@dataclass(frozen=True)
class Pieces:
    """Half seconds of motion."""

    speed: np.ndarray  # [M] m/s, net horizontal speed of the root
    flight: np.ndarray  # [M] share of frames with both soles above 1.2 cm
    jerk: np.ndarray  # [M] rad/s³, mean |third difference| of the joint angles
    skate: np.ndarray  # [S] m/s, horizontal speed of soles in contact, see `training.motion.soles.skate`
    skate_speed: np.ndarray  # [S] m/s, speed of the piece each of those is from


@dataclass(frozen=True)
class Strides:
    """Strides, each from a moment in which the right foot passes the left to the next such moment."""

    speed: np.ndarray  # [M] m/s, net horizontal speed of the root
    frequency: np.ndarray  # [M] Hz
    amplitude: np.ndarray  # [M, 28] rad, range of every joint


def pieces(runs: Iterable[State]) -> Pieces:
    """Cut runs into half seconds that share their edge frames; what is left at the end of a run is dropped."""
    speed, flight, jerks, skate = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    contacts: list[int] = []
    for states in runs:
        count = (len(states.root_position) - 1) // PIECE
        index = np.arange(count)[:, None] * PIECE + np.arange(PIECE + 1)  # [M, 16]
        cut = take(states, index)
        travel = np.linalg.norm(cut.root_position[:, -1, :2] - cut.root_position[:, 0, :2], axis=1)
        speed.append(travel * CONTROL_HZ / PIECE)
        flight.append(soles.flight(cut)[:, 1:].mean(axis=1))
        jerks.append(jerk(cut.joint_position))
        skate += [soles.skate(take(states, frames), CONTROL_HZ) for frames in index]
        contacts += [len(part) for part in skate[len(skate) - count :]]
    speeds = np.concatenate(speed)
    return Pieces(
        speeds, np.concatenate(flight), np.concatenate(jerks), np.concatenate(skate), np.repeat(speeds, contacts)
    )


def jerk(joint_position: np.ndarray) -> np.ndarray:
    """Mean |Δ³q|·rate³ over frames and joints of angles [M, T, 28] rad at 30 Hz: [M] rad/s³."""
    return np.abs(np.diff(joint_position, n=3, axis=1)).mean(axis=(1, 2)) * float(CONTROL_HZ) ** 3


def strides(runs: Iterable[State]) -> Strides:
    """Find the strides of runs.

    s(t) is how far the right foot is ahead of the left along the root's heading, m. A stride lies between two upward
    zero crossings of s, if it takes 0.3 to 2.5 s and s gets beyond ±8 cm in it (else nobody has stepped).
    """
    speed, frequency, amplitude = [], [], []
    for states in runs:
        ahead = gait.right_lead(states)
        (up,) = np.nonzero((ahead[:-1] < 0.0) & (ahead[1:] >= 0.0))
        moments = (up + ahead[up] / (ahead[up] - ahead[up + 1])) / CONTROL_HZ  # s
        for (first, last), seconds in zip(pairwise(up + 1), np.diff(moments), strict=True):
            inside = slice(first, last)
            stepped = ahead[inside].max() > SHORTEST_STEP and ahead[inside].min() < -SHORTEST_STEP
            if stepped and gait.SHORTEST_STRIDE <= seconds <= gait.LONGEST_STRIDE:
                travel = np.linalg.norm(states.root_position[last, :2] - states.root_position[first, :2])
                speed.append(travel * CONTROL_HZ / (last - first))
                frequency.append(1.0 / seconds)
                amplitude.append(np.ptp(states.joint_position[inside], axis=0))
    return Strides(np.array(speed), np.array(frequency), np.array(amplitude).reshape(-1, len(JOINT_NAMES)))

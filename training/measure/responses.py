"""How soon a goal is answered, and whether standing is standing: pure functions of one rollout each.

Goals are velocity x, y (m/s) and facing x, y, world frame; the last goal of a rollout is the one that is judged. A time
runs from the moment that goal was given to the end of the control step that answers it, s; nan: never, or with a fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.character import CONTROL_HZ
from training.metrics import Rollout
from training.motion import rotation, soles

STARTED = 0.9  # of the speed wanted, along the direction wanted
AT_REST = 0.15  # m/s
TURNED, BACK_AT_SPEED = np.radians(20.0), 0.8  # from the facing wanted; of the speed wanted
STEPPED_AWAY = 0.1  # m from where the root was at first

DEFINITIONS = {
    "from rest": "s from standing still to the first moment with 90 % of 1.5 m/s in the direction wanted",
    "to rest": "s from 2 m/s to the moment from which on the root is slower than 0.15 m/s",
    "half turn": "s at 1.5 m/s to the first moment that faces within 20° of the opposite direction and has 80 % of the "
    "speed in it",
    "standing": "two minutes, told to stand where one looks and told nothing; stepped: runs in which a sole was over 2 "
    "cm above ground or the root went 10 cm away; moved_m, turned_deg: the farthest from the start",
}


@dataclass(frozen=True)
class Standing:
    """What became of standing."""

    first_step: float  # s, to the first frame with a foot lifted or the root away; nan: there is none
    moved: float  # m, the farthest that the root's place got from the first frame's
    turned: float  # rad, the farthest that the heading got
    fell: bool


def time_from_rest(rollout: Rollout) -> float:
    """Time until 90 % of the speed wanted is had in the direction wanted, s."""
    frames = _answer(rollout)
    wanted = float(np.linalg.norm(rollout.goal[-1, :2]))
    return _first(_speed_along(rollout, frames) >= STARTED * wanted, rollout, frames)


def time_to_rest(rollout: Rollout) -> float:
    """Time from which on the root is slower than 0.15 m/s, s."""
    frames = _answer(rollout)
    slow = np.linalg.norm(rollout.states.root_linear_velocity[frames, :2], axis=1) < AT_REST
    return _first(np.logical_and.accumulate(slow[::-1])[::-1], rollout, frames)


def time_of_half_turn(rollout: Rollout) -> float:
    """Time until the facing wanted is had within 20° and 80 % of the speed wanted in its direction, s."""
    frames = _answer(rollout)
    wanted, facing = float(np.linalg.norm(rollout.goal[-1, :2])), rollout.goal[-1, 2:]
    off = rotation.yaw(rollout.states.root_rotation[frames]) - np.arctan2(facing[1], facing[0])
    turned = np.abs((off + np.pi) % (2 * np.pi) - np.pi) < TURNED
    return _first(turned & (_speed_along(rollout, frames) >= BACK_AT_SPEED * wanted), rollout, frames)


TIMES = {"from rest": time_from_rest, "to rest": time_to_rest, "half turn": time_of_half_turn}
"""How each kind of change is timed."""


def standing(rollout: Rollout) -> Standing:
    """Judge a rollout in which nobody was asked to go anywhere."""
    place = rollout.states.root_position[:, :2]
    away = np.linalg.norm(place - place[0], axis=1)
    yaw = np.unwrap(rotation.yaw(rollout.states.root_rotation))
    stepped = (soles.heights(rollout.states) > soles.CONTACT_HEIGHT).any(axis=1) | (away > STEPPED_AWAY)
    first = (int(stepped.argmax()) + 1) / CONTROL_HZ if stepped.any() else float("nan")
    return Standing(first, float(away.max()), float(np.abs(yaw - yaw[0]).max()), bool(rollout.fell.any()))


def _answer(rollout: Rollout) -> np.ndarray:
    """Frames [n] under the last goal."""
    return np.flatnonzero(rollout.goal_index == rollout.goal_index[-1])


def _speed_along(rollout: Rollout, frames: np.ndarray) -> np.ndarray:
    """Velocity [n] m/s of the root along the last goal's."""
    wanted = rollout.goal[-1, :2]
    return rollout.states.root_linear_velocity[frames, :2] @ (wanted / np.linalg.norm(wanted))


def _first(answered: np.ndarray, rollout: Rollout, frames: np.ndarray) -> float:
    """Seconds to the first of the frames [n] that is `answered` [n]; nan: none is, or there is a fall before."""
    if not answered.any() or rollout.fell[: frames[0] + int(answered.argmax()) + 1].any():
        return float("nan")
    return float(answered.argmax() + 1) / CONTROL_HZ

"""Feet on the ground: sole heights, contacts, skate and flight of states.

A sole's height is that of the lowest corner of the foot's box (half sizes .0885 x .045 x .0275 m, centred .045, 0,
-.0225 in the foot's frame), taken from the character's model.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from runtime.character import BODIES, FEET, PREFIX, State, model
from training.motion import rotation

CONTACT_HEIGHT = 0.02  # m, below it a sole counts as touching
FLIGHT_HEIGHT = 0.012  # m, with both soles above it the character flies
_FEET = [BODIES.index(name) for name in FEET]


@cache
def box_corners() -> np.ndarray:
    """Corners of the foot's box in the foot's frame, [8, 3] m."""
    geom = model().geom(f"{PREFIX}{FEET[0]}")
    return geom.pos + np.array(list(product((-1, 1), repeat=3))) * geom.size


def corners(state: State) -> np.ndarray:
    """World positions of the corners of both feet's boxes, right then left: [..., 2, 8, 3] m."""
    position, matrix = state.body_position[..., _FEET, :], rotation.to_matrix(state.body_rotation[..., _FEET, :])
    return position[..., None, :] + np.einsum("...ij,kj->...ki", matrix, box_corners())


def foot_positions(state: State) -> np.ndarray:
    """Origins of the right and left foot (the ankles), [..., 2, 3] m."""
    return state.body_position[..., _FEET, :]


def front(state: State, point: np.ndarray) -> np.ndarray:
    """+1 where world `point` [..., 2, 3] lies on the toes' side of its foot's ankle, -1 on the heel's: [..., 2]."""
    forward = rotation.to_matrix(state.body_rotation[..., _FEET, :])[..., 0]
    return np.where(np.sum((point - foot_positions(state)) * forward, axis=-1) > 0.0, 1.0, -1.0)


def heights(state: State) -> np.ndarray:
    """Height of the right and left sole above the ground, [..., 2] m."""
    return corners(state)[..., 2].min(axis=-1)


def skate(state: State, rate: float) -> np.ndarray:
    """Horizontal speeds [N], m/s, of soles in contact: of the lowest corner, over each step between two contacts.

    One number per foot and such step; empty without contact.
    """
    points = corners(state)  # [T, 2, 8, 3]
    lowest = points[..., 2].argmin(axis=-1)[1:, :, None, None]
    speed = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) * rate  # [T - 1, 2, 8]
    of_lowest = np.take_along_axis(speed, lowest[..., 0], axis=2)[..., 0]
    touching = points[..., 2].min(axis=-1) < CONTACT_HEIGHT
    return of_lowest[touching[1:] & touching[:-1]]


def flight(state: State) -> np.ndarray:
    """Frames [T] (bool) with both soles off the ground."""
    return np.all(heights(state) > FLIGHT_HEIGHT, axis=-1)

"""What the world lets others see: one instant, published whole after every call that simulates. Private.

A game thread reads poses while a simulation thread steps. Reading `MjData` then would tear: half a body before the
step, half after it. So the simulation copies what can be read into a `Frame` (some 10 µs for a hundred characters) and
publishes it with one assignment; a frame never changes afterwards, and a reader that holds one reads one instant,
without any lock. Interpolated poses lie between the last two physics steps, `alpha` of the way, so that a picture is
one physics step (8.3 ms) late and never jerks when pictures and physics steps come at different rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from runtime._scene import PropSlots
from runtime.character import BODIES, FALLEN_HEAD, FALLEN_ROOT, Slots, State, read_state

_HEAD = BODIES.index("head")


class Frame(NamedTuple):
    """One instant of a world; treat its arrays as read-only."""

    steps: int
    """Physics steps since the start."""
    alpha: float
    """Share of the next physics step that real time has covered."""
    slots: Mapping[str, Slots]
    """Where each character's numbers lie, by name."""
    prop_slots: tuple[PropSlots, ...]
    qpos: np.ndarray  # [nq]
    qvel: np.ndarray  # [nv]
    ctrl: np.ndarray  # [nu]
    position: np.ndarray  # [nbody, 3] m
    rotation: np.ndarray  # [nbody, 4] wxyz
    old_position: np.ndarray  # [nbody, 3] m, one physics step before
    old_rotation: np.ndarray  # [nbody, 4] wxyz

    def state(self, slots: Slots) -> State:
        """Copy the state of a character: no leading axes."""
        state = read_state(self.qpos, self.qvel, self.position, self.rotation, slots)
        return State(**{name: np.array(value) for name, value in vars(state).items()})

    def fallen(self, slots: Slots) -> bool:
        """Whether a character's head is below 0.95 m or its root below 0.55 m."""
        height = self.position[:, 2]
        return bool(height[slots.body + _HEAD] < FALLEN_HEAD or height[slots.body] < FALLEN_ROOT)

    def pose(self, bodies: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate bodies to `alpha`: positions [N, 3] m, rotations [N, 4] wxyz."""
        alpha = self.alpha
        position = (1.0 - alpha) * self.old_position[bodies] + alpha * self.position[bodies]
        old, new = self.old_rotation[bodies], self.rotation[bodies]
        sign = np.where((old * new).sum(axis=1, keepdims=True) < 0.0, -1.0, 1.0)  # q and -q are one rotation
        rotation = (1.0 - alpha) * old + alpha * sign * new
        return position, rotation / np.linalg.norm(rotation, axis=1, keepdims=True)

"""Things in a world besides characters: balls and boxes that move, obstacles that do not.

Bodies for props stand by in the compiled scene (see `_scene.py`), so that throwing one costs what writing a few dozen
numbers costs; only when all are in use is the scene compiled again, with twice as many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from runtime._scene import Box, PropShape
from runtime.character import BODIES

if TYPE_CHECKING:
    from runtime._simulation import Simulation
    from runtime.handle import Character

GRAVITY = 9.81  # m/s²


class Prop:
    """A ball or a box that moves. Made by `World.add_ball`, `World.add_box` and `World.throw`."""

    __slots__ = ("_simulation", "description", "name", "number", "placement")
    name: str
    """Its name in the world."""

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        shape: PropShape,
        placement: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Describe a prop: call the world's methods instead.

        `placement` is the pose [7] and velocity [3] that a reset of the world gives it; None: a reset takes it away.
        """
        self.name = name
        self.description, self.placement = shape, placement
        self.number = -1  # its body among those that stand by
        self._simulation = simulation

    @property
    def shape(self) -> str:
        """`ball` or `box`."""
        return self.description.kind

    @property
    def size(self) -> np.ndarray:
        """Half extents along its own axes, m, [3]; a ball's are its radius."""
        size = self.description.size
        return np.full(3, size[0]) if self.shape == "ball" else np.array(size) / 2

    @property
    def mass(self) -> float:
        """Mass, kg."""
        return self.description.mass

    @property
    def alive(self) -> bool:
        """Whether it is in the world; not any more after `remove`."""
        return self._simulation.props.get(self.name) is self

    @property
    def state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Position [3] m, rotation [4] wxyz, velocity [3] m/s (world), angular velocity [3] rad/s (its own axes)."""
        frame = self._simulation.current()
        slots = frame.prop_slots[self._checked()]
        qpos, qvel = frame.qpos[slots.qpos : slots.qpos + 7], frame.qvel[slots.dof : slots.dof + 6]
        return qpos[:3].copy(), qpos[3:].copy(), qvel[:3].copy(), qvel[3:].copy()

    def render_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return position [3] m and rotation [4] wxyz for a picture, as `Character.render_pose` does."""
        frame = self._simulation.current()
        body = frame.prop_slots[self._checked()].body
        position, rotation = frame.pose(slice(body, body + 1))
        return position[0], rotation[0]

    def push(self, impulse: Sequence[float]) -> None:
        """Push it: a constant force on its centre over the next control step; impulse [3] N·s, world.

        Raises:
            ValueError: that is not three finite numbers, or the prop has been removed.
        """
        vector = finite_vector("impulse", impulse, 3)
        self._checked()
        self._simulation.push(self, 0, vector)

    def remove(self) -> None:
        """Take it out of the world; nothing is compiled."""
        self._simulation.remove_prop(self)

    def _checked(self) -> int:
        if not self.alive:
            raise ValueError(f"{self.name}: this prop has been removed from the world")
        return self.number

    def __repr__(self) -> str:
        """Name it and its shape."""
        return f"Prop({self.name!r}, {self.shape}, {self.mass:g} kg)"


class Obstacle:
    """A box that does not move. Made by `World.add_obstacle`."""

    __slots__ = ("box",)

    def __init__(self, box: Box) -> None:
        """Describe an obstacle: call `World.add_obstacle` instead."""
        self.box = box

    @property
    def name(self) -> str:
        """Its name in the world."""
        return self.box.name

    @property
    def size(self) -> np.ndarray:
        """Half extents along its own axes, m, [3]."""
        return np.array(self.box.size) / 2

    @property
    def position(self) -> np.ndarray:
        """Of its centre, m, [3]."""
        return np.array(self.box.position)

    @property
    def heading(self) -> float:
        """Yaw, rad."""
        return self.box.heading

    def __repr__(self) -> str:
        """Name it."""
        return f"Obstacle({self.name!r}, edges {self.box.size} m at {self.box.position})"


def aim(target: Character, body: str, speed: float, azimuth: float | None, distance: float) -> np.ndarray:
    """Return where a ball must start and how fast to hit a character that keeps its velocity: [2, 3] m, m/s.

    It flies for `distance / speed` seconds along a parabola that begins at the height of the body aimed at.

    Args:
        target: who is to be hit.
        body: one of `runtime.character.BODIES`.
        speed: over ground, relative to the target, m/s.
        azimuth: from where the ball comes, seen from the target, rad, world yaw; None: from where it faces.
        distance: m, over ground.

    Raises:
        ValueError: a number is out of range or there is no such body.
    """
    if body not in BODIES:
        raise ValueError(f"body: expected one of {', '.join(BODIES)}, found {body!r}")
    if not (0.1 <= speed <= 100.0 and 0.3 <= distance <= 100.0):
        raise ValueError(f"throw: expected 0.1 to 100 m/s from 0.3 to 100 m, found {speed} m/s from {distance} m")
    state = target.state
    if azimuth is None:
        w, x, y, z = state.root_rotation
        azimuth = math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))
    if not math.isfinite(azimuth):
        raise ValueError(f"azimuth: expected a finite angle, found {azimuth!r}")
    flight = distance / speed
    towards = state.body_position[BODIES.index(body)]
    start = towards + distance * np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
    moved = towards + flight * state.root_linear_velocity * np.array([1.0, 1.0, 0.0])
    velocity = (moved - start) / flight + np.array([0.0, 0.0, 0.5 * GRAVITY * flight])
    return np.stack([start, velocity])


def finite_vector(name: str, value: Sequence[float], length: int) -> np.ndarray:
    """Return `length` finite numbers as an array; raises ValueError naming it where they are not."""
    try:
        vector = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.shape != (length,) or not np.isfinite(vector).all():
        raise ValueError(f"{name}: expected {length} finite numbers, found {value!r}")
    return vector

"""A character in a world: what `World.add_character` gives. Private: reached through its world.

A `Character` owns no physics: its numbers lie in its world's one MjData, at its `slots`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import mujoco
import numpy as np

from runtime._simulation import NB, NQ, NV, Simulation
from runtime.character import (
    BODIES,
    DEFAULT_HEIGHT,
    DEFAULT_POSE,
    FALLEN_HEAD,
    FALLEN_ROOT,
    Slots,
    State,
    find_slots,
    read_state,
)
from runtime.controller import Controller
from runtime.goals import Goal, GoalError, default_vector


class Character:
    """One simulated humanoid in a `World`. Made by `World.add_character`.

    Everything read from it belongs to the same instant, the world's `time`, and is a copy: it stays as it is when the
    world goes on.
    """

    name: str
    """Its name in the world; `name/` prefixes its bodies, joints and actuators in `World.model`."""

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        load: Callable[[Controller | Path | str | None], Controller | None],
        controller: Controller | Path | str | None,
        placement: tuple[Sequence[float], float],
    ) -> None:
        """Describe a character: call `World.add_character` instead. `load` makes controllers of paths."""
        self.name = name
        self._simulation = simulation
        self._load = load
        self._controller = load(controller)
        self._goal: Goal | None = None
        self._position, self._heading = _checked_placement(*placement)

    @property
    def slots(self) -> Slots:
        """Where it lies in the arrays of `World.data`."""
        self._simulation.compile()
        return self._slots

    @property
    def controller(self) -> Controller | None:
        """What moves it. Set it to a Controller, a file's path or None at any time.

        A new controller acts from the next control step on, until then the last targets hold; a goal of another task
        gives way to the default goal. With None the servos are driven to the default pose at once.

        Raises:
            ControllerError: on setting it to the path of a bad file; the old one stays.
        """
        return self._controller

    @controller.setter
    def controller(self, controller: Controller | Path | str | None) -> None:
        self._controller = self._load(controller)
        if self._goal is not None and self._controller is not None and self._goal.task != self._controller.task:
            self._goal = None
        if self._controller is None:
            self._simulation.data.ctrl[self._servos] = DEFAULT_POSE
        self._simulation.regroup()

    @property
    def goal(self) -> Goal | None:
        """What it is asked to do, from the next control step on; None is the default goal of the controller's task.

        Raises:
            GoalError: on setting a goal of another task than its controller's.
        """
        return self._goal

    @goal.setter
    def goal(self, goal: Goal | None) -> None:
        if goal is not None and self._controller is not None and goal.task != self._controller.task:
            raise GoalError(f"{self.name}: its controller is for {self._controller.task!r}, the goal for {goal.task!r}")
        self._goal = goal
        self._simulation.goal_changed(self)

    def goal_vector(self) -> np.ndarray:
        """Return what its controller is told: [G] float32, in the order of its goal schema. It must have a controller.

        Raises:
            GoalError: it has no controller.
        """
        if self._goal is not None:
            return self._goal.vector()
        if self._controller is None:
            raise GoalError(f"{self.name}: without a controller or a goal there is no goal vector")
        return default_vector(self._controller.task)

    @property
    def state(self) -> State:
        """Its raw state now: world frame, SI units, no leading axes; float64."""
        data = self._simulation.data
        state = read_state(data.qpos, data.qvel, data.xpos, data.xquat, self.slots)
        return State(**{name: np.array(value) for name, value in vars(state).items()})

    @property
    def joint_target(self) -> np.ndarray:
        """What its servos are driven to: [28] rad, model order."""
        return self._simulation.data.ctrl[self._servos].copy()

    @property
    def fallen(self) -> bool:
        """Whether its head is below 0.95 m or its root below 0.55 m."""
        height = self._simulation.data.xpos[:, 2]
        head, root = self.slots.body + BODIES.index("head"), self.slots.body
        return bool(height[head] < FALLEN_HEAD or height[root] < FALLEN_ROOT)

    def push(self, impulse: Sequence[float], body: str = "torso") -> None:
        """Push it: a constant force on the body's centre of mass over the next control step.

        Args:
            impulse: [3] N·s, world frame; pushes in the same control step add up.
            body: one of `runtime.character.BODIES`.

        Raises:
            ValueError: there is no such body, or the impulse is not three finite numbers.
        """
        vector = np.asarray(impulse, dtype=np.float64)
        if vector.shape != (3,) or not np.isfinite(vector).all():
            raise ValueError(f"impulse: expected 3 finite numbers, found {impulse!r}")
        if body not in BODIES:
            raise ValueError(f"body: expected one of {', '.join(BODIES)}, found {body!r}")
        self._simulation.push(self.slots.body + BODIES.index(body), vector)

    def reset(self, position: Sequence[float] | None = None, heading: float | None = None) -> None:
        """Stand it still in the default pose, at a new place or where it was last put; it keeps its goal.

        Args:
            position: x, y [m] on the ground.
            heading: yaw [rad], 0 looks along x.

        Raises:
            ValueError: a number is not finite.
        """
        self._position, self._heading = _checked_placement(
            self._position if position is None else position, self._heading if heading is None else heading
        )
        self._simulation.place([self])

    def render_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return body positions [15, 3] m and rotations [15, 4] wxyz for a picture between two physics steps.

        They lie between the last two physics steps, `World.alpha` of the way: a picture is one physics step
        (8.3 ms) late and never jerks when pictures and physics steps come at different rates.
        """
        simulation, bodies = self._simulation, slice(self.slots.body, self.slots.body + NB)
        alpha, data = simulation.alpha, simulation.data
        position = (1.0 - alpha) * simulation.old_position[bodies] + alpha * data.xpos[bodies]
        old, new = simulation.old_rotation[bodies], data.xquat[bodies]
        sign = np.where((old * new).sum(axis=1, keepdims=True) < 0.0, -1.0, 1.0)  # q and -q are one rotation
        rotation = (1.0 - alpha) * old + alpha * sign * new
        return position, rotation / np.linalg.norm(rotation, axis=1, keepdims=True)

    @property
    def _servos(self) -> slice:
        """Its 28 numbers in ctrl."""
        return slice(self.slots.ctrl, self.slots.ctrl + len(DEFAULT_POSE))

    def locate(self, model: mujoco.MjModel) -> None:
        """Find its slots in a newly compiled model."""
        self._slots = find_slots(model, f"{self.name}/")

    def write_placement(self, data: mujoco.MjData) -> None:
        """Write its starting place into `data`: default pose, at rest, servos holding the pose."""
        q, d, b = self.slots.qpos, self.slots.dof, self.slots.body
        data.qpos[q : q + 3] = *self._position, DEFAULT_HEIGHT
        data.qpos[q + 3 : q + 7] = math.cos(self._heading / 2), 0.0, 0.0, math.sin(self._heading / 2)
        data.qpos[q + 7 : q + NQ] = DEFAULT_POSE
        data.ctrl[self._servos] = DEFAULT_POSE
        for array in (data.qvel, data.qacc_warmstart):
            array[d : d + NV] = 0.0
        data.xfrc_applied[b : b + NB] = 0.0

    def __repr__(self) -> str:
        """Name it and its controller."""
        return f"Character({self.name!r}, controller={self._controller!r})"


def _checked_placement(position: Sequence[float], heading: float) -> tuple[tuple[float, float], float]:
    """Return a place on the ground as floats: (x, y) m and yaw rad.

    Raises:
        ValueError: it is not two numbers and one, all finite.
    """
    place = np.asarray(position, dtype=np.float64)
    if place.shape != (2,) or not np.isfinite(place).all():
        raise ValueError(f"position: expected 2 finite numbers (x, y), found {position!r}")
    if not math.isfinite(heading):
        raise ValueError(f"heading: expected a finite angle, found {heading!r}")
    return (float(place[0]), float(place[1])), float(heading)

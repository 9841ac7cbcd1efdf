"""A character in a world: what `World.add_character` gives. Private: reached through its world.

A `Character` owns no physics: its numbers lie in its world's one MjData, at its `slots`. What is read from it comes
from the frame that the simulation published last (see `_frame.py`), what is asked of it waits for the next control
step; neither waits for a step that is being made. Changing what is there (controller, director, reset) takes the
world's lock: it waits for the end of the call that is stepping.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime._asked import Asked
from runtime._control import NB, NQ, NU, NV, Fade
from runtime.character import BODIES, CONTROL_HZ, DEFAULT_HEIGHT, DEFAULT_POSE, Slots, State, rotate
from runtime.controller import Controller
from runtime.director import Directing, Director, Situation
from runtime.events import ControllerChanged
from runtime.props import finite_vector

if TYPE_CHECKING:
    from runtime._simulation import Simulation

STANDING = np.array([0.0, 0.0, DEFAULT_HEIGHT, 1.0, 0.0, 0.0, 0.0, *DEFAULT_POSE]), np.zeros(NV)
"""qpos [35] and qvel [34] of standing at the origin, at rest, looking along x."""


class Character(Asked):
    """One simulated humanoid in a `World`. Made by `World.add_character`.

    Everything read from it belongs to the same instant, the world's `time`, and is a copy: it stays as it is when the
    world goes on.
    """

    fade: Fade | None = None
    """Its way from its last controller to this one, while that lasts. Private."""
    placed: int | None = None
    """Physics step at which it was put where it is to start; None before that. Private."""

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        placement: tuple[Sequence[float], float],
        controller: Controller | None = None,
    ) -> None:
        """Describe a character: call `World.add_character` instead."""
        super().__init__(simulation, name)
        self._controller = controller
        self.frozen_pose: np.ndarray | None = None  # [35] qpos while it is frozen
        self.placement = checked_placement(*placement)

    # --- what moves it -----------------------------------------------------------------------------------------

    @property
    def controller(self) -> Controller | None:
        """What moves it. Set it to a Controller, a file's path or None (the default pose) at any time.

        A new controller acts from the next control step on, and for the world's `fade` both do: joint targets go from
        the one's to the other's. A goal that means nothing to it gives way to the default goal. While the character
        has a director, that decides; setting a controller by hand takes the director away.

        Raises:
            ControllerError: on setting it to the path of a bad file; the old one stays.
        """
        return self._controller

    @controller.setter
    def controller(self, controller: Controller | Path | str | None) -> None:
        self.switch(controller)

    def switch(self, controller: Controller | Path | str | None, fade: float | None = None) -> None:
        """Set the controller, with a cross-fade of its own length.

        Args:
            controller: as for `controller`.
            fade: how long the old controller keeps a share in the joint targets, s, 0 to 10; None: the world's `fade`.

        Raises:
            ControllerError: the file is no good; the old controller stays.
            ValueError: the time is out of range.
        """
        if fade is not None and not 0.0 <= fade <= 10.0:
            raise ValueError(f"fade: expected 0 to 10 s, found {fade!r}")
        loaded = self._simulation.load(controller)
        with self._simulation.lock:
            self.directing = None
            if self._goals:  # without a director it has one goal, the latest
                self._goals = dict([list(self._goals.items())[-1]])
            self.take_over(loaded, fade, "set")

    def take_over(self, controller: Controller | None, fade: float | None, reason: str) -> None:
        """Change the controller, under the world's lock. Private."""
        old, self._controller = self._controller, controller
        if (
            self.directing is None
            and controller is not None
            and self._goals
            and self._goal_for(controller.task) is None
        ):
            self._goals = {}
        if old is controller:
            return
        fading, self.fade = self.fade, None
        if self.placed is not None and not self.frozen:  # else it waits to be compiled, or is of iron
            steps = round((self._simulation.fade if fade is None else fade) * CONTROL_HZ)
            servos = self._simulation.data.ctrl[self.servos]
            if steps and self.placed < self._simulation.steps:
                said = None if old is None else self._simulation.conductor.output_of(old, self)
                beyond = np.zeros(NU) if fading is None or said is None else servos - said
                self.fade = Fade(old, servos.copy() if old is None else beyond, steps)
            elif controller is None:
                servos[:] = DEFAULT_POSE
                self._simulation.edited()
                self._simulation.publish()
        self._simulation.conductor.regroup()
        was, now = (None if each is None else str(each.path) for each in (old, controller))
        self._simulation.happened(ControllerChanged(self._simulation.time, self.name, was, now, reason))

    @property
    def director(self) -> Director | None:
        """The state machine that picks its controllers; setting one starts it in its start state.

        Raises:
            ControllerError: on setting a director one of whose files is no good; the old one stays.
        """
        return None if self.directing is None else self.directing.director

    @director.setter
    def director(self, director: Director | None) -> None:
        if director is None:
            self.directing = None
            return
        states = {name: self._simulation.load(path) for name, path in director.states.items()}
        with self._simulation.lock:
            self.directing = Directing(director, director.start, self._simulation.time)
            self.take_over(states[director.start], director.fade, f"director: {director.start}")

    @property
    def director_state(self) -> str | None:
        """The state its director is in."""
        return None if self.directing is None else self.directing.state

    def direct(self, now: Situation) -> None:
        """Let its director take a transition, at the beginning of a control step. Private."""
        assert self.directing is not None
        director, arrow = self.directing.director, self.directing.next(now)
        if arrow is not None:
            reason = f"director: {arrow.source} -> {arrow.target} ({', '.join(arrow.when)})"
            self.take_over(self._simulation.load(director.states[arrow.target]), director.fade, reason)

    # --- what it does ------------------------------------------------------------------------------------------

    @property
    def slots(self) -> Slots:
        """Where it lies in the arrays of `World.data`."""
        return self._simulation.slots_of(self.name)

    @property
    def servos(self) -> slice:
        """Its 28 numbers in ctrl."""
        start = self.slots.ctrl
        return slice(start, start + NU)

    @property
    def state(self) -> State:
        """Its raw state now: world frame, SI units, no leading axes; float64."""
        frame = self._simulation.current()
        return frame.state(frame.slots[self.name])

    @property
    def joint_target(self) -> np.ndarray:
        """What its servos are driven to: [28] rad, model order."""
        frame = self._simulation.current()
        start = frame.slots[self.name].ctrl
        return frame.ctrl[start : start + NU].copy()

    @property
    def fallen(self) -> bool:
        """Whether its head is below 0.95 m or its root below 0.55 m."""
        frame = self._simulation.current()
        return frame.fallen(frame.slots[self.name])

    @property
    def airborne(self) -> bool:
        """Whether it touched nothing at the end of the last control step."""
        return self._simulation.watch.airborne(self.name)

    @property
    def frozen(self) -> bool:
        """Whether it is held where it was because it broke down (`on_error="freeze"`); a reset frees it."""
        return self.frozen_pose is not None

    def render_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return body positions [15, 3] m and rotations [15, 4] wxyz for a picture between two physics steps.

        They lie between the last two physics steps, `World.alpha` of the way: a picture is one physics step
        (8.3 ms) late and never jerks when pictures and physics steps come at different rates.
        """
        frame = self._simulation.current()
        start = frame.slots[self.name].body
        return frame.pose(slice(start, start + NB))

    def push(self, impulse: Sequence[float], body: str = "torso") -> None:
        """Push it: a constant force on the body's centre of mass over the next control step.

        Args:
            impulse: [3] N·s, world frame; pushes in the same control step add up.
            body: one of `runtime.character.BODIES`.

        Raises:
            ValueError: there is no such body, or the impulse is not three finite numbers.
        """
        vector = finite_vector("impulse", impulse, 3)
        if body not in BODIES:
            raise ValueError(f"body: expected one of {', '.join(BODIES)}, found {body!r}")
        self._simulation.push(self, BODIES.index(body), vector)

    def reset(self, position: Sequence[float] | None = None, heading: float | None = None) -> None:
        """Begin anew, at a new place or where it was last put, keeping its goal.

        It stands still in the default pose, or is in the state in which its controller's file says it begins.

        Args:
            position: x, y [m] on the ground.
            heading: yaw [rad], 0 looks along x.

        Raises:
            ValueError: a number is not finite.
        """
        old_position, old_heading = self.placement
        placement = checked_placement(
            old_position if position is None else position, old_heading if heading is None else heading
        )
        with self._simulation.lock:
            self.placement = placement
            self._simulation.place([self])

    def write_placement(self, data: mujoco.MjData) -> None:
        """Write its start into `data`: its controller's, else standing; servos hold the pose. Private."""
        self.frozen_pose, self.fade, self.placed = None, None, self._simulation.steps
        slots, (position, heading) = self.slots, self.placement
        q, d, b = slots.qpos, slots.dof, slots.body
        start = STANDING if self.controller is None or self.controller.start is None else self.controller.start
        qpos, qvel = turned(*start, heading)
        data.qpos[q : q + NQ] = qpos
        data.qpos[q : q + 2] += position
        data.ctrl[slots.ctrl : slots.ctrl + NU] = qpos[7:]
        data.qvel[d : d + NV] = qvel
        data.qacc_warmstart[d : d + NV] = 0.0
        data.xfrc_applied[b : b + NB] = 0.0

    def freeze(self) -> None:
        """Hold it from now on where it was last in one piece. Private."""
        data, slots, frame = self._simulation.data, self.slots, self._simulation.current()
        whole = slice(slots.qpos, slots.qpos + NQ)
        poses = [pose for pose in (data.qpos[whole], frame.qpos[whole]) if np.isfinite(pose).all()]
        pose = poses[0].copy() if poses else None
        if pose is None:
            self.write_placement(data)
            pose = data.qpos[whole].copy()
        self.frozen_pose, self.fade = pose, None
        data.ctrl[self.servos] = pose[7:]
        data.xfrc_applied[slots.body : slots.body + NB] = 0.0
        self.hold(data)

    def hold(self, data: mujoco.MjData) -> None:
        """Put it back where it is frozen, at rest. Private."""
        slots = self.slots
        data.qpos[slots.qpos : slots.qpos + NQ] = self.frozen_pose
        for array in (data.qvel, data.qacc_warmstart):
            array[slots.dof : slots.dof + NV] = 0.0

    def __repr__(self) -> str:
        """Name it and its controller."""
        return f"Character({self.name!r}, controller={self._controller!r})"


def checked_placement(position: Sequence[float], heading: float) -> tuple[tuple[float, float], float]:
    """Return a place on the ground as floats: (x, y) m and yaw rad; raises ValueError where one is not finite."""
    x, y = finite_vector("position", position, 2)
    if not math.isfinite(heading):
        raise ValueError(f"heading: expected a finite angle, found {heading!r}")
    return (float(x), float(y)), float(heading)


def turned(qpos: np.ndarray, qvel: np.ndarray, heading: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn a state, qpos [35] and qvel [34], by `heading` (rad) about the vertical through the origin."""
    turn, attitude = np.array([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)]), np.empty(4)
    mujoco.mju_mulQuat(attitude, turn, qpos[3:7])
    return (
        np.concatenate((rotate(turn, qpos[:3]), attitude, qpos[7:])),
        np.concatenate((rotate(turn, qvel[:3]), qvel[3:])),
    )

"""A character in a world: what `World.add_character` gives.

A `Character` is a handle. It owns no physics and keeps nothing: its numbers lie in its world's one MjData, at its
`slots`, all else in one record that simulation and control read (_actor.py). What is read from it comes from the frame
that the simulation published last (_frame.py), what is asked of it waits for the next control step; neither waits for
a step that is being made. Changing what is there (controller, director, reset) takes the world's lock: it waits for
the end of the call that is stepping.

    Character ─┬─ goal, script ─────────────────── _asked.py
               ├─ controller, switch, director ─── _takeover.py
               ├─ reset ────────────────────────── _placing.py
               └─ state, render_pose, ... ──────── _frame.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime import _asked, _takeover
from runtime._control import NB, NU
from runtime._placing import checked_placement
from runtime._public import Public, ranged
from runtime.character import BODIES, Slots, State
from runtime.goals import Goal, GoalError
from runtime.props import finite_vector

if TYPE_CHECKING:
    from runtime._actor import Actor
    from runtime._simulation import Simulation
    from runtime.controller import Controller
    from runtime.director import Director
    from runtime.goal_script import GoalScript


class Character(Public):
    """One simulated humanoid in a `World`. Made by `World.add_character`.

    Everything read from it belongs to the same instant, the world's `time`, and is a copy: it stays as it is when the
    world goes on.

    Raises:
        ValueError: on any use but its name and `alive` once it has been removed from the world.
        AttributeError: on setting what is not there.
    """

    __slots__ = ("__weakref__", "_actor", "_simulation")

    def __init__(self, simulation: Simulation, actor: Actor) -> None:
        """Make a handle of an actor: call `World.add_character` instead."""
        self._simulation = simulation
        self._actor = actor

    @property
    def name(self) -> str:
        """Its name in the world; `name/` prefixes its bodies, joints and actuators in `World.model`."""
        return self._actor.name

    @property
    def alive(self) -> bool:
        """Whether it is in the world; not any more after `World.remove`."""
        return self._actor.alive

    # --- what it is asked --------------------------------------------------------------------------------------

    @property
    def goal(self) -> Goal | None:
        """What it is asked to do, from the next control step on; None is the default goal of the controller's task.

        A goal of another task is taken where its numbers mean something to the controller (see `_adapt.py`); what it
        ignores is said once, as a warning. With a director, goals of all its controllers' tasks are taken.

        Raises:
            GoalError: on setting what is no goal, or one that neither its controller nor its director's can follow;
                the old goal stays.
        """
        return self._living().goal

    @goal.setter
    def goal(self, goal: Goal | None) -> None:
        _asked.give(self._simulation, self._living(), goal)

    @property
    def goal_half_life(self) -> float:
        """How long the goal that the network sees takes for half its way to a new goal, s; 0: at once.

        Raises:
            ValueError: on setting it below 0 or above 60 s.
        """
        return self._living().half_life

    @goal_half_life.setter
    def goal_half_life(self, seconds: float) -> None:
        actor = self._living()
        actor.half_life = ranged("goal_half_life", seconds, 0.0, 60.0, "s")
        self._simulation.conductor.ask(actor, fresh=False)

    def goal_vector(self) -> np.ndarray:
        """Return what its controller is told (when no smoothing is on its way): [G] float32.

        Raises:
            GoalError: it has neither controller nor goal.
        """
        actor = self._living()
        if actor.controller is None and actor.goal is None:
            raise GoalError(f"{actor.name}: without a controller or a goal there is no goal vector")
        return actor.vector_for(actor.task or actor.goal.task)  # type: ignore[union-attr]

    @property
    def script(self) -> GoalScript | None:
        """Goals by world time; at the time of an entry its goal is set, and one set by hand holds until the next.

        An entry that a controller set in the meantime cannot follow is left out, with a `GoalDropped` event.

        Raises:
            GoalError: on setting what is no script, or one with a goal that the character cannot follow.
        """
        return self._living().script

    @script.setter
    def script(self, script: GoalScript | None) -> None:
        _asked.set_script(self._living(), script)

    # --- what moves it -----------------------------------------------------------------------------------------

    @property
    def controller(self) -> Controller | None:
        """What moves it. Set it to a Controller, a file's path or None (the default pose) at any time.

        The name of a shipped controller does for its path. A new controller acts from the next control step on, and
        for the world's `fade` both do: joint targets go from the one's to the other's. A goal that means nothing to it
        gives way to the default goal, with a `GoalDropped` event. While the character has a director, that decides;
        setting a controller by hand takes the director away.

        Raises:
            ControllerError: on setting it to the path of a bad file; the old one stays.
        """
        return self._living().controller

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
        actor = self._living()
        if fade is not None:
            fade = ranged("fade", fade, 0.0, 10.0, "s")
        _takeover.set_by_hand(self._simulation, actor, self._simulation.load(controller), fade)

    @property
    def director(self) -> Director | None:
        """The state machine that picks its controllers; setting one starts it in its start state.

        Raises:
            ControllerError: on setting a director one of whose files is no good; the old one stays.
            DirectorError: on setting what is no director.
        """
        directing = self._living().directing
        return None if directing is None else directing.director

    @director.setter
    def director(self, director: Director | None) -> None:
        _takeover.set_director(self._simulation, self._living(), director)

    @property
    def director_state(self) -> str | None:
        """The state its director is in."""
        directing = self._living().directing
        return None if directing is None else directing.state

    # --- what it does ------------------------------------------------------------------------------------------

    @property
    def slots(self) -> Slots:
        """Where it lies in the arrays of `World.data`."""
        return self._simulation.slots_of(self._living().name)

    @property
    def state(self) -> State:
        """Its raw state now: world frame, SI units, no leading axes; float64."""
        name, frame = self._living().name, self._simulation.current()
        return frame.state(frame.slots[name])

    @property
    def joint_target(self) -> np.ndarray:
        """What its servos are driven to: [28] rad, model order."""
        name, frame = self._living().name, self._simulation.current()
        start = frame.slots[name].ctrl
        return frame.ctrl[start : start + NU].copy()

    @property
    def fallen(self) -> bool:
        """Whether its head is below 0.95 m or its root below 0.55 m."""
        name, frame = self._living().name, self._simulation.current()
        return frame.fallen(frame.slots[name])

    @property
    def airborne(self) -> bool:
        """Whether it touched nothing at the end of the last control step."""
        return self._simulation.watch.airborne(self._living().name)

    @property
    def frozen(self) -> bool:
        """Whether it is held where it was because it broke down (`on_error="freeze"`); a reset frees it."""
        return self._living().frozen

    def render_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return body positions [15, 3] m and rotations [15, 4] wxyz for a picture between two physics steps.

        They lie between the last two physics steps, `World.alpha` of the way: a picture is one physics step
        (8.3 ms) late and never jerks when pictures and physics steps come at different rates.
        """
        name, frame = self._living().name, self._simulation.current()
        start = frame.slots[name].body
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
        self._simulation.push(self._living(), BODIES.index(body), vector)

    def reset(self, position: Sequence[float] | None = None, heading: float | None = None) -> None:
        """Begin anew, at a new place or where it was last put, keeping its goal.

        It stands still in the default pose, or is in the state in which its controller's file says it begins.

        Args:
            position: x, y [m] on the ground.
            heading: yaw [rad], 0 looks along x.

        Raises:
            ValueError: a number is not finite.
        """
        actor = self._living()
        old_position, old_heading = actor.placement
        placement = checked_placement(
            old_position if position is None else position, old_heading if heading is None else heading
        )
        with self._simulation.lock:
            actor.placement = placement
            self._simulation.place([actor])

    def _living(self) -> Actor:
        """Its record; raises ValueError once it has been removed."""
        if not self._actor.alive:
            raise ValueError(f"{self._actor.name}: this character has been removed from the world")
        return self._actor

    def __repr__(self) -> str:
        """Name it and its controller."""
        gone = "" if self._actor.alive else ", removed"
        return f"Character({self._actor.name!r}, controller={self._actor.controller!r}{gone})"

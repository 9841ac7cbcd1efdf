"""The world: ground, characters and the loop that moves them in fixed steps.

Three clocks. Real time is the caller's: `advance(seconds)` owes the world that much and pays in whole physics steps,
keeping what is left of a step for the next call (`alpha`). Physics runs at 120 Hz, `time` counts it. Control runs at
30 Hz, on every fourth physics step, for all characters at once. When the caller comes late by more than `max_advance`,
the rest is dropped and counted in `dropped_time`, so that a slow machine gives slow motion and not a spiral.

Order within a control step:

    control     pushes of the last control step end, new ones begin; scripts, directors and goals (_conduct.py); per
                controller: gather the states and goals of its characters, run the network once, write joint targets;
                they are held until the next control step
    physics × 4 mj_step2 (forces, integration) of the current state, then mj_step1 (positions, velocities, contacts)
                of the new one

A plain mj_step leaves body poses one step behind the joint angles. Here each call that steps ends with mj_step1, which
the next one's mj_step2 builds on: the same work as mj_step, bit for bit the same motion, and between calls positions,
velocities, body poses and contacts in `data` all belong to `time`. Stale between calls are forces and accelerations
(`qacc`, `qfrc_*`, contact forces, sensors of them): they belong to the physics step before. Whoever writes qpos or
qvel into `data` by hand calls `World.refresh` before going on.

Threads. Every method may be called from any thread. What steps or changes the scene takes the world's lock; goals,
pushes and all reads of states and poses never wait: see _frame.py and _asked.py. Listeners are called by the thread
that steps, after the step, without the lock. `model` and `data` are the live ones, for the stepping thread alone.

    advance, step ── Simulation.run ─┬─ Conductor.control_step ── ControlGroup.act ── Batch.run
                                     └─ _physics ── mj_step2, mj_step, mj_step1
"""

from __future__ import annotations

import math
import threading
import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import mujoco
import numpy as np

from runtime import _snapshot
from runtime._actor import Actor
from runtime._control import NB
from runtime._placing import checked_placement
from runtime._public import ranged
from runtime._recovery import POLICIES
from runtime._reload import Library
from runtime._simulation import PHYSICS_STEPS, Simulation, SimulationError
from runtime._snapshot import SnapshotError
from runtime._things import Things
from runtime.character import CONTROL_HZ, NAME, PHYSICS_HZ
from runtime.handle import Character

if TYPE_CHECKING:
    from runtime.controller import Controller
    from runtime.events import Event
    from runtime.replay import Recorder

__all__ = ["SimulationError", "SnapshotError", "World"]


class World(Things):
    """Ground, characters and props, stepped by real time or by control steps.

    Raises:
        AttributeError: on setting what is not there.
    """

    def __init__(
        self,
        max_advance: float = 0.25,
        *,
        on_error: str = "raise",
        props: int = 0,
        fade: float = 0.2,
        reload_every: float | None = None,
    ) -> None:
        """Make flat ground with nobody on it.

        Args:
            max_advance: what one `advance` makes up for at most, s of real time.
            on_error: what happens to a character whose network or physics gives numbers that are not finite: `raise` a
                SimulationError, `freeze` it where it is, or `reset` it to where it was last put; a `Failed` event
                tells of the latter two, and the others go on.
            props: how many props can be added before the scene must be compiled again.
            fade: how long the joint targets take from one controller to another when it changes, s, 0 to 10.
            reload_every: how often files of controllers are looked at, s of real time; a changed one is loaded anew.
                None: never.

        Raises:
            ValueError: a value is out of range.
        """
        if on_error not in POLICIES:
            raise ValueError(f"on_error: expected one of {', '.join(POLICIES)}, found {on_error!r}")
        fade = ranged("fade", fade, 0.0, 10.0, "s")
        if reload_every is not None and not reload_every > 0.0:
            raise ValueError(f"reload_every: expected more than 0 s or None, found {reload_every!r}")
        self.max_advance = max_advance
        self._paused = False
        self._characters: dict[Actor, Character] = {}
        self._handing = threading.Lock()  # of `_characters`; held for no longer than it takes to look there
        self._library = Library(reload_every)
        self._simulation = Simulation(self._library.load, fade, on_error)
        self.allocate_props(props)
        self._listeners: list[Callable[[Event], None]] = []
        self._time_scale = 1.0
        self._dropped = self._simulated = self._spent = self._thought = 0.0  # s

    # --- clocks ------------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Simulated time since the start or the last reset, s."""
        return self._simulation.current().steps / PHYSICS_HZ

    @property
    def max_advance(self) -> float:
        """Real time that one `advance` makes up for at most, s.

        Raises:
            ValueError: on setting it below 0 or to what is no number.
        """
        return self._max_advance

    @max_advance.setter
    def max_advance(self, seconds: float) -> None:
        self._max_advance = ranged("max_advance", seconds, 0.0, math.inf, "s")

    @property
    def paused(self) -> bool:
        """While it is set `advance` does nothing; `step` still steps.

        Raises:
            ValueError: on setting it to anything but True or False.
        """
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        if not isinstance(paused, bool | np.bool_):
            raise ValueError(f"paused: expected True or False, found {paused!r}")
        self._paused = bool(paused)

    @property
    def time_scale(self) -> float:
        """Simulated seconds per second of real time in `advance`, 0 to 100.

        Raises:
            ValueError: on setting it out of range.
        """
        return self._time_scale

    @time_scale.setter
    def time_scale(self, scale: float) -> None:
        self._time_scale = ranged("time_scale", scale, 0.0, 100.0)

    @property
    def dropped_time(self) -> float:
        """Real time that `advance` was asked for and did not simulate, s; a pause drops nothing."""
        return self._dropped

    @property
    def alpha(self) -> float:
        """Share of the next physics step that real time has covered already, 0 to 1."""
        return self._simulation.current().alpha

    @property
    def real_time_factor(self) -> float:
        """Simulated time per time spent simulating, over about the last simulated second; nan before the first step.

        Above 1 the world keeps up with real time; what other work the caller does is not in it.
        """
        return self._simulated / self._spent if self._spent > 0.0 else math.nan

    @property
    def inference_time(self) -> float:
        """Wall time that the controllers' part of a control step takes, s, over about the last simulated second.

        Their networks and what is around them: states gathered, goals, directors. nan before the first step.
        """
        return self._thought / (self._simulated * CONTROL_HZ) if self._simulated > 0.0 else math.nan

    @property
    def physics_time(self) -> float:
        """Wall time that the physics steps of a control step take, s, over about the last simulated second."""
        return self._spent / (self._simulated * CONTROL_HZ) - self.inference_time if self._simulated > 0.0 else math.nan

    def advance(self, seconds: float) -> int:
        """Simulate real time that has passed, in whole physics steps; returns how many were made.

        Args:
            seconds: real time since the last call, s. Above `max_advance` the rest is dropped, see `dropped_time`.

        Raises:
            SimulationError: a network or the physics gave numbers that are not finite, and `on_error` is `raise`.
            ValueError: the time is negative or not finite.
        """
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f"seconds: expected a finite time of at least 0, found {seconds!r}")
        if self.paused:
            return 0
        with self._simulation.lock:
            kept = min(seconds, self.max_advance)
            self._dropped += seconds - kept
            owed = self._simulation.alpha + kept * self._time_scale * PHYSICS_HZ
            count = int(owed + 1e-9)  # so that 60 times 1/60 s are 120 steps
            self._simulation.alpha = max(owed - count, 0.0)
            self._run(count)
        self._tell()
        return count

    def step(self) -> None:
        """Simulate exactly one control step: 4 physics steps, 1/30 s. Real time owed (`alpha`) stays owed.

        Raises:
            SimulationError: a network or the physics gave numbers that are not finite, and `on_error` is `raise`.
        """
        with self._simulation.lock:
            self._run(PHYSICS_STEPS)
        self._tell()

    def reset(self) -> None:
        """Start over: characters and props where they were last put, thrown balls gone, clocks at zero; goals stay."""
        with self._simulation.lock:
            self._simulation.reset()
            self._dropped = self._simulated = self._spent = self._thought = 0.0

    def _run(self, count: int) -> None:
        """Make `count` physics steps and keep account of the time it took."""
        start, simulated = clock.perf_counter(), count / PHYSICS_HZ
        control = self._simulation.control_spent
        self._library.look(self._simulation)
        self._simulation.run(count)
        if count > 0:
            fade = math.exp(-simulated)  # time constant: one simulated second
            self._simulated = fade * self._simulated + simulated
            self._spent = fade * self._spent + clock.perf_counter() - start
            self._thought = fade * self._thought + self._simulation.control_spent - control

    # --- who is there ------------------------------------------------------------------------------------------

    @property
    def characters(self) -> tuple[Character, ...]:
        """Its characters in the order they came."""
        actors = tuple(self._simulation.actors)
        with self._handing:
            known = self._characters
            self._characters = {actor: known.get(actor) or Character(self._simulation, actor) for actor in actors}
            return tuple(self._characters.values())

    def add_character(
        self,
        controller: Controller | Path | str | None = None,
        position: Sequence[float] = (0.0, 0.0),
        heading: float = 0.0,
        name: str | None = None,
    ) -> Character:
        """Put a character on the ground, standing in the default pose; the others' motion goes on undisturbed.

        Args:
            controller: what moves it: a controller, the path of one's file, the name of a shipped one such as
                `steering`, or None to hold the default pose.
                Characters given the same path share one controller.
            position: x, y, m.
            heading: yaw, rad; 0 looks along x.
            name: its name in the world; the first is `humanoid`, the next `humanoid2` and so on.

        Raises:
            ControllerError: the file is no good.
            ValueError: a number is not finite, or the name is taken.
        """
        loaded = self._library.load(controller)
        placement = checked_placement(position, heading)
        with self._simulation.lock:
            actor = Actor(self._free_name(name, NAME), placement, loaded)
            self._simulation.actors.append(actor)
            self._simulation.changed_layout()
            return self.characters[-1]

    def render_poses(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all characters' body positions [N, 15, 3] m and rotations [N, 15, 4] wxyz, of one instant.

        Interpolated between the last two physics steps as `Character.render_pose` is.
        """
        frame = self._simulation.current()
        first = np.array([slots.body for slots in frame.slots.values()], dtype=int)
        position, rotation = frame.pose((first[:, None] + np.arange(NB)).ravel())
        return position.reshape(-1, NB, 3), rotation.reshape(-1, NB, 4)

    # --- what happens ------------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Return what has happened since the last call, oldest first; of more than 10,000 the oldest are lost."""
        unheard, events = self._simulation.unheard, []
        while unheard:
            events.append(unheard.popleft())
        return events

    def on_event(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have a function called with every event, by the thread that steps, after the step; returns how to stop it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _tell(self) -> None:
        """Tell the listeners what has happened."""
        fresh = self._simulation.fresh
        while fresh:
            event = fresh.popleft()
            for listener in tuple(self._listeners):
                listener(event)

    # --- snapshots and recordings ------------------------------------------------------------------------------

    def save(self) -> bytes:
        """Return all that decides what comes next, as bytes.

        Raises:
            GoalError: a character's goal is of a class that is not one of `goal_records.GOALS`.
        """
        return _snapshot.save(self._simulation)

    def restore(self, snapshot: bytes) -> None:
        """Go back to what `save` gave, exactly: the same calls then give the same motion, bit for bit.

        Characters, props and obstacles that are not in the snapshot go, those that are only there come back; the
        scene is compiled anew only where they differ.

        Raises:
            SnapshotError: it cannot be restored; nothing has changed.
        """
        _snapshot.restore(self._simulation, snapshot)

    @classmethod
    def from_snapshot(cls, snapshot: bytes, **settings: float | str | int | None) -> Self:
        """Make a world of what `save` gave. `settings` are the arguments of `World`, which a snapshot does not hold.

        Raises:
            SnapshotError: it cannot be restored.
        """
        world = cls(**settings)  # type: ignore[arg-type]
        world.restore(snapshot)
        return world

    def record(self, path: str | Path) -> Recorder:
        """Begin to record into a file; close what is returned, or use it in a `with`, to end. See replay.py.

        Raises:
            RecordingError: the world is being recorded already.
            OSError: the file cannot be written.
        """
        from runtime.replay import Recorder

        return Recorder(self._simulation, Path(path))

    # --- the scene itself --------------------------------------------------------------------------------------

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled scene, to look at and to render; another one once something is added."""
        return self._simulation.model

    @property
    def data(self) -> mujoco.MjData:
        """The scene's state at `time`; another one once something is added."""
        return self._simulation.data

    def refresh(self) -> None:
        """Make everything agree after qpos or qvel of `data` were written by hand."""
        with self._simulation.lock:
            self._simulation.settle(set())

"""The world: ground, characters and the loop that moves them in fixed steps.

Three clocks. Real time is the caller's: `advance(seconds)` owes the world that much and pays in whole physics steps,
keeping what is left of a step for the next call (`alpha`). Physics runs at 120 Hz, `time` counts it. Control runs at
30 Hz, on every fourth physics step, for all characters at once. When the caller comes late by more than `max_advance`,
the rest is dropped and counted in `dropped_time`, so that a slow machine gives slow motion and not a spiral.

Order within a control step:

    control     pushes of the last control step end, new ones begin; per controller: gather the states and goals of
                its characters, run the network once, write joint targets; they are held until the next control step
    physics × 4 mj_step2 (forces, integration) of the current state, then mj_step1 (positions, velocities, contacts)
                of the new one

A plain mj_step leaves body poses one step behind the joint angles. Here each call that steps ends with mj_step1, which
the next one's mj_step2 builds on: the same work as mj_step, bit for bit the same motion, and between calls positions,
velocities, body poses and contacts in `data` all belong to `time`. Stale between calls are forces and accelerations
(`qacc`, `qfrc_*`, contact forces, sensors of them): they belong to the physics step before. Whoever writes qpos or
qvel into `data` by hand calls `mujoco.mj_step1(world.model, world.data)` before going on.

    advance, step ── Simulation.run ─┬─ _control ── ControlGroup.act ── Controller.act
                                     └─ _physics ── mj_step2, mj_step, mj_step1
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Sequence
from pathlib import Path

import mujoco

from runtime._character import Character
from runtime._simulation import PHYSICS_STEPS, Simulation, SimulationError
from runtime.character import NAME, PHYSICS_HZ
from runtime.controller import Controller

__all__ = ["SimulationError", "World"]


class World:
    """Ground and characters, stepped by real time or by control steps."""

    max_advance: float
    """Real time that one `advance` makes up for at most, s."""

    def __init__(self, max_advance: float = 0.25) -> None:
        """Make flat ground with nobody on it.

        Args:
            max_advance: what one `advance` makes up for at most, s.
        """
        self.max_advance = max_advance
        self._simulation = Simulation()
        self._controllers: dict[Path, Controller] = {}
        self._dropped = self._simulated = self._spent = 0.0  # s

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled scene, to look at and to render; another one once a character is added."""
        return self._simulation.model

    @property
    def data(self) -> mujoco.MjData:
        """The scene's state at `time`; another one once a character is added."""
        return self._simulation.data

    @property
    def characters(self) -> tuple[Character, ...]:
        """Its characters in the order they came."""
        return tuple(self._simulation.characters)

    @property
    def time(self) -> float:
        """Simulated time since the start or the last reset, s."""
        return self._simulation.steps / PHYSICS_HZ

    @property
    def dropped_time(self) -> float:
        """Real time that `advance` was asked for and did not simulate, s."""
        return self._dropped

    @property
    def alpha(self) -> float:
        """Share of the next physics step that real time has covered already, 0 to 1."""
        return self._simulation.alpha

    @property
    def real_time_factor(self) -> float:
        """Simulated time per time spent simulating, over about the last simulated second; nan before the first step.

        Above 1 the world keeps up with real time; what other work the caller does is not in it.
        """
        return self._simulated / self._spent if self._spent > 0.0 else math.nan

    def add_character(
        self,
        controller: Controller | Path | str | None = None,
        position: Sequence[float] = (0.0, 0.0),
        heading: float = 0.0,
        name: str | None = None,
    ) -> Character:
        """Put a character on the ground, standing in the default pose; the others' motion goes on undisturbed.

        Args:
            controller: what moves it: a controller, the path of one's file, or None to hold the default pose.
                Characters given the same path share one controller.
            position: x, y, m.
            heading: yaw, rad; 0 looks along x.
            name: its name in the world; the first is `humanoid`, the next `humanoid2` and so on.

        Raises:
            ControllerError: the file is no good.
            ValueError: a number is not finite, or the name is taken.
        """
        taken = {character.name for character in self.characters}
        if name is None:
            names = (f"{NAME}{number}" if number > 1 else NAME for number in range(1, len(taken) + 2))
            name = next(free for free in names if free not in taken)
        if name in taken or not name:
            raise ValueError(f"name: expected one that is free and not empty, found {name!r}")
        character = Character(self._simulation, name, self._load, controller, (position, heading))
        self._simulation.add(character)
        return character

    def advance(self, seconds: float) -> int:
        """Simulate real time that has passed, in whole physics steps; returns how many were made.

        Args:
            seconds: real time since the last call, s. Above `max_advance` the rest is dropped, see `dropped_time`.

        Raises:
            SimulationError: a network or the physics gave numbers that are not finite.
            ValueError: the time is negative or not finite.
        """
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f"seconds: expected a finite time of at least 0, found {seconds!r}")
        kept = min(seconds, self.max_advance)
        self._dropped += seconds - kept
        owed = self._simulation.alpha + kept * PHYSICS_HZ
        count = int(owed + 1e-9)  # so that 60 times 1/60 s are 120 steps
        self._simulation.alpha = max(owed - count, 0.0)
        self._run(count)
        return count

    def step(self) -> None:
        """Simulate exactly one control step: 4 physics steps, 1/30 s. Real time owed (`alpha`) stays owed.

        Raises:
            SimulationError: a network or the physics gave numbers that are not finite.
        """
        self._run(PHYSICS_STEPS)

    def reset(self) -> None:
        """Start over: all characters where they were last put, clocks at zero; goals stay."""
        self._simulation.reset()
        self._dropped = self._simulated = self._spent = 0.0

    def _run(self, count: int) -> None:
        """Make `count` physics steps and keep account of the time it took."""
        start, simulated = clock.perf_counter(), count / PHYSICS_HZ
        self._simulation.run(count)
        if count > 0:
            fade = math.exp(-simulated)  # time constant: one simulated second
            self._simulated = fade * self._simulated + simulated
            self._spent = fade * self._spent + clock.perf_counter() - start

    def _load(self, controller: Controller | Path | str | None) -> Controller | None:
        """Return a controller as it is, or the one of a path, loaded on first use."""
        if controller is None or isinstance(controller, Controller):
            return controller
        path = Path(controller).resolve()
        if path not in self._controllers:
            self._controllers[path] = Controller.load(path)
        return self._controllers[path]

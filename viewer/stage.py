"""What is on show: a world with a character, what it is asked to do, and how that goes.

Window and headless rendering both hold a `Stage`, advance it by their own clock (wall time; the time of a frame) and
draw the `scene()` and `status()` it gives.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from runtime import Controller, Steering, World
from runtime.character import PHYSICS_HZ
from viewer.hud import Status
from viewer.scene import Marker, Scene

_AVERAGING = 0.5  # s, time constant of the speed shown: a stride or so, within which the root speeds up and slows down


class Stage:
    """A world with one character on it."""

    def __init__(self, controller: Path | str | None) -> None:
        """Put a character at the origin, looking along x; None for a controller lets it hold its default pose.

        Raises:
            ControllerError: the file is no good.
        """
        self.world = World()
        self.hero = self.world.add_character(None if controller is None else Controller.load(controller))
        self.goal = Steering()
        self._velocity = np.zeros(2)  # m/s over ground, averaged

    @property
    def goal(self) -> Steering:
        """What the character should do."""
        return self._goal

    @goal.setter
    def goal(self, goal: Steering) -> None:
        self._goal = self.hero.goal = goal

    @property
    def root(self) -> np.ndarray:
        """Where its pelvis is in the picture, [3] m."""
        return self.hero.render_pose()[0][0]

    def advance(self, seconds: float) -> None:
        """Simulate `seconds` of real time, at most `World.max_advance` of them.

        Raises:
            SimulationError: the simulation broke down.
        """
        simulated = self.world.advance(seconds) / PHYSICS_HZ
        keep = math.exp(-simulated / _AVERAGING)
        self._velocity = keep * self._velocity + (1.0 - keep) * self.hero.state.root_linear_velocity[:2]

    def reset(self) -> None:
        """Start over."""
        self.world.reset()
        self._velocity = np.zeros(2)

    def scene(self) -> Scene:
        """What to draw now."""
        position, rotation = self.hero.render_pose()
        goal = self.goal
        facing = goal.direction if goal.facing is None else goal.facing
        marker = Marker(position[0, :2], goal.speed, goal.direction, facing)
        return Scene(position[None], rotation[None], [marker])

    def status(self) -> Status:
        """What to tell now."""
        controller = self.hero.controller
        return Status(
            controller=controller.path.stem if controller else "default pose",
            detail=f"{controller.task} · {controller.path}" if controller else "no controller",
            speed_wanted=self.goal.speed,
            speed_had=float(np.linalg.norm(self._velocity)),
            time=self.world.time,
        )

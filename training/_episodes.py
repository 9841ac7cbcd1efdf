"""The episodes of an evaluation, run through `runtime` one by one. Private to `training.evaluate`.

Every episode has a `World` of its own, so that what happens in it depends on the controller, the seed and its number
alone. Unless its trial says otherwise it starts as every character in a world does: in the default pose, at rest, soles
on the ground, and the controller acts from the first step on. (Held by its servos alone that pose slowly tips over
backwards and falls after 3.2 s, so that there is no standing to wait for.) After a fall the character starts again
where the episode began and goes on with the goal in force, if the trial has restarts.

A `Hardship` makes it harder: pushes, another friction, other masses, a controller that is heard late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from runtime import Character, Controller, World
from runtime.character import CONTROL_HZ, JOINTS, PHYSICS_HZ, STATE_SHAPES, State
from runtime.goals import SCHEMAS, Goal, default_vector
from training.metrics import Rollout
from training.physics.variation import burden
from training.trials import Episode, Order, Start

PUSH_EVERY = 3.0  # s
STEPS = PHYSICS_HZ // CONTROL_HZ


@dataclass(frozen=True)
class Hardship:
    """What a controller was not told about."""

    push: float = 0.0
    """Impulse (N·s) on the torso every 3 s, horizontal, in a random direction."""
    friction: float = 1.0
    """Coefficient of every contact."""
    mass: float = 1.0
    """Factor of all masses and inertias."""
    latency: float = 0.0
    """Time (s), under a control period, by which every joint target comes late; in whole physics steps, so that it is
    this long on average."""


def roll_out(
    controller: Controller, episodes: Sequence[Episode], restarts: bool = True, hardship: Hardship | None = None,
    done: Callable[[int], object] = lambda steps: None,
) -> Iterator[Rollout]:  # fmt: skip
    """Run episodes one by one; `done` is told the control steps of each that has ended.

    Raises SimulationError when the controller or the physics give numbers that are not finite.
    """
    for number, episode in enumerate(episodes):
        rollout = _Run(controller, episode, restarts, hardship or Hardship(), number).rollout()
        done(len(rollout.life))
        yield rollout


def record(controller: Controller, episode: Episode, restarts: bool, path: Path) -> None:
    """Run an episode and write the world's recording of it; raises OSError when the file cannot be written."""
    run = _Run(controller, episode, restarts, Hardship(), 0)
    with run.world.record(path):
        run.rollout()


class _Run:
    """One episode."""

    def __init__(
        self, controller: Controller, episode: Episode, restarts: bool, hardship: Hardship, number: int
    ) -> None:
        self.episode, self.restarts, self.hardship, self.controller = episode, restarts, hardship, controller
        self.world = World()
        self.character = self.world.add_character(controller, heading=episode.heading)
        self.random = np.random.default_rng((17, number))  # of pushes
        self.late = 0.0  # physics steps of latency that are owed
        self.goal: Goal | None = None
        _burden(self.world, self.character, hardship)
        if hardship.latency > 0.0:
            self.character.controller = None  # it acts through `_late_step`
        if episode.start is not None:
            _place(self.world, self.character, episode.start)

    def rollout(self) -> Rollout:
        """Run it."""
        steps, width = round(self.episode.seconds * CONTROL_HZ), len(SCHEMAS[self.controller.task])
        states = State(**{name: np.zeros((steps, *shape)) for name, shape in STATE_SHAPES.items()})
        targets, goals = np.zeros((steps, len(JOINTS))), np.zeros((steps, width))
        index, goal_age, life = (np.zeros(steps, dtype=int) for _ in range(3))
        fell = np.zeros(steps, dtype=bool)
        given = {round(order.second * CONTROL_HZ): order for order in self.episode.orders}
        age, since, number = 0, 0, -1
        for step in range(steps):
            if step in given:
                self._give(given[step])
                since, number = 0, number + 1
            goals[step] = self._goal_vector()
            self._push(step)
            self._step()
            for name, value in vars(self.character.state).items():
                getattr(states, name)[step] = value
            targets[step] = self.character.joint_target
            index[step], goal_age[step], life[step], fell[step] = number, since, age, self.character.fallen
            age, since = age + 1, since + 1
            if fell[step] and self.restarts:
                self.character.reset()
                age = since = 0
        return Rollout(states, targets, goals, index, goal_age, life, fell)

    def _give(self, order: Order) -> None:
        self.goal = order.goal(self.character.state) if callable(order.goal) else order.goal
        if self.character.controller is not None:
            self.character.goal = self.goal

    def _goal_vector(self) -> np.ndarray:
        return default_vector(self.controller.task) if self.goal is None else self.goal.vector()

    def _step(self) -> None:
        """One control step; a goal that moves by itself is moved on, as a rule by the world."""
        if self.hardship.latency > 0.0:
            self._late_step()
            after = getattr(self.goal, "after", None)
            self.goal = self.goal if after is None else after(1 / CONTROL_HZ)
        else:
            self.world.step()
            self.goal = self.character.goal

    def _late_step(self) -> None:
        """One control step in which the old joint targets hold for a while; the world itself has no controller."""
        state = self.character.state
        batch = State(**{name: value[None] for name, value in vars(state).items()})
        target = self.controller.act(batch, self._goal_vector()[None])[0]
        self.late += self.hardship.latency * PHYSICS_HZ
        wait, servos = int(self.late + 1e-9), slice(self.character.slots.ctrl, self.character.slots.ctrl + len(JOINTS))
        self.late -= wait
        for step in range(STEPS):
            if step == wait:
                self.world.data.ctrl[servos] = target
            self.world.advance(1 / PHYSICS_HZ)

    def _push(self, step: int) -> None:
        every = round(PUSH_EVERY * CONTROL_HZ)
        if self.hardship.push > 0.0 and step % every == every - 1:
            angle = self.random.uniform(-np.pi, np.pi)
            self.character.push((self.hardship.push * np.cos(angle), self.hardship.push * np.sin(angle), 0.0))


def _burden(world: World, character: Character, hardship: Hardship) -> None:
    """Change friction and masses of a world with one character in it, which then stands anew."""
    if hardship.friction == hardship.mass == 1.0:
        return
    model = world.model
    factors = np.array([hardship.friction, hardship.mass])
    burden(model.geom_friction, model.body_mass, model.body_inertia, *factors)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    character.reset()


def _place(world: World, character: Character, start: Start) -> None:
    """Put a character into a state."""
    slots = character.slots
    world.data.qpos[slots.qpos : slots.qpos + len(start.qpos)] = start.qpos
    world.data.qvel[slots.dof : slots.dof + len(start.qvel)] = start.qvel
    mujoco.mj_step1(world.model, world.data)

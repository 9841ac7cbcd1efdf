"""The episodes of an evaluation: which goals are given when, and how they are run through `runtime`. Private.

Every episode has a `World` of its own, so that what happens in it depends on the controller, the seed and its number
alone. It starts as every character in a world does: in the default pose, at rest, soles on the ground, and the
controller acts from the first step on. (Held by its servos alone that pose slowly tips over backwards and falls after
3.2 s, so that there is no standing to wait for.) After a fall the character starts again where the episode began and
goes on with the goal in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from runtime import Controller, Steering, World
from runtime.character import CONTROL_HZ, JOINTS, STATE_SHAPES, State
from training.metrics import Rollout

MAX_SPEED = 3.0  # m/s
STOP_SHARE = 0.12
HOLD = (4.0, 7.0)  # s a random goal lasts
START_TURN = 30.0  # deg: an episode with a set goal starts up to this far off its direction

STEADY_SPEEDS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # m/s
STEADY_SECONDS = 10.0
TURN_SPEEDS, TURNS = (1.0, 2.0), (90.0, -90.0, 180.0)  # m/s, deg
STOP_SPEEDS = (1.0, 2.0, 3.0)  # m/s
LEAD_SECONDS, TURN_SECONDS, STOP_SECONDS = 4.0, 6.0, 5.0


@dataclass(frozen=True)
class Order:
    """A goal and when it is given."""

    second: float
    speed: float  # m/s
    direction: float  # rad, of travel and facing


@dataclass(frozen=True)
class Episode:
    """What an episode asks for."""

    kind: str
    """random, steady, turn or stop."""
    label: str
    """Which of its kind: what figures are grouped by."""
    seconds: float
    """Length, s."""
    heading: float
    """Yaw it starts with, rad."""
    orders: tuple[Order, ...]


def plan(episodes: int, seconds: float, grid_episodes: int, seed: int) -> list[Episode]:
    """All episodes of an evaluation: `episodes` random ones and `grid_episodes` of every set course."""
    every = [_random(np.random.default_rng((seed, 0, number)), seconds) for number in range(episodes)]
    courses = [_steady(speed) for speed in STEADY_SPEEDS]
    courses += [_turn(speed, turn) for speed, turn in product(TURN_SPEEDS, TURNS)]
    courses += [_stop(speed) for speed in STOP_SPEEDS]
    for index, (kind, label, length, orders) in enumerate(courses):
        for number in range(grid_episodes):
            rng = np.random.default_rng((seed, 1 + index, number))
            heading = np.radians(rng.uniform(-START_TURN, START_TURN))
            every.append(Episode(kind, label, length, float(heading), orders))
    return every


def _random(rng: np.random.Generator, seconds: float) -> Episode:
    """Goals drawn anew every 4 to 7 s: speed 0 to 3 m/s and a turn of up to ±180°, or a stop as it stands."""
    heading = direction = rng.uniform(-np.pi, np.pi)
    orders, second = [], 0.0
    while second < seconds:
        stop, turn, speed, hold = (
            rng.random(),
            rng.uniform(-np.pi, np.pi),
            rng.uniform(0, MAX_SPEED),
            rng.uniform(*HOLD),
        )
        if stop < STOP_SHARE:
            speed = 0.0
        else:
            direction += turn
        orders.append(Order(second, float(speed), float(direction)))
        second += hold
    return Episode("random", "random", seconds, float(heading), tuple(orders))


Course = tuple[str, str, float, tuple[Order, ...]]


def _steady(speed: float) -> Course:
    return "steady", f"{speed:g} m/s", STEADY_SECONDS, (Order(0.0, speed, 0.0),)


def _turn(speed: float, turn: float) -> Course:
    orders = (Order(0.0, speed, 0.0), Order(LEAD_SECONDS, speed, float(np.radians(turn))))
    return "turn", f"{turn:+g}° at {speed:g} m/s", LEAD_SECONDS + TURN_SECONDS, orders


def _stop(speed: float) -> Course:
    orders = (Order(0.0, speed, 0.0), Order(LEAD_SECONDS, 0.0, 0.0))
    return "stop", f"from {speed:g} m/s", LEAD_SECONDS + STOP_SECONDS, orders


def roll_out(
    controller: Controller, episodes: Sequence[Episode], done: Callable[[int], object] = lambda steps: None
) -> Iterator[Rollout]:
    """Run episodes one by one; `done` is told the control steps of each that has ended.

    Raises SimulationError when the controller or the physics give numbers that are not finite.
    """
    for episode in episodes:
        rollout = _run(controller, episode)
        done(len(rollout.life))
        yield rollout


def _run(controller: Controller, episode: Episode) -> Rollout:
    steps = round(episode.seconds * CONTROL_HZ)
    states = State(**{name: np.zeros((steps, *shape)) for name, shape in STATE_SHAPES.items()})
    targets, goals = np.zeros((steps, len(JOINTS))), np.zeros((steps, 4))
    index, goal_age, life = (np.zeros(steps, dtype=int) for _ in range(3))
    fell = np.zeros(steps, dtype=bool)
    given = {round(order.second * CONTROL_HZ): order for order in episode.orders}
    world = World()
    character = world.add_character(controller, heading=episode.heading)
    order, age, since, number = episode.orders[0], 0, 0, -1
    for step in range(steps):
        if step in given:
            order, since, number = given[step], 0, number + 1
            character.goal = Steering(order.speed, order.direction)
        world.step()
        for name, value in vars(character.state).items():
            getattr(states, name)[step] = value
        targets[step], goals[step] = character.joint_target, character.goal_vector()
        index[step], goal_age[step], life[step], fell[step] = number, since, age, character.fallen
        age, since = age + 1, since + 1
        if fell[step]:
            character.reset()
            age = since = 0
    return Rollout(states, targets, goals, index, goal_age, life, fell)

"""What a wish (where to, how fast, looking where) means to a controller: a goal of the task it was trained for.

Every task that can be steered takes the same keys: steering and jumping walk as wished, `speed` never stands,
`location` walks to a point ahead of it, `dodgeball` is told of the nearest ball in flight. What there is
nothing to be said to (`getup`, `skill`) gets its empty goal. A task from outside says itself what the keys mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from runtime import Dodgeball, Getup, Jump, Location, Skill, Speed, Steering, tasks
from runtime.goals import Goal
from runtime.task_goals import JUMP_SPEED
from viewer.input import Wish

STEERED = ("steering", "speed", "location", "jump")  # tasks that the same keys steer
ALIKE = ("steering", "speed")  # tasks whose goal is the same for everybody, wherever they are
REACH = 1.6  # s of the wished speed that a `location` lies ahead
APEX = 0.3  # m, how high one jumps
_COMING = 0.5  # m/s towards the character, from which a ball counts as coming


def goal_for(
    task: str, wish: Wish, now: Goal | None, root: np.ndarray, balls: Iterable[tuple[np.ndarray, np.ndarray]] = ()
) -> Goal | None:
    """The goal that a controller of `task` is given, None for a task that is not known here.

    Args:
        task: the controller's.
        wish: what the user wishes.
        now: its goal at present: a jump that is under way goes on, a point walked to stays.
        root: the character's root, [3] m, world.
        balls: position [3] m and velocity [3] m/s of what flies about, world.
    """
    if task == "steering":
        return Steering(wish.speed, wish.direction, wish.facing)
    if task == "speed":
        return Speed(max(wish.speed, 0.5), wish.direction)
    if task == "location":
        return _location(wish, now, root)
    if task == "jump":
        jump = now if isinstance(now, Jump) else Jump()
        return replace(jump, speed=min(wish.speed, JUMP_SPEED), direction=wish.direction, facing=wish.facing)
    if task == "dodgeball":
        return _dodgeball(root, balls)
    outside = tasks.find(task)
    return outside().keys(wish, root) if outside else {"getup": Getup(), "skill": Skill()}.get(task)


def take_off(goal: Goal | None) -> Jump | None:
    """The goal that makes a jumping character jump now; None where it jumps already or cannot."""
    if not isinstance(goal, Jump) or goal.apex > 0.0:
        return None
    return replace(goal, apex=APEX)


def _location(wish: Wish, now: Goal | None, root: np.ndarray) -> Location:
    if wish.speed > 0.0:
        ahead = REACH * wish.speed * np.array([math.cos(wish.direction), math.sin(wish.direction)])
        return Location(float(root[0] + ahead[0]), float(root[1] + ahead[1]))
    return now if isinstance(now, Location) else Location(float(root[0]), float(root[1]))


def _dodgeball(root: np.ndarray, balls: Iterable[tuple[np.ndarray, np.ndarray]]) -> Dodgeball:
    """The ball in flight that will be here first."""
    coming: list[tuple[float, np.ndarray, np.ndarray]] = []
    for position, velocity in balls:
        way = root[:2] - position[:2]
        speed = float(way @ velocity[:2]) / max(float(np.linalg.norm(way)), 1e-6)
        if speed > _COMING and position[2] > 0.12:
            coming.append((float(np.linalg.norm(way)) / speed, position, velocity))
    if not coming:
        return Dodgeball()
    _, position, velocity = min(coming, key=lambda ball: ball[0])
    return Dodgeball(tuple(position.tolist()), tuple(velocity.tolist()))

"""Tasks in numpy, for one character: which goals are drawn, what they are worth, and when an episode has failed.

Rewards are those of `training/tasks`, formula by formula (each is explained there); tests compare the two. Goals are
drawn from the same ranges, by the simple rules written here. A task of your own is a `Task` with three methods.
"""

from __future__ import annotations

import math
from typing import ClassVar, Protocol

import numpy as np

from runtime.character import BODIES, CONTROL_HZ, DEFAULT_HEIGHT, FALLEN_HEAD, FALLEN_ROOT, FEET, State, rotate
from runtime.goals import default_vector
from runtime.task_goals import GRAVITY, HIGHEST_APEX, JUMP_LEAD, JUMP_TAIL, LOWEST_APEX

_HEAD, _PELVIS = BODIES.index("head"), BODIES.index("pelvis")
_FEET = [BODIES.index(name) for name in FEET]
_SOLE = np.array([[-0.0435, 0.0, -0.05], [0.1335, 0.0, -0.05]])  # m, heel and toe edge in the foot's frame
_OFF_GROUND = 0.012  # m
_DIP = 0.3  # s, into a jump's crouch
VELOCITY_SHARPNESS = 4.0  # s²/m²


class Task(Protocol):
    """What `CharacterEnv` asks of a task."""

    name: ClassVar[str]
    """Key into `runtime.goals.SCHEMAS`."""

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return a new goal [G] (world frame, SI units) and for how many control steps it stays."""
        ...

    def reward(self, state: State, goal: np.ndarray) -> float:
        """Return the task reward of a state, 0 to 1, against the goal [G] that was in force during the step to it."""
        ...

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Return whether the episode ends here without a value to bootstrap from."""
        ...


class Steering:
    """Move with a velocity, facing a way; a quarter of the goals is to stand."""

    name: ClassVar[str] = "steering"
    max_speed: ClassVar[float] = 3.5  # m/s

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Half of the goals turn by up to .8 rad, the others go anywhere; kept for 3 to 7 s."""
        turn = math.pi if generator.random() < 0.5 else 0.8
        direction = math.atan2(*heading(state.root_rotation)[::-1]) + generator.uniform(-turn, turn)
        speed = 0.0 if generator.random() < 0.25 else generator.uniform(0.0, self.max_speed)
        facing = np.array([math.cos(direction), math.sin(direction)])
        return np.concatenate((speed * facing, facing)), _steps(generator, 3.0, 7.0)

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.7 `velocity_close` + .3 (.5 max(0, f·heading) + .5 exp((f·heading - 1)/.034))."""
        cosine = float(heading(state.root_rotation) @ goal[2:4])
        facing = 0.5 * max(0.0, cosine) + 0.5 * math.exp((cosine - 1.0) / 0.034)
        return 0.7 * velocity_close(state, goal[:2]) + 0.3 * facing

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Fallen."""
        return fallen(state)


class Speed:
    """Move forward at a speed along a direction."""

    name: ClassVar[str] = "speed"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """.5 to 5 m/s, up to .35 rad off the heading; kept for 3 to 8 s."""
        direction = math.atan2(*heading(state.root_rotation)[::-1]) + generator.uniform(-0.35, 0.35)
        goal = np.array([generator.uniform(0.5, 5.0), math.cos(direction), math.sin(direction)])
        return goal, _steps(generator, 3.0, 8.0)

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.7 `velocity_close`, its sharp half max(1, s*/2.5) times as wide, + .3 max(0, u·heading)."""
        width = max(1.0, goal[0] / 2.5)
        facing = max(0.0, float(heading(state.root_rotation) @ goal[1:]))
        close = velocity_close(state, goal[0] * goal[1:], VELOCITY_SHARPNESS / width**2)
        return 0.7 * close + 0.3 * facing

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Fallen."""
        return fallen(state)


class Location:
    """Go to a point on the ground and stop there."""

    name: ClassVar[str] = "location"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Up to 10 m away, anywhere; kept for 5 to 10 s."""
        distance, direction = generator.uniform(0.0, 10.0), generator.uniform(-math.pi, math.pi)
        offset = distance * np.array([math.cos(direction), math.sin(direction)])
        return state.root_position[:2] + offset, _steps(generator, 5.0, 10.0)

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.4 `velocity_close` + .2 exp(-.25 d) + .3 exp(-4 d²) + .1 max(0, u·heading)."""
        way = goal - state.root_position[:2]
        d = float(np.linalg.norm(way))
        unit = way / max(d, 1e-6)
        speed = min(max(1.2 * (d - 0.15), 0.0), 3.0)
        facing = 1.0 if d < 0.5 else max(0.0, float(heading(state.root_rotation) @ unit))
        there = 0.2 * math.exp(-0.25 * d) + 0.3 * math.exp(-4.0 * d * d)
        return 0.4 * velocity_close(state, speed * unit) + there + 0.1 * facing

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Fallen."""
        return fallen(state)


class Jump(Steering):
    """Steering and, on command, a jump to an apex. A goal is one command, from its call to its end."""

    name: ClassVar[str] = "jump"
    max_speed: ClassVar[float] = 2.0

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Every other goal is a jump of .1 to .4 m, over 1.5 s after its call; between them .2 to 2 s without."""
        steering, _ = super().draw(state, generator)
        if generator.random() < 0.5:
            apex = generator.uniform(LOWEST_APEX, HIGHEST_APEX)
            return np.concatenate((steering, [apex, JUMP_LEAD])), math.ceil((JUMP_LEAD + JUMP_TAIL) * CONTROL_HZ)
        return np.concatenate((steering, [0.0, JUMP_LEAD])), _steps(generator, 0.2, 2.0)

    def after_step(self, goal: np.ndarray) -> np.ndarray:
        """Count down while a jump is commanded."""
        counted = goal.copy()
        counted[5] -= (goal[4] > 0.0) / CONTROL_HZ
        return counted

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.5 r_steer; on command .2 r_steer and .8 for the course of a jump (`course`), half of it before and after."""
        steer, apex, t = super().reward(state, goal[:4]), goal[4], goal[5] - 1.0 / CONTROL_HZ
        if apex <= 0.0:
            return 0.5 * steer
        apex = max(apex, LOWEST_APEX)
        height, rate = course(apex, t)
        follows = 0.3 * _near(state.root_position[2] - DEFAULT_HEIGHT - height, 0.2, 0.06)
        follows += 0.25 * _near(state.root_linear_velocity[2] - rate, 1.0, 0.4)
        speed, _, push = _take_off(apex)
        flight = speed / GRAVITY
        off = lowest_sole(state) > _OFF_GROUND or abs(t) > 0.5 * flight
        weight = 1.0 if -flight <= t <= flight + push else 0.5
        return weight * (0.2 * steer + follows + 0.25 * off)


class Getup:
    """Stand up and stand still; an episode fails when one who was up is down again."""

    name: ClassVar[str] = "getup"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """There is nothing to draw."""
        return default_vector(self.name), 2**31

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.6 h + .2 (1 if h = 1, else (1 + v)/2) + .2 h s."""
        head, root = float(state.body_position[_HEAD, 2]), float(state.root_position[2])
        h = 0.4 * min(max((head - 0.1) / 1.15, 0.0), 1.0) + 0.6 * min(max((root - 0.1) / 0.7, 0.0), 1.0)
        arm, spin = state.body_position[_HEAD] - state.body_position[_PELVIS], state.root_angular_velocity
        rate = float(state.root_linear_velocity[2] + spin[0] * arm[1] - spin[1] * arm[0])
        rising = 1.0 if h > 0.999 else 0.5 + 0.5 * min(max(rate / 0.5, -1.0), 1.0)
        still = math.exp(-2.0 * float(np.sum(state.root_linear_velocity[:2] ** 2)))
        return 0.6 * h + 0.2 * rising + 0.2 * h * still

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Fallen from standing, in which episodes begin here."""
        return bool(state.body_position[_HEAD, 2] < 0.5)


class Skill:
    """Nothing but the motion that the prior knows: give it a style weight of 1."""

    name: ClassVar[str] = "skill"
    lowest_root: ClassVar[float] = 0.4  # m

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """There is nothing to draw."""
        return default_vector(self.name), 2**31

    def reward(self, state: State, goal: np.ndarray) -> float:
        """Zero."""
        return 0.0

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """The root is lower than the skill takes it."""
        return bool(state.root_position[2] < self.lowest_root)


def velocity_close(state: State, wanted: np.ndarray, sharp: float = VELOCITY_SHARPNESS) -> float:
    """How close the root's horizontal velocity is to `wanted` [2] m/s, from 0 to 1: `_closeness` of the two."""
    return _closeness(float(np.sum((wanted - state.root_linear_velocity[:2]) ** 2)), sharp)


def course(apex: float, countdown: float) -> tuple[float, float]:
    """Rise (m) over standing and its rate (m/s) that a jump asks of the root; formula: training/tasks/jump.py."""
    speed, depth, push = _take_off(apex)
    flight, t = speed / GRAVITY, abs(countdown)
    if t <= flight:
        height, rate = apex - 0.5 * GRAVITY * t * t, GRAVITY * t
    elif t <= flight + push:
        since = flight + push - t
        height, rate = -depth + 0.5 * speed / push * since * since, speed / push * since
    else:
        phase = math.pi * min((t - flight - push) / _DIP, 1.0)
        height, rate = -0.5 * depth * (1.0 + math.cos(phase)), -0.5 * depth * math.pi / _DIP * math.sin(phase)
    return height, -rate if countdown < 0 else rate


def _take_off(apex: float) -> tuple[float, float, float]:
    """Speed of take-off (m/s), depth of the crouch (m) and time of the push (s)."""
    speed, depth = math.sqrt(2.0 * GRAVITY * apex), 0.1 + 0.25 * apex
    return speed, depth, 2.0 * depth / speed


def heading(rotation: np.ndarray) -> np.ndarray:
    """Cosine and sine [2] of the twist of a rotation [4] wxyz about the vertical; heading 0 upside down."""
    w, _, _, z = rotation
    norm = w * w + z * z
    return np.array([1.0, 0.0]) if norm < 1e-8 else np.array([(w * w - z * z) / norm, 2.0 * w * z / norm])


def fallen(state: State) -> bool:
    """Whether root or head are lower than in any upright motion."""
    return bool(state.root_position[2] < FALLEN_ROOT or state.body_position[_HEAD, 2] < FALLEN_HEAD)


def lowest_sole(state: State) -> float:
    """Height [m] of the lower sole's lowest edge."""
    ankle, turn = state.body_position[_FEET, None, :], state.body_rotation[_FEET, None, :]
    return float((ankle + rotate(np.broadcast_to(turn, (2, 2, 4)), np.broadcast_to(_SOLE, (2, 2, 3))))[..., 2].min())


def _near(error: float, wide: float, narrow: float) -> float:
    return _closeness((error / wide) ** 2, 0.5 * (wide / narrow) ** 2)


def _closeness(square: float, sharp: float) -> float:
    """.5 exp(-.5 d²) + .5 exp(-sharp d²) of a squared distance d²; see training/tasks/base.py."""
    return 0.5 * math.exp(-0.5 * square) + 0.5 * math.exp(-sharp * square)


def _steps(generator: np.random.Generator, low: float, high: float) -> int:
    return int(generator.uniform(low, high) * CONTROL_HZ)

"""Tasks for one character: which goals are drawn, what they are worth, and when an episode has failed.

Reward and failure are training's own: `python -m training.rewards` exports them, a file a task, and `Exported` runs
it. Goals are drawn from the same ranges, by the simple rules written here. A task of your own is a `Task` with three
methods.
"""

from __future__ import annotations

import math
from functools import cache
from typing import ClassVar, Protocol

import numpy as np
import onnxruntime

from runtime import _onnx
from runtime._shipped import FOLDER
from runtime.character import BODIES, CONTROL_HZ, State
from runtime.contract import ContractError
from runtime.goals import default_vector
from runtime.task_goals import GRAVITY, HIGHEST_APEX, JUMP_LEAD, JUMP_TAIL, LOWEST_APEX, NO_BALL
from runtime.task_terms import heading

_TORSO = BODIES.index("torso")
_STEP = 1.0 / CONTROL_HZ  # s
_PASSED = 0.2  # s after its closest pass a ball is done with


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


class Exported:
    """A task whose reward and failure are in a file that training wrote; a subclass draws its goals."""

    name: ClassVar[str]

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """See `Task.draw`."""
        raise NotImplementedError

    def judge(self, before: State, state: State, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward [N] float32 and failure [N] bool of a control step of N characters.

        `before` and `state` are the states at its ends, [N, ...] each; `goal` [N, G] was in force.
        """
        session = _session(self.name)
        known = vars(state) | {f"{name}_before": value for name, value in vars(before).items()} | {"goal": goal}
        feed = {each.name: np.asarray(known[each.name], dtype=np.float32) for each in session.get_inputs()}
        reward, failed = map(np.asarray, session.run(None, feed))
        return reward, failed


@cache
def _session(name: str) -> onnxruntime.InferenceSession:
    """The file of a task, opened once; raises ContractError where it is missing or no such file."""
    return _onnx.open_file(FOLDER / "tasks" / f"{name}.onnx", "task", _onnx.CPU, ContractError)[0]


class Steering(Exported):
    """Move with a velocity, facing a way; a quarter of the goals is to stand."""

    name: ClassVar[str] = "steering"
    max_speed: ClassVar[float] = 3.5  # m/s

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Half of the goals turn by up to .8 rad, the others go anywhere; kept for 3 to 7 s."""
        turn = math.pi if generator.random() < 0.5 else 0.8
        direction = _yaw(state) + generator.uniform(-turn, turn)
        speed = 0.0 if generator.random() < 0.25 else generator.uniform(0.0, self.max_speed)
        facing = np.array([math.cos(direction), math.sin(direction)])
        return np.concatenate((speed * facing, facing)), _steps(generator, 3.0, 7.0)


class Speed(Exported):
    """Move forward at a speed along a direction."""

    name: ClassVar[str] = "speed"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """.5 to 5 m/s, up to .35 rad off the heading; kept for 3 to 8 s."""
        direction = _yaw(state) + generator.uniform(-0.35, 0.35)
        goal = np.array([generator.uniform(0.5, 5.0), math.cos(direction), math.sin(direction)])
        return goal, _steps(generator, 3.0, 8.0)


class Location(Exported):
    """Go to a point on the ground and stop there."""

    name: ClassVar[str] = "location"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Up to 10 m away, anywhere; kept for 5 to 10 s."""
        distance, direction = generator.uniform(0.0, 10.0), generator.uniform(-math.pi, math.pi)
        offset = distance * np.array([math.cos(direction), math.sin(direction)])
        return state.root_position[:2] + offset, _steps(generator, 5.0, 10.0)


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


class Getup(Exported):
    """Stand up and stand still; an episode fails when one who was up, as they are when it begins, is down."""

    name: ClassVar[str] = "getup"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """There is nothing to draw."""
        return default_vector(self.name), 2**31


class Dodgeball(Exported):
    """Stay clear of balls of .1 m radius from 8 to 10 m away at 12 to 20 m/s; a goal is a ball or a wait for one."""

    name: ClassVar[str] = "dodgeball"

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Every other goal is a ball at where the torso will be, until it has passed; else .5 to 3 s without one."""
        if generator.random() < 0.5:
            return np.array([*NO_BALL, 0.0, 0.0, 0.0]), _steps(generator, 0.5, 3.0)
        side, distance = generator.uniform(-math.pi, math.pi), generator.uniform(8.0, 10.0)
        time, height = distance / generator.uniform(12.0, 20.0), generator.uniform(0.5, 2.5)
        torso = state.body_position[_TORSO]
        aim = torso + time * np.append(state.root_linear_velocity[:2], 0.0)
        place = np.append(torso[:2] + distance * np.array([math.cos(side), math.sin(side)]), height)
        velocity = (aim - place) / time + [0.0, 0.0, 0.5 * GRAVITY * time]
        return np.concatenate((place, velocity)), math.ceil((time + _PASSED) * CONTROL_HZ)

    def after_step(self, goal: np.ndarray) -> np.ndarray:
        """Let the ball fly on; one that is on the ground is none any more."""
        if goal[2] < 0.0:
            return goal
        fall = np.array([0.0, 0.0, -GRAVITY * _STEP])
        ball = np.concatenate((goal[:3] + goal[3:] * _STEP + 0.5 * fall * _STEP, goal[3:] + fall))
        return ball if ball[2] >= 0.0 else np.array([*NO_BALL, 0.0, 0.0, 0.0])


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


def one(state: State) -> State:
    """The state of a lone character as one of N = 1."""
    return State(**{name: value[None] for name, value in vars(state).items()})


def _yaw(state: State) -> float:
    """The heading, rad."""
    cos, sin = heading(np, state.root_rotation[None])
    return math.atan2(sin[0], cos[0])


def _steps(generator: np.random.Generator, low: float, high: float) -> int:
    return int(generator.uniform(low, high) * CONTROL_HZ)

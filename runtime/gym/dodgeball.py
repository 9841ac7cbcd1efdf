"""Dodgeball in numpy: training/tasks/dodgeball.py explains ball, hits and reward; tests compare the two."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from runtime import capsules
from runtime.character import BODIES, CONTROL_HZ, State
from runtime.gym.tasks import fallen
from runtime.task_goals import GRAVITY, NO_BALL

RADIUS = 0.1  # m
PASSED = 0.2  # s after its closest pass a ball is done with
HORIZON = 1.0  # s
_TORSO = BODIES.index("torso")
_STEP = 1.0 / CONTROL_HZ  # s


class Dodgeball:
    """Stay clear of balls of .1 m radius from 8 to 10 m away at 12 to 20 m/s; a goal is a ball or a wait for one."""

    name: ClassVar[str] = "dodgeball"

    def __init__(self) -> None:
        """Make the task; it remembers where the body was a step ago."""
        self._before: np.ndarray | None = None
        self._now: np.ndarray | None = None

    def begin(self, state: State) -> None:
        """Forget the last episode."""
        self._before = self._now = capsules.ends(state)

    def draw(self, state: State, generator: np.random.Generator) -> tuple[np.ndarray, int]:
        """Every other goal is a ball at where the torso will be, until it has passed; else .5 to 3 s without one."""
        if generator.random() < 0.5:
            return np.array([*NO_BALL, 0.0, 0.0, 0.0]), int(generator.uniform(0.5, 3.0) * CONTROL_HZ)
        side, distance = generator.uniform(-math.pi, math.pi), generator.uniform(8.0, 10.0)
        time, height = distance / generator.uniform(12.0, 20.0), generator.uniform(0.5, 2.5)
        torso = state.body_position[_TORSO]
        aim = torso + time * np.append(state.root_linear_velocity[:2], 0.0)
        place = np.append(torso[:2] + distance * np.array([math.cos(side), math.sin(side)]), height)
        velocity = (aim - place) / time + [0.0, 0.0, 0.5 * GRAVITY * time]
        return np.concatenate((place, velocity)), math.ceil((time + PASSED) * CONTROL_HZ)

    def after_step(self, goal: np.ndarray) -> np.ndarray:
        """Let the ball fly on; one that is on the ground is none any more."""
        if goal[2] < 0.0:
            return goal
        ball = fly(goal, _STEP)
        return ball if ball[2] >= 0.0 else np.array([*NO_BALL, 0.0, 0.0, 0.0])

    def reward(self, state: State, goal: np.ndarray) -> float:
        """.9 clear + .1 exp(-‖v_xy‖²), for a body that goes on as it moves; see training/tasks/dodgeball.py."""
        self._before, self._now = self._now, capsules.ends(state)
        ball = fly(goal, _STEP)
        clear = 1.0
        if goal[2] >= 0.0 and ball[2] > 0.0 and pass_time(ball, state.root_position) > 0.0:
            ball[3:5] -= state.root_linear_velocity[:2]
            torso = state.body_position[_TORSO]
            d = np.linalg.norm(fly(ball, min(max(pass_time(ball, torso), 0.0), HORIZON))[:3] - torso)
            limb = max(clearance(ball, self._now), 0.0)
            clear = 0.5 * (1.0 - math.exp(-limb / 0.15)) + 0.5 * (1.0 - math.exp(-((d / 0.6) ** 2)))
        return 0.9 * clear + 0.1 * math.exp(-float(np.sum(state.root_linear_velocity[:2] ** 2)))

    def failed(self, state: State, goal: np.ndarray) -> bool:
        """Hit during the step that led to the state, or fallen."""
        return fallen(state) or self._hit(goal)

    def _hit(self, goal: np.ndarray) -> bool:
        if goal.size == 0 or goal[2] < 0.0 or self._before is None or self._now is None:
            return False
        return gap(goal, self._before, self._now) < 0.0


def fly(ball: np.ndarray, time: float) -> np.ndarray:
    """Ball [6], position m and velocity m/s, after `time` s."""
    fall = np.array([0.0, 0.0, -GRAVITY * time])
    return np.concatenate((ball[:3] + ball[3:] * time + 0.5 * fall * time, ball[3:] + fall))


def pass_time(ball: np.ndarray, place: np.ndarray) -> float:
    """Time (s) until a ball [6] is horizontally nearest to `place` [3]; negative where that has been."""
    velocity = ball[3:5]
    return float((place[:2] - ball[:2]) @ velocity) / max(float(velocity @ velocity), 1e-6)


def clearance(ball: np.ndarray, ends: np.ndarray) -> float:
    """Gap (m) between the path ahead of a ball [6] and the nearest of capsules with ends [G, 2, 3] m."""
    middle, velocity = ends.mean(1), ball[3:5]
    time = ((middle[:, :2] - ball[:2]) @ velocity) / max(float(velocity @ velocity), 1e-6)
    time = np.maximum(time, 0.0)[:, None]
    place = ball[:3] + ball[3:] * time + 0.5 * np.array([0.0, 0.0, -GRAVITY]) * time**2
    distance = capsules.segment_distance(place, place, ends[:, 0], ends[:, 1])
    return float((distance - capsules.capsules()[2] - RADIUS).min())


def gap(ball: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Least gap (m), within the next control step, of a ball [6] to capsules whose ends [G, 2, 3] move meanwhile."""
    moved = (after - before).mean(1)
    end = np.broadcast_to(fly(ball, _STEP)[:3], moved.shape)
    distance = capsules.segment_distance(ball[:3] + moved, end, after[:, 0], after[:, 1])
    return float((distance - capsules.capsules()[2] - RADIUS).min())

"""What goes into an environment and what comes out: the two spaces, and the joint targets that an action means."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from runtime.character import DEFAULT_POSE, JOINTS, STATE_SHAPES, State
from runtime.goals import SCHEMAS, Goal, GoalError

Observation = dict[str, np.ndarray]
LOW, HIGH = np.array([joint.target_range for joint in JOINTS], dtype=np.float32).T
"""The servos' allowed range, [28] rad each."""


def action_space(normalised: bool) -> spaces.Box:
    """Joint targets in rad, or numbers from -1 to 1 (`targets`)."""
    return spaces.Box(-1.0, 1.0, LOW.shape, np.float32) if normalised else spaces.Box(LOW, HIGH, dtype=np.float32)


def observation_space(task: str) -> spaces.Dict:
    """The fields of `State` (world frame, SI units) and, where the task has one, `goal`."""
    shapes = STATE_SHAPES | {"goal": (len(SCHEMAS[task]),)}
    shapes = {name: shape for name, shape in shapes.items() if shape != (0,)}
    return spaces.Dict({name: spaces.Box(-np.inf, np.inf, shape, np.float32) for name, shape in shapes.items()})


def targets(action: np.ndarray, shape: tuple[int, ...], normalised: bool) -> np.ndarray:
    """Joint targets [..., 28] rad of actions of a shape [..., 28], clipped to the servos' allowed range.

    Normalised, 0 is the default pose and -1 and 1 are the ends of the range, with a straight line to each.

    Raises:
        ValueError: the actions have another shape, or one is not finite.
    """
    action = np.asarray(action, dtype=np.float64)
    if action.shape != shape or not np.isfinite(action).all():
        found = f"shape {list(action.shape)}" if action.shape != shape else "NaN or infinity"
        raise ValueError(f"action: expected finite numbers of shape {list(shape)}, found {found}")
    if normalised:
        action = DEFAULT_POSE + action * np.where(action > 0.0, HIGH - DEFAULT_POSE, DEFAULT_POSE - LOW)
    return np.clip(action, LOW, HIGH)


def observation(state: State, goal: np.ndarray) -> Observation:
    """The observation of a state [...] and a goal [..., G]: float32, without a goal where G = 0."""
    named = vars(state) | ({"goal": goal} if goal.shape[-1] else {})
    return {name: np.array(value, dtype=np.float32) for name, value in named.items()}


def start(options: dict[str, Any] | None, task: str) -> tuple[float | None, Goal | None]:
    """The heading (rad) and the goal that a reset's options ask for, None where they don't.

    Raises:
        ValueError: an option is unknown.
        GoalError: the goal is of another task.
    """
    options = options or {}
    if unknown := set(options) - {"heading", "goal"}:
        raise ValueError(f"options: expected heading and goal, found {', '.join(sorted(unknown))}")
    goal, heading = options.get("goal"), options.get("heading")
    if goal is not None and goal.task != task:
        raise GoalError(f"the task is {task!r}, the goal is for {goal.task!r}")
    return None if heading is None else float(heading), goal

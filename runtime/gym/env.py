"""`CharacterEnv`: one humanoid, one task and, if given, one prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces

from runtime import tasks
from runtime.character import (
    CONTROL_HZ,
    DEFAULT_HEIGHT,
    DEFAULT_POSE,
    JOINTS,
    PHYSICS_HZ,
    STATE_SHAPES,
    State,
    add_character,
    find_slots,
    read_state,
    scene_spec,
)
from runtime.goals import SCHEMAS, Goal, GoalError
from runtime.gym import own
from runtime.gym.dodgeball import Dodgeball
from runtime.gym.tasks import Getup, Jump, Location, Skill, Speed, Steering, Task
from runtime.naturalness import Window
from runtime.prior import Prior

TASKS: dict[str, Callable[[], Task]] = {
    kind.name: kind for kind in (Steering, Speed, Location, Jump, Getup, Dodgeball, Skill)
}
"""The tasks that are here, by name."""
Observation = dict[str, np.ndarray]
_STEPS = PHYSICS_HZ // CONTROL_HZ
_MAX_SPEED_SQUARED = 1e12  # as in World: beyond is no motion but a broken simulation


class CharacterEnv(gymnasium.Env[Any, np.ndarray]):
    """A humanoid that is rewarded for a task and for moving as the prior knows motion.

    One step is one control step, 1/30 s. Observations: the fields of `State` (world frame, SI units, float32) and,
    where the task has one, `goal`. Actions: 28 joint targets, rad, in the servos' allowed range. `info` holds
    `task_reward` and `style_reward`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "render_fps": CONTROL_HZ}  # noqa: RUF012 (gymnasium's own type)

    def __init__(
        self,
        task: str | Task = "steering",
        prior: Prior | Path | str | None = None,
        *,
        task_weight: float = 0.5,
        style_weight: float = 0.5,
        episode_seconds: float = 20.0,
    ) -> None:
        """Make an environment.

        Args:
            task: one of `TASKS`, one from outside that is known to `runtime.tasks`, or a `Task`.
            prior: what judges the motion, or the path of its file; without one there is the task reward alone.
            task_weight: of the task reward.
            style_weight: of the prior's reward.
            episode_seconds: an episode is truncated after so long.

        Raises:
            TaskError: an installed task is not as it should be.
            ValueError: there is no such task, or a number is not finite or positive.
            PriorError: the prior's file is no good.
        """
        outside = tasks.find(task) if isinstance(task, str) else None
        if isinstance(task, str) and task not in TASKS and outside is None:
            known = ", ".join((*TASKS, *tasks.names()))
            raise ValueError(f"task: expected one of {known} or an object, found {task!r}")
        if not (math.isfinite(task_weight) and math.isfinite(style_weight) and 0.0 < episode_seconds < math.inf):
            raise ValueError("expected finite weights and a positive time")
        self.task: Task = own.of(outside()) if outside else TASKS[task]() if isinstance(task, str) else task
        self.prior = Prior.load(prior) if isinstance(prior, Path | str) else prior
        self._weights = (task_weight, style_weight)
        self._limit = math.ceil(episode_seconds * CONTROL_HZ)
        spec = scene_spec()
        add_character(spec)
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # we tell a broken simulation ourselves
        self._model: mujoco.MjModel = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._slots = find_slots(self._model)
        self._window = None if self.prior is None else Window(self.prior.offsets)
        self._low, self._high = np.array([joint.target_range for joint in JOINTS], dtype=np.float32).T
        self.action_space = spaces.Box(self._low, self._high, dtype=np.float32)
        shapes = STATE_SHAPES | {"goal": (len(SCHEMAS[self.task.name]),)}
        self._observed = [name for name, shape in shapes.items() if shape != (0,)]
        self.observation_space = spaces.Dict(
            {name: spaces.Box(-np.inf, np.inf, shapes[name], np.float32) for name in self._observed}
        )
        self._age = self._left = 0
        self._goal = np.zeros(0)
        self._asked: Goal | None = None

    @property
    def state(self) -> State:
        """The character's state now; float64 copies."""
        data = self._data
        state = read_state(data.qpos, data.qvel, data.xpos, data.xquat, self._slots)
        return State(**{name: np.array(value) for name, value in vars(state).items()})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Stand at the origin, in the default pose, at rest, and draw a first goal.

        Args:
            seed: of all that is random from here on.
            options: `heading` (rad; random without) and `goal` (a goal of the task, kept for the whole episode).

        Raises:
            ValueError: an option is unknown.
            GoalError: the goal is of another task.
        """
        super().reset(seed=seed)
        options = options or {}
        if unknown := set(options) - {"heading", "goal"}:
            raise ValueError(f"options: expected heading and goal, found {', '.join(sorted(unknown))}")
        self._asked = options.get("goal")
        if self._asked is not None and self._asked.task != self.task.name:
            raise GoalError(f"the task is {self.task.name!r}, the goal is for {self._asked.task!r}")
        heading = float(options.get("heading", self.np_random.uniform(-math.pi, math.pi)))
        data, slots = self._data, self._slots
        mujoco.mj_resetData(self._model, data)
        data.qpos[slots.qpos : slots.qpos + 7] = (
            *(0.0, 0.0, DEFAULT_HEIGHT), math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2),
        )  # fmt: skip
        data.qpos[slots.qpos + 7 : slots.qpos + 35] = DEFAULT_POSE
        data.ctrl[:] = DEFAULT_POSE
        mujoco.mj_step1(self._model, data)
        state = self.state
        if self._window is not None:
            self._window.fill(state)
        self._age = 0
        if (begin := getattr(self.task, "begin", None)) is not None:
            begin(state)
        self._next_goal(state)
        return self._observation(state), {}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Hold joint targets [28] rad for one control step; targets outside their range are clipped to it.

        A simulation that has blown up ends the episode with reward 0 and the last good observation.
        """
        targets = np.clip(np.asarray(action, dtype=np.float64), self._low, self._high)
        before = self.state
        self._data.ctrl[:] = targets
        mujoco.mj_step2(self._model, self._data)
        mujoco.mj_step(self._model, self._data, _STEPS - 1)
        mujoco.mj_step1(self._model, self._data)
        self._age += 1
        truncated = self._age >= self._limit
        velocity = self._data.qvel
        if not velocity @ velocity < _MAX_SPEED_SQUARED:  # true for NaN too
            nothing = {"task_reward": 0.0, "style_reward": 0.0, "blown_up": True}
            return self._observation(before), 0.0, True, truncated, nothing
        state = self.state
        rewards = self.task.reward(state, self._goal), self._style(state)
        failed = self.task.failed(state, self._goal)
        self._advance_goal(state)
        info = {"task_reward": rewards[0], "style_reward": rewards[1]}
        return self._observation(state), float(np.dot(self._weights, rewards)), failed, truncated, info

    def _style(self, state: State) -> float:
        """Return the prior's reward of the last states; 0 without a prior."""
        if self.prior is None or self._window is None:
            return 0.0
        self._window.push(state)
        noise = self.np_random.standard_normal((1, *self.prior.noise_shape), dtype=np.float32)
        return float(self.prior.score(self._window.states(), noise).reward[0])

    def _next_goal(self, state: State) -> None:
        if self._asked is not None:
            self._goal, self._left = self._asked.vector().astype(np.float64), 2**31
        else:
            self._goal, self._left = self.task.draw(state, self.np_random)

    def _advance_goal(self, state: State) -> None:
        """Let the goal go on by a control step, or draw another one when its time is up."""
        self._left -= 1
        after = getattr(self.task, "after_step", None)
        if self._left <= 0:
            self._next_goal(state)
        elif after is not None:
            self._goal = after(self._goal)

    def _observation(self, state: State) -> Observation:
        named = vars(state) | {"goal": self._goal}
        return {name: np.asarray(named[name], dtype=np.float32) for name in self._observed}

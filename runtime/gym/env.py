"""`CharacterEnv`: one humanoid, one task and, if given, one prior."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np

from runtime.character import CONTROL_HZ, DEFAULT_POSE, State, find_slots, read_state
from runtime.gym import spaces
from runtime.gym.episode import MAX_SPEED_SQUARED, PHYSICS_STEPS, Episode, Settings, scene, standing, task_maker
from runtime.gym.frames import Camera
from runtime.gym.spaces import Observation
from runtime.gym.tasks import Exported, Task
from runtime.naturalness import Window
from runtime.prior import Prior


class CharacterEnv(gymnasium.Env[Any, np.ndarray]):
    """A humanoid that is rewarded for a task and for moving as the prior knows motion.

    One step is one control step, 1/30 s. Observations: the fields of `State` (world frame, SI units, float32) and,
    where the task has one, `goal`. Actions: 28 joint targets, rad, in the servos' allowed range, or `normalised`:
    numbers from -1 to 1, 0 is the default pose and each end is that of the joint's range. `info` holds `task_reward`
    and `style_reward`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # noqa: RUF012 (gymnasium's own type)

    def __init__(
        self,
        task: str | Task = "steering",
        prior: Prior | Path | str | None = None,
        *,
        task_weight: float = 0.5,
        style_weight: float = 0.5,
        episode_seconds: float = 20.0,
        normalised: bool = False,
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
    ) -> None:
        """Make an environment.

        Args:
            task: one of `TASKS`, one from outside that is known to `runtime.tasks`, or a `Task`.
            prior: what judges the motion, or the path of its file; without one there is the task reward alone.
            task_weight: of the task reward.
            style_weight: of the prior's reward.
            episode_seconds: an episode is truncated after so long.
            normalised: actions from -1 to 1 in place of rad.
            render_mode: `rgb_array` lets `render` draw.
            width: of a frame, pixels.
            height: of a frame, pixels.

        Raises:
            TaskError: an installed task is not as it should be.
            ValueError: there is no such task or render mode, or a number is not finite or positive.
            PriorError: the prior's file is no good.
        """
        self.task: Task | Exported = task_maker(task)() if isinstance(task, str) else task
        self._settings = Settings.of(
            prior=prior, task_weight=task_weight, style_weight=style_weight, episode_seconds=episode_seconds,
            normalised=normalised, render_mode=render_mode, width=width, height=height,
        )  # fmt: skip
        self.prior = self._settings.prior
        self.render_mode = render_mode
        self._episode = Episode(self.task, self._settings.limit)
        self._model: mujoco.MjModel = scene(self._settings.size)
        self._data = mujoco.MjData(self._model)
        self._slots = find_slots(self._model)
        self._window = None if self.prior is None else Window(self.prior.offsets)
        self._camera: Camera | None = None
        self.action_space = spaces.action_space(normalised)
        self.observation_space = spaces.observation_space(self.task.name)

    @property
    def state(self) -> State:
        """The character's state now; float64 copies."""
        data = self._data
        state = read_state(data.qpos, data.qvel, data.xpos, data.xquat, self._slots)
        return State(**{name: np.array(value) for name, value in vars(state).items()})

    def targets(self, action: np.ndarray) -> np.ndarray:
        """Joint targets [28] rad that an action means, clipped to the servos' allowed range.

        Raises:
            ValueError: the action has another shape, or is not finite.
        """
        return spaces.targets(action, DEFAULT_POSE.shape, self._settings.normalised)

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
        heading, goal = spaces.start(options, self.task.name)
        drawn = self.np_random.uniform(-math.pi, math.pi)
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = standing(drawn if heading is None else heading)
        self._data.ctrl[:] = DEFAULT_POSE
        mujoco.mj_step1(self._model, self._data)
        state = self.state
        if self._window is not None:
            self._window.fill(state)
        self._episode.begin(state, self.np_random, goal)
        return spaces.observation(state, self._episode.goal), {}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take an action for one control step; joint targets outside their range are clipped to it.

        A simulation that has blown up ends the episode with reward 0 and the last good observation.

        Raises:
            ValueError: the action has another shape, or is not finite.
        """
        targets, before = self.targets(action), self.state
        self._data.ctrl[:] = targets
        mujoco.mj_step2(self._model, self._data)
        mujoco.mj_step(self._model, self._data, PHYSICS_STEPS - 1)
        mujoco.mj_step1(self._model, self._data)
        truncated = self._episode.tick()
        velocity = self._data.qvel
        if not velocity @ velocity < MAX_SPEED_SQUARED:  # true for NaN too
            nothing = {"task_reward": 0.0, "style_reward": 0.0, "blown_up": True}
            return spaces.observation(before, self._episode.goal), 0.0, True, truncated, nothing
        state = self.state
        worth, failed = self._episode.judge(before, state)
        rewards = worth, self._style(state)
        self._episode.advance(state, self.np_random)
        info = {"task_reward": rewards[0], "style_reward": rewards[1]}
        reward = float(np.dot(self._settings.weights, rewards))
        return spaces.observation(state, self._episode.goal), reward, failed, truncated, info

    def render(self) -> np.ndarray | None:
        """Draw the character as it is now: [H, W, 3] uint8, or None without a render mode.

        Raises:
            DependencyNotInstalled: gymnasium's error, where there is no OpenGL; the message says what to do.
        """
        if self.render_mode is None:
            return None
        if self._camera is None:
            self._camera = Camera(self._model, *self._settings.size)
        return self._camera.frame(self._data)

    def close(self) -> None:
        """Give the camera's OpenGL context back."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _style(self, state: State) -> float:
        """Return the prior's reward of the last states; 0 without a prior."""
        if self.prior is None or self._window is None:
            return 0.0
        self._window.push(state)
        noise = self.np_random.standard_normal((1, *self.prior.noise_shape), dtype=np.float32)
        return float(self.prior.score(self._window.states(), noise).reward[0])

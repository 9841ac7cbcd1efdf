"""`CharacterVectorEnv`: many characters in one environment, each alone on its ground.

`gymnasium.make_vec("smp/steering-v0", num_envs=16)` makes it. Each is what a `CharacterEnv` with its seed would be, its
motion to the last bit; but physics steps them all on native threads, and the prior judges them all in one call.

    step ─┬─ those whose episode ended in the step before begin again (`AutoresetMode.NEXT_STEP`)
          ├─ Batch.step: the others, 4 physics steps of 1/120 s
          ├─ reward and failure, and Prior.score, of all at once
          └─ Episode.advance of each
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from mujoco.batch import Batch

from runtime.character import CONTROL_HZ, DEFAULT_POSE, STATE_SHAPES, State, find_slots, read_state
from runtime.gym import spaces
from runtime.gym.episode import MAX_SPEED_SQUARED, PHYSICS_STEPS, Episode, Settings, scene, standing, task_maker
from runtime.gym.frames import Camera
from runtime.gym.spaces import Observation
from runtime.gym.tasks import Exported, Task
from runtime.prior import Prior

_STAGE = mujoco.mjtStage.mjSTAGE_VEL


class CharacterVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """N humanoids; `CharacterEnv` explains observations, actions and rewards, here with a leading axis [N].

    An episode that has ended begins again in the next step, whose action for it is ignored and whose reward is 0.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (gymnasium's own type)
        "render_modes": ["rgb_array"], "render_fps": CONTROL_HZ, "autoreset_mode": AutoresetMode.NEXT_STEP,
    }  # fmt: skip

    def __init__(
        self,
        num_envs: int = 1,
        task: str | Callable[[], Task | Exported] = "steering",
        prior: Prior | Path | str | None = None,
        *,
        threads: int = 0,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        """Make an environment.

        Args:
            num_envs: N, the characters.
            task: a name, as for `CharacterEnv`, or what makes a `Task`; each character has its own.
            prior: as for `CharacterEnv`.
            threads: that physics runs on; 0 is one for each CPU core. The motion is the same with any number.
            settings: what else `CharacterEnv` takes, such as `normalised` and `render_mode`.

        Raises:
            TaskError: an installed task is not as it should be.
            ValueError: there is no such task or render mode, or a number is not finite or positive.
            PriorError: the prior's file is no good.
        """
        if num_envs < 1 or threads < 0:
            raise ValueError(f"expected num_envs of at least 1 and threads of at least 0, found {num_envs}, {threads}")
        self._settings = Settings.of(prior=prior, **settings)
        self.prior, self.num_envs, self.render_mode = self._settings.prior, num_envs, self._settings.render_mode
        make_task = task_maker(task) if isinstance(task, str) else task
        self._episodes = [Episode(make_task(), self._settings.limit) for _ in range(num_envs)]
        self._task = self._episodes[0].task.name
        self.single_action_space = spaces.action_space(self._settings.normalised)
        self.single_observation_space = spaces.observation_space(self._task)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._model = scene(self._settings.size)
        self._slots = find_slots(self._model)
        self._batch = Batch(self._model, num_envs, threads, persistent=True)
        names = ("qpos", "qvel", "ctrl", "qacc_warmstart", "xpos", "xquat")
        self._qpos, self._qvel, self._ctrl, self._warmstart, self._xpos, self._xquat = map(self._batch.bind, names)
        self._camera: Camera | None = None
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
        self._ended = np.zeros(num_envs, dtype=bool)
        offsets = () if self.prior is None else self.prior.offsets
        self._offsets, self._newest = np.array(offsets, dtype=int), 0
        length = offsets[0] + 1 if offsets else 0
        shapes = {name: (length, num_envs, *shape) for name, shape in STATE_SHAPES.items()}
        self._rings = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}

    @property
    def state(self) -> State:
        """The characters' states now, [N, ...]; float64 copies."""
        state = read_state(self._qpos, self._qvel, self._xpos, self._xquat, self._slots)
        return State(**{name: np.array(value) for name, value in vars(state).items()})

    def targets(self, actions: np.ndarray) -> np.ndarray:
        """Joint targets [N, 28] rad; see `CharacterEnv.targets`."""
        return spaces.targets(actions, (self.num_envs, len(DEFAULT_POSE)), self._settings.normalised)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Have all stand at their origins; `CharacterEnv.reset` tells the options, which are for all alike.

        Args:
            seed: the first one's, each other's is one more than that of the one before; or one for each.
            options: `heading` and `goal`.

        Raises:
            ValueError: an option is unknown, or there is not a seed for each.
            GoalError: the goal is of another task.
        """
        if seed is None or isinstance(seed, int):
            seeds = [None if seed is None else seed + row for row in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed: expected one number or {self.num_envs}, found {len(seeds)}")
        for row, number in enumerate(seeds):
            if number is not None:
                self._generators[row] = np.random.Generator(np.random.PCG64(np.random.SeedSequence(number)))
        self._begin(np.arange(self.num_envs), options)
        self._ended[:] = False
        return self._observation(self.state), {}

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take actions [N, 28] for one control step; see `CharacterEnv.step`.

        Returns:
            Observations, rewards [N] float64, terminated [N], truncated [N], and `info`, whose entries are [N] and
            have beside them, with an underscore in front, for whom they hold.

        Raises:
            ValueError: the actions have another shape, or one is not finite.
        """
        targets, before, going = self.targets(actions), self.state, ~self._ended
        if not going.all():
            self._begin(np.flatnonzero(~going), None)
        self._integrate(targets, np.flatnonzero(going))
        state, blown = self.state, going & ~(np.sum(self._qvel**2, axis=1) < MAX_SPEED_SQUARED)  # true for NaN too
        for name, value in vars(state).items():
            value[blown] = getattr(before, name)[blown]
        good, rows = going & ~blown, _rows(state)
        rewards = np.zeros((2, self.num_envs))  # of task and prior
        terminated, truncated = blown.copy(), np.zeros(self.num_envs, dtype=bool)
        for row in np.flatnonzero(going):
            truncated[row] = self._episodes[row].tick()
        rewards[0, good], terminated[good] = self._judge(before, state, good)
        rewards[1] = self._style(state, good)
        for row in np.flatnonzero(good):
            self._episodes[row].advance(rows[row], self._generators[row])
        self._ended = terminated | truncated
        info: dict[str, Any] = {"task_reward": rewards[0], "style_reward": rewards[1]}
        info |= {"_task_reward": going, "_style_reward": going}
        if blown.any():
            info |= {"blown_up": blown, "_blown_up": blown}
        return self._observation(state), np.array(self._settings.weights) @ rewards, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Draw each character as it is now: N frames [H, W, 3] uint8, or None without a render mode.

        Raises:
            DependencyNotInstalled: gymnasium's error, where there is no OpenGL; the message says what to do.
        """
        if self.render_mode is None:
            return None
        if self._camera is None:
            self._camera = Camera(self._model, *self._settings.size)
        return tuple(self._camera.frame(self._batch.get_data(row)) for row in range(self.num_envs))

    def close_extras(self, **_: Any) -> None:  # noqa: ANN401
        """Give the camera's OpenGL context back."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _begin(self, ids: np.ndarray, options: dict[str, Any] | None) -> None:
        """Begin the episodes of some, as `CharacterEnv.reset` does."""
        heading, goal = spaces.start(options, self._task)
        drawn = [self._generators[row].uniform(-math.pi, math.pi) for row in ids]
        self._batch.reset(ids.astype(np.int32), stage=mujoco.mjtStage.mjSTAGE_NONE)
        self._qpos[ids] = [standing(each if heading is None else heading) for each in drawn]
        self._qvel[ids], self._warmstart[ids], self._ctrl[ids] = 0.0, 0.0, DEFAULT_POSE
        self._batch.forward(ids.astype(np.int32), stage=_STAGE)
        state = self.state
        for name, ring in self._rings.items():
            ring[:, ids] = getattr(state, name)[ids]
        rows = _rows(state)
        for row in ids:
            self._episodes[row].begin(rows[row], self._generators[row], goal)

    def _integrate(self, targets: np.ndarray, ids: np.ndarray) -> None:
        if len(ids):
            self._ctrl[ids] = targets[ids]
            self._batch.step(ids.astype(np.int32), nstep=PHYSICS_STEPS, stage=_STAGE)

    def _judge(self, before: State, state: State, good: np.ndarray) -> tuple[Any, Any]:
        """Task rewards and failures of those who are `good`."""
        task, ids = self._episodes[0].task, np.flatnonzero(good)
        if isinstance(task, Exported):
            first, last = (State(**{name: part[ids] for name, part in vars(each).items()}) for each in (before, state))
            return task.judge(first, last, np.stack([episode.goal for episode in self._episodes])[ids])
        rows = zip(_rows(before), _rows(state), strict=True)
        judged = [self._episodes[row].judge(*ends) for row, ends in enumerate(rows) if good[row]]
        return [worth for worth, _ in judged], [failed for _, failed in judged]

    def _style(self, state: State, good: np.ndarray) -> np.ndarray:
        """Return the prior's reward [N] of the last states; 0 without a prior and for those who are not `good`."""
        rewards = np.zeros(self.num_envs)
        if self.prior is None:
            return rewards
        self._newest = (self._newest + 1) % (self._offsets[0] + 1)
        for name, ring in self._rings.items():
            ring[self._newest] = getattr(state, name)
        if good.any():
            order = (self._newest - self._offsets) % (self._offsets[0] + 1)
            windows = State(**{name: ring[order][:, good].swapaxes(0, 1) for name, ring in self._rings.items()})
            shape, ids = self.prior.noise_shape, np.flatnonzero(good)
            noise = [self._generators[row].standard_normal(shape, dtype=np.float32) for row in ids]
            rewards[good] = self.prior.score(windows, np.stack(noise)).reward
        return rewards

    def _observation(self, state: State) -> Observation:
        return spaces.observation(state, np.stack([episode.goal for episode in self._episodes]))


def _rows(state: State) -> list[State]:
    """Each character's part [...] of states [N, ...]."""
    columns = [list(value) for value in vars(state).values()]
    return [State(*fields) for fields in zip(*columns, strict=True)]

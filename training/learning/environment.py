"""The vector environment: N humanoids, one task, one frozen prior.

`step` in order, all at the control clock (30 Hz):

1. pushes are drawn: a few torsos feel a horizontal force for this one step, `push_rate` times a second each;
2. actions become servo targets, held while physics runs its four steps; with `latency` the old ones are still felt;
3. the new state is read and appended to the history;
4. the task rewards it against the goal the policy saw when it acted;
5. the style reward (prior/style_reward.py) judges the window that ends in it; with `prior_interval` k each environment
   is judged every k-th step (a different k-th of them each step) and keeps its last style reward in between;
6. failed episodes (fallen, blown up) end without a value to bootstrap from, long ones end as time-outs with one;
7. goals whose time is up are redrawn, ended episodes restart from the prior's own samples or standing (starts.py);
8. the observation is made of what is there now.

    r = (w_g r_g + w_smp r_smp) · exp(-w_e max(0, effort - people's))           (effort.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from runtime import character
from training import features, rotation
from training.config import EnvironmentConfig
from training.learning.effort import Effort
from training.learning.starts import Starts
from training.physics import Engine
from training.prior.score import Score
from training.prior.style_reward import StyleReward
from training.rows import Rows
from training.tasks import Body, Task


class ActionTransform(torch.nn.Module):
    """Actions [B, 28] to joint targets [B, 28] rad: centre + scale · a, clipped to the allowed range."""

    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, joint_mean: Tensor, joint_std: Tensor, config: EnvironmentConfig) -> None:
        """Scale by the joint statistics [28] (rad) of the motion the prior knows."""
        super().__init__()
        low, high = zip(*(joint.target_range for joint in character.JOINTS), strict=True)
        self.register_buffer("centre", joint_mean.clone())
        self.register_buffer("scale", config.action_std * joint_std + config.action_floor)
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))

    def forward(self, action: Tensor) -> Tensor:
        """Give the targets."""
        return (self.centre + self.scale * action).clamp(self.low, self.high)


class History:
    """The last states of N environments, from which windows are taken; a ring, nothing is shifted.

    A state is root position [N, 3] m, root rotation [N, 4] wxyz, joint angles [N, 28] rad and key points [N, 7, 3] m.
    """

    def __init__(self, envs: int, offsets: Sequence[int], device: torch.device | str = "cpu") -> None:
        """Make an empty history for windows of these `offsets`; `fill` every environment before `windows`."""
        n, shapes = features.HISTORY, ((3,), (4,), (28,), (len(features.KEY_POINTS), 3))
        self._frames = [torch.zeros(n, envs, *shape, device=device) for shape in shapes]
        self._next = 0
        places = torch.arange(n, device=device)
        self._turned = (places.unsqueeze(0) + places.unsqueeze(1)) % n  # [n, n], row k: the places from k on
        self._offsets = n - 1 - torch.tensor(offsets, device=device)  # places of a window's frames in such a row

    def push(self, body: Body) -> None:
        """Append the current state as the newest frame."""
        points = features.key_points(body.body_position, body.body_rotation)
        frame = (body.root_position, body.root_rotation, body.joint_position, points)
        for ring, value in zip(self._frames, frame, strict=True):
            ring[self._next] = value
        self._next = (self._next + 1) % features.HISTORY

    def fill(self, rows: Rows, start: dict[str, Tensor]) -> None:
        """Replace the whole history of the environments `rows` by start windows (see `Starts`)."""
        time = self._turned[-self._next % features.HISTORY]  # which state belongs to each place of the ring
        names = ("root_position", "root_rotation", "joint_position", "key_points")
        for ring, name in zip(self._frames, names, strict=True):
            rows.put(ring.transpose(0, 1), start[name][:, time])

    def windows(self, ids: slice) -> Tensor:
        """Raw motion windows [n, F, 58] of environments `ids`."""
        order = self._turned[self._next][self._offsets]
        return features.window(*(ring[:, ids][order].movedim(0, 1) for ring in self._frames))

    def state(self) -> dict[str, Any]:
        """Copy everything, for a checkpoint."""
        return {"frames": [ring.clone() for ring in self._frames], "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for ring, kept in zip(self._frames, state["frames"], strict=True):
            ring.copy_(kept)
        self._next = state["next"]


def _mirrors(task: Task, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Index and sign, on the device, that mirror the observation [84 + g] and the actions [28] left to right."""
    index, sign = (torch.from_numpy(part) for part in features.OBSERVATION_MIRROR)
    goal_index, goal_sign = task.observation_mirror
    observation = (torch.cat((index, goal_index + len(index))), torch.cat((sign, goal_sign)))
    action = tuple(torch.from_numpy(part) for part in features.JOINT_MIRROR)
    return (observation[0].to(device), observation[1].to(device)), (action[0].to(device), action[1].to(device))


_EPISODE = ("age", "style")
"""Attributes of running episodes that a checkpoint keeps."""
FAST = (0.2, 0.8, 1.3, 2.0, 2.7)  # m/s, edges of the bins in which the style reward is logged


class Environment:
    """N episodes of one task under one prior; observations are TensorDicts with the one group "policy"."""

    num_actions = len(character.JOINTS)

    def __init__(
        self, config: EnvironmentConfig, engine: Engine, task: Task, score: Score, style_reward: StyleReward,
        action: ActionTransform, generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Start every episode at a random age, so that time-outs do not come all at once."""
        self.config, self.engine, self.task, self.score = config, engine, task, score
        self.style_reward = style_reward
        self.action = action
        self.num_envs = engine.envs
        device = engine.device
        self.starts = Starts(score, config.start_pool, generator, task.starts)
        self.history = History(engine.envs, score.offsets, device)
        self._effort = Effort(device)
        self._bins = torch.tensor(FAST, device=device)
        self.mirrors = _mirrors(task, device)
        self._generator = generator
        self._limit = round(config.episode_seconds * character.CONTROL_HZ)
        self._age = torch.randint(self._limit, (engine.envs,), generator=generator, device=device)
        self._style = torch.zeros(engine.envs, device=device)
        self._target = torch.zeros(engine.envs, self.num_actions, device=device)  # rad, of the step before
        self._late = torch.zeros(engine.envs, device=device)  # share of a control step that it is still held
        self._steps = 0
        self.restart()

    def observe(self) -> TensorDict:
        """Return the observation of the current state and goal: {"policy": [N, 84 + g]} float32."""
        body = self.body
        own = features.observation(
            body.root_position, body.root_rotation, body.root_linear_velocity, body.root_angular_velocity,
            body.joint_position, body.joint_velocity, body.body_position,
        )  # fmt: skip
        goal = self.task.observe(body.root_rotation, body.root_position, self.task.goal)
        return TensorDict({"policy": torch.cat((own, goal), 1)}, batch_size=[self.num_envs])

    def step(self, action: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Advance one control step, see the module.

        Returns the observation, rewards [N], dones [N] (int64), {"time_outs": [N]} and figures to log, each [N].
        """
        return self.step_targets(self.action(action))

    def step_targets(
        self, joint_target: Tensor
    ) -> tuple[TensorDict, Tensor, Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """`step` with joint targets [N, 28] rad in place of actions."""
        self.engine.push(self._pushes())
        before, held = self.body, self._held(joint_target)
        blown = self.move(held)
        self.history.push(self.body)
        task_reward, effort = self.task.reward(self.body), self._effort(before, self.body, held)
        self._judge()
        c = self.config
        reward = c.task_weight * task_reward + c.style_weight * self._style
        reward = reward * torch.exp(-c.effort_weight * (effort - c.people_effort).clamp_min(0))
        failed = self.task.failed(self.body) | blown
        self._age += 1
        late = (self._age >= self._limit) & ~failed
        figures = self._figures(task_reward, effort, failed, blown)
        self.task.advance(self.body)
        done = failed | late
        self._age.masked_fill_(done, 0)
        self._restart(Rows.of(done))
        self._steps += 1
        if self._steps % self.config.start_refresh == 0:
            self.starts.refresh()
        return self.observe(), reward, done.long(), {"time_outs": late.float()}, figures

    def move(self, joint_target: Tensor) -> Tensor:
        """Advance the bodies alone by a control step towards joint targets [N, 28] rad; who blew up, [N] bool."""
        blown = self.engine.step(joint_target)
        self.body = self._read()
        return blown

    def restart(self) -> None:
        """Start a new episode everywhere, of the age that the old one has."""
        self._restart(self._everyone())

    def state(self) -> dict[str, Any]:
        """Copy all that future steps depend on, random numbers included, for a checkpoint."""
        return {
            "engine": self.engine.state(), "task": self.task.state(), "history": self.history.state(),
            "starts": self.starts.state(), "style_reward": self.style_reward.own_state(),
            "generator": self._generator.get_state(), "steps": self._steps,
            **{name: getattr(self, f"_{name}").clone() for name in self._kept},
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, here or in another process, with the same numbers."""
        for part in ("engine", "task", "history", "starts"):
            getattr(self, part).restore(state[part])
        self.style_reward.restore_own(state["style_reward"])
        self._generator.set_state(state["generator"])
        self._steps = state["steps"]
        for name in self._kept:
            getattr(self, f"_{name}").copy_(state[name])
        self.body = self._read()

    @property
    def _kept(self) -> tuple[str, ...]:
        """Attributes of running episodes that a checkpoint keeps."""
        return (*_EPISODE, "target", "late") if self.config.latency > 0 else _EPISODE

    def _held(self, joint_target: Tensor) -> Tensor:
        """What the servos hold on average over this control step, [N, 28] rad: the new targets, and the old till then.

        Servos are springs: two targets, one after the other, push as much as their mean over time.
        """
        if self.config.latency == 0:
            return joint_target
        held = torch.lerp(joint_target, self._target, self._late.unsqueeze(1))
        self._target.copy_(joint_target)
        return held

    def _pushes(self) -> Tensor:
        """Forces [N, 3] N, world and horizontal, on the torsos for one control step: a few pushed, most not."""
        dice = torch.rand(self.num_envs, 3, generator=self._generator, device=self.engine.device)
        chosen = dice[:, 0] < self.config.push_rate / character.CONTROL_HZ
        force = self.config.push_impulse * character.CONTROL_HZ * dice[:, 1] * chosen
        angle = 2 * torch.pi * dice[:, 2]
        return torch.stack((force * angle.cos(), force * angle.sin(), torch.zeros_like(force)), 1)

    def _judge(self) -> None:
        """Refresh the style reward of this step's share of the environments."""
        share = slice(self._steps % self.config.prior_interval, None, self.config.prior_interval)
        if share.start < self.num_envs:  # fewer environments than steps from one turn to the next
            self._style[share] = self.style_reward.reward(self.history.windows(share))

    def _figures(self, task_reward: Tensor, effort: Tensor, failed: Tensor, blown: Tensor) -> dict[str, Tensor]:
        """What to log, each [N]; of `style_by_speed/…` nan where a character is not that fast."""
        figures = {"task_reward": task_reward, "style_reward": self._style.clone(), "effort": effort}
        figures |= {"failed": failed.float(), "blown_up": blown.float(), **self.task.figures(self.body)}
        place = torch.bucketize(self.body.root_linear_velocity[:, :2].norm(dim=1), self._bins)
        for number, edge in enumerate((*FAST, None)):
            name = f"style_by_speed/{'faster' if edge is None else f'up_to_{edge}'}"
            figures[name] = torch.where(place == number, self._style, torch.nan)
        return figures

    def _everyone(self) -> Rows:
        return Rows.of(torch.ones(self.num_envs, dtype=torch.bool, device=self.engine.device))

    def _restart(self, rows: Rows) -> None:
        """Start new episodes in the environments `rows`."""
        if len(rows):
            start = self.starts.draw(len(rows), self.config.standing_share)
            self.engine.reset(rows.where, start["qpos"], start["qvel"])
            self.history.fill(rows, start)
            self._delay(rows, start["qpos"][:, 7:])
        self.body = self._read()
        self.task.reset(rows, self.body)

    def _delay(self, rows: Rows, joint_position: Tensor) -> None:
        """Draw how late the targets of new episodes come; until their first one they hold the pose they start in."""
        if self.config.latency > 0:
            most = self.config.latency * character.CONTROL_HZ
            device = joint_position.device
            rows.put(self._late, most * torch.rand(len(rows), generator=self._generator, device=device))
            rows.put(self._target, joint_position)

    def _read(self) -> Body:
        qpos, qvel = self.engine.qpos.to(torch.float32, copy=True), self.engine.qvel.to(torch.float32, copy=True)
        return Body(
            root_position=qpos[:, :3],
            root_rotation=qpos[:, 3:7],
            root_linear_velocity=qvel[:, :3],
            root_angular_velocity=rotation.rotate(qpos[:, 3:7], qvel[:, 3:6]),
            joint_position=qpos[:, 7:],
            joint_velocity=qvel[:, 6:],
            body_position=self.engine.body_position.to(torch.float32, copy=True),
            body_rotation=self.engine.body_rotation.to(torch.float32, copy=True),
        )

"""The vector environment: N humanoids, one task, one frozen prior.

`step` in order, all at the control clock (30 Hz):

1. pushes are drawn: a few torsos feel a horizontal force for this one step, `push_rate` times a second each; who is
   down is helped up at first (`assist`);
2. actions become servo targets, held while physics runs its four steps; with `latency` the old ones are still felt;
3. the new state is read and appended to the history of the last ten;
4. the task rewards it against the goal the policy saw when it acted;
5. the prior judges the window that ends in it; with `prior_interval` k each environment is judged every k-th step
   (a different k-th of them each step) and keeps its last style reward in between;
6. failed episodes (fallen, blown up, beyond `style_limit`) end without a value to bootstrap from, long ones end as
   time-outs with one;
7. goals whose time is up are redrawn, ended episodes restart from the prior's own samples or standing (starts.py);
8. the observation is made of what is there now.

The style reward is made of the prior's penalty p (prior/score.py) with sharpnesses of its own, a flat and a steep one,
not with the one in the prior file:

    r_smp = .5 exp(-w_flat p) + .5 exp(-w_steep p)

With `slip_weight` or `jerk_weight` the composed reward is multiplied by exp(-w_slip slip - w_jerk jerk), see flaws.py:
a share of it is lost, so that it stays positive and an early end is never worth more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from runtime import character
from training import features, rotation
from training.config import EnvironmentConfig
from training.learning.flaws import Slip, jerk
from training.learning.starts import Starts
from training.physics import Engine
from training.prior import schedule
from training.prior.score import Score
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
    """The last ten frames of N environments, as the prior's window wants them; a ring, nothing is shifted.

    A frame is root position [N, 3] m, root rotation [N, 4] wxyz, joint angles [N, 28] rad and key points [N, 7, 3] m.
    """

    def __init__(self, envs: int, device: torch.device | str = "cpu") -> None:
        """Make an empty history; `fill` every environment before `windows`."""
        n, shapes = features.WINDOW, ((3,), (4,), (28,), (len(features.KEY_POINTS), 3))
        self._frames = [torch.zeros(n, envs, *shape, device=device) for shape in shapes]
        self._next = 0
        places = torch.arange(n, device=device)
        self._turned = (places.unsqueeze(0) + places.unsqueeze(1)) % n  # [n, n], row k: the places from k on

    def push(self, body: Body) -> None:
        """Append the current state as the newest frame."""
        points = features.key_points(body.body_position, body.body_rotation)
        frame = (body.root_position, body.root_rotation, body.joint_position, points)
        for ring, value in zip(self._frames, frame, strict=True):
            ring[self._next] = value
        self._next = (self._next + 1) % features.WINDOW

    def fill(self, rows: Rows, start: dict[str, Tensor]) -> None:
        """Replace the whole history of the environments `rows` by start windows (see `Starts`)."""
        time = self._turned[-self._next % features.WINDOW]  # which frame belongs to each place of the ring
        names = ("root_position", "root_rotation", "joint_position", "key_points")
        for ring, name in zip(self._frames, names, strict=True):
            rows.put(ring.transpose(0, 1), start[name][:, time])

    def windows(self, ids: slice) -> Tensor:
        """Raw motion windows [n, 10, 58] of environments `ids`, oldest frame first."""
        order = self._order()
        frames = [ring[order][:, ids].movedim(0, 1) for ring in self._frames]
        return features.window(*frames)

    def joint_positions(self, count: int) -> Tensor:
        """Joint angles [count, N, 28] rad of the newest frames, oldest first."""
        return self._frames[2][self._order()[-count:]]

    def state(self) -> dict[str, Any]:
        """Copy everything, for a checkpoint."""
        return {"frames": [ring.clone() for ring in self._frames], "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for ring, kept in zip(self._frames, state["frames"], strict=True):
            ring.copy_(kept)
        self._next = state["next"]

    def _order(self) -> Tensor:
        return self._turned[self._next]


def _mirrors(task: Task, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Index and sign, on the device, that mirror the observation [84 + g] and the actions [28] left to right."""
    index, sign = (torch.from_numpy(part) for part in features.OBSERVATION_MIRROR)
    goal_index, goal_sign = task.observation_mirror
    observation = (torch.cat((index, goal_index + len(index))), torch.cat((sign, goal_sign)))
    action = tuple(torch.from_numpy(part) for part in features.JOINT_MIRROR)
    return (observation[0].to(device), observation[1].to(device)), (action[0].to(device), action[1].to(device))


HEAD = character.BODIES.index("head")
UP, DOWN = 1.25, 0.75  # m, of the head
LEAST_CAP = 0.3  # of the style reward, whatever the task's is: composition `task_capped`
_EPISODE = ("age", "style", "errors", "deviation", "oddity")


class Environment:
    """N episodes of one task under one prior; observations are TensorDicts with the one group "policy"."""

    num_actions = len(character.JOINTS)

    def __init__(
        self, config: EnvironmentConfig, engine: Engine, task: Task, score: Score, action: ActionTransform,
        generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Start every episode at a random age, so that time-outs do not come all at once."""
        self.config, self.engine, self.task, self.score = config, engine, task, score
        self.judge: Callable[[Tensor, Tensor], tuple[Tensor, ...]] = score.judge  # or that, compiled
        self.action = action
        self.num_envs = engine.envs
        device = engine.device
        self.starts = Starts(score, config.start_pool, generator, task.starts)
        self.history = History(engine.envs, device)
        self._slip = Slip(device)
        self.mirrors = _mirrors(task, device)
        self._generator = generator
        self._limit = round(config.episode_seconds * character.CONTROL_HZ)
        self._age = torch.randint(self._limit, (engine.envs,), generator=generator, device=device)
        self._style = torch.zeros(engine.envs, device=device)
        self._errors = torch.zeros(engine.envs, len(schedule.LEVELS), device=device)
        self._deviation = torch.zeros(engine.envs, len(score.groups), device=device)
        self._oddity = torch.zeros(engine.envs, len(score.statistics), device=device)
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
        pushes = self._pushes()
        self.engine.push(pushes + self._assistance() if self.config.assist > 0 else pushes)
        before = self.body
        blown = self.move(self._held(joint_target))
        self.history.push(self.body)
        task_reward = self.task.reward(self.body)
        strange = self._judge()
        share, flaws = self._flaws(before)
        reward = self._compose(task_reward) * share
        failed = self.task.failed(self.body) | blown | strange
        self._age += 1
        late = (self._age >= self._limit) & ~failed
        figures = self._figures(task_reward, failed, blown) | flaws
        self.task.advance(self.body)
        done = failed | late
        self._age.masked_fill_(done, 0)
        self._restart(Rows.of(done))
        self._steps += 1
        if self._steps % self.config.start_refresh == 0:
            self.starts.refresh()
        return self.observe(), reward, done.long(), {"time_outs": late.float()}, figures

    def place(self, qpos: Tensor, qvel: Tensor) -> None:
        """Put the bodies into states [N, 35] and [N, 34] outside any episode; `restart` ends that."""
        self.engine.reset(self._everyone().where, qpos, qvel)
        self.body = self._read()

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
            "starts": self.starts.state(), "generator": self._generator.get_state(), "steps": self._steps,
            **{name: getattr(self, f"_{name}").clone() for name in self._kept},
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, here or in another process, with the same numbers."""
        for part in ("engine", "task", "history", "starts"):
            getattr(self, part).restore(state[part])
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

    def _assistance(self) -> Tensor:
        """Forces [N, 3] N that help up who is down: whole below `DOWN`, none from `UP` on, and less with every step."""
        left = max(0.0, 1.0 - self._steps / self.config.assist_steps)
        low = ((UP - self.body.body_position[:, HEAD, 2]) / (UP - DOWN)).clamp(0.0, 1.0)
        none = torch.zeros_like(low)
        return torch.stack((none, none, self.config.assist * left * low), 1)

    def _judge(self) -> Tensor:
        """Refresh the style reward of this step's share of the environments; tell [N] who is beyond `style_limit`."""
        share = slice(self._steps % self.config.prior_interval, None, self.config.prior_interval)
        strange = torch.zeros(self.num_envs, dtype=torch.bool, device=self.engine.device)
        if share.start >= self.num_envs:  # fewer environments than steps from one turn to the next
            return strange
        windows = self.history.windows(share)
        shape = (len(windows), len(schedule.LEVELS), *windows.shape[1:])
        noise = torch.randn(shape, generator=self._generator, device=windows.device)
        error, deviation, oddity, penalty = self.judge(windows, noise)
        self._errors[share] = error
        self._deviation[share] = deviation.mean(1)
        self._oddity[share] = oddity
        self._style[share] = self._reward(penalty)
        if self.config.style_limit > 0:
            strange[share] = penalty > self.config.style_limit
        return strange

    def _reward(self, penalty: Tensor) -> Tensor:
        """r_smp [n] of the prior's penalty [n]."""
        flat, steep = self.config.style_sharpness
        return 0.5 * torch.exp(-flat * penalty) + 0.5 * torch.exp(-steep * penalty)

    def _compose(self, task_reward: Tensor) -> Tensor:
        c = self.config
        if c.composition == "product":
            return task_reward * self._style
        if c.composition == "task_capped":
            style = torch.minimum(self._style, task_reward.clamp_min(LEAST_CAP))
            return c.task_weight * task_reward + c.style_weight * style
        return c.task_weight * task_reward + c.style_weight * self._style

    def _flaws(self, before: Body) -> tuple[Tensor, dict[str, Tensor]]:
        """Share [N] of the reward that slipping and jerking since the body `before` leave, and both as figures."""
        c, now = self.config, self.body
        lost, figures = torch.zeros(self.num_envs, device=self.engine.device), {}
        if c.slip_weight > 0:
            corners = [self._slip.corners(body.body_position, body.body_rotation) for body in (before, now)]
            figures["slip"] = self._slip.speed(*corners)
            lost = lost + c.slip_weight * figures["slip"]
        if c.jerk_weight > 0:
            figures["jerk"] = jerk(self.history.joint_positions(4))
            lost = lost + c.jerk_weight * figures["jerk"]
        return torch.exp(-lost), figures

    def _figures(self, task_reward: Tensor, failed: Tensor, blown: Tensor) -> dict[str, Tensor]:
        figures = {"task_reward": task_reward, "style_reward": self._style, "failed": failed.float()}
        figures |= {"blown_up": blown.float(), **self.task.figures(self.body)}
        figures |= {f"error_t{t}": self._errors[:, k] for k, t in enumerate(schedule.LEVELS)}
        figures |= {f"excess_{name}": self._deviation[:, g] for g, name in enumerate(self.score.groups)}
        figures |= {f"odd_{name}": self._oddity[:, s] for s, name in enumerate(self.score.statistics)}
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

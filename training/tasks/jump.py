"""Jump: walk or stand as steering does; on command rise to a commanded apex, land and go on.

A command is an apex h (m over the root's height in standing) and a countdown t to it: .8 s at first, −.7 s at last. It
asks for a course z*(t) of the root's height over standing that a body can follow: down into the knees, a push of
constant acceleration, free fall about the apex, and the same backwards:

    arc      |t| ≤ T = v/g            z* = h - g t²/2                     v = sqrt(2 g h), the speed of take-off
    push     P = 2 c/v before it      z* = -c + (v²/4c) (time since)²     c = .1 m + h/4, the depth of the crouch
    dip      .3 s before that         z* = -c (1 - cos(π (time since)/.3 s))/2

    r_g = .5 r_steer                                                                          no command
    r_g = w (.2 r_steer + .3 f(z - z*, .2 m, .06 m) + .25 f(v_z - dz*/dt, 1 m/s, .4 m/s) + .25 off)      a command
    f(e, s, n) = .5 exp(-.5 (e/s)²) + .5 exp(-.5 (e/n)²)     off = both soles higher than 1.2 cm, or |t| > T/2
    w = 1 from the push to the landing, else .5

Rewarded on the arc alone, policies do not find the crouch and the push that a jump begins with, and learn that staying
down is safe. An episode that starts in the air or taking off (samples of a
jump's prior, which are preferred) gets the command whose arc it is on; one that starts in a crouch, a command whose
push begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.character import CONTROL_HZ, DEFAULT_HEIGHT
from runtime.task_goals import GRAVITY, HIGHEST_APEX, JUMP_LEAD, JUMP_TAIL, LOWEST_APEX
from training import features
from training.rows import Rows
from training.tasks import Body, StartStates
from training.tasks.base import STAND, WALK_MIRROR, Goals, closeness
from training.tasks.steering import Steering, SteeringConfig

ELSEWHERE = 0.5  # what all the time counts for but that from the push to the landing
DIP = 0.3  # s, into the crouch
OFF_GROUND = 0.012  # m, as `training.motion.soles` has it
AIRBORNE = 0.05  # m: who has both soles this high is in a jump …
TAKING_OFF = 0.8  # m/s: … and who rises this fast is about to be
CROUCH = -0.12  # m, of the root over standing
_SOLES = features.KEY_POINTS.index("right_heel")  # from here on the key points are the soles'


@dataclass(frozen=True)
class JumpConfig:
    """How goals are drawn; velocities and facings as for steering."""

    apex: tuple[float, float] = (LOWEST_APEX, HIGHEST_APEX)
    """Lowest and highest apex, m."""
    wait: tuple[float, float] = (0.2, 2.0)
    """Shortest and longest time from the end of one jump to the next command, s."""
    max_speed: float = 2.0
    """m/s."""
    stop_share: float = 0.4
    """Share of velocities that are zero."""
    hold: tuple[float, float] = (3.0, 7.0)
    """Shortest and longest time a velocity stays, s."""
    small_turn: float = 0.8
    """rad; velocities turn by at most this, but for `new_direction_share` of them."""
    new_direction_share: float = 0.2
    """Share of velocities whose direction is uniform on the circle."""
    jumping_share: float = 0.4
    """Share of episodes that start in the middle of a jump, where the prior makes such samples."""


class Jump(Goals):
    """`training.tasks.Task`; goal [N, 6] = velocity x, y (m/s), facing x, y (unit), apex (m), countdown (s)."""

    name = "jump"
    observation_names = (*Steering.observation_names, "commanded", "apex", "countdown", "course", "course_rate")
    observation_rest = (*STAND, 0.0, 0.0, 0.0, 0.0, 0.0)
    observation_mirror = (torch.arange(10), torch.tensor([*WALK_MIRROR, 1.0, 1.0, 1.0, 1.0, 1.0]))
    kept = ("goal", "left", "highest", "last_error")

    def __init__(self, config: JumpConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        super().__init__(envs, generator)
        self.config = config
        steering = SteeringConfig(
            max_speed=config.max_speed, stop_share=config.stop_share, hold=config.hold, small_turn=config.small_turn,
            new_direction_share=config.new_direction_share,
        )  # fmt: skip
        self.steering = Steering(steering, envs, generator)
        self.starts = StartStates(preferred=_jumping, preferred_share=config.jumping_share)
        # m, of the root over standing, with both soles off the ground, this jump
        self.highest = torch.zeros(envs, device=self.device)
        self.last_error = torch.full_like(self.highest, HIGHEST_APEX)  # m, |apex had − apex wanted| of the last jump

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`: `left` counts the steps to the next jump; who starts in the air is on a jump's arc."""
        if len(rows) == 0:
            return
        self.steering.reset(rows, body)
        rows.put(self.goal[:, :4], rows.take(self.steering.goal))
        self._wait(rows)
        rise, rate = rows.take(body.root_position)[:, 2] - DEFAULT_HEIGHT, rows.take(body.root_linear_velocity)[:, 2]
        ballistic = rise + rate.square() / (2 * GRAVITY)
        flying = _flying(rows.take(_soles(body)), rate) & (ballistic > LOWEST_APEX) & (ballistic < HIGHEST_APEX)
        pushing = _crouched(rise, rate) & ~flying
        commanded, countdown = self.goal[:, 4], self.goal[:, 5]
        apex = torch.where(pushing, self.uniform(len(rows), *self.config.apex), rows.take(commanded))
        rows.put(commanded, torch.where(flying, ballistic, apex))
        speed, _, push = _take_off(rows.take(commanded).clamp_min(LOWEST_APEX))
        begin = speed / GRAVITY + push * (1 - rate / speed).clamp(0.0, 1.0)
        begin = torch.where(pushing, begin, rows.take(countdown))
        rows.put(countdown, torch.where(flying, rate / GRAVITY, begin).clamp(-JUMP_TAIL, JUMP_LEAD))

    def advance(self, body: Body) -> None:
        """See `Task.advance`: count down, end jumps, command new ones."""
        self.steering.advance(body)
        self.goal[:, :4] = self.steering.goal
        jumping = self.goal[:, 4] > 0
        rise = body.root_position[:, 2] - DEFAULT_HEIGHT
        self.highest = torch.where(jumping & (_soles(body) > OFF_GROUND), self.highest.maximum(rise), self.highest)
        self.goal[:, 5] -= jumping / CONTROL_HZ
        over = Rows.of(jumping & (self.goal[:, 5] < -JUMP_TAIL))
        if len(over):
            over.put(self.last_error, over.take((self.highest - self.goal[:, 4]).abs()))
            self._wait(over)
        due = self.due(self.goal[:, 4] == 0)
        if len(due):
            due.put(self.goal[:, 4], self.uniform(len(due), *self.config.apex))

    def reward(self, body: Body) -> Tensor:
        """See the module's formula."""
        steer = self.steering.reward(body)
        apex, t = self.goal[:, 4], self.goal[:, 5] - 1 / CONTROL_HZ  # the step has taken its time
        asked = apex.clamp_min(LOWEST_APEX)
        height, rate = course(asked, t)
        follows = 0.3 * _near(body.root_position[:, 2] - DEFAULT_HEIGHT - height, 0.2, 0.06)
        follows = follows + 0.25 * _near(body.root_linear_velocity[:, 2] - rate, 1.0, 0.4)
        speed, _, push = _take_off(asked)
        flight = speed / GRAVITY
        off = ((_soles(body) > OFF_GROUND) | (t.abs() > 0.5 * flight)).float()
        weight = torch.where((t <= flight + push) & (t >= -flight), 1.0, ELSEWHERE)
        return torch.where(apex > 0, weight * (0.2 * steer + follows + 0.25 * off), ELSEWHERE * steer)

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`; errors and successes are those of each environment's last jump."""
        success = (self.last_error <= 0.1).float()
        return {**self.steering.figures(body), "apex_error_m": self.last_error.clone(), "apex_reached": success}

    def state(self) -> dict[str, Tensor]:
        """See `Task.state`."""
        return super().state() | {f"steering_{key}": value for key, value in self.steering.state().items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Task.restore`."""
        super().restore(state)
        self.steering.restore({key: state[f"steering_{key}"] for key in self.steering.kept})

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 10]: as for steering 5; whether there is a jump, its apex (m), countdown (s), z* (m), dz*/dt (m/s).

        Without a jump those are 0.
        """
        steer = Steering.observe(root_rotation, root_position, goal[:, :4])
        apex, t = goal[:, 4], goal[:, 5]
        commanded = (apex > 0).float()
        height, rate = course(apex.clamp_min(LOWEST_APEX), t)
        jump = (commanded, apex, commanded * t, commanded * height, commanded * rate)
        return torch.cat((steer, torch.stack(jump, dim=1)), dim=1)

    def _wait(self, rows: Rows) -> None:
        """No jump for a while."""
        rows.fill(self.goal[:, 4], 0.0)
        rows.fill(self.goal[:, 5], JUMP_LEAD)
        rows.fill(self.highest, 0.0)
        rows.put(self.left, self.steps(len(rows), self.config.wait))


def course(apex: Tensor, countdown: Tensor) -> tuple[Tensor, Tensor]:
    """z* [N] m and dz*/dt [N] m/s, the module's course for apexes [N] m at countdowns [N] s."""
    speed, depth, push = _take_off(apex)
    flight = speed / GRAVITY
    t = countdown.abs()
    pushing = (push - (t - flight)).clamp_min(0)  # s since the push began
    gain = speed / push  # m/s², constant
    dipping = ((t - flight - push) / DIP).clamp(0.0, 1.0)  # 1: standing, 0: in the crouch
    dip = 0.5 * depth * (1 + torch.cos(math.pi * dipping))
    dip_rate = -0.5 * depth * math.pi / DIP * torch.sin(math.pi * dipping)
    on_arc, in_push = t <= flight, t <= flight + push
    height = torch.where(in_push, -depth + 0.5 * gain * pushing.square(), -dip)
    rate = torch.where(in_push, gain * pushing, dip_rate)
    height = torch.where(on_arc, apex - 0.5 * GRAVITY * t.square(), height)
    rate = torch.where(on_arc, GRAVITY * t, rate)
    return height, torch.where(countdown < 0, -rate, rate)  # the way back is the way there


def _take_off(apex: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Speed of take-off (m/s), depth of the crouch (m) and time of the push (s) for apexes [N] m."""
    speed, depth = (2 * GRAVITY * apex).sqrt(), 0.1 + 0.25 * apex
    return speed, depth, 2 * depth / speed


def _near(error: Tensor, wide: float, narrow: float) -> Tensor:
    """Closeness [N] in (0, 1] of errors [N], with a slope from afar and one nearby (deviations in the errors' unit)."""
    return closeness((error / wide).square(), 0.5 * (wide / narrow) ** 2)


def _jumping(windows: dict[str, Tensor]) -> Tensor:
    """Weights [P] of start windows (`training.learning.starts.Starts`): those in the air, taking off or crouched."""
    soles, rate = windows["key_points"][:, -1, _SOLES:, 2].amin(1), windows["qvel"][:, 2]
    return _flying(soles, rate) | _crouched(windows["qpos"][:, 2] - DEFAULT_HEIGHT, rate)


def _flying(soles: Tensor, rate: Tensor) -> Tensor:
    """Mask [n] of those with the lower sole at such heights (m) whose roots rise at such rates (m/s)."""
    return (soles > AIRBORNE) | (rate > TAKING_OFF)


def _crouched(rise: Tensor, rate: Tensor) -> Tensor:
    """Mask [n] of those whose root is so far over standing (m): low, and not on the way down."""
    return (rise < CROUCH) & (rate > -0.3)


def _soles(body: Body) -> Tensor:
    """Height [N] m of the lower sole."""
    points = features.key_points(body.body_position, body.body_rotation)
    return points[:, _SOLES:, 2].amin(1)

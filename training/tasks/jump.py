"""Jump: walk or stand as steering does; on command rise to a commanded apex, land and go on.

A command is an apex h (m over the root's height in standing) and a countdown t to it: .8 s at first, −.7 s at last.
About the apex the root is to follow the arc of a body in free fall,

    z*(t) = z_0 + h - g t²/2,   |t| ≤ T = sqrt(2 h / g)

(before and after it the way to it is the jumper's own: whatever the prior knows of crouching and landing):

    r_g = .5 r_steer                                          no command
    r_g = .5 (.2 r_steer + .8)                                a command, outside the arc
    r_g = .2 r_steer + .35 f(a - h, .25 m, .08 m) + .25 f(z - z*, .3 m, .06 m) + .2 off              on the arc
    a = z - z_0 + v_z²/2g    f(e, s, n) = .5 exp(-.5 (e/s)²) + .5 exp(-.5 (e/n)²)
    off = both soles higher than 1.2 cm, or |t| > T/2

a, the root's energy over that of standing in metres of height, is h all along the arc, and falling does not change it:
it pays the push off in the very step in which it is made, when the height has not followed yet. The arc's reward is
dense, so that the first step towards a jump pays: rising on the toes. An episode that starts in the air or taking off
(samples of a jump's prior, which are preferred) gets the command whose arc it is on; one that starts in a crouch, a
command whose time is right for it (`PUSH`). So the way down is learned first, then the apex, then the push off, then
how to get there.

Whoever has a sole on the ground at the apex has not jumped: the episode has failed as if they had fallen. Without that
policies learned not to jump at all: a jump takes half a second of some three, and at first mostly ends on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.character import CONTROL_HZ, DEFAULT_HEIGHT
from runtime.task_goals import GRAVITY, HIGHEST_APEX, JUMP_LEAD, JUMP_TAIL, LOWEST_APEX
from training import features
from training.rows import Rows
from training.tasks import Body, StartStates
from training.tasks.base import STAND, Goals, fallen
from training.tasks.steering import Steering, SteeringConfig

ELSEWHERE = 0.5  # what the rest of the time counts for: arcs are a seventh of it
OFF_GROUND = 0.012  # m, as `training.motion.soles` has it
AIRBORNE = 0.05  # m: who has both soles this high is in a jump …
TAKING_OFF = 0.8  # m/s: … and who rises this fast is about to be
CROUCH = -0.12  # m, of the root over standing
PUSH, PUSH_RATE, TAKE_OFF = 0.2, 0.13, 1.9  # s, s per m/s, m/s: from a crouch a recorded jump takes .45 s to its apex
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
    observation_names = (*Steering.observation_names, "commanded", "apex", "countdown", "arc")
    observation_rest = (*STAND, 0.0, 0.0, 0.0, 0.0)
    observation_mirror = (torch.arange(9), torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
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
        arc = torch.where(pushing, PUSH + PUSH_RATE * (TAKE_OFF - rate), rows.take(countdown))
        rows.put(countdown, torch.where(flying, rate / GRAVITY, arc).clamp(-JUMP_TAIL, JUMP_LEAD))

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
        half = (2 * apex / GRAVITY).sqrt()
        rise = body.root_position[:, 2] - DEFAULT_HEIGHT
        energy = rise + body.root_linear_velocity[:, 2].square() / (2 * GRAVITY)
        follows = 0.35 * _near(energy - apex, 0.25, 0.08)
        follows = follows + 0.25 * _near(rise - (apex - 0.5 * GRAVITY * t.square()), 0.3, 0.06)
        off = ((_soles(body) > OFF_GROUND) | (t.abs() > 0.5 * half)).float()
        arc = torch.where(t.abs() <= half, follows + 0.2 * off, 0.8)
        weight = torch.where((apex > 0) & (t.abs() <= half), 1.0, ELSEWHERE)
        return weight * torch.where(apex > 0, 0.2 * steer + arc, steer)

    def failed(self, body: Body) -> Tensor:
        """See `Task.failed`: fallen, or on the ground at the moment of the apex."""
        at_apex = (self.goal[:, 4] > 0) & ((self.goal[:, 5] - 1 / CONTROL_HZ).abs() < 0.5 / CONTROL_HZ)
        return fallen(body) | (at_apex & (_soles(body) < OFF_GROUND))

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
        """[N, 9]: as for steering 5; whether there is a jump, its apex (m), countdown (s) and arc now (m); else 0."""
        steer = Steering.observe(root_rotation, root_position, goal[:, :4])
        apex, t = goal[:, 4], goal[:, 5]
        commanded = (apex > 0).float()
        arc = (apex - 0.5 * GRAVITY * t * t).clamp_min(-0.3)
        return torch.cat((steer, torch.stack((commanded, apex, commanded * t, commanded * arc), dim=1)), dim=1)

    def _wait(self, rows: Rows) -> None:
        """No jump for a while."""
        rows.fill(self.goal[:, 4], 0.0)
        rows.fill(self.goal[:, 5], JUMP_LEAD)
        rows.fill(self.highest, 0.0)
        rows.put(self.left, self.steps(len(rows), self.config.wait))


def _near(error: Tensor, wide: float, narrow: float) -> Tensor:
    """Closeness [N] in (0, 1] of errors [N], with a slope from afar and one nearby (deviations in the errors' unit)."""
    return 0.5 * torch.exp(-0.5 * (error / wide).square()) + 0.5 * torch.exp(-0.5 * (error / narrow).square())


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

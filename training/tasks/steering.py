"""Steering: move with a commanded velocity, facing a commanded way; stand still when the speed is zero.

    r_g = .7 (.5 exp(-.5 d²) + .5 exp(-4 d²)) + .3 (.5 max(0, f·heading) + .5 exp((f·heading - 1)/.034))

    d = ‖v* - v_xy‖ in m/s; the last term is exp(-.5 (angle/15°)²) for small angles

After the paper's reference reward .7 exp(-.5 d²) + .3 max(0, f·heading) (method.md §7), with sharper halves: the wide
half leads there from afar, the sharp half tells 1.0 from 1.2 m/s, and 10° from 20°, which a cosine hardly sees. Goals
face the way they travel but for `free_facing_share` of them, which face any way (and are slower: nobody runs backwards
at 3 m/s).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training import rotation
from training.rows import Rows
from training.tasks import Body
from training.tasks.base import (
    STAND,
    WALK,
    WALK_MIRROR,
    WALKING,
    Goals,
    closeness,
    cosine_to,
    velocity_figures,
    walk,
)

FACING_WIDTH = 0.034
"""1 - cos 15°."""


@dataclass(frozen=True)
class SteeringConfig:
    """How goals are drawn."""

    max_speed: float = 3.3
    """m/s."""
    min_speed: float = 0.0
    """m/s; speeds are uniform from here to `max_speed`."""
    stop_share: float = 0.25
    """Share of goals that are to stand still."""
    hold: tuple[float, float] = (3.0, 7.0)
    """Shortest and longest time a goal stays, s."""
    new_direction_share: float = 0.5
    """Share of new goals whose direction is uniform on the circle; the others turn by at most ±`small_turn`."""
    small_turn: float = 0.8
    """rad."""
    follow_start_share: float = 0.5
    """Share of episodes whose first goal is the velocity they start with."""
    free_facing_share: float = 0.0
    """Share of new goals whose facing is uniform on the circle, whatever the direction of travel."""
    free_facing_speed: float = 1.3
    """m/s; speeds of those goals are scaled down so that this is the highest."""


class Steering(Goals):
    """`training.tasks.Task`; goal [N, 4] = velocity x, y (m/s), facing x, y (unit), world frame."""

    name = "steering"
    observation_names = WALK
    observation_mirror = (torch.arange(5), torch.tensor(WALK_MIRROR))
    observation_rest = STAND

    def __init__(self, config: SteeringConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        super().__init__(envs, generator)
        self.config = config

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`: `follow_start_share` of the episodes go on as they move, the others get a goal anew.

        Who moves another way than it faces goes on so where goals may face freely; otherwise it gets a goal anew.
        """
        if len(rows) == 0:
            return
        c = self.config
        cos, sin = rotation.heading(rows.take(body.root_rotation))
        self._draw(rows, torch.atan2(sin, cos))
        velocity = rows.take(body.root_linear_velocity)[:, :2]
        speed = velocity.norm(dim=1, keepdim=True)
        follow = (self.uniform(len(rows)) < c.follow_start_share).unsqueeze(1)
        along = velocity / speed.clamp_min(1e-6)
        walking = speed > WALKING
        heading = torch.stack((cos, sin), 1)
        forward = (along * heading).sum(1, keepdim=True) > 0.7
        facing = torch.where(forward, along, heading)
        most = torch.where(forward, c.max_speed, min(c.max_speed, c.free_facing_speed))
        moving = torch.cat((along * torch.minimum(speed, most), facing), 1)
        resting = torch.cat((torch.zeros_like(velocity), heading), 1)
        first = torch.where(walking, moving, resting)
        usual = forward | ~walking | (c.free_facing_share > 0)
        rows.put(self.goal, torch.where(follow & usual, first, rows.take(self.goal)))

    def advance(self, body: Body) -> None:
        """See `Task.advance`."""
        rows = self.due()
        if len(rows):
            goal = rows.take(self.goal)
            self._draw(rows, torch.atan2(goal[:, 3], goal[:, 2]))

    def reward(self, body: Body) -> Tensor:
        """See the module's formula."""
        square = (self.goal[:, :2] - body.root_linear_velocity[:, :2]).square().sum(1)
        cosine = self._facing(body)
        facing = 0.5 * cosine.clamp_min(0) + 0.5 * torch.exp((cosine - 1.0) / FACING_WIDTH)
        return 0.7 * closeness(square) + 0.3 * facing

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`."""
        error = (self.goal[:, :2] - body.root_linear_velocity[:, :2]).norm(dim=1)
        return velocity_figures(body, error, self._facing(body))

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 5]: see `walk`."""
        vx, vy, fx, fy = goal.unbind(1)
        return walk(root_rotation, (vx, vy), (fx, fy))

    def _facing(self, body: Body) -> Tensor:
        return cosine_to(body.root_rotation, self.goal[:, 2], self.goal[:, 3])

    def _draw(self, rows: Rows, yaw: Tensor) -> None:
        """New goals for `rows`, small turns counted from `yaw` [n] rad."""
        c, n = self.config, len(rows)
        free = self.uniform(n) < c.new_direction_share
        turn = torch.where(free, math.pi * (2 * self.uniform(n) - 1), c.small_turn * (2 * self.uniform(n) - 1))
        stop = self.uniform(n) < c.stop_share
        direction = torch.where(stop & ~free, yaw, yaw + turn)
        speed = torch.where(stop, 0.0, c.min_speed + (c.max_speed - c.min_speed) * self.uniform(n))
        facing = direction
        if c.free_facing_share > 0:  # nothing is drawn otherwise, so that old runs stay what they were
            aside = self.uniform(n) < c.free_facing_share
            facing = torch.where(aside, direction + self.uniform(n, -math.pi, math.pi), direction)
            speed = torch.where(aside, speed * min(1.0, c.free_facing_speed / c.max_speed), speed)
        way = torch.stack((direction.cos(), direction.sin()), 1)
        goal = torch.cat((speed.unsqueeze(1) * way, facing.cos().unsqueeze(1), facing.sin().unsqueeze(1)), 1)
        rows.put(self.goal, goal)
        rows.put(self.left, self.steps(n, c.hold))

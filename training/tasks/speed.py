"""Speed: move forward at a commanded speed, 0.5 to 5 m/s, along a direction; the gait follows from the speed.

    r_g = .7 (.5 exp(-.5 d²) + .5 exp(-4 (d/w)²)) + .3 max(0, u·heading)    d = ‖s* u - v_xy‖,  w = max(1, s*/2.5 m/s)

u is the direction, s* the speed; the sharp half is wider at high speeds. New goals mostly change the speed alone; the
direction drifts a little, so that a policy corrects its course instead of running on blindly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.task_goals import MAX_SPEED, MIN_SPEED
from training import rotation
from training.rows import Rows
from training.tasks import Body
from training.tasks.base import (
    VELOCITY_SHARPNESS,
    WALK,
    WALK_MIRROR,
    Goals,
    closeness,
    cosine_to,
    velocity_figures,
    walk,
)


@dataclass(frozen=True)
class SpeedConfig:
    """How goals are drawn."""

    max_speed: float = MAX_SPEED
    """m/s."""
    min_speed: float = MIN_SPEED
    """m/s; speeds are uniform from here to `max_speed`."""
    hold: tuple[float, float] = (3.0, 8.0)
    """Shortest and longest time a goal stays, s."""
    turn: float = 0.35
    """rad; a new goal's direction is at most this far from the last one's."""
    follow_start_share: float = 0.5
    """Share of episodes whose first goal is the speed they start with."""


class Speed(Goals):
    """`training.tasks.Task`; goal [N, 3] = speed (m/s), direction x, y (unit, world)."""

    name = "speed"
    observation_names = WALK
    observation_mirror = (torch.arange(5), torch.tensor(WALK_MIRROR))

    def __init__(self, config: SpeedConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        super().__init__(envs, generator)
        self.config = config

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`: straight ahead; half of the episodes keep the speed they start with."""
        if len(rows) == 0:
            return
        cos, sin = rotation.heading(rows.take(body.root_rotation))
        self._draw(rows, torch.atan2(sin, cos))
        velocity = rows.take(body.root_linear_velocity)
        forward = cos * velocity[:, 0] + sin * velocity[:, 1]
        follow = self.uniform(len(rows)) < self.config.follow_start_share
        kept = forward.clamp(self.config.min_speed, self.config.max_speed)
        speed = self.goal[:, 0]
        rows.put(speed, torch.where(follow, kept, rows.take(speed)))

    def advance(self, body: Body) -> None:
        """See `Task.advance`."""
        rows = self.due()
        if len(rows):
            goal = rows.take(self.goal)
            self._draw(rows, torch.atan2(goal[:, 2], goal[:, 1]))

    def reward(self, body: Body) -> Tensor:
        """See the module's formula."""
        width = (self.goal[:, 0] / 2.5).clamp_min(1.0)
        kept = closeness(self._error(body).square(), VELOCITY_SHARPNESS / width.square())
        return 0.7 * kept + 0.3 * self._facing(body).clamp_min(0)

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`."""
        return velocity_figures(body, self._error(body), self._facing(body))

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 5]: see `walk`."""
        speed, x, y = goal.unbind(1)
        return walk(root_rotation, (speed * x, speed * y), (x, y))

    def _error(self, body: Body) -> Tensor:
        return (self.goal[:, :1] * self.goal[:, 1:] - body.root_linear_velocity[:, :2]).norm(dim=1)

    def _facing(self, body: Body) -> Tensor:
        return cosine_to(body.root_rotation, self.goal[:, 1], self.goal[:, 2])

    def _draw(self, rows: Rows, yaw: Tensor) -> None:
        """New goals for `rows` along about `yaw` [n] rad."""
        c, n = self.config, len(rows)
        direction = yaw + self.uniform(n, -c.turn, c.turn)
        speed = self.uniform(n, c.min_speed, c.max_speed)
        rows.put(self.goal, torch.stack((speed, direction.cos(), direction.sin()), 1))
        rows.put(self.left, self.steps(n, c.hold))

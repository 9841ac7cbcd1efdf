"""Location: go to a point on the ground and stop there.

    r_g = .4 (.5 exp(-.5 e²) + .5 exp(-4 e²)) + .2 exp(-.25 d) + .3 exp(-4 d²) + .1 max(0, u·heading)
    e = ‖s(d) u - v_xy‖,  s(d) = min(s_max, 1.2/s · (d - .15 m)⁺)

d is the distance, u the direction of the point. The reference reward exp(-.5 d²) has no slope beyond 3 m, so that far
targets were walked to by luck (method.md §7, and AMP beat SMP there). Here the velocity that leads there is rewarded:
its profile s(d) has the same slope at 10 m as at 3, and slows down to rest. Within half a metre any facing is good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.rows import Rows
from training.tasks import Body
from training.tasks.base import Goals, closeness, cosine_to, seen_from

ARRIVED = 0.5  # m: from here on the facing does not matter
REST = 0.15  # m: nearer than this it is to stand still
SLOWDOWN = 1.2  # 1/s: wanted speed per distance left
HORIZON = 10.0  # m: points farther off look as if they were this far


@dataclass(frozen=True)
class LocationConfig:
    """How goals are drawn."""

    distance: tuple[float, float] = (1.0, 10.0)
    """Nearest and farthest new point, m."""
    hold: tuple[float, float] = (5.0, 10.0)
    """Shortest and longest time a point stays, s."""
    max_speed: float = 3.0
    """m/s; s_max, what it should go at most."""


class Location(Goals):
    """`training.tasks.Task`; goal [N, 2] = x, y (m, world)."""

    name = "location"
    observation_mirror = (torch.arange(5), torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]))

    def __init__(self, config: LocationConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        super().__init__(envs, generator)
        self.config = config

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`."""
        self._draw(rows, body)

    def advance(self, body: Body) -> None:
        """See `Task.advance`."""
        self._draw(self.due(), body)

    def reward(self, body: Body) -> Tensor:
        """See the module's formula."""
        x, y, d = self._way(body)
        speed = (SLOWDOWN * (d - REST)).clamp(0.0, self.config.max_speed)
        velocity = body.root_linear_velocity
        error = (speed * x - velocity[:, 0]).square() + (speed * y - velocity[:, 1]).square()
        facing = torch.where(d < ARRIVED, 1.0, cosine_to(body.root_rotation, x, y).clamp_min(0))
        there = 0.2 * torch.exp(-0.25 * d) + 0.3 * torch.exp(-4.0 * d.square())
        return 0.4 * closeness(error) + there + 0.1 * facing

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`: `arrived` is being within half a metre and slower than half a metre a second."""
        _, _, d = self._way(body)
        speed = body.root_linear_velocity[:, :2].norm(dim=1)
        return {"distance_m": d, "speed_m_s": speed, "arrived": ((d < ARRIVED) & (speed < 0.5)).float()}

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 5]: the point seen from the root in the heading frame (m, cut at 10), its distance, its direction."""
        x, y = seen_from(root_rotation, goal[:, 0] - root_position[:, 0], goal[:, 1] - root_position[:, 1])
        distance = (x * x + y * y).clamp_min(1e-6).sqrt()
        near = (HORIZON / distance).clamp(max=1.0)
        turned = 1.0 / distance.clamp_min(0.3)  # the direction of a point underfoot fades instead of spinning
        return torch.stack((near * x, near * y, distance.clamp(max=HORIZON), turned * x, turned * y), dim=1)

    def _way(self, body: Body) -> tuple[Tensor, Tensor, Tensor]:
        """Unit vector x, y towards the point and the distance (m), each [N]."""
        way = self.goal - body.root_position[:, :2]
        distance = way.norm(dim=1)
        unit = way / distance.clamp_min(1e-6).unsqueeze(1)
        return unit[:, 0], unit[:, 1], distance

    def _draw(self, rows: Rows, body: Body) -> None:
        """New points for `rows`, about where they are now."""
        c, n = self.config, len(rows)
        distance, direction = self.uniform(n, *c.distance), self.uniform(n, -math.pi, math.pi)
        offset = distance.unsqueeze(1) * torch.stack((direction.cos(), direction.sin()), 1)
        rows.put(self.goal, rows.take(body.root_position)[:, :2] + offset)
        rows.put(self.left, self.steps(n, c.hold))

"""Location: go to a point on the ground and stop there.

    r_g = .4 (.5 exp(-.5 e²) + .5 exp(-4 e²)) + .2 exp(-.25 d) + .3 exp(-4 d²) + .1 max(0, u·heading)
    e = ‖s(d) u - v_xy‖,  s(d) = min(3 m/s, 1.2/s · (d - .15 m)⁺)

d is the distance, u the direction of the point. The reference
reward exp(-.5 d²) has no slope beyond 3 m, so that far targets were walked to by luck (method.md §7, and AMP beat SMP
there). Here the velocity that leads there is rewarded: its profile s(d) has the same slope at 10 m as at 3, and slows
down to rest. Within half a metre any facing is good. A policy sees that velocity as one who steers sees theirs, so that
`init=exported/steering.onnx` gets there at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training import rotation
from training.rows import Rows
from training.tasks import Body
from training.tasks.base import STAND, WALK, WALK_MIRROR, Goals, closeness, cosine_to, seen_from, walk

ARRIVED = 0.5  # m: from here on the facing does not matter
REST = 0.15  # m: nearer than this it is to stand still
SLOWDOWN, FASTEST = 1.2, 3.0  # 1/s, m/s: wanted speed per distance left, and at most
HORIZON = 10.0  # m: points farther off look as if they were this far


@dataclass(frozen=True)
class LocationConfig:
    """How goals are drawn."""

    distance: tuple[float, float] = (0.0, 10.0)
    """Nearest and farthest new point, m; 0 is where it stands."""
    hold: tuple[float, float] = (5.0, 10.0)
    """Shortest and longest time a point stays, s."""


class Location(Goals):
    """`training.tasks.Task`; goal [N, 2] = x, y (m, world)."""

    name = "location"
    observation_names = (*WALK, "point_ahead", "point_left", "distance")
    observation_mirror = (torch.arange(8), torch.tensor([*WALK_MIRROR, 1.0, -1.0, 1.0]))
    observation_rest = (*STAND, 0.0, 0.0, 0.0)

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
        x, y, d = _way(self.goal, body.root_position)
        speed = _profile(d)
        velocity = body.root_linear_velocity
        error = (speed * x - velocity[:, 0]).square() + (speed * y - velocity[:, 1]).square()
        facing = torch.where(d < ARRIVED, 1.0, cosine_to(body.root_rotation, x, y).clamp_min(0))
        there = 0.2 * torch.exp(-0.25 * d) + 0.3 * torch.exp(-4.0 * d.square())
        return 0.4 * closeness(error) + there + 0.1 * facing

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`: `arrived` is being within half a metre and slower than half a metre a second."""
        _, _, d = _way(self.goal, body.root_position)
        speed = body.root_linear_velocity[:, :2].norm(dim=1)
        return {"distance_m": d, "speed_m_s": speed, "arrived": ((d < ARRIVED) & (speed < 0.5)).float()}

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 8]: the wanted velocity and facing (`walk`), the point from the root (m, cut at 10), its distance."""
        x, y, d = _way(goal, root_position)
        cos, sin = rotation.heading(root_rotation)
        there, speed, near = d < ARRIVED, _profile(d), d.clamp(max=HORIZON)
        wanted = walk(root_rotation, (speed * x, speed * y), (torch.where(there, cos, x), torch.where(there, sin, y)))
        point = torch.stack((*seen_from(root_rotation, near * x, near * y), near), dim=1)
        return torch.cat((wanted, point), dim=1)

    def _draw(self, rows: Rows, body: Body) -> None:
        """New points for `rows`, about where they are now."""
        c, n = self.config, len(rows)
        distance, direction = self.uniform(n, *c.distance), self.uniform(n, -math.pi, math.pi)
        offset = distance.unsqueeze(1) * torch.stack((direction.cos(), direction.sin()), 1)
        rows.put(self.goal, rows.take(body.root_position)[:, :2] + offset)
        rows.put(self.left, self.steps(n, c.hold))


def _way(goal: Tensor, root_position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Unit vector x, y towards the point and the distance (m), each [N]."""
    way = goal - root_position[:, :2]
    distance = way.square().sum(1).clamp_min(1e-6).sqrt()
    x, y = (way / distance.unsqueeze(1)).unbind(1)
    return x, y, distance


def _profile(distance: Tensor) -> Tensor:
    """s(d) [N] m/s."""
    return (SLOWDOWN * (distance - REST)).clamp(0.0, FASTEST)

"""What tasks share: goals that are kept for a while, what a fall is, and terms of rewards and observations."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from runtime.character import BODIES, CONTROL_HZ, FALLEN_HEAD, FALLEN_ROOT
from runtime.goals import default_vector
from training import rotation
from training.rows import Rows
from training.tasks import Body, StartStates

HEAD = BODIES.index("head")
WALKING = 0.3
"""m/s; whoever goes faster is under way, a slower one is at rest."""


class Goals:
    """Goals [N, G] of N environments, each with a time left; the parts of `training.tasks.Task` that are alike."""

    name: str
    kept: ClassVar[tuple[str, ...]] = ("goal", "left")
    """Tensors that make up the state."""
    observation_names: tuple[str, ...] = ()
    observation_rest: tuple[float, ...] = ()
    starts = StartStates()

    def __init__(self, envs: int, generator: torch.Generator) -> None:
        """Give every environment the default goal; all randomness is drawn from `generator`."""
        self.device = generator.device
        self.goal = torch.from_numpy(default_vector(self.name)).to(self.device).repeat(envs, 1)
        self.left = torch.zeros(envs, dtype=torch.int64, device=self.device)  # control steps until a new goal
        self._generator = generator

    def failed(self, body: Body) -> Tensor:
        """See `Task.failed`: fallen."""
        return fallen(body)

    def state(self) -> dict[str, Tensor]:
        """See `Task.state`."""
        return {name: getattr(self, name).clone() for name in self.kept}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Task.restore`."""
        for name in self.kept:
            getattr(self, name).copy_(state[name])

    def due(self, ready: Tensor | bool = True) -> Rows:
        """Count every goal's time down by a control step; return the environments [N] `ready` whose time is up."""
        self.left -= 1
        return Rows.of((self.left <= 0) & ready)

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw [n] numbers, uniform from `low` to `high`."""
        return low + (high - low) * torch.rand(n, generator=self._generator, device=self.device)

    def steps(self, n: int, seconds: tuple[float, float]) -> Tensor:
        """Draw [n] times, uniform within `seconds`, in control steps."""
        return (self.uniform(n, *seconds) * CONTROL_HZ).long()


def fallen(body: Body) -> Tensor:
    """Mask [N]: root or head lower than in any upright motion."""
    return (body.root_position[:, 2] < FALLEN_ROOT) | (body.body_position[:, HEAD, 2] < FALLEN_HEAD)


VELOCITY_SHARPNESS = 4.0
"""s²/m²: .1 m/s off costs a fiftieth of what a velocity can earn, half a metre a second two fifths of it."""


def closeness(distance_square: Tensor, sharp: float | Tensor = VELOCITY_SHARPNESS) -> Tensor:
    """.5 exp(-.5 d²) + .5 exp(-sharp d²): the wide half leads there from afar, the sharp half says where it is."""
    return 0.5 * torch.exp(-0.5 * distance_square) + 0.5 * torch.exp(-sharp * distance_square)


def cosine_to(root_rotation: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Cosine [N] of the angle between the heading and the horizontal unit vectors x, y [N], world."""
    cos, sin = rotation.heading(root_rotation)
    return cos * x + sin * y


def velocity_figures(body: Body, error: Tensor, cosine: Tensor) -> dict[str, Tensor]:
    """Figures of a goal that is a velocity and a facing: its error [N] m/s, and the cosine [N] of the heading's."""
    return {
        "velocity_error_m_s": error,
        "heading_error_deg": cosine.clamp(-1, 1).acos() * (180 / math.pi),
        "speed_m_s": body.root_linear_velocity[:, :2].norm(dim=1),
    }


def seen_from(root_rotation: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal world vectors x, y [N] in the heading frame: forward and left."""
    cos, sin = rotation.heading(root_rotation)
    return cos * x + sin * y, cos * y - sin * x


WALK = ("velocity_ahead", "velocity_left", "facing_ahead", "facing_left", "speed")
"""`observation_names` of what `walk` shows."""
WALK_MIRROR = (1.0, -1.0, 1.0, -1.0, 1.0)
STAND = (0.0, 0.0, 1.0, 0.0, 0.0)
"""What `walk` shows whoever is to stand and looks where they are to look."""


def walk(root_rotation: Tensor, velocity: tuple[Tensor, Tensor], facing: tuple[Tensor, Tensor]) -> Tensor:
    """[N, 5]: a wanted velocity x, y (m/s) and facing x, y (unit) in the heading frame, then the speed (m/s).

    Every task that asks for a velocity shows it so: then a policy of one knows what another means (transplant.py).
    """
    vx, vy = velocity
    speed = (vx * vx + vy * vy).clamp_min(1e-12).sqrt()
    return torch.stack((*seen_from(root_rotation, vx, vy), *seen_from(root_rotation, *facing), speed), dim=1)


def no_goal(root_rotation: Tensor) -> Tensor:
    """What a policy sees of a goal that has no entries: [N, 0]."""
    return root_rotation[:, :0]

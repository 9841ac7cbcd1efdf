"""What moving costs: the physics that a prior of poses knows nothing of.

    effort = Σ |τ ω| / (m g (v + .5 m/s))

τ are the servos' torques, clip(kp (target - q), ± limit), ω the joints' velocities, v the root's horizontal speed. It
is the cost of transport, but for the half metre a second that keeps it finite for who stands. A torque falls while a
target is held, so what counts for a control step is the mean of its two ends (as in `training.metrics.effort`). People
spend about .4 walking; crouching, shuffling and quick little steps are dear.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime import character
from training.tasks import Body

STANDING = 0.5  # m/s
GRAVITY = 9.81  # m/s²


class Effort:
    """The servos' constants as tensors."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Read them from the character."""
        self._kp = torch.tensor([joint.kp for joint in character.JOINTS], device=device)  # N·m/rad
        self._limit = torch.tensor([joint.effort for joint in character.JOINTS], device=device)  # N·m
        model = character.model()
        self._weight = GRAVITY * float(model.body_mass[character.find_slots(model).body :].sum())  # N

    def __call__(self, before: Body, now: Body, joint_target: Tensor) -> Tensor:
        """Effort [N] of the control step between two states in which targets [N, 28] rad were held."""
        power = torch.zeros_like(now.root_position[:, 0])
        for body in (before, now):
            torque = (self._kp * (joint_target - body.joint_position)).clamp(-self._limit, self._limit)
            power = power + 0.5 * (torque * body.joint_velocity).abs().sum(1)
        speed = now.root_linear_velocity[:, :2].norm(dim=1)
        return power / (self._weight * (speed + STANDING))

"""What an eye objects to in any motion, whatever the prior thinks of it: feet that slide and joints that jerk.

A window of a third of a second tells the prior little of a slip of 10 cm/s, and a single clip's prior nothing of what
the clip itself does badly. `Environment` takes a share of the reward away for either (`slip_weight`, `jerk_weight`).
Both are what `training.evaluate` measures (training/motion/soles.py, training/_gait.py), a step at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime import character
from training import rotation
from training.motion import soles

FASTEST_SLIP = 0.5  # m/s: a foot that is dragged faster is not worse; the share lost stays small enough to learn from
_FEET = [character.BODIES.index(name) for name in character.FEET]


class Slip:
    """Speeds of soles on the ground, of N characters; keeps where their corners are."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Make one for a device."""
        self._corners = torch.tensor(soles.box_corners(), dtype=torch.float32, device=device)  # [8, 3]

    def corners(self, body_position: Tensor, body_rotation: Tensor) -> Tensor:
        """World positions [N, 2, 8, 3] m of the corners of both feet's boxes; bodies [N, 15, 3] m, [N, 15, 4] wxyz."""
        feet = []
        for foot in _FEET:  # an index of several would be sent to the GPU
            turn = body_rotation[:, foot, None].expand(-1, len(self._corners), -1)
            feet.append(body_position[:, foot, None] + rotation.rotate(turn, self._corners.expand(len(turn), -1, -1)))
        return torch.stack(feet, 1)

    @staticmethod
    def speed(before: Tensor, after: Tensor) -> Tensor:
        """Mean over both feet [N] m/s, zero for one off the ground, of the speed of its lowest corner.

        `before` and `after` [N, 2, 8, 3] are a control step apart. On the ground is below 2 cm in both, as in
        `training.motion.soles.skate`.
        """
        lowest = after[..., 2].argmin(-1, keepdim=True)
        speed = (after[..., :2] - before[..., :2]).norm(dim=-1) * character.CONTROL_HZ
        down = torch.maximum(before[..., 2].amin(-1), after[..., 2].amin(-1)) < soles.CONTACT_HEIGHT
        return (speed.gather(-1, lowest)[..., 0].clamp(max=FASTEST_SLIP) * down).mean(1)


def jerk(joint_position: Tensor) -> Tensor:
    """Mean |Δ³q|·rate³ over the joints, [N] rad/s³, of angles [4, N, 28] rad in four frames at 30 Hz."""
    return joint_position.diff(n=3, dim=0)[0].abs().mean(1) * float(character.CONTROL_HZ) ** 3

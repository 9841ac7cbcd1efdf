"""Inverse kinematics of both legs: joint angles that put the soles where they are wanted, the pelvis as it is.

A leg is seven hinges (hip x, y, z, knee, ankle x, y, z) and ends in the four lower corners of the foot's box. The
angles minimise, by damped Gauss-Newton steps on all legs of a batch at once,

    Σ_c w_c |corner_c(θ) - target_c|² + pull² · |θ - θ₀|²

within the joints' limits. Four corners have twelve coordinates for seven angles: a target that a rigid foot or the
leg's length does not allow is met as well as it can be.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime import character
from training import rotation

SIDES = ("right", "left")
PULL = 0.02  # m/rad: a corner 2 cm off weighs as much as a hinge turned by 1 rad
ROUNDS = 3

_PARTS = ("hip_x", "hip_y", "hip_z", "knee", "ankle_x", "ankle_y", "ankle_z")
LEG_INDEX = torch.tensor([[character.JOINT_NAMES.index(f"{side}_{part}") for part in _PARTS] for side in SIDES])
"""[2, 7] places of the legs' hinges among the 28, right then left."""
SOLE = torch.tensor([[0.045 + x, y, -0.05] for x in (-0.0885, 0.0885) for y in (-0.045, 0.045)])
"""[4, 3] m, lower corners of the foot's box in the foot's frame: hind two, then fore two."""

_AXES = (0, 1, 2, 1, 0, 1, 2)  # x, y, z of the hip, the knee's y, x, y, z of the ankle


class Legs:
    """The legs' geometry, read from the compiled model."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Take offsets from `runtime.character.model()`."""
        model = character.model()
        self._index, self._sole, self._axis = LEG_INDEX.to(device), SOLE.to(device), torch.eye(3, device=device)
        limits = torch.tensor([joint.range for joint in character.JOINTS])[LEG_INDEX].to(device)
        self._low, self._high = limits.unbind(-1)
        self._stiff = PULL**2 * torch.eye(len(_PARTS), device=device)
        first = character.find_slots(model).body
        offset = torch.tensor(model.body_pos[first:], dtype=torch.float32)
        chain = ("thigh", "shin", "foot")
        self._offset = torch.stack(
            [torch.stack([offset[character.BODIES.index(f"{side}_{part}")] for part in chain]) for side in SIDES]
        ).to(device)  # [2, 3, 3] m, each in its parent's frame

    def corners(self, root_position: Tensor, root_rotation: Tensor, angles: Tensor) -> tuple[Tensor, Tensor]:
        """World positions [M, 2, 4, 3] m of the soles' corners and their Jacobian [M, 2, 4, 3, 7] m/rad.

        Takes root position [M, 3] m, rotation [M, 4] wxyz and leg angles [M, 2, 7] rad.
        """
        q = root_rotation.unsqueeze(1).expand(-1, 2, -1)
        place = root_position.unsqueeze(1) + rotation.rotate(q, self._offset[:, 0].expand(len(q), -1, -1))
        origins, axes = [], []
        for hinge, which in enumerate(_AXES):
            if hinge in (3, 4):  # the knee, the ankle: further down the leg
                place = place + rotation.rotate(q, self._offset[:, hinge - 2].expand(len(q), -1, -1))
            axis = self._axis[which]
            origins.append(place)
            axes.append(rotation.rotate(q, axis.expand(*q.shape[:-1], 3)))
            q = rotation.multiply(q, rotation.from_axis(axis, angles[..., hinge]))
        sole = rotation.rotate(q.unsqueeze(2).expand(-1, -1, 4, -1), self._sole.expand(len(q), 2, 4, 3))
        corner = place.unsqueeze(2) + sole
        lever = corner.unsqueeze(3) - torch.stack(origins, 2).unsqueeze(2)  # [M, 2, 4, 7, 3]
        jacobian = torch.linalg.cross(torch.stack(axes, 2).unsqueeze(2).expand_as(lever), lever)
        return corner, jacobian.transpose(-1, -2)

    def reach(
        self, root_position: Tensor, root_rotation: Tensor, joints: Tensor, target: Tensor, weight: Tensor
    ) -> Tensor:
        """Joint angles [M, 28] whose soles' corners are near `target` [M, 2, 4, 3] m; only the legs' change.

        `weight` [M, 2, 4] ≥ 0 says how much each corner counts, 1 is usual.
        """
        first = joints[:, self._index]
        angles = first
        for _ in range(ROUNDS):
            corner, jacobian = self.corners(root_position, root_rotation, angles)
            scaled = (jacobian * weight[..., None, None]).flatten(2, 3)
            normal = scaled.transpose(-1, -2) @ jacobian.flatten(2, 3) + self._stiff
            slope = scaled.transpose(-1, -2) @ (target - corner).flatten(2).unsqueeze(-1)
            step = torch.linalg.solve(normal, slope.squeeze(-1) + PULL**2 * (first - angles))
            angles = torch.minimum(torch.maximum(angles + step, self._low), self._high)
        joints = joints.clone()
        joints[:, self._index] = angles
        return joints

"""Forward kinematics of the humanoid in torch: poses in, body positions and rotations out, batched."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime import character
from training import rotation


class Kinematics:
    """The humanoid's kinematic tree as tensors, read from the compiled model (zero pose, offsets, hinge axes)."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Read the tree from `runtime.character.model()`."""
        model = character.model()
        first = character.find_slots(model).body
        self._parent = [int(model.body_parentid[first + b]) - first for b in range(len(character.BODIES))]
        self._offset = torch.tensor(model.body_pos[first:], dtype=torch.float32, device=device)
        self._axis = torch.tensor(model.jnt_axis[1:], dtype=torch.float32, device=device)  # joint 0 is free
        owner = [int(b) - first for b in model.jnt_bodyid[1:]]
        self._joints = [[j for j, o in enumerate(owner) if o == b] for b in range(len(character.BODIES))]

    def __call__(self, root_position: Tensor, root_rotation: Tensor, joint_position: Tensor) -> tuple[Tensor, Tensor]:
        """Body positions [..., 15, 3] m and rotations [..., 15, 4] wxyz in the frame of the root pose.

        Takes root position [..., 3], root rotation [..., 4] wxyz and joint angles [..., 28] rad.
        """
        hinge = rotation.from_axis(self._axis, joint_position)  # [..., 28, 4]
        positions, rotations = [root_position], [root_rotation]
        for body in range(1, len(self._parent)):
            parent = self._parent[body]
            q = rotations[parent]
            positions.append(positions[parent] + rotation.rotate(q, self._offset[body].expand_as(root_position)))
            for joint in self._joints[body]:
                q = rotation.multiply(q, hinge[..., joint, :])
            rotations.append(q)
        return torch.stack(positions, dim=-2), torch.stack(rotations, dim=-2)

"""How far above the ground every part of a body is, batched in torch."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from runtime import character


class Clearance:
    """The lowest points of the humanoid's geoms, read from the compiled model.

    A sphere is a point and a radius, a capsule two, a box eight corners without one: together `[P]` points, each in
    the frame of the body it belongs to.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Read the geoms from `runtime.character.model()`."""
        model = character.model()
        first = character.find_slots(model).body
        body, offset, radius = [], [], []
        for g in range(model.ngeom):
            kind, size = model.geom_type[g], model.geom_size[g]
            if model.geom_bodyid[g] < first:
                continue
            matrix = torch.empty(9, dtype=torch.float64)
            mujoco.mju_quat2Mat(matrix.numpy(), model.geom_quat[g])
            points, thickness = _points(kind, torch.tensor(size))
            offset += list(torch.tensor(model.geom_pos[g]) + points @ matrix.view(3, 3).T)
            body += [int(model.geom_bodyid[g]) - first] * len(points)
            radius += [thickness] * len(points)
        self._body = torch.tensor(body, device=device)
        self._offset = torch.stack(offset).float().to(device)  # [P, 3] m
        self._radius = torch.tensor(radius, dtype=torch.float32, device=device)  # [P] m

    def __call__(self, bodies: Tensor, rotations: Tensor) -> Tensor:
        """Height [..., P] m of every point's lowest place, from body poses [..., 15, 3] m and [..., 15, 4] wxyz."""
        # the z component of R·offset, from the third row of each body's rotation matrix
        w, x, y, z = rotations.unbind(-1)
        row = torch.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), -1)
        return bodies[..., self._body, 2] + (row[..., self._body, :] * self._offset).sum(-1) - self._radius


def _points(kind: int, size: Tensor) -> tuple[Tensor, float]:
    """Points [n, 3] of a geom in its own frame and the radius about them; raises ValueError for other geoms."""
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return torch.zeros(1, 3, dtype=torch.float64), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return torch.tensor([[0.0, 0.0, end * size[1]] for end in (-1, 1)], dtype=torch.float64), float(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        signs = torch.cartesian_prod(*(torch.tensor([-1.0, 1.0], dtype=torch.float64),) * 3)
        return signs * size, 0.0
    raise ValueError(f"geom type {kind}: expected sphere, capsule or box")

"""`runtime.capsules` in torch, for many characters at once."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from runtime import capsules as shape
from training import rotation


@cache
def capsules(device: torch.device = torch.device("cpu")) -> tuple[tuple[int, ...], Tensor, Tensor]:  # noqa: B008
    """Return the body [G] each capsule is on, its ends [G, 2, 3] m in that body's frame, and its radius [G] m."""
    owners, local, radii = shape.capsules()
    ends, radius = (torch.tensor(part, dtype=torch.float32, device=device) for part in (local, radii))
    return owners, ends, radius


def ends(body_position: Tensor, body_rotation: Tensor) -> Tensor:
    """World positions [..., G, 2, 3] m of the capsules' ends from body poses [..., 15, 3] m and [..., 15, 4] wxyz."""
    owners, local, _ = capsules(body_position.device)
    place, turn = (torch.stack([part[..., b, :] for b in owners], -2) for part in (body_position, body_rotation))
    turn = turn.unsqueeze(-2).expand(*body_rotation.shape[:-2], *local.shape[:2], 4)
    return place.unsqueeze(-2) + rotation.rotate(turn, local.expand(*turn.shape[:-1], 3))


def lowest(body_position: Tensor, body_rotation: Tensor) -> Tensor:
    """Height [...] m of the lowest point of any capsule."""
    return (ends(body_position, body_rotation)[..., 2].amin(-1) - capsules(body_position.device)[2]).amin(-1)

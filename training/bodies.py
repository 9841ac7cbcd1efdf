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


def segment_distance(p: Tensor, q: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Distance [...] m between the segments p-q and a-b, each end [..., 3] m.

    Closest points of two lines, each clamped to its segment in turn (C. Ericson, Real-Time Collision Detection, 5.1.9).
    """
    d, e, r = q - p, b - a, p - a
    dd, ee, de = (d * d).sum(-1), (e * e).sum(-1), (d * e).sum(-1)
    dr, er = (d * r).sum(-1), (e * r).sum(-1)
    tiny = 1e-12
    cross = dd * ee - de * de
    s = torch.where(cross > tiny, (de * er - dr * ee) / cross.clamp_min(tiny), 0.0).clamp(0.0, 1.0)
    t = torch.where(ee > tiny, (de * s + er) / ee.clamp_min(tiny), 0.0).clamp(0.0, 1.0)
    s = torch.where(dd > tiny, (de * t - dr) / dd.clamp_min(tiny), 0.0).clamp(0.0, 1.0)
    return (r + s.unsqueeze(-1) * d - t.unsqueeze(-1) * e).norm(dim=-1)

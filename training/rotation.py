"""Quaternion arithmetic in torch, batched, wxyz, in operations that ONNX knows.

Every function takes any leading axes. A rotation's 6-number form is the first two columns of its matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product a·b, [..., 4]: rotate by b, then by a."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        dim=-1,
    )


def conjugate(q: Tensor) -> Tensor:
    """Inverse of unit quaternions [..., 4]."""
    w, xyz = q.split((1, 3), dim=-1)
    return torch.cat((w, -xyz), dim=-1)


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """Rotate vectors v [..., 3] by unit quaternions q [..., 4]."""
    w, x, y, z = q.unbind(-1)
    vx, vy, vz = v.unbind(-1)
    tx, ty, tz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
    return torch.stack(
        (vx + w * tx + y * tz - z * ty, vy + w * ty + z * tx - x * tz, vz + w * tz + x * ty - y * tx), dim=-1
    )


def heading(q: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [...] of the heading: the twist of q about the vertical.

    The twist is defined everywhere but upside down (where w = z = 0 and heading 0 is returned), lying on the back or
    front included, which the projected x axis is not.
    """
    w, _, _, z = q.unbind(-1)
    norm = w * w + z * z
    upside_down = norm < 1e-8
    norm = norm.clamp_min(1e-8)
    cos = torch.where(upside_down, torch.ones_like(w), (w * w - z * z) / norm)
    return cos, 2 * w * z / norm


def yaw_quaternion(cos: Tensor, sin: Tensor) -> Tensor:
    """Quaternion [..., 4] of the rotation by the angle with that cosine and sine [...] about z."""
    half_cos = ((1 + cos) / 2).clamp_min(0).sqrt()
    half_sin = ((1 - cos) / 2).clamp_min(0).sqrt() * torch.where(sin < 0, -1.0, 1.0)
    zero = torch.zeros_like(cos)
    return torch.stack((half_cos, zero, zero, half_sin), dim=-1)


def unyaw(cos: Tensor, sin: Tensor, v: Tensor) -> Tensor:
    """Vectors v [..., 3] in the frame turned by that heading [...] about z (rotates by the inverse heading)."""
    x, y, z = v.unbind(-1)
    return torch.stack((cos * x + sin * y, cos * y - sin * x, z), dim=-1)


def to_6d(q: Tensor) -> Tensor:
    """First two columns [..., 6] of the rotation matrix of unit quaternions [..., 4]: x axis, then y axis."""
    w, x, y, z = q.unbind(-1)
    return torch.stack(
        (
            1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y),
            2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x),
        ),
        dim=-1,
    )  # fmt: skip


def from_6d(columns: Tensor) -> Tensor:
    """Unit quaternions [..., 4], w ≥ 0, of the nearest rotation by Gram-Schmidt of two columns [..., 6]."""
    x = torch.nn.functional.normalize(columns[..., :3], dim=-1)
    y = columns[..., 3:] - (columns[..., 3:] * x).sum(-1, keepdim=True) * x
    y = torch.nn.functional.normalize(y, dim=-1)
    z = torch.linalg.cross(x, y)
    m = torch.stack((x, y, z), dim=-1)  # columns
    # Bar-Itzhack-free variant: pick the largest of the four squared components, which is never near zero
    d = m.diagonal(dim1=-2, dim2=-1)
    squares = torch.stack(
        (1 + d.sum(-1), 1 + d[..., 0] - d[..., 1] - d[..., 2], 1 - d[..., 0] + d[..., 1] - d[..., 2],
         1 - d[..., 0] - d[..., 1] + d[..., 2]), dim=-1,
    ).clamp_min(1e-12)  # fmt: skip
    s01, s02, s12 = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    a01, a02, a12 = m[..., 1, 0] - m[..., 0, 1], m[..., 0, 2] - m[..., 2, 0], m[..., 2, 1] - m[..., 1, 2]
    rows = torch.stack(
        (
            torch.stack((squares[..., 0], a12, a02, a01), -1),
            torch.stack((a12, squares[..., 1], s01, s02), -1),
            torch.stack((a02, s01, squares[..., 2], s12), -1),
            torch.stack((a01, s02, s12, squares[..., 3]), -1),
        ),
        dim=-2,
    )  # row k is 4·q_k·q
    best = squares.argmax(-1, keepdim=True).unsqueeze(-1).expand(*squares.shape[:-1], 1, 4)
    q = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(q[..., :1] < 0, -q, q)


def rotation_vector(q: Tensor) -> Tensor:
    """Axis times angle [..., 3] rad, angle in [0, π], of unit quaternions [..., 4]."""
    q = torch.where(q[..., :1] < 0, -q, q)
    w, xyz = q[..., 0], q[..., 1:]
    sine = xyz.norm(dim=-1)
    angle = 2 * torch.atan2(sine, w)
    scale = torch.where(sine > 1e-7, angle / sine.clamp_min(1e-7), torch.full_like(sine, 2.0))
    return xyz * scale.unsqueeze(-1)


def from_axis(axis: Tensor, angle: Tensor) -> Tensor:
    """Quaternions [..., 4] of rotations by `angle` [...] rad about unit `axis` [..., 3]."""
    half = 0.5 * angle.unsqueeze(-1)
    return torch.cat((half.cos(), half.sin() * axis.expand(*half.shape[:-1], 3)), dim=-1)

"""What motion windows are like as bodies: joint limits, feet on the ground, skate, flight, jitter, speeds.

The same figures are taken of a prior's samples, of training data and of held-out motion, so that each can be read
against what real motion has. Windows are taken as they come: nothing clamped, nothing lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from runtime import character
from runtime.character import CONTROL_HZ, State
from training import features, rotation
from training.kinematics import Kinematics
from training.motion import soles
from training.motion.windows import SPEED_EDGES
from training.prior import projection

RUNNING = 3.0  # m/s
_SLACK = 0.01  # rad beyond a limit that count for nothing


def figures(windows: Tensor, offsets: Sequence[int] = features.OFFSETS) -> dict[str, object]:
    """Figures of raw windows [N, F, 58] whose frames lie `offsets` control steps back.

    Shares are of windows: `beyond_limits` with a joint angle beyond its limits by more than .01 rad in any frame,
    `sunk_2_cm` and `sunk_5_cm` with a sole that deep in the ground in any frame. `key_point_cm` is how far the window's
    key points are from where its own joint angles put them, mean and 95 % quantile; `last_root_cm` and
    `last_heading_deg` how far the last root is from origin and heading 0, where it is by definition. `skate` is the
    speed (m/s) of soles in contact, over windows that have any, `flight_above_3_m_s` the share of frames without
    contact in windows of that speed (None without any), `joint_acceleration` the root mean square in rad/s² (jitter),
    of frames a single control step from both their neighbours (None without any).
    """
    position, orientation, joints = features.unpack_window(windows)
    bodies, rotations = Kinematics()(position, orientation, joints)
    keys = features.key_points(bodies, rotations) - position.unsqueeze(2)
    apart = (windows[..., -3 * keys.shape[2] :].unflatten(-1, (-1, 3)) - keys).norm(dim=-1).flatten()  # m
    cos, sin = rotation.heading(orientation[:, -1])
    state = _state(bodies, rotations)
    lowest = torch.from_numpy(soles.heights(state)).flatten(1).amin(1)
    speed = position[:, 0, :2].sub(position[:, -1, :2]).norm(dim=1) * CONTROL_HZ / offsets[0]
    flying = torch.from_numpy(soles.flight(state))[speed > RUNNING].float()
    low, high = torch.tensor([joint.range for joint in character.JOINTS]).T
    beyond = torch.maximum(joints - high, low - joints).flatten(1).amax(1)
    close = [i for i, (one, two) in enumerate(zip(offsets, offsets[2:], strict=False)) if one - two == 2]
    acceleration = joints.diff(dim=1).diff(dim=1)[:, close] * CONTROL_HZ**2
    return {
        "windows": len(windows),
        "beyond_limits": _share(beyond > _SLACK),
        "largest_beyond_limits_rad": max(0.0, beyond.max().item()),
        "sunk_2_cm": _share(lowest < -0.02),
        "sunk_5_cm": _share(lowest < -0.05),
        "key_point_cm": {"mean": 100 * apart.mean().item(), "q95": 100 * float(np.quantile(apart.numpy(), 0.95))},
        "last_root_cm": 100 * position[:, -1, :2].norm(dim=1).mean().item(),
        "last_heading_deg": torch.atan2(sin, cos).abs().rad2deg().mean().item(),
        "skate": _skate(bodies, rotations, torch.tensor(offsets) / -CONTROL_HZ),
        "flight_above_3_m_s": flying.mean().item() if len(flying) else None,
        "joint_acceleration": acceleration.square().mean().sqrt().item() if close else None,
        "speeds": speed_shares(speed),
    }


def speed_shares(speed: Tensor) -> dict[str, float]:
    """Share of root speeds [N] m/s in each bin of `training.motion.windows.SPEED_EDGES`."""
    bins = torch.bucketize(speed, torch.tensor(SPEED_EDGES))
    names = [f"{low}-{high}" for low, high in pairwise((0.0, *SPEED_EDGES))] + [f"{SPEED_EDGES[-1]}+"]
    return {name: _share(bins == number) for number, name in enumerate(names)}


def _share(mask: Tensor) -> float:
    return mask.float().mean().item()


def _state(bodies: Tensor, rotations: Tensor) -> State:
    """Body poses [N, F, 15, ...] as a state without the rest, which soles do not ask for."""
    nothing = np.zeros(0)
    return State(nothing, nothing, nothing, nothing, nothing, nothing, bodies.numpy(), rotations.numpy())


def _skate(bodies: Tensor, rotations: Tensor, time: Tensor) -> dict[str, float | None]:
    """Speeds (m/s) of soles in contact, of windows that have any: mean, median, 90 % quantile."""
    corners = projection.soles(bodies, rotations)
    every = projection.skate(corners, time)[corners[..., 2].flatten(1).amin(1) < projection.LOW]
    if not len(every):
        return {"mean": None, "median": None, "q90": None}
    return {"mean": every.mean().item(), "median": every.median().item(), "q90": every.quantile(0.9).item()}

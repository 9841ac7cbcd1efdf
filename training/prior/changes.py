"""Changes that make real motion worse: what a prior's judgement is tested by (method.md §10).

Each takes raw windows [N, 10, 52] and gives changed ones. Root and joints are changed, key bodies follow by forward
kinematics, so a change looks to the prior as it would coming from a simulation. The last frame's root stays at the
origin with heading 0, as in every window.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from training import features
from training.kinematics import Kinematics

Change = Callable[[Tensor, torch.Generator], Tensor]


def _rebuild(position: Tensor, orientation: Tensor, joints: Tensor) -> Tensor:
    """Windows of root positions [N, 10, 3], rotations [N, 10, 4] and joint angles [N, 10, 28]."""
    bodies, _ = Kinematics()(position, orientation, joints)
    return features.window(position, orientation, joints, bodies[:, :, features.KEY_BODY_INDEX])


def frames_shuffled(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The ten frames in random order (the last one stays last)."""
    order = torch.rand(len(windows), features.WINDOW - 1, generator=generator).argsort(1)
    order = torch.cat((order, torch.full((len(windows), 1), features.WINDOW - 1)), 1)
    return windows.gather(1, order.unsqueeze(2).expand_as(windows))


def joints_shuffled(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Joint angles of another, random window under this window's root."""
    position, orientation, joints = features.unpack_window(windows)
    return _rebuild(position, orientation, joints[torch.randperm(len(windows), generator=generator)])


def noise(level: float) -> Change:
    """Independent noise of `level` rad on every joint angle, a tenth of it in m on the root."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, joints = features.unpack_window(windows)
        shaken = joints + level * torch.randn(joints.shape, generator=generator)
        moved = position + 0.1 * level * torch.randn(position.shape, generator=generator)
        return _rebuild(moved, orientation, shaken)

    return change


def skating(factor: float) -> Change:
    """The root travels `factor` of its way under unchanged legs."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, joints = features.unpack_window(windows)
        return _rebuild(position * torch.tensor([factor, factor, 1.0]), orientation, joints)

    return change


def joint_motion(factor: float) -> Change:
    """Every joint swings by `factor` about its mean over the window; the root moves as before."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, joints = features.unpack_window(windows)
        mean = joints.mean(1, keepdim=True)
        return _rebuild(position, orientation, mean + factor * (joints - mean))

    return change


def half_speed(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The second half of the window, played at half speed."""
    place = torch.arange(features.WINDOW) / 2 + (features.WINDOW - 1) / 2
    low, share = place.floor().long(), (place % 1).view(1, -1, 1)
    high = (low + 1).clamp(max=features.WINDOW - 1)
    position, orientation, joints = features.unpack_window(windows)
    same_side = (orientation[:, low] * orientation[:, high]).sum(-1, keepdim=True).sign()

    def between(first: Tensor, second: Tensor) -> Tensor:
        return first * (1 - share) + second * share

    turned = between(orientation[:, low], same_side * orientation[:, high])  # steps are small: lerp is slerp
    return _rebuild(
        between(position[:, low], position[:, high]),
        torch.nn.functional.normalize(turned, dim=-1),
        between(joints[:, low], joints[:, high]),
    )


def frozen(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The last frame held for the whole window."""
    return windows[:, -1:].expand_as(windows).clone()


def frozen_pose(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The last frame's joints held while the root goes on."""
    position, orientation, joints = features.unpack_window(windows)
    return _rebuild(position, orientation, joints[:, -1:].expand_as(joints))


def height_flattened(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The root glides at its mean height: no bounce, no flight."""
    position, orientation, joints = features.unpack_window(windows)
    level = position[..., 2:].mean(1, keepdim=True).expand(-1, features.WINDOW, -1)
    return _rebuild(torch.cat((position[..., :2], level), -1), orientation, joints)


CHANGES: dict[str, Change] = {
    "frames shuffled": frames_shuffled,
    "joints shuffled": joints_shuffled,
    "noise .1 rad": noise(0.1),
    "noise .03 rad": noise(0.03),
    "skating × .3": skating(0.3),
    "joint motion × 1.3": joint_motion(1.3),
    "joint motion × .8": joint_motion(0.8),
    "joint motion × .5": joint_motion(0.5),
    "half speed": half_speed,
    "frozen": frozen,
    "frozen pose": frozen_pose,
    "root height flattened": height_flattened,
}
"""Every change, by the name that audit tables give it."""

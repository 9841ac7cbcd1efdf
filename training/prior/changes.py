"""Changes that make real motion worse: what a prior's judgement is tested by (method.md §10).

Each takes raw windows [N, F, 58] and a generator and gives changed windows. Root and joints are changed; key points
follow by forward kinematics, so that a change looks to the prior as it would coming from a simulation, and nothing is
given away by hands that do not fit the arms. The last frame's root stays at the origin with heading 0, as in every
window.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from runtime import character
from training import features
from training.kinematics import Kinematics

Change = Callable[[Tensor, torch.Generator], Tensor]

_ARMS = [i for i, name in enumerate(character.JOINT_NAMES) if "shoulder" in name or "elbow" in name]


def rebuild(position: Tensor, orientation: Tensor, joints: Tensor) -> Tensor:
    """Windows [N, F, 58] of root positions [N, F, 3] m, rotations [N, F, 4] wxyz, joint angles [N, F, 28] rad."""
    bodies, rotations = Kinematics()(position, orientation, joints)
    return features.window(position, orientation, joints, features.key_points(bodies, rotations))


def frames_shuffled(windows: Tensor, generator: torch.Generator) -> Tensor:
    """All frames but the last in random order."""
    before = windows.shape[1] - 1
    order = torch.rand(len(windows), before, generator=generator).argsort(1)
    order = torch.cat((order, torch.full((len(windows), 1), before)), 1)
    return windows.gather(1, order.unsqueeze(2).expand_as(windows))


def joints_shuffled(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Joint angles of another window, picked at random, under this window's root."""
    position, orientation, joints = features.unpack_window(windows)
    ring = torch.randperm(len(windows), generator=generator)  # everyone takes from the next: nobody from himself
    other = torch.empty_like(ring).scatter_(0, ring, ring.roll(-1))
    return rebuild(position, orientation, joints[other])


def random_poses(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Every joint angle of every frame anywhere within its limits; the root moves as before."""
    position, orientation, joints = features.unpack_window(windows)
    low, high = torch.tensor([joint.range for joint in character.JOINTS]).T
    return rebuild(position, orientation, low + (high - low) * torch.rand(joints.shape, generator=generator))


def noise(level: float) -> Change:
    """Independent noise of `level` standard deviations on every channel of root and joints.

    The deviation is a channel's own over all windows and frames given.
    """

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        deviation = windows.flatten(0, 1).std(0)
        shaken = windows + level * deviation * torch.randn(windows.shape, generator=generator)
        return rebuild(*features.unpack_window(shaken))

    return change


def tremor(level: float) -> Change:
    """Independent noise of `level` rad on every joint angle, and a tenth of it in m on the root's position."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, joints = features.unpack_window(windows)
        shaken = joints + level * torch.randn(joints.shape, generator=generator)
        moved = position + 0.1 * level * torch.randn(position.shape, generator=generator)
        return rebuild(moved, orientation, shaken)

    return change


def skating(factor: float) -> Change:
    """The root travels `factor` of its way under unchanged legs."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, joints = features.unpack_window(windows)
        return rebuild(position * torch.tensor([factor, factor, 1.0]), orientation, joints)

    return change


def joint_motion(factor: float, joints: list[int] | None = None) -> Change:
    """Swing all joints (or those of these indices) by `factor` about their mean over the window; the root as before."""
    scale = torch.full((len(character.JOINTS),), factor)
    if joints is not None:
        scale = torch.ones_like(scale).index_fill(0, torch.tensor(joints), factor)

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        position, orientation, angles = features.unpack_window(windows)
        mean = angles.mean(1, keepdim=True)
        return rebuild(position, orientation, mean + scale * (angles - mean))

    return change


def frozen(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The last frame held for the whole window."""
    return windows[:, -1:].expand_as(windows).clone()


def frozen_pose(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The last frame's joints held while the root goes on."""
    position, orientation, joints = features.unpack_window(windows)
    return rebuild(position, orientation, joints[:, -1:].expand_as(joints))


def height_flattened(windows: Tensor, generator: torch.Generator) -> Tensor:
    """The root glides at its mean height: no bounce, no flight."""
    position, orientation, joints = features.unpack_window(windows)
    level = position[..., 2:].mean(1, keepdim=True).expand_as(position[..., 2:])
    return rebuild(torch.cat((position[..., :2], level), -1), orientation, joints)


def raised(height: float) -> Change:
    """The whole body `height` m higher: it floats, or sinks into the ground where negative."""

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        return torch.cat((windows[..., :2], windows[..., 2:3] + height, windows[..., 3:]), -1)

    return change


CHANGES: dict[str, Change] = {
    "frames shuffled": frames_shuffled,
    "joints shuffled": joints_shuffled,
    "random poses": random_poses,
    "noise .1 std": noise(0.1),
    "noise .03 std": noise(0.03),
    "tremor .1 rad": tremor(0.1),
    "tremor .03 rad": tremor(0.03),
    "skating × .3": skating(0.3),
    "joint motion × 1.3": joint_motion(1.3),
    "joint motion × .8": joint_motion(0.8),
    "joint motion × .5": joint_motion(0.5),
    "arms stiff": joint_motion(0.0, _ARMS),
    "frozen": frozen,
    "frozen pose": frozen_pose,
    "root height flattened": height_flattened,
    "floating 5 cm": raised(0.05),
}
"""Every change, by the name that audit tables give it."""

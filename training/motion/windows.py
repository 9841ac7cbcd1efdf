"""Clips to motion windows: every window of every clip, at several playing speeds, in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from runtime.character import CONTROL_HZ
from training import features
from training.motion.clips import motion_states
from training.motion.dataset import Clip

SPEED_EDGES = (0.3, 0.8, 1.3, 2.0, 2.7, 3.4, 4.2)  # m/s, bins by which windows are weighted and figures given


@dataclass(frozen=True)
class Windows:
    """Raw windows [N, F, 58] (see `training.features.window`) with what is known of each."""

    values: Tensor
    """[N, F, 58] float32."""
    clip: Tensor
    """[N] int64, index of the clip a window is from."""
    joint_velocity: Tensor
    """[N, 28] rad/s at the last frame, by backward difference."""
    offsets: tuple[int, ...] = features.OFFSETS
    """Control steps that the F frames lie back."""

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.values)

    @property
    def speed(self) -> Tensor:
        """Net horizontal speed of the root over each window [N], m/s."""
        return self.values[:, 0, :2].norm(dim=1) * CONTROL_HZ / self.offsets[0]

    def take(self, mask: Tensor) -> Windows:
        """Return the windows under a mask or at indices."""
        return Windows(self.values[mask], self.clip[mask], self.joint_velocity[mask], self.offsets)


def cut(clips: Sequence[Clip], speeds: Sequence[float] = (1.0,), offsets: Sequence[int] = features.OFFSETS) -> Windows:
    """Cut all windows of `clips`, each clip played at every factor of `speeds` (1.1 is ten percent faster).

    Raises ValueError when no clip is long enough for a single window.
    """
    length = offsets[0] + 1
    values, owner, velocity = [], [], []
    for index, clip in enumerate(clips):
        for speed in speeds:
            motion = replace(clip.motion, rate=clip.motion.rate * speed)
            if motion.seconds * CONTROL_HZ < offsets[0] - 1e-6 and not motion.loop:
                continue
            states = motion_states(motion)
            points = features.key_points(torch.as_tensor(states.body_position), torch.as_tensor(states.body_rotation))
            arrays = (states.root_position, states.root_rotation, states.joint_position, points.numpy())
            values.append(features.window(*(_sliding(array, offsets) for array in arrays)))
            owner.append(torch.full((len(values[-1]),), index))
            velocity.append(torch.as_tensor(states.joint_velocity[length - 1 :], dtype=torch.float32))
    if not values:
        raise ValueError(f"none of {len(clips)} clips is as long as one window ({length} frames at 30 Hz)")
    return Windows(torch.cat(values), torch.cat(owner), torch.cat(velocity), tuple(offsets))


def _sliding(array: np.ndarray, offsets: Sequence[int]) -> Tensor:
    """The frames of [T, ...] at `offsets` before each frame that has them all, as [N, F, ...] float32."""
    frames = torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32)
    last = torch.arange(offsets[0], len(frames))
    return frames[last.unsqueeze(1) - torch.tensor(offsets)]


def mirror(values: Tensor) -> Tensor:
    """Left and right of windows [..., 58] swapped."""
    index, sign = features.WINDOW_MIRROR
    return values[..., torch.from_numpy(index)] * torch.from_numpy(sign)


def sides(values: Tensor, mirrored: bool) -> Tensor:
    """Windows [N, F, 58] followed by their mirror images where `mirrored`, else as they are."""
    return torch.cat((values, mirror(values))) if mirrored else values


def balance(windows: Windows, clips: Sequence[Clip], power: float) -> Tensor:
    """Weights [N], mean 1, that lift what is rare: (share of the speed bin · share of the performance)^-power.

    A performance (`Clip.group`) may be a walk of one second or thirty overlapping cuts of the same run.
    """
    bins = torch.bucketize(windows.speed, torch.tensor(SPEED_EDGES))
    names = sorted({clip.group for clip in clips})
    group = torch.tensor([names.index(clip.group) for clip in clips])[windows.clip]
    weight = torch.ones(len(windows))
    for label in (bins, group):
        share = torch.bincount(label).float() / len(windows)
        weight *= share[label] ** -power
    return weight / weight.mean()

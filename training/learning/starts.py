"""Generative state initialisation: episodes start in states the prior has dreamt up (SMP §GSI), not in clips.

A share stands at rest in the default pose instead, as a character in a world starts; its history stands still too.

The prior samples whole motion windows. A window's last frame is the start state, its frames, with splines between them,
fill the history, so that the style reward means something from the first step; velocities are backward differences over
a control step. A sample
is projected to motion that a body can do (training/prior/projection.py): angles within their limits, key points where
those put them, stance feet at rest, nothing under the ground. What is still at fault then or needed more than a small
repair is rejected (`Starts.rejected` counts them), and so is what lies down, unless the task starts lying down
(`StartStates.upright` false).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from runtime import character
from training import features, rotation
from training.prior import sampling
from training.prior.projection import Poses, Projector
from training.prior.score import Score
from training.tasks import StartStates

LARGEST_LIFT = 0.05  # m
LARGEST_CLAMP = 0.2  # rad
LOWEST_ROOT, LOWEST_HEAD = 0.6, 1.05  # m, a little above what counts as fallen

_LOW = torch.tensor([joint.range[0] for joint in character.JOINTS])
_HIGH = torch.tensor([joint.range[1] for joint in character.JOINTS])
_HEAD = character.BODIES.index("head")


class Starts:
    """A pool of valid start windows of one prior, the one of standing at rest, and those that the task brings along.

    P start windows are a dict of the last H = `features.HISTORY` control steps: root_position [P, H, 3] m (at the end x
    = y = 0, heading 0), root_rotation [P, H, 4] wxyz, joint_position [P, H, 28] rad, key_points [P, H, 7, 3] m (see
    `features.key_points`); qpos [P, 35] and qvel [P, 34] of the last.
    """

    def __init__(self, score: Score, size: int, generator: torch.Generator, states: StartStates | None = None) -> None:
        """Fill a pool of `size` windows; `states` is the task's `StartStates`."""
        self.size = size
        self._states = states or StartStates()
        self.sampled = 0
        self.rejected = 0
        self._score = score
        self._generator = generator
        self._projector = Projector(score.offsets, generator.device)
        own = self._states.own
        self._own = None if own is None else {key: value.to(generator.device) for key, value in own.items()}
        self._standing = self._rest()
        self._pool = self._valid(size)

    def refresh(self, share: float = 0.25) -> None:
        """Replace that share of the pool, oldest first."""
        count = max(1, int(self.size * share))
        fresh = self._valid(count)
        self._pool = {key: torch.cat((value[count:], fresh[key])) for key, value in self._pool.items()}

    def draw(self, count: int, standing_share: float = 0.0) -> dict[str, Tensor]:
        """Return `count` random start windows, fields as described at the class.

        Each stands at rest with the chance `standing_share`; of the others the task's share is its own.
        """
        draw = {"generator": self._generator, "device": self._generator.device}
        picks = torch.randint(self.size, (count,), **draw)
        standing = torch.rand(count, **draw) < standing_share
        windows = {key: value[picks] for key, value in self._pool.items()}
        dice = torch.rand(count, **draw)  # the prior's preferred ones from below, the task's own from above
        if self._states.preferred is not None:
            chosen = dice < self._states.preferred_share
            weights = self._states.preferred(self._pool) + 1e-6  # where there is none, any will do
            picks = torch.multinomial(weights, count, replacement=True, generator=self._generator)
            windows = {key: _where(chosen, self._pool[key][picks], value) for key, value in windows.items()}
        if self._own is not None:
            chosen = dice >= 1.0 - self._states.own_share
            picks = torch.randint(len(self._own["qpos"]), (count,), **draw)
            windows = {key: _where(chosen, self._own[key][picks], value) for key, value in windows.items()}
        windows = {key: _where(standing, self._standing[key], value) for key, value in windows.items()}
        if self._states.noise > 0:
            off = self._states.noise * torch.randn(count, len(character.JOINTS), **draw)
            joints = (windows["qpos"][:, 7:] + off).clamp(_LOW.to(off), _HIGH.to(off))
            windows["qpos"] = torch.cat((windows["qpos"][:, :7], joints), 1)
        return windows

    def _rest(self) -> dict[str, Tensor]:
        """One window [1, ...] of standing still in the default pose."""
        height, pose = character.DEFAULT_HEIGHT, character.DEFAULT_POSE
        position, orientation, joints = (
            torch.tensor(value, dtype=torch.float32, device=self._generator.device).expand(1, features.HISTORY, -1)
            for value in ((0.0, 0.0, height), (1.0, 0.0, 0.0, 0.0), pose)
        )
        return start_windows(self._projector.bodies(position, orientation, joints))

    def state(self) -> dict[str, Any]:
        """Copy the pool and the counts, for a checkpoint."""
        pool = {key: value.clone() for key, value in self._pool.items()}
        return {"pool": pool, "sampled": self.sampled, "rejected": self.rejected}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._pool = {key: value.to(self._generator.device) for key, value in state["pool"].items()}
        self.sampled, self.rejected = state["sampled"], state["rejected"]

    def _valid(self, count: int) -> dict[str, Tensor]:
        """Sample until `count` windows are valid; raises RuntimeError when the prior hardly makes any."""
        batches, have = [], 0
        for _ in range(20):
            batch = self._repair(self._sample(max(256, count - have)))
            batches.append(batch)
            have += len(batch["qpos"])
            if have >= count:
                return {key: torch.cat([b[key] for b in batches])[:count] for key in batches[0]}
        raise RuntimeError(f"the prior makes too few valid start states: {have} of {self.sampled} samples were usable")

    def _sample(self, count: int) -> Tensor:
        """Raw windows [count, F, 58]."""
        style = self._score.style.expand(count, -1) if self._score.styles else None
        return sampling.ddpm(self._score, count, self._generator, style)

    def _repair(self, windows: Tensor) -> dict[str, Tensor]:
        """Turn raw windows into the valid ones among them."""
        self.sampled += len(windows)
        poses = self._projector.project(windows)
        good = self._projector.beyond_limits(windows) < LARGEST_CLAMP
        good &= (poses.position[..., 2] - windows[..., 2]).amax(1) < LARGEST_LIFT
        for fault in self._projector.faults(poses.windows(), poses).values():
            good &= ~fault
        if self._states.upright:
            good &= (poses.position[:, -1, 2] > LOWEST_ROOT) & (poses.bodies[:, -1, _HEAD, 2] > LOWEST_HEAD)
        self.rejected += int((~good).sum())
        return start_windows(self._projector.dense(poses.take(good)))


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Rows of `one` where `chosen` [n], else of `other` [n, ...]."""
    return torch.where(chosen.view(-1, *[1] * (other.dim() - 1)), one, other)


def start_windows(poses: Poses) -> dict[str, Tensor]:
    """Start windows of poses at `features.HISTORY` control steps, see `Starts`."""
    position, orientation, joints = poses.position, poses.orientation, poses.joints
    return {
        "root_position": position,
        "root_rotation": orientation,
        "joint_position": joints,
        "key_points": features.key_points(poses.bodies, poses.rotations),
        "qpos": torch.cat((position[:, -1], orientation[:, -1], joints[:, -1]), 1),
        "qvel": velocity(position, orientation, joints),
    }


def velocity(position: Tensor, orientation: Tensor, joints: Tensor) -> Tensor:
    """MuJoCo qvel [B, 34] at the last of T frames by backward differences over a control step.

    Takes root positions [B, T, 3] m, root rotations [B, T, 4] wxyz and joint angles [B, T, 28] rad, T > 1.
    """
    now, before = orientation[:, -1], orientation[:, -2]
    spin = rotation.rotation_vector(rotation.multiply(now, rotation.conjugate(before)))  # rad a step, world
    difference = torch.cat(
        (
            position[:, -1] - position[:, -2],
            rotation.rotate(rotation.conjugate(now), spin),  # qvel's angular part is in the body frame
            joints[:, -1] - joints[:, -2],
        ),
        dim=1,
    )
    return difference * character.CONTROL_HZ

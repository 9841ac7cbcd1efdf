"""Generated windows made into motion that a body can do: what generative state initialisation starts from.

A sample is a dream in 58 channels: its key points are not quite where its joint angles put them, its stance feet creep,
its soles sink. `project` takes it to a motion near it that holds together, in three passes without gradients:

1. joint angles are clamped into their limits, the last root is put on the origin with heading 0, and a window that is
   sunk for most of its frames is lifted by as much;
2. each sole goes where the sample's own heel and toe points are (they creep less than the joint angles' feet do:
   their error is that of one channel, not of a chain of seven hinges);
3. corners of soles that are low (3 cm) and slow (.8 m/s) are contacts: all contacts of one corner within the window
   become one spot on the ground, frames between and beside them move over by as much, and no corner goes below it;
4. the legs reach for that by inverse kinematics (training/prior/legs.py), the pelvis as it is;
5. the window is lifted by what still sinks in: soles the legs could not raise, or any other part of the body.

Frames lie unevenly in time (`offsets`): speeds are between neighbours, whatever lies between them. `dense` fills in the
states of every control step by cubic splines, for a simulation's history.

Bodies and key points are those of the resulting angles, so that history and physics agree. `faults` says what is still
wrong with windows, generated, projected or real; a sample with a fault is thrown away.

    project ── _targets ── _anchored
            └─ Legs.reach, Clearance
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from runtime import character
from training import features, rotation
from training.clearance import Clearance
from training.kinematics import Kinematics
from training.prior.legs import SOLE, Legs

CONTACT_HEIGHT, CONTACT_SPEED = 0.03, 0.8  # m, m/s: a corner lower and slower than that stands
CLEARANCE = 0.035  # m, of a sole in full swing; what creeps or rolls off may stay lower
PASSES = 3
SUNK = 0.02  # m: heels or toes deeper than this in most frames are more than noise
REACH = 0.15  # m: contacts of one corner, one after the other, that are further apart are two
FADE = 1.5  # control steps over which a contact's displacement fades into those of others
LONGEST_STEP = 2  # control steps between frames over which a foot that is down at both ends is down all the time
LOW = 0.02  # m: a sole with a corner below this is in contact, where its skating is measured
ANCHOR, SWING = 1.0, 0.3  # weights of standing and of moving corners

LIMIT_SLACK = 0.01  # rad beyond a limit that count for nothing
DEEPEST = 0.02  # m
FASTEST_SKATE = 1.0  # m/s, mean over a window's steps in contact; the 95 % quantile of held-out locomotion
KEY_POINTS_APART = 0.01  # m, mean over the window

_FOOT_INDEX = [character.BODIES.index(name) for name in character.FEET]


@dataclass(frozen=True)
class Poses:
    """Windows as bodies: poses [N, F, ...] in the frame of the last root, and what follows from them."""

    position: Tensor
    """[N, F, 3] m, of the root."""
    orientation: Tensor
    """[N, F, 4] wxyz, of the root."""
    joints: Tensor
    """[N, F, 28] rad."""
    bodies: Tensor
    """[N, F, 15, 3] m."""
    rotations: Tensor
    """[N, F, 15, 4] wxyz."""

    def take(self, mask: Tensor) -> Poses:
        """Return the windows under a mask or at indices."""
        return Poses(*(part[mask] for part in vars(self).values()))

    def windows(self) -> Tensor:
        """Raw windows [N, F, 58] of these poses."""
        points = features.key_points(self.bodies, self.rotations)
        return features.window(self.position, self.orientation, self.joints, points)


class Projector:
    """Projects windows of the humanoid; holds its geometry."""

    def __init__(self, offsets: Sequence[int] = features.OFFSETS, device: torch.device | str = "cpu") -> None:
        """Read the geometry from the compiled model; the windows' frames lie `offsets` control steps back."""
        time = -np.array(offsets) / character.CONTROL_HZ  # [F] s
        self._time = torch.tensor(time, dtype=torch.float32, device=device)
        spline = CubicSpline(time, np.eye(len(offsets)), bc_type="natural")
        every = np.arange(1 - features.HISTORY, 1).clip(-offsets[0]) / character.CONTROL_HZ
        self._spline = torch.tensor(spline(every), dtype=torch.float32, device=device)  # [HISTORY, F]
        self._kinematics, self._legs, self._clearance = Kinematics(device), Legs(device), Clearance(device)
        self._low, self._high = torch.tensor([joint.range for joint in character.JOINTS], device=device).unbind(-1)
        self._up = torch.tensor([0.0, 0.0, 1.0], device=device)

    def bodies(self, position: Tensor, orientation: Tensor, joints: Tensor) -> Poses:
        """Root positions [N, F, 3] m and rotations [N, F, 4] and joint angles [N, F, 28] rad, with their bodies."""
        return Poses(position, orientation, joints, *self._kinematics(position, orientation, joints))

    def poses(self, windows: Tensor) -> Poses:
        """Windows [N, F, 58] as they are: their own roots and joints, bodies by forward kinematics."""
        return self.bodies(*features.unpack_window(windows))

    def beyond_limits(self, windows: Tensor) -> Tensor:
        """How far the worst joint angle of windows [N, F, 58] is beyond its limits, [N] rad; not above 0 inside."""
        _, _, joints = features.unpack_window(windows)
        return torch.maximum(joints - self._high, self._low - joints).flatten(1).amax(1)

    def project(self, windows: Tensor) -> Poses:
        """Raw windows [N, F, 58] to the poses of valid motion near them, see the module.

        Later passes see contacts as the ones before left them, which a noisy sample does not show at once.
        """
        poses = self._pass(windows)
        for _ in range(PASSES - 1):
            poses = self._pass(poses.windows())
        return poses

    def dense(self, poses: Poses) -> Poses:
        """Poses at the last `features.HISTORY` control steps, newest last; before the first frame it is held."""
        position = self._spline @ poses.position
        joints = (self._spline @ poses.joints).clamp(self._low, self._high)  # splines overshoot
        turn = poses.orientation  # neighbours on the same half of the sphere, so that there are short ways between
        flip = (turn[:, 1:] * turn[:, :-1]).sum(-1, keepdim=True) < 0
        sign = torch.cat((torch.ones_like(turn[:, :1, :1]), torch.where(flip, -1.0, 1.0)), 1).cumprod(1)
        orientation = torch.nn.functional.normalize(self._spline @ (sign * turn), dim=-1)
        return self.bodies(position, orientation, joints)

    def _pass(self, windows: Tensor) -> Poses:
        position, orientation, joints = features.unpack_window(windows)
        cos, sin = (part.unsqueeze(1) for part in rotation.heading(orientation[:, -1]))
        from_last = torch.cat((position[..., :2] - position[:, -1:, :2], position[..., 2:]), -1)
        position = rotation.unyaw(cos, sin, from_last)
        turn = rotation.conjugate(rotation.yaw_quaternion(cos, sin)).expand_as(orientation)
        orientation = rotation.multiply(turn, orientation)
        joints = joints.clamp(self._low, self._high)
        bodies, rotations = self._kinematics(position, orientation, joints)
        # a body that is in the ground for most of the window is too low as a whole
        keys = rotation.unyaw(cos.unsqueeze(2), sin.unsqueeze(2), windows[..., 37:].unflatten(-1, (-1, 3)))
        sunk = (keys[:, :, 3:, 2] + position[..., 2:]).amin(2).median(1).values + SUNK
        sunk = sunk.clamp(max=0.0).view(-1, 1, 1)
        position, bodies = position - sunk * self._up, bodies - sunk.unsqueeze(1) * self._up
        points = keys[:, :, 3:] + position.unsqueeze(2)
        target, weight = _targets(soles(bodies, rotations), points, bodies, rotations, self._time)
        frames = (position, orientation, joints, target, weight)
        joints = self._legs.reach(*(part.flatten(0, 1) for part in frames)).view_as(joints)
        bodies, rotations = self._kinematics(position, orientation, joints)
        return self.raised(Poses(position, orientation, joints, bodies, rotations))

    def raised(self, poses: Poses, frames: slice = slice(None)) -> Poses:
        """Poses lifted, each window as a whole, by what the deepest part of the body in `frames` is in the ground."""
        height = self._clearance(poses.bodies[:, frames], poses.rotations[:, frames])
        lift = (-height.flatten(1).amin(1)).clamp_min(0).view(-1, 1, 1) * self._up
        return replace(poses, position=poses.position + lift, bodies=poses.bodies + lift.unsqueeze(1))

    def skate(self, poses: Poses) -> Tensor:
        """Mean speed [N] m/s of soles in contact, see `skate`."""
        return skate(soles(poses.bodies, poses.rotations), self._time)

    def faults(self, windows: Tensor, poses: Poses, fastest_skate: float = FASTEST_SKATE) -> dict[str, Tensor]:
        """What is wrong with windows [N, F, 58] whose bodies are `poses`, by name a mask [N]."""
        points = features.key_points(poses.bodies, poses.rotations) - poses.position.unsqueeze(2)
        apart = (windows[..., 37:].unflatten(-1, (-1, 3)) - points).norm(dim=-1).mean((1, 2))
        beyond = torch.maximum(poses.joints - self._high, self._low - poses.joints).flatten(1).amax(1)
        return {
            "joint limits": beyond > LIMIT_SLACK,
            "penetration": self._clearance(poses.bodies, poses.rotations).flatten(1).amin(1) < -DEEPEST,
            "skate": self.skate(poses) > fastest_skate,
            "key points": apart > KEY_POINTS_APART,
        }


def soles(bodies: Tensor, rotations: Tensor) -> Tensor:
    """World positions [..., 2, 4, 3] m of the soles' corners, right then left, from body poses [..., 15, ...]."""
    place, turn = bodies[..., _FOOT_INDEX, None, :], rotations[..., _FOOT_INDEX, None, :]
    return place + rotation.rotate(
        turn.expand(*turn.shape[:-2], 4, 4), SOLE.to(turn.device).expand(*turn.shape[:-2], 4, 3)
    )


def skate(corners: Tensor, time: Tensor) -> Tensor:
    """Mean speed [N] m/s, over the steps in contact, of corners [N, F, 2, 4, 3] at times [F] s; 0 without contact.

    As `training.motion.soles.skate`: a foot is in contact over a step when its sole is lower than 2 cm at both ends,
    and the step no longer than `LONGEST_STEP`; the speed is that of the corner that is lowest at the later end.
    """
    height, span = corners[..., 2], time.diff()
    lowest = height[:, 1:].argmin(-1, keepdim=True)
    moved = (corners[:, 1:] - corners[:, :-1])[..., :2].norm(dim=-1).gather(-1, lowest).squeeze(-1)
    low = height.amin(-1) < LOW
    short = span < (LONGEST_STEP + 0.5) / character.CONTROL_HZ
    touching = (low[:, 1:] & low[:, :-1] & short.unsqueeze(1)).float()
    return (moved / span.unsqueeze(1) * touching).sum((1, 2)) / touching.sum((1, 2)).clamp_min(1)


def _targets(
    corners: Tensor, points: Tensor, bodies: Tensor, rotations: Tensor, time: Tensor
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Where the soles' corners should be [N, F, 2, 4, 3] m, and how much each counts [N, F, 2, 4].

    `corners` [N, F, 2, 4, 3] are where the joint angles put them, `points` [N, F, 4, 3] the sample's own heels and
    toes, bodies where the joint angles put those, `time` [F] s.
    """
    own = features.key_points(bodies, rotations)[:, :, 3:]
    shift = (points - own).unflatten(2, (2, 2))  # [N, F, foot, heel | toe, 3]
    wanted = corners + shift.repeat_interleave(2, dim=3)
    speed = _speed(wanted, time)
    standing = (wanted[..., 2] < CONTACT_HEIGHT) & (speed < CONTACT_SPEED)
    floor = CLEARANCE * ((speed - CONTACT_SPEED) / CONTACT_SPEED).clamp(0.0, 1.0)
    wanted = _anchored(wanted, standing, torch.where(standing, 0.0, floor), time)
    weight = torch.where(standing, ANCHOR, SWING)
    return wanted, weight


def _speed(corners: Tensor, time: Tensor) -> Tensor:
    """Speeds [N, F, 2, 4] m/s of corners [N, F, 2, 4, 3]: the lesser of the steps before and after each frame."""
    speed = (corners[:, 1:] - corners[:, :-1]).norm(dim=-1) / time.diff().view(1, -1, 1, 1)
    return torch.minimum(torch.cat((speed[:, :1], speed), 1), torch.cat((speed, speed[:, -1:]), 1))


def _anchored(corners: Tensor, standing: Tensor, floor: Tensor, time: Tensor) -> Tensor:
    """Corners [N, F, 2, 4, 3] whose standing frames share one spot on the ground; other frames move over with them.

    One spot is shared by frames in a row that all stand, no two neighbours of them further apart than `REACH`. No
    corner is lower than `floor` [N, F, 2, 4] m.
    """
    near = (corners[:, 1:, ..., :2] - corners[:, :-1, ..., :2]).norm(dim=-1) < REACH
    broken = ~(standing[:, 1:] & standing[:, :-1] & near)
    place = torch.cat((torch.zeros_like(broken[:, :1]), broken), 1).cumsum(1)  # [N, F, 2, 4] which contact it is
    same = (place.unsqueeze(2) == place.unsqueeze(1)) & standing.unsqueeze(2) & standing.unsqueeze(1)
    share = same.float() / same.float().sum(2, keepdim=True).clamp_min(1.0)
    spot = torch.einsum("ntsfc,nsfcx->ntfcx", share, corners[..., :2])
    ground = torch.cat((spot, corners[..., 2:].clamp(0.0, 0.01)), -1)
    moved = (ground - corners) * standing.unsqueeze(-1)
    away = (time.unsqueeze(0) - time.unsqueeze(1)).abs() * character.CONTROL_HZ
    fading = torch.exp(-away / FADE)  # [F, F]
    weight = torch.einsum("ts,nsfc->ntfc", fading, standing.float())
    spread = torch.einsum("ts,nsfcx->ntfcx", fading, moved) / weight.unsqueeze(-1).clamp_min(1e-9)
    whole = (weight / fading.sum(1).view(1, -1, 1, 1)).clamp(max=1.0).sqrt().unsqueeze(-1)
    result = corners + torch.where(standing.unsqueeze(-1), moved, spread * whole)
    return torch.cat((result[..., :2], torch.maximum(result[..., 2:], floor.unsqueeze(-1))), -1)

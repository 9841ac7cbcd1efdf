"""Motion such as policies make in place of people's: edits of real clips that keep what a policy is asked for.

A policy that does not walk as people do still goes where it is told, as fast as it is told. So these do, too: they are
made from clips, before windows are cut, because a window's frames are too few to say where a foot was in between.

    quick steps     strides 1.5 times as often and as much shorter: the same speed
    crouched        the pelvis lower, hips, knees and ankles bent as that needs
    sliding         the body drifts on, feet and all: soles that stand are drawn over the ground
    half speed      everything takes twice as long

Soles are held by inverse kinematics (training/prior/legs.py): whoever crouches or takes shorter steps stands where
they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from runtime.character import CONTROL_HZ, JOINT_NAMES
from runtime.recording import Motion
from training import rotation
from training.motion.clips import LOOP_SECONDS
from training.motion.dataset import Clip
from training.motion.edit import resample
from training.prior.legs import LEG_INDEX, SIDES, Legs

Imitation = Callable[[Motion], Motion]
ROUNDS = 4
"""Times that the legs' inverse kinematics are taken up again where they ended."""
LEAST_BEND = 0.2  # rad, of the knees that they begin with

_HIPS, _KNEES, _ANKLES = (
    [JOINT_NAMES.index(f"{side}_{part}") for side in SIDES] for part in ("hip_y", "knee", "ankle_y")
)


def quick_steps(factor: float = 1.5) -> Imitation:
    """Strides `factor` times as often and 1/`factor` as long.

    Time is compressed; the root's way ahead, and how far the soles' middles are ahead of it or behind, are divided by
    `factor`.
    """

    def edit(motion: Motion) -> Motion:
        position, turn, joints = _tensors(motion)
        cos, sin = _course(turn)
        step = rotation.unyaw(cos[:-1], sin[:-1], position.diff(dim=0))  # ahead, left, up
        shorter = torch.cat((step[:, :1] / factor, step[:, 1:]), 1)
        way = rotation.unyaw(cos[:-1], -sin[:-1], shorter).cumsum(0)
        moved = torch.cat((position[:1], position[:1] + way))
        legs = Legs()
        away = legs.corners(position, turn, joints[:, LEG_INDEX])[0] - position.view(-1, 1, 1, 3)
        c, s = cos.view(-1, 1, 1), sin.view(-1, 1, 1)
        middle = away.mean(2, keepdim=True)
        nearer = rotation.unyaw(c, s, middle) / torch.tensor([factor, 1.0, 1.0])
        target = moved.view(-1, 1, 1, 3) + rotation.unyaw(c, -s, nearer) + away - middle
        bent = _reached(legs, moved, turn, joints, target)
        return replace(_motion(motion, moved, turn, bent), rate=motion.rate * factor)

    return edit


def crouched(depth: float = 0.1) -> Imitation:
    """The root `depth` m lower over soles that are where they were."""

    def edit(motion: Motion) -> Motion:
        position, turn, joints = _tensors(motion)
        legs = Legs()
        target = legs.corners(position, turn, joints[:, LEG_INDEX])[0]
        lower = position - torch.tensor([0.0, 0.0, depth])
        return _motion(motion, lower, turn, _reached(legs, lower, turn, joints, target))

    return edit


def sliding(speed: float = 0.3) -> Imitation:
    """The body drifts on at `speed` m/s the way that it faces, on top of how it moves."""

    def edit(motion: Motion) -> Motion:
        position, turn, joints = _tensors(motion)
        cos, sin = rotation.heading(turn)
        drift = torch.stack((cos, sin, torch.zeros_like(cos)), 1).cumsum(0) * (speed / motion.rate)
        return _motion(motion, position + drift, turn, joints)

    return edit


def played(factor: float) -> Imitation:
    """Everything as it is, `factor` times as fast."""
    return lambda motion: replace(motion, rate=motion.rate * factor)


IMITATIONS: dict[str, Imitation] = {
    "quick steps × 1.5": quick_steps(1.5),
    "crouched 10 cm": crouched(0.1),
    "sliding .3 m/s": sliding(0.3),
    "half speed": played(0.5),
}
"""Every imitation, by the name that audit tables give it."""


def imitate(clips: Sequence[Clip], imitation: Imitation) -> list[Clip]:
    """Clips of the same performances in which it is done otherwise, at the control rate; loops are unrolled to 4 s."""
    dense = (resample(clip.motion, CONTROL_HZ, LOOP_SECONDS if clip.motion.loop else None) for clip in clips)
    return [replace(clip, motion=imitation(motion)) for clip, motion in zip(clips, dense, strict=True)]


def _course(turn: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [T] of the heading averaged over a second: which way a pelvis that sways is going."""
    heading = torch.stack(rotation.heading(turn)).unsqueeze(0)
    padded = torch.nn.functional.pad(heading, (CONTROL_HZ // 2, CONTROL_HZ // 2), mode="replicate")
    mean = torch.nn.functional.avg_pool1d(padded, CONTROL_HZ + 1, stride=1)[0]
    cos, sin = mean / mean.norm(dim=0).clamp_min(1e-6)
    return cos, sin


def _reached(legs: Legs, position: Tensor, turn: Tensor, joints: Tensor, target: Tensor) -> Tensor:
    """Joint angles [T, 28] whose soles' corners are at `target` [T, 2, 4, 3] m, as well as legs can.

    Legs begin bent a little: a straight one does not know which way to bend.
    """
    weight, joints = torch.ones(target.shape[:-1]), joints.clone()
    bend = (LEAST_BEND - joints[:, _KNEES]).clamp_min(0.0)
    for parts, share in ((_HIPS, -0.5), (_KNEES, 1.0), (_ANKLES, -0.5)):
        joints[:, parts] += share * bend
    for _ in range(ROUNDS):
        joints = legs.reach(position, turn, joints, target, weight)
    return joints


def _tensors(motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
    """Root positions [T, 3] m and rotations [T, 4] wxyz and joint angles [T, 28] rad."""
    names = ("root_position", "root_rotation", "joint_position")
    position, turn, joints = (torch.from_numpy(getattr(motion, name)).float() for name in names)
    return position, turn, joints


def _motion(like: Motion, position: Tensor, turn: Tensor, joints: Tensor) -> Motion:
    """The same clip moved otherwise."""
    frames = (position.double().numpy(), turn.double().numpy(), joints.double().numpy())
    return Motion(like.rate, *frames, loop=False, name=like.name, source=like.source, licence=like.licence)

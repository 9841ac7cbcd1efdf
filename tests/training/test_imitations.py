"""Clips done otherwise: the same way and speed, soles where they stand, and what else is changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES
from runtime.recording import Motion
from training import _gait
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.prior import imitations
from training.prior.legs import LEG_INDEX, Legs

KNEES = [JOINT_NAMES.index(f"{side}_knee") for side in ("right", "left")]


def walking(seconds: float = 6.0, speed: float = 1.2, strides: float = 1.0, yaw: float = 0.0) -> Motion:
    """Legs that swing forth and back from the hips, `strides` a second, under a root that goes its way evenly."""
    t = np.arange(round(seconds * 30)) / 30
    way = np.stack((speed * t * np.cos(yaw), speed * t * np.sin(yaw), np.full(len(t), DEFAULT_HEIGHT - 0.03)), axis=1)
    joints = np.tile(DEFAULT_POSE, (len(t), 1))
    swing = 0.35 * np.sin(2 * np.pi * strides * (t - 0.1))
    joints[:, JOINT_NAMES.index("right_hip_y")], joints[:, JOINT_NAMES.index("left_hip_y")] = -swing, swing
    joints[:, KNEES] = 0.4
    turn = np.tile([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)], (len(t), 1))
    return Motion(30.0, way, turn, joints, name="walk", source="made/walk", licence="CC0")


def soles(motion: Motion) -> np.ndarray:
    """Corners of the soles [T, 2, 4, 3] m."""
    position, turn, joints = imitations._tensors(motion)
    return Legs().corners(position, turn, joints[:, LEG_INDEX])[0].numpy()


@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_quick_steps_go_as_fast_in_shorter_strides(yaw: float):
    """1.2 m/s at one stride a second becomes 1.2 m/s at 1.5: as measured of both as of any motion.

    Of the four seconds that it takes the way is two thirds; the soles reach two thirds as far, and no lower or higher.
    """
    before = walking(yaw=yaw)
    after = imitations.quick_steps(1.5)(before)
    assert after.seconds == pytest.approx(before.seconds / 1.5) and (after.name, after.licence) == ("walk", "CC0")
    found, expected = (_gait.strides([motion_states(motion)]) for motion in (after, before))
    assert np.median(expected.frequency) == pytest.approx(1.0, rel=0.02) and len(found.frequency) >= 4
    assert np.median(found.frequency) == pytest.approx(1.5, rel=0.03)
    np.testing.assert_allclose(found.speed, 1.2, rtol=0.05)
    ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    reach = [np.ptp((soles(m).mean(2) - m.root_position[:, None]) @ ahead, axis=0).max() for m in (after, before)]
    assert reach[0] == pytest.approx(reach[1] / 1.5, abs=0.01)
    assert np.abs(soles(after)[..., 2] - soles(before)[..., 2]).max() < 0.01


def test_quick_steps_stand_where_they_stand():
    """Soles that are at rest under a body that moves ahead are at rest afterwards: by inverse kinematics, to 1 cm/s."""
    before = imitations.crouched(0.06)(Motion(30.0, *_still(40)))
    standing = soles(before)
    position, turn, joints = imitations._tensors(before)
    moving = position.clone()
    moving[:, 0] += 0.004 * torch.arange(40)  # 16 cm in all
    held = imitations._reached(Legs(), moving, turn, joints, torch.from_numpy(standing))
    walked = imitations._motion(before, moving, turn, held)
    speed = np.abs(np.diff(soles(imitations.quick_steps(1.5)(walked))[..., 0], axis=0)).max() * 45
    assert np.abs(np.diff(soles(walked)[..., 0], axis=0)).max() * 30 < 0.02 and speed < 0.03


def test_crouching_bends_what_it_needs():
    """10 cm lower over the same soles, to half a centimetre: knees bend by .4 rad and more, arms and trunk do not."""
    before = walking()
    after = imitations.crouched(0.1)(before)
    np.testing.assert_allclose(after.root_position, before.root_position - [0, 0, 0.1], atol=1e-6)
    assert np.abs(soles(after) - soles(before)).max() < 0.005
    bent = after.joint_position - before.joint_position
    assert (bent[:, KNEES] > 0.25).all() and bent[:, KNEES].mean() > 0.4
    others = [i for i in range(28) if i not in LEG_INDEX.flatten().tolist()]
    np.testing.assert_allclose(bent[:, others], 0.0, atol=1e-6)
    assert after.rate == before.rate and len(after) == len(before)


def test_straight_legs_bend():
    """Who stands with straight knees crouches all the same, by 10 cm, soles in place to half a centimetre."""
    before = Motion(30.0, *_still(3))
    assert (before.joint_position[:, KNEES] == 0).all()
    after = imitations.crouched(0.1)(before)
    assert np.abs(soles(after) - soles(before)).max() < 0.005 and (after.joint_position[:, KNEES] > 0.6).all()


def test_sliding_draws_the_soles_along():
    """Who stands, facing along y, drifts .3 m/s along y, feet and all; the pose is the same."""
    still = Motion(30.0, *_still(60, yaw=np.pi / 2))
    after = imitations.sliding(0.3)(still)
    velocity = np.diff(soles(after), axis=0) * 30
    np.testing.assert_allclose(velocity, np.broadcast_to([0.0, 0.3, 0.0], velocity.shape), atol=2e-4)
    np.testing.assert_allclose(after.joint_position, still.joint_position, atol=1e-6)


def test_half_speed_takes_twice_as_long():
    """Nothing else is changed."""
    before = walking()
    after = imitations.IMITATIONS["half speed"](before)
    assert after.seconds == pytest.approx(2 * before.seconds)
    np.testing.assert_array_equal(after.joint_position, before.joint_position)


@pytest.mark.parametrize("name", imitations.IMITATIONS)
def test_every_imitation_keeps_who_it_is_of(name: str):
    """Clips stay those of their performances; a loop of a second becomes four and more; what comes in is left alone."""
    looped = walking(seconds=1.0)
    clips = [
        Clip(walking(), "walk", "held_out", "ann", 1.2),
        Clip(Motion(30.0, looped.root_position, looped.root_rotation, looped.joint_position, loop=True), "walk",
             "held_out", "bob", 1.2),
    ]  # fmt: skip
    before = clips[0].motion.joint_position.copy()
    found = imitations.imitate(clips, imitations.IMITATIONS[name])
    assert [clip.group for clip in found] == ["ann", "bob"] and not found[1].motion.loop
    assert found[1].motion.seconds > 2.6
    np.testing.assert_array_equal(clips[0].motion.joint_position, before)
    assert len(motion_states(found[0].motion).root_position) > 60


def _still(frames: int, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root positions, rotations and joint angles of standing."""
    position, turn = np.array([0.0, 0.0, DEFAULT_HEIGHT]), np.array([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
    return np.tile(position, (frames, 1)), np.tile(turn, (frames, 1)), np.tile(DEFAULT_POSE, (frames, 1))

"""Clips to windows: every window, at every speed, weighted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runtime.recording import Motion
from tests.training.motions import standing, stepping
from training import features
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.motion.windows import Windows


def clip(motion: Motion, group: str = "g") -> Clip:
    """A training clip of a performance."""
    return Clip(motion, "walk", "train", group, 1.0)


def made(speeds: list[float], owners: list[int]) -> Windows:
    """Windows that only have a speed (m/s) and a clip."""
    values = torch.zeros(len(speeds), 10, 58)
    values[:, 0, 0] = -torch.tensor(speeds) * 0.3  # nine frames at 30 Hz
    return Windows(values, torch.tensor(owners), torch.zeros(len(speeds), 28))


def test_every_window_of_every_clip():
    """A clip of T frames gives T - 9, each the run of frames that ends one later, with its clip's number."""
    motions = [stepping(seed=1, frames=30), stepping(seed=2, frames=12)]
    windows = motion_windows.cut([clip(motion) for motion in motions])
    assert len(windows) == 21 + 3
    assert windows.clip.tolist() == [0] * 21 + [1] * 3
    first = features.WINDOW_NAMES.index("abdomen_x")
    joints = windows.values[..., first : first + 28]
    np.testing.assert_allclose(joints[4], motions[0].joint_position[4:14], atol=1e-6)
    np.testing.assert_allclose(joints[21 + 2], motions[1].joint_position[2:12], atol=1e-6)
    change = (motions[0].joint_position[13] - motions[0].joint_position[12]) * 30
    np.testing.assert_allclose(windows.joint_velocity[4], change, atol=1e-4)


def test_playing_faster_is_faster():
    """At factor 1.25 a walk of 1.2 m/s goes at 1.5 m/s and gives fewer windows."""
    walk = [clip(stepping(seed=1, frames=60, speed=1.2))]
    slow, fast = motion_windows.cut(walk), motion_windows.cut(walk, (1.25,))
    np.testing.assert_allclose(slow.speed, 1.2, atol=1e-4)
    np.testing.assert_allclose(fast.speed, 1.5, atol=1e-4)
    assert (len(slow), len(fast)) == (51, 39)  # 59 steps take 47.2 at that speed: 48 frames
    assert len(motion_windows.cut(walk, (1.0, 1.25))) == 51 + 39


def test_clips_too_short_are_left_out():
    """Nine frames are no window; when nothing is left, that is an error."""
    short = clip(stepping(seed=1, frames=9))
    assert set(motion_windows.cut([short, clip(standing(20))]).clip.tolist()) == {1}
    with pytest.raises(ValueError, match="none of 1 clips is as long as one window"):
        motion_windows.cut([short])


def test_take_keeps_rows_together():
    """A mask takes the same rows of everything."""
    windows = motion_windows.cut([clip(stepping(seed=1, frames=20)), clip(stepping(seed=2, frames=20))])
    part = windows.take(windows.clip == 1)
    assert len(part) == 11 and set(part.clip.tolist()) == {1}
    torch.testing.assert_close(part.joint_velocity, windows.joint_velocity[11:], rtol=0, atol=0)


def test_balance_by_hand():
    """8 slow windows of performance a, 2 fast of b: weights in the ratio (.8·.8)^-p to (.2·.2)^-p, mean 1."""
    windows = made([0.5] * 8 + [3.0] * 2, [0] * 8 + [1] * 2)
    clips = [clip(standing(20), "a"), clip(standing(20), "b")]
    weights = motion_windows.balance(windows, clips, 0.5)
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights[9] / weights[0]).item() == pytest.approx(4.0)  # (.04 / .64)^-.5
    torch.testing.assert_close(motion_windows.balance(windows, clips, 0.0), torch.ones(10))


def test_balance_knows_performances_not_clips():
    """Three clips of one performance share their weight: the same as if they were one."""
    windows = made([0.5] * 6, [0, 0, 1, 1, 2, 3])
    names = ["a", "a", "a", "b"]
    weights = motion_windows.balance(windows, [clip(standing(20), name) for name in names], 1.0)
    assert weights[:5].unique().numel() == 1
    assert (weights[5] / weights[0]).item() == pytest.approx(5.0)


def test_mirror_swaps_hands():
    """What the right hand did, the left hand does, and y changes sign."""
    values = motion_windows.cut([clip(stepping(seed=1, frames=20))]).values
    other = motion_windows.mirror(values)
    name = features.WINDOW_NAMES.index
    torch.testing.assert_close(other[..., name("left_hand_y")], -values[..., name("right_hand_y")], rtol=0, atol=0)
    torch.testing.assert_close(other[..., name("left_knee")], values[..., name("right_knee")], rtol=0, atol=0)
    torch.testing.assert_close(motion_windows.mirror(other), values, rtol=0, atol=0)

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
    values[:, 0, 0] = -torch.tensor(speeds) * 0.9  # 27 control steps at 30 Hz
    return Windows(values, torch.tensor(owners), torch.zeros(len(speeds), 28))


def test_every_window_of_every_clip():
    """A clip of T frames gives T - 27, each of the frames at the offsets before one, with its clip's number."""
    motions = [stepping(seed=1, frames=40), stepping(seed=2, frames=30)]
    windows = motion_windows.cut([clip(motion) for motion in motions])
    assert len(windows) == 13 + 3 and windows.offsets == features.OFFSETS
    assert windows.clip.tolist() == [0] * 13 + [1] * 3
    first = features.WINDOW_NAMES.index("abdomen_x")
    joints = windows.values[..., first : first + 28]
    back = np.array(features.OFFSETS)
    np.testing.assert_allclose(joints[4], motions[0].joint_position[4 + 27 - back], atol=1e-6)
    np.testing.assert_allclose(joints[13 + 2], motions[1].joint_position[2 + 27 - back], atol=1e-6)
    change = (motions[0].joint_position[31] - motions[0].joint_position[30]) * 30
    np.testing.assert_allclose(windows.joint_velocity[4], change, atol=1e-4)


@pytest.mark.parametrize("offsets", [features.OFFSETS, (9, 4, 0), (1, 0)])
def test_windows_at_offsets_are_frames_of_the_dense_ones(offsets):
    """Every window has the frames at its offsets of the window of every control step that ends with it."""
    motion = [clip(stepping(seed=1, frames=50))]
    every = tuple(reversed(range(28)))
    dense = motion_windows.cut(motion, offsets=every).values
    found = motion_windows.cut(motion, offsets=offsets)
    chosen = dense[:, [27 - back for back in offsets]]
    torch.testing.assert_close(found.values[27 - offsets[0] :], chosen, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.speed, torch.ones(len(found)), atol=1e-4, rtol=0)  # m/s, whatever the offsets


def test_playing_faster_is_faster():
    """At factor 1.25 a walk of 1.2 m/s goes at 1.5 m/s and gives fewer windows."""
    walk = [clip(stepping(seed=1, frames=60, speed=1.2))]
    slow, fast = motion_windows.cut(walk), motion_windows.cut(walk, (1.25,))
    np.testing.assert_allclose(slow.speed, 1.2, atol=1e-4)
    np.testing.assert_allclose(fast.speed, 1.5, atol=1e-4)
    assert (len(slow), len(fast)) == (33, 21)  # 59 steps take 47.2 at that speed: 48 frames
    assert len(motion_windows.cut(walk, (1.0, 1.25))) == 33 + 21


def test_clips_too_short_are_left_out():
    """27 frames are no window, 28 are one; when nothing is left, that is an error."""
    short = clip(stepping(seed=1, frames=27))
    windows = motion_windows.cut([short, clip(standing(40)), clip(standing(28))])
    assert windows.clip.tolist() == [1] * 13 + [2]
    with pytest.raises(ValueError, match="none of 1 clips is as long as one window"):
        motion_windows.cut([short])


def test_take_keeps_rows_together():
    """A mask takes the same rows of everything."""
    windows = motion_windows.cut([clip(stepping(seed=1, frames=40)), clip(stepping(seed=2, frames=40))])
    part = windows.take(windows.clip == 1)
    assert len(part) == 13 and set(part.clip.tolist()) == {1}
    torch.testing.assert_close(part.joint_velocity, windows.joint_velocity[13:], rtol=0, atol=0)


def test_balance_by_hand():
    """8 slow windows of performance a, 2 fast of b: weights in the ratio (.8·.8)^-p to (.2·.2)^-p, mean 1."""
    windows = made([0.5] * 8 + [3.0] * 2, [0] * 8 + [1] * 2)
    clips = [clip(standing(40), "a"), clip(standing(40), "b")]
    weights = motion_windows.balance(windows, clips, 0.5)
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights[9] / weights[0]).item() == pytest.approx(4.0)  # (.04 / .64)^-.5
    torch.testing.assert_close(motion_windows.balance(windows, clips, 0.0), torch.ones(10))


def test_balance_knows_performances_not_clips():
    """Three clips of one performance share their weight: the same as if they were one."""
    windows = made([0.5] * 6, [0, 0, 1, 1, 2, 3])
    names = ["a", "a", "a", "b"]
    weights = motion_windows.balance(windows, [clip(standing(40), name) for name in names], 1.0)
    assert weights[:5].unique().numel() == 1
    assert (weights[5] / weights[0]).item() == pytest.approx(5.0)


def test_mirror_swaps_hands():
    """What the right hand did, the left hand does, and y changes sign."""
    values = motion_windows.cut([clip(stepping(seed=1, frames=40))]).values
    other = motion_windows.mirror(values)
    name = features.WINDOW_NAMES.index
    torch.testing.assert_close(other[..., name("left_hand_y")], -values[..., name("right_hand_y")], rtol=0, atol=0)
    torch.testing.assert_close(other[..., name("left_knee")], values[..., name("right_knee")], rtol=0, atol=0)
    torch.testing.assert_close(motion_windows.mirror(other), values, rtol=0, atol=0)

"""Changes of real motion: each changes what it says and leaves the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from runtime import character
from runtime.recording import Motion
from tests.training.motions import stepping
from tests.training.test_features import turning_states, window
from training import features
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.prior import changes

ROOT = slice(0, 3)
JOINTS = slice(9, 37)
KEYS = slice(37, 58)


def bouncing(seed: int) -> Motion:
    """Made-up walking at 1 or 2 m/s whose root goes up and down by 4 cm."""
    motion = stepping(seed, frames=40, speed=1.0 + seed)
    bounce = 0.04 * np.sin(np.arange(40) / 2)
    return replace(motion, root_position=motion.root_position + bounce[:, None] * [0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def real() -> Tensor:
    """Windows [N, 10, 58] of made-up walking and of a body that turns and tilts."""
    clips = [Clip(bouncing(seed), "walk", "train", "g", 1.0) for seed in range(2)]
    turning = torch.cat([window(turning_states(seed)) for seed in range(8)])
    return torch.cat((motion_windows.cut(clips).values, turning))


def apply(change: changes.Change, windows: Tensor, seed: int = 0) -> Tensor:
    """The changed windows, of the same shape."""
    changed = change(windows, torch.Generator().manual_seed(seed))
    assert changed.shape == windows.shape and changed.isfinite().all()
    return changed


def assert_same(one: Tensor, other: Tensor) -> None:
    """Equal to 1e-5."""
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", changes.CHANGES)
def test_every_change_gives_proper_windows(real: Tensor, name: str):
    """Changed, but still windows: last root at the origin with heading 0, key bodies where the joints put them."""
    before = real.clone()
    changed = apply(changes.CHANGES[name], real)
    assert torch.equal(real, before)  # the argument is left alone
    assert ((changed - real).flatten(1).abs().amax(1) > 1e-3).float().mean() > 0.9
    assert_same(changed[:, -1, :2], torch.zeros(len(real), 2))
    assert_same(changes.rebuild(*features.unpack_window(changed)), changed)


def test_rebuilding_changes_nothing(real: Tensor):
    """Taking a window apart and putting it together again gives the same window."""
    assert_same(changes.rebuild(*features.unpack_window(real)), real)


def test_frames_shuffled(real: Tensor):
    """The same ten frames, the last one last, in as many orders as there are windows."""
    changed = apply(changes.frames_shuffled, real)
    assert torch.equal(changed[:, -1], real[:, -1])
    for frames, shuffled in zip(real, changed, strict=True):
        found = (shuffled.unsqueeze(1) == frames).all(-1)
        assert found.any(1).all() and found.any(0).all()
    place = (changed[:, 0].unsqueeze(1) == real).all(-1).float().argmax(1)
    assert len(place.unique()) == 9


def test_joints_shuffled(real: Tensor):
    """Every window's joints go to one other window; roots stay."""
    changed = apply(changes.joints_shuffled, real)
    assert_same(changed[..., :9], real[..., :9])
    source = torch.cdist(changed[..., JOINTS].flatten(1), real[..., JOINTS].flatten(1)).argmin(1)
    assert source.sort().values.tolist() == list(range(len(real)))
    assert (source != torch.arange(len(real))).all()
    assert_same(changed[..., JOINTS], real[source][..., JOINTS])


def test_random_poses(real: Tensor):
    """Angles anywhere within their limits, the middle of them on average; roots stay."""
    changed = apply(changes.random_poses, real)
    assert_same(changed[..., :9], real[..., :9])
    low, high = np.array([joint.range for joint in character.JOINTS]).T
    angles = changed[..., JOINTS].numpy()
    assert (angles >= low).all() and (angles <= high).all()
    np.testing.assert_allclose(angles.mean((0, 1)), (low + high) / 2, atol=0.25)


def test_noise_is_in_standard_deviations(real: Tensor):
    """A tenth of each joint's own deviation, and of the root's height's."""
    changed = apply(changes.noise(0.1), real)
    difference = (changed - real).flatten(0, 1)
    share = difference.std(0) / real.flatten(0, 1).std(0)
    np.testing.assert_allclose(share[JOINTS], 0.1, rtol=0.15)
    np.testing.assert_allclose(share[2], 0.1, rtol=0.15)


def test_tremor_is_in_radians(real: Tensor):
    """.03 rad on every joint, 3 mm on the root, the root's rotation as it was."""
    changed = apply(changes.tremor(0.03), real)
    difference = (changed - real).flatten(0, 1)
    np.testing.assert_allclose(difference[:, JOINTS].std(0), 0.03, rtol=0.15)
    np.testing.assert_allclose(difference[:, 2].std(0), 0.003, rtol=0.15)
    assert_same(changed[..., 3:9], real[..., 3:9])


def test_skating(real: Tensor):
    """30 % of the way, everything else as before."""
    changed = apply(changes.skating(0.3), real)
    assert_same(changed[..., :2], 0.3 * real[..., :2])
    assert_same(changed[..., 2:], real[..., 2:])


@pytest.mark.parametrize("factor", [0.5, 1.3])
def test_joint_motion(real: Tensor, factor: float):
    """Angles swing by the factor about the same mean; the root as before; key bodies follow."""
    changed = apply(changes.joint_motion(factor), real)
    joints, before = changed[..., JOINTS], real[..., JOINTS]
    assert_same(joints.mean(1), before.mean(1))
    assert_same(joints.std(1), factor * before.std(1))
    assert_same(changed[..., :9], real[..., :9])
    assert (changed[..., KEYS] - real[..., KEYS]).abs().max() > 0.01


def test_arms_stiff(real: Tensor):
    """Shoulders and elbows stand still at their mean, all other joints and the feet move on."""
    changed = apply(changes.CHANGES["arms stiff"], real)
    arms = [i for i, name in enumerate(character.JOINT_NAMES) if "shoulder" in name or "elbow" in name]
    rest = [i for i in range(28) if i not in arms]
    assert len(arms) == 8
    assert changed[..., JOINTS][..., arms].std(1).max() < 1e-5
    assert_same(changed[..., JOINTS][..., rest], real[..., JOINTS][..., rest])
    feet = features.GROUPS["feet"]
    assert_same(changed[..., feet], real[..., feet])


def test_frozen_and_frozen_pose(real: Tensor):
    """The last frame ten times; or the last pose ten times on a root that goes on."""
    still, gliding = apply(changes.frozen, real), apply(changes.frozen_pose, real)
    assert torch.equal(still, real[:, -1:].expand(-1, 10, -1))
    assert_same(gliding[..., :9], real[..., :9])
    assert_same(gliding[..., JOINTS], real[:, -1:, JOINTS].expand(-1, 10, -1))


def test_height_flattened(real: Tensor):
    """The mean height in all frames, nothing else changed."""
    changed = apply(changes.height_flattened, real)
    assert_same(changed[..., 2], real[..., 2].mean(1, keepdim=True).expand(-1, 10))
    assert_same(torch.cat((changed[..., :2], changed[..., 3:]), -1), torch.cat((real[..., :2], real[..., 3:]), -1))


def test_raised(real: Tensor):
    """5 cm up, nothing else: key bodies are relative to the root."""
    changed = apply(changes.raised(0.05), real)
    expected = real.clone()
    expected[..., 2] += 0.05
    assert_same(changed, expected)


def test_changes_are_the_generators():
    """The same seed gives the same change, another one another."""
    windows = torch.cat([window(turning_states(seed)) for seed in range(4)])
    for change in (changes.noise(0.1), changes.frames_shuffled, changes.random_poses):
        assert torch.equal(apply(change, windows, seed=1), apply(change, windows, seed=1))
        assert not torch.equal(apply(change, windows, seed=1), apply(change, windows, seed=2))

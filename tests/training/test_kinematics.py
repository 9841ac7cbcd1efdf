"""Forward kinematics in torch against MuJoCo's."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from runtime import character
from training.kinematics import Kinematics
from training.motion.clips import kinematics


def random_poses(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root positions, root rotations wxyz and joint angles all over their ranges."""
    rng = np.random.default_rng(0)
    low, high = np.array([joint.range for joint in character.JOINTS]).T
    rotation = Rotation.random(count, random_state=0).as_quat(scalar_first=True)
    return rng.normal(size=(count, 3)), rotation, rng.uniform(low, high, (count, 28))


def test_agrees_with_mujoco():
    """Over 200 random poses body positions differ by less than 2 µm, quaternions by less than 2e-6."""
    poses = random_poses(200)
    position, rotation = Kinematics()(*(torch.from_numpy(array).float() for array in poses))
    expected_position, expected_rotation = kinematics(*poses)
    np.testing.assert_allclose(position, expected_position, atol=2e-6)
    sign = np.sign(np.sum(rotation.numpy() * expected_rotation, axis=-1, keepdims=True))
    np.testing.assert_allclose(rotation, sign * expected_rotation, atol=2e-6)


def test_any_leading_axes():
    """[2, 3, ...] gives what [6, ...] gives."""
    poses = [torch.from_numpy(array).float() for array in random_poses(6)]
    flat = Kinematics()(*poses)
    nested = Kinematics()(*(array.unflatten(0, (2, 3)) for array in poses))
    for one, other in zip(flat, nested, strict=True):
        torch.testing.assert_close(one, other.flatten(0, 1), rtol=0, atol=0)


def test_default_pose_by_hand():
    """Standing: the head .460 m above the root, the feet .831 m below, the hands beside the hips."""
    root = torch.tensor([[0.0, 0.0, character.DEFAULT_HEIGHT]])
    upright, pose = torch.tensor([[1.0, 0, 0, 0]]), torch.from_numpy(character.DEFAULT_POSE).float()
    position = Kinematics()(root, upright, pose.unsqueeze(0))[0][0]
    at = dict(zip(character.BODIES, position.tolist(), strict=True))
    np.testing.assert_allclose(at["head"], [0, 0, 0.8824 + 0.236151 + 0.223894], atol=1e-5)
    np.testing.assert_allclose(at["left_foot"], [0, 0.084887, 0.8824 - 0.421546 - 0.40987], atol=1e-5)
    shoulder = 0.8824 + 0.236151 + 0.2435
    np.testing.assert_allclose(at["right_hand"], [-0.02405, -0.18311, shoulder - 0.274788 - 0.258947], atol=1e-5)

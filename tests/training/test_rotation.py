"""Quaternion arithmetic against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from training import rotation

HALF = math.sqrt(0.5)


def random_rotations(count: int, seed: int = 0) -> tuple[Tensor, Rotation]:
    """The same random rotations as wxyz quaternions [count, 4] and for scipy."""
    them = Rotation.random(count, random_state=seed)
    return torch.from_numpy(them.as_quat(scalar_first=True)).float(), them


def same(q: Tensor, expected: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether quaternions are the same rotations, whatever their sign."""
    return bool((1 - (q * expected).sum(-1).abs() < tolerance).all()) and q.shape == expected.shape


def test_multiply_and_conjugate_agree_with_scipy():
    """a·b rotates by b, then by a; the conjugate undoes."""
    (a, ra), (b, rb) = random_rotations(50), random_rotations(50, seed=1)
    assert same(rotation.multiply(a, b), torch.from_numpy((ra * rb).as_quat(scalar_first=True)).float())
    assert same(rotation.multiply(a, rotation.conjugate(a)), torch.tensor([1.0, 0, 0, 0]).expand(50, 4))


def test_rotate_agrees_with_scipy():
    """Vectors turned by quaternions."""
    q, r = random_rotations(50)
    v = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(rotation.rotate(q, torch.from_numpy(v).float()), r.apply(v), atol=1e-5)


def test_to_6d_is_two_columns_of_the_matrix():
    """The x axis, then the y axis; a quarter turn about z takes x to y and y to -x."""
    q, r = random_rotations(50)
    expected = r.as_matrix()[:, :, :2].transpose(0, 2, 1).reshape(50, 6)
    np.testing.assert_allclose(rotation.to_6d(q), expected, atol=1e-5)
    quarter = rotation.to_6d(torch.tensor([HALF, 0.0, 0.0, HALF]))
    np.testing.assert_allclose(quarter, [0, 1, 0, -1, 0, 0], atol=1e-6)


def test_from_6d_undoes_to_6d():
    """For random rotations, w ≥ 0."""
    q, _ = random_rotations(500)
    back = rotation.from_6d(rotation.to_6d(q))
    assert same(back, q) and (back[:, 0] >= 0).all()


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, -1), (1, 1, 1), (-1, 2, 3)])
@pytest.mark.parametrize("angle", [math.pi, math.pi - 1e-4, math.pi + 1e-4])
def test_from_6d_at_half_turns(axis: tuple[int, int, int], angle: float):
    """Where w vanishes and the textbook formula divides by it."""
    direction = torch.tensor(axis, dtype=torch.float32)
    q = rotation.from_axis(direction / direction.norm(), torch.tensor(angle))
    assert same(rotation.from_6d(rotation.to_6d(q)), q)


def test_from_6d_repairs_what_is_no_rotation():
    """Columns too long and not at right angles: the first one's direction is kept, the second turned to fit."""
    broken = torch.tensor([0.0, 2.0, 0.0, -3.0, 0.7, 0.0])  # x axis along y, y axis along -x and a bit of y
    assert same(rotation.from_6d(broken), torch.tensor([HALF, 0.0, 0.0, HALF]))


@pytest.mark.parametrize("yaw", [-3.0, -1.0, 0.0, 0.5, 2.0, 3.1])
@pytest.mark.parametrize("lying", [(0, 0), (0, math.pi / 2), (0, -math.pi / 2), (math.pi / 2, 0), (-math.pi / 2, 0.3)])
def test_heading_when_standing_and_lying(yaw: float, lying: tuple[float, float]):
    """The yaw is found on the back, on the front and on either side, where the x axis may point straight up."""
    x, y, z = torch.eye(3)
    roll, pitch = torch.tensor(lying)
    tilt = rotation.multiply(rotation.from_axis(x, roll), rotation.from_axis(y, pitch))
    cos, sin = rotation.heading(rotation.multiply(rotation.from_axis(z, torch.tensor(yaw)), tilt))
    # a tilt about x and y has a twist of its own about z: tan(twist/2) = tan(a/2)·tan(b/2) for Rx(a)·Ry(b)
    twist = 2 * math.atan(math.tan(lying[0] / 2) * math.tan(lying[1] / 2))
    assert cos.item() == pytest.approx(math.cos(yaw + twist), abs=1e-5)
    assert sin.item() == pytest.approx(math.sin(yaw + twist), abs=1e-5)


def test_heading_upside_down_is_zero_and_finite():
    """On the head the twist does not exist: heading 0, no NaN."""
    cos, sin = rotation.heading(torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.6, 0.8, 0.0]]))
    assert cos.tolist() == [1.0, 1.0] and sin.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("angle", [-math.pi, -2.0, -0.1, 0.0, 1e-3, 1.0, math.pi])
def test_yaw_quaternion_by_cosine_and_sine(angle: float):
    """It is the rotation about z and unyaw is its inverse, to the .0001 rad that 1 - cos holds in single precision."""
    cos, sin = torch.tensor(angle).cos(), torch.tensor(angle).sin()
    q = rotation.yaw_quaternion(cos, sin)
    assert same(q, rotation.from_axis(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(angle)))
    v = torch.tensor([1.0, -2.0, 3.0])
    torch.testing.assert_close(rotation.unyaw(cos, sin, rotation.rotate(q, v)), v, atol=4e-4, rtol=0)


def test_unyaw_by_hand():
    """Facing along y (heading 90°), something to the world's y lies ahead: (1, 0), something to x lies right."""
    ahead = rotation.unyaw(torch.tensor(0.0), torch.tensor(1.0), torch.tensor([[0.0, 2.0, 5.0], [2.0, 0.0, 5.0]]))
    np.testing.assert_allclose(ahead, [[2, 0, 5], [0, -2, 5]], atol=1e-6)


def test_rotation_vector_takes_the_short_way():
    """Agrees with scipy, for either sign of q; nothing for the identity; tiny angles are not lost."""
    q, r = random_rotations(100)
    for sign in (1, -1):
        np.testing.assert_allclose(rotation.rotation_vector(sign * q), r.as_rotvec(), atol=2e-4)
    assert rotation.rotation_vector(torch.tensor([1.0, 0, 0, 0])).tolist() == [0, 0, 0]
    tiny = rotation.from_axis(torch.tensor([0.0, 1.0, 0.0]), torch.tensor(1e-5))
    np.testing.assert_allclose(rotation.rotation_vector(tiny), [0, 1e-5, 0], rtol=1e-4, atol=1e-12)

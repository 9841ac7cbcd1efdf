import math

import numpy as np
import pytest

from viewer.camera import Camera


def pixel(camera: Camera, point: list[float], width: int = 1000, height: int = 500) -> np.ndarray:
    """Where a point of the world lands in a picture, pixels from the top left."""
    clip = camera.view_projection(width / height) @ np.array([*point, 1.0])
    return np.array([(0.5 + 0.5 * clip[0] / clip[3]) * width, (0.5 - 0.5 * clip[1] / clip[3]) * height])


def test_yaw_zero_looks_along_x_and_pitch_looks_down():
    """From 5 m behind and, at 30 degrees, 2.5 m above the focus."""
    camera = Camera(yaw=0.0, pitch=math.radians(30), distance=5.0, focus=np.array([1.0, 2.0, 0.5]))
    np.testing.assert_allclose(camera.forward, [math.sqrt(0.75), 0.0, -0.5], atol=1e-12)
    np.testing.assert_allclose(camera.eye, [1.0 - 5.0 * math.sqrt(0.75), 2.0, 3.0], atol=1e-12)


def test_the_focus_is_in_the_middle_of_the_picture():
    """Whatever the angles."""
    camera = Camera(yaw=2.1, pitch=0.4, distance=7.0, focus=np.array([3.0, -2.0, 1.0]))
    np.testing.assert_allclose(pixel(camera, [3.0, -2.0, 1.0]), [500, 250], atol=1e-6)


def test_left_is_left_and_up_is_up():
    """Looking along x from 4 m with 90 degrees of view, 1 m is an eighth of the picture's height."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=4.0, focus=np.zeros(3), field_of_view=math.pi / 2)
    np.testing.assert_allclose(pixel(camera, [0.0, 1.0, 0.0]), [500 - 62.5, 250], atol=1e-6)
    np.testing.assert_allclose(pixel(camera, [0.0, 0.0, 1.0]), [500, 250 - 62.5], atol=1e-6)


def test_nearer_things_have_less_depth():
    """OpenGL's depth runs from -1 near to 1 far."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=4.0, focus=np.zeros(3))
    clip = [camera.view_projection(2.0) @ np.array([x, 0.0, 0.0, 1.0]) for x in (-3.89, 0.0, 295.0)]
    depth = [c[2] / c[3] for c in clip]
    assert -1.0 < depth[0] < depth[1] < depth[2] < 1.0


def test_following_closes_the_same_gap_at_any_frame_rate():
    """After 0.18 s, 1 - 1/e of a step sideways is made up for: in one go or in 18."""
    once, often = Camera(focus=np.array([0.0, 0.0, 0.85])), Camera(focus=np.array([0.0, 0.0, 0.85]))
    root = np.array([1.0, 0.0, 0.88])
    once.follow(root, 0.18)
    for _ in range(18):
        often.follow(root, 0.01)
    assert once.focus[0] == pytest.approx(1.0 - math.exp(-1.0))
    np.testing.assert_allclose(once.focus, often.focus, atol=1e-12)


def test_following_for_ever_arrives():
    """An infinite time is a cut to the character."""
    camera = Camera()
    camera.follow(np.array([5.0, -3.0, 0.9]), math.inf)
    np.testing.assert_allclose(camera.focus, [5.0, -3.0, 0.87])


def test_dragging_right_turns_the_view_right():
    """Yaw is counter-clockwise, so it falls; dragging up looks from lower down."""
    camera = Camera(yaw=0.0, pitch=0.5)
    camera.orbit(0.3, 0.2)
    assert camera.yaw == pytest.approx(-0.3)
    assert camera.pitch == pytest.approx(0.3)


def test_the_view_stays_above_the_ground_and_below_the_zenith():
    """However far one drags: 2 to 85 degrees, and yaw stays within half a turn."""
    camera = Camera(yaw=3.0)
    camera.orbit(-1.0, 10.0)
    assert math.degrees(camera.pitch) == pytest.approx(2.0)
    assert camera.yaw == pytest.approx(4.0 - 2.0 * math.pi)
    camera.orbit(0.0, -10.0)
    assert math.degrees(camera.pitch) == pytest.approx(85.0)


def test_the_wheel_comes_nearer_and_back():
    """Two notches in and two out are none; far in stops at 1.2 m."""
    camera = Camera(distance=4.0)
    camera.zoom(2.0)
    assert camera.distance == pytest.approx(4.0 * 0.88**2)
    camera.zoom(-2.0)
    assert camera.distance == pytest.approx(4.0)
    camera.zoom(100.0)
    assert camera.distance == pytest.approx(1.2)

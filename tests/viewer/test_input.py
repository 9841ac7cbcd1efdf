import math

import pytest

from runtime import Steering
from viewer.input import Drive


@pytest.mark.parametrize(
    ("held", "degrees"),
    [
        ({"forward"}, 0), ({"left"}, 90), ({"back"}, 180), ({"right"}, -90),
        ({"forward", "left"}, 45), ({"forward", "right"}, -45), ({"back", "left"}, 135), ({"back", "right"}, -135),
        ({"forward", "left", "right"}, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("camera_yaw", [0.0, 0.5, -2.0, 3.1])
def test_keys_mean_directions_seen_from_the_camera(held, degrees, camera_yaw):
    """Forward is away from the camera, left is counter-clockwise of that, seen from above."""
    goal = Drive().goal(held, camera_yaw)
    assert goal.speed == 1.3
    error = math.remainder(goal.direction - camera_yaw - math.radians(degrees), 2 * math.pi)
    assert error == pytest.approx(0.0, abs=1e-9)
    assert abs(goal.direction) <= math.pi


def test_shift_runs():
    """3 m/s instead of 1.3, and no faster along a diagonal."""
    assert Drive().goal({"forward", "run"}, 0.0).speed == 3.0
    assert Drive().goal({"forward", "left", "run"}, 0.0).speed == 3.0


@pytest.mark.parametrize("held", [set(), {"run"}, {"left", "right"}, {"forward", "back"}])
def test_no_direction_is_a_stop_that_keeps_the_heading(held):
    """The character stops looking where it went, not back along x."""
    drive = Drive()
    drive.goal({"left"}, 0.25)
    assert drive.goal(held, 1.0) == Steering(0.0, 0.25 + math.pi / 2)


def test_before_the_first_key_it_looks_where_it_stood():
    """A drive starts with the character's own heading."""
    assert Drive(1.5).goal((), 0.0) == Steering(0.0, 1.5)

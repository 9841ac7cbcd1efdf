import math

import pytest

from viewer.input import DEAD_ZONE, RUN_SPEED, Drive, Pad, Wish, beyond_dead_zone


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
    wish = Drive().wish(held, camera_yaw)
    assert (wish.speed, wish.facing) == (1.3, None)
    error = math.remainder(wish.direction - camera_yaw - math.radians(degrees), 2 * math.pi)
    assert error == pytest.approx(0.0, abs=1e-9)
    assert abs(wish.direction) <= math.pi


def test_shift_runs():
    """3 m/s instead of 1.3, and no faster along a diagonal."""
    assert Drive().wish({"forward", "run"}, 0.0).speed == 3.0
    assert Drive().wish({"forward", "left", "run"}, 0.0).speed == 3.0


@pytest.mark.parametrize("held", [set(), {"run"}, {"left", "right"}, {"forward", "back"}])
def test_no_direction_is_a_stop_that_keeps_the_heading(held):
    """The character stops looking where it went, not back along x."""
    drive = Drive()
    drive.wish({"left"}, 0.25)
    assert drive.wish(held, 1.0) == Wish(0.0, 0.25 + math.pi / 2)


def test_before_the_first_key_it_looks_where_it_stood():
    """A drive starts with the character's own heading."""
    assert Drive(1.5).wish((), 0.0) == Wish(0.0, 1.5)


def test_ctrl_keeps_facing_away_from_the_camera():
    """Walking left with it is a side step."""
    assert Drive().wish({"left", "face"}, 0.5) == Wish(1.3, 0.5 + math.pi / 2, 0.5)


def test_the_dead_zone_is_radial():
    """A stick at rest anywhere within 0.2 is at rest; at its edge the push starts from 0, straight stays straight."""
    assert beyond_dead_zone((0.14, -0.14)) == (0.0, 0.0, 0.0)
    assert beyond_dead_zone((0.0, DEAD_ZONE)) == (0.0, 0.0, 0.0)
    right, up, pushed = beyond_dead_zone((0.03, 0.6))  # an axis-wise zone would snap this onto the axis
    assert right / up == pytest.approx(0.05)
    assert pushed == pytest.approx((math.hypot(0.03, 0.6) - 0.2) / 0.8)


def test_a_corner_of_the_stick_s_gate_is_no_faster_than_its_edge():
    """(1, 1) is 1.41 long on some pads."""
    assert beyond_dead_zone((1.0, 1.0))[2] == 1.0
    assert Drive(pad=Pad(left=(1.0, 1.0))).wish((), 0.0).speed == RUN_SPEED


def test_the_left_stick_gives_direction_and_speed():
    """Pushed to 0.6 to the right: half the way beyond the dead zone, half of 3 m/s; forward is up."""
    wish = Drive(pad=Pad(left=(0.6, 0.0))).wish((), 1.0)
    assert wish.speed == pytest.approx(1.5)
    assert wish.direction == pytest.approx(1.0 - math.pi / 2)
    assert Drive(pad=Pad(left=(0.0, 1.0))).wish((), 1.0) == Wish(3.0, 1.0)


def test_keys_win_over_a_stick_that_rests_badly():
    """A worn stick at 0.3 does not bend what is typed."""
    assert Drive(pad=Pad(left=(0.3, 0.0))).wish({"forward"}, 0.0) == Wish(1.3, 0.0)


def test_the_right_stick_turns_the_camera_or_with_the_left_trigger_says_where_to_face():
    """One of the two, never both."""
    turning = Drive(pad=Pad(right=(1.0, 0.0)))
    assert turning.look() == (1.0, 0.0)
    assert turning.wish((), 0.0).facing is None
    facing = Drive(pad=Pad(left=(0.0, 1.0), right=(-1.0, 0.0), left_trigger=1.0))
    assert facing.look() == (0.0, 0.0)
    assert facing.wish((), 0.5) == Wish(3.0, 0.5, 0.5 + math.pi / 2)

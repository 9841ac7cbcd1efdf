"""Twelve numbers of a puppet's gait, worked out by hand, and what people's lie between."""

from __future__ import annotations

import numpy as np
import pytest

from runtime import Steering, World
from runtime.character import CONTROL_HZ, STATE_SHAPES, State
from tests.training.puppet import puppet
from training.measure import gait
from training.metrics import take


def test_every_number_of_a_puppet() -> None:
    """As it is told to walk: 18 of 30 frames a foot is down, so that for 6 both are; 90 % of a sine of 2 cm's range."""
    numbers = gait.measure(puppet())
    assert list(numbers) == list(gait.DEFINITIONS)
    assert numbers == pytest.approx({
        "speed_m_s": 1.2, "strides_per_s": 1.0, "lean_deg": 7.0, "stance_knee_deg": 10.0, "swing_knee_deg": 60.0,
        "elbow_deg": 25.0, "hand_swing_m": 0.4, "double_support": 0.2, "flight": 0.0, "pelvis_height_m": 0.86,
        "step_width_m": 0.12, "pelvis_bob_m": 0.04 * np.sin(0.45 * np.pi),
    }, rel=0.01, abs=1e-9)  # fmt: skip


@pytest.mark.parametrize("heading", [-3.0, 0.0, 2.0])
def test_numbers_do_not_depend_on_the_heading(heading: float) -> None:
    """Ahead is where the root looks, not the world's x axis."""
    assert gait.measure(puppet(heading=heading)) == pytest.approx(gait.measure(puppet()))


def test_a_runner_flies_and_a_crouched_one_leans_wide() -> None:
    """A foot is down for 30 % of its cycle: neither is for 40 %."""
    numbers = gait.measure(puppet(8.0, strides=1.5, grounded=0.3, lean=-20.0, width=0.3))
    assert numbers["flight"] == pytest.approx(0.4) and numbers["double_support"] == 0.0
    assert numbers["strides_per_s"] == pytest.approx(1.5, rel=0.01)
    assert numbers["lean_deg"] == pytest.approx(-20.0) and numbers["step_width_m"] == pytest.approx(0.3)


def test_standing_has_no_strides_and_floating_no_stance() -> None:
    """Nan, and no warning, where a number does not exist; the average is over the runs that have it."""
    standing = take(puppet(), np.zeros(60, dtype=int))
    numbers = gait.measure(standing)
    assert np.isnan(numbers["strides_per_s"]) and numbers["speed_m_s"] == 0.0
    assert np.isnan(gait.measure(puppet(grounded=0.0))["stance_knee_deg"])
    both = gait.average([numbers, gait.measure(puppet())])
    assert both["strides_per_s"] == pytest.approx(1.0, rel=0.01) and both["speed_m_s"] == pytest.approx(0.6)
    assert np.isnan(gait.average([numbers])["strides_per_s"])


def test_passings_are_between_frames() -> None:
    """The right foot is level with the left, and going ahead, when whole cycles are over: .995, 1.995, … s."""
    np.testing.assert_allclose(gait.passings(puppet()) / CONTROL_HZ, [0.995, 1.995, 2.995, 3.995], atol=1e-4)
    assert gait.stride_periods(puppet(strides=5.0)).size == 0  # nobody takes five strides a second


def test_bands_by_speed() -> None:
    """Standing, walking to 1.9 m/s, running from 2.4 m/s, nothing between; strides 14 % about people's."""
    assert gait.bands(0.0)["lean_deg"] == (-6.0, 10.0) and "strides_per_s" not in gait.bands(0.0)
    assert gait.bands(0.0)["speed_m_s"] == pytest.approx((-0.03, 0.03))
    assert gait.bands(1.05)["strides_per_s"] == pytest.approx((0.86 * 0.82, 1.14 * 0.82))
    assert gait.bands(1.35)["strides_per_s"] == pytest.approx((0.86 * 0.92, 1.14 * 0.92))  # halfway of .89 and .95
    assert gait.bands(3.0)["strides_per_s"] == pytest.approx((0.86 * 1.4, 1.14 * 1.4))
    assert gait.bands(1.9)["flight"] == (0.0, 0.03) and gait.bands(2.4)["flight"] == (0.08, 0.55)
    assert gait.bands(2.0) == {} and gait.bands(1.0)["speed_m_s"] == pytest.approx((0.87, 1.13))
    assert len(gait.bands(0.0)) == 8 and len(gait.bands(1.0)) == len(gait.bands(3.0)) == 12


def test_inside_counts_what_is_as_people() -> None:
    """The puppet at 1.2 m/s takes too many strides, .76 to 1.00 a second; standing, eight numbers count; nan is out."""
    numbers = gait.measure(puppet())
    outside = [name for name, good in gait.judge(numbers, 1.2).items() if not good]
    assert gait.inside(numbers, 1.2) == (11, 12) and outside == ["strides_per_s"]
    assert gait.inside(gait.measure(puppet(strides=0.9, seconds=9.0)), 1.2) == (12, 12)
    assert gait.inside(numbers, 2.1) == (0, 0)
    assert gait.inside(dict.fromkeys(numbers, float("nan")), 0.0) == (0, 8)


def test_effort_is_power_over_weight_and_speed() -> None:
    """50.052 kg at 1.5 m/s: two metres a second count, 982 W are 1; standing, half a metre a second does."""
    watts = 50.052 * 9.81 * 2.0
    assert gait.effort(np.array([0.5 * watts, 1.5 * watts]), 1.5) == pytest.approx(1.0)
    assert gait.effort(np.full(3, 0.25 * watts), 0.0) == pytest.approx(1.0)


def test_a_shipped_controller_is_measured() -> None:
    """Two seconds at 1.2 m/s: every number is finite, and some of them are people's."""
    world = World()
    character = world.add_character("exported/steering.onnx")
    character.goal = Steering(1.2)
    frames = []
    for _ in range(3 * CONTROL_HZ):
        world.step()
        frames.append(character.state)
    states = State(**{name: np.array([getattr(frame, name) for frame in frames[30:]]) for name in STATE_SHAPES})
    numbers = gait.measure(states)
    assert all(np.isfinite(value) for value in numbers.values())
    assert gait.inside(numbers, 1.2)[0] > 3

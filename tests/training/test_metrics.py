"""Metrics on trajectories made by hand, with numbers that can be checked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES, JOINTS, State
from runtime.recording import Motion
from training import _gait, _report, metrics
from training.measure import gait
from training.metrics import Rollout
from training.motion.clips import motion_states


def states(frames: int, x: np.ndarray | float = 0.0, lift: np.ndarray | float = 0.0, **joints: np.ndarray) -> State:
    """The default pose, its root at `x` along the world's x axis and `lift` above standing, named joints elsewhere."""
    position = np.zeros((frames, 3))
    position[:, 0], position[:, 2] = x, DEFAULT_HEIGHT + lift
    angles = np.tile(DEFAULT_POSE, (frames, 1))
    for name, values in joints.items():
        angles[:, JOINT_NAMES.index(name)] = values
    return motion_states(Motion(30.0, position, np.tile([1.0, 0, 0, 0], (frames, 1)), angles))


def rollout(
    velocity: np.ndarray, goals: list[tuple[int, float, float]], yaw: float = 0.0, falls: tuple[int, ...] = ()
) -> Rollout:
    """Travel along x at `velocity` [T] m/s, heading `yaw` deg; goals are (frame given, speed, direction in deg)."""
    frames = len(velocity)
    moving = states(frames)
    moving.root_linear_velocity[:, 0] = velocity
    moving.root_rotation[:] = np.cos(np.radians(yaw) / 2), 0, 0, np.sin(np.radians(yaw) / 2)
    goal, index = np.zeros((frames, 4)), np.zeros(frames, dtype=int)
    for number, (start, speed, direction) in enumerate(goals):
        along = np.cos(np.radians(direction)), np.sin(np.radians(direction))
        goal[start:] = speed * along[0], speed * along[1], *along
        index[start:] = number
    fell = np.isin(np.arange(frames), falls)
    starts = [0, *(fall + 1 for fall in falls)]
    life, age = (
        np.array([t - max(s for s in begun if s <= t) for t in range(frames)])
        for begun in (starts, [*starts, *(start for start, _, _ in goals)])
    )
    return Rollout(moving, np.tile(DEFAULT_POSE, (frames, 1)), goal, index, age, life, fell)


def result(velocity: float, speed: float, **options: Any) -> metrics.GoalResult:
    """What becomes of five seconds at one velocity under a goal straight ahead."""
    return metrics.goal_results(rollout(np.full(150, velocity), [(0, speed, 0.0)], **options))[0]


def test_goal_is_a_success_within_tolerance() -> None:
    """.3 m/s at low speeds, 15 % above 2 m/s: 3 m/s allows .45."""
    assert result(1.2, 1.0).success and result(0.75, 1.0).success
    assert not result(0.65, 1.0).success
    assert result(2.6, 3.0).success and not result(2.5, 3.0).success
    assert result(0.2, 0.0).success and not result(0.35, 0.0).success
    assert result(1.2, 1.0).speed_error == pytest.approx(0.2)


def test_goal_needs_the_facing_and_no_fall() -> None:
    """19° off is fine, 21° is not; a fall spoils everything."""
    assert result(1.0, 1.0, yaw=19.0).success
    assert result(1.0, 1.0, yaw=-21.0).heading_error == pytest.approx(21.0)
    assert not result(1.0, 1.0, yaw=-21.0).success
    fallen = result(1.0, 1.0, falls=(120,))
    assert fallen.fell and not fallen.success


def test_velocity_error_is_of_the_vector() -> None:
    """Right speed, wrong way: 1 m/s along x instead of along y is no speed error and √2 m/s of velocity error."""
    (only,) = metrics.goal_results(rollout(np.ones(150), [(0, 1.0, 90.0)]))
    assert only.speed_error == pytest.approx(0.0, abs=1e-9)
    assert only.velocity_error == pytest.approx(2**0.5)
    assert only.heading_error == pytest.approx(90.0)


def test_errors_of_the_first_second_and_a_half_do_not_count() -> None:
    """Standing for a second, then exactly right: half a second later the smoothed velocity is right as well."""
    velocity = np.where(np.arange(150) < 30, 0.0, 1.0)
    (only,) = metrics.goal_results(rollout(velocity, [(0, 1.0, 0.0)]))
    assert only.success and only.velocity_error == pytest.approx(0.0, abs=1e-9)


def test_reach_time_is_when_the_smoothed_velocity_comes_within_tolerance() -> None:
    """After a jump from 0 to 1 m/s the mean is k/15 k frames later; .7 is passed at k = 11, the 41st frame."""
    velocity = np.where(np.arange(150) < 30, 0.0, 1.0)
    (only,) = metrics.goal_results(rollout(velocity, [(0, 1.0, 0.0)]))
    assert only.reach_time == pytest.approx(41 / 30)
    assert np.isnan(result(0.5, 1.0).reach_time)


def test_goals_are_told_apart_and_short_ones_left_out() -> None:
    """Goals of 3 s, 2 s (not judged) and 3 s; turns are counted from the goal before, whether judged or not."""
    results = metrics.goal_results(rollout(np.ones(240), [(0, 1.0, 0.0), (90, 1.0, 170.0), (150, 1.0, -170.0)]))
    assert [r.success for r in results] == [True, False]
    assert np.isnan(results[0].turn) and results[1].turn == pytest.approx(20.0)


def test_errors_count_again_a_second_and_a_half_after_a_restart() -> None:
    """A fall at frame 60 of 150: frames 45 to 60 and 106 to 149 count."""
    errors = metrics.tracking(rollout(np.ones(150), [(0, 1.0, 0.0)], falls=(60,)))
    assert np.flatnonzero(errors.settled).tolist() == [*range(45, 61), *range(106, 150)]


def test_smoothing_does_not_reach_across_a_restart() -> None:
    """2 m/s up to a fall, 0 after it: nothing of the 2 m/s is left in the frame after the fall."""
    velocity = np.where(np.arange(60) <= 30, 2.0, 0.0)
    errors = metrics.tracking(rollout(velocity, [(0, 0.0, 0.0)], falls=(30,)))
    assert errors.speed_error[30] == pytest.approx(2.0) and errors.speed_error[31] == 0.0


def test_runs_end_at_falls() -> None:
    """A fall at frame 60: without the first 30 steps, frames 30 to 60 and 91 to 149 are left."""
    fallen = rollout(np.ones(150), [(0, 1.0, 0.0)], falls=(60,))
    assert list(fallen.runs(30)) == [slice(30, 61), slice(91, 150)]
    assert list(fallen.runs(70)) == [slice(131, 150)]


def test_skate_of_a_sliding_foot_is_its_speed() -> None:
    """The default pose dragged at .25 m/s: both soles slide at .25 m/s in each of 15 steps of 2 pieces."""
    found = _gait.pieces([states(31, x=0.25 * np.arange(31) / 30)])
    np.testing.assert_allclose(found.speed, [0.25, 0.25])
    assert len(found.skate) == 2 * 15 * 2
    np.testing.assert_allclose(found.skate, 0.25, atol=1e-9)
    np.testing.assert_allclose(found.skate_speed, 0.25)
    np.testing.assert_allclose(found.flight, 0.0)


def test_flight_share_of_a_ballistic_hop() -> None:
    """2t − 4.905t² is above 1.2 cm at frames 1 (6 cm) to 12 (1.5 cm) of 15: a share of .8, and no contact in it."""
    t = np.arange(16) / 30
    found = _gait.pieces([states(16, lift=np.maximum(2 * t - 4.905 * t**2, 0.0))])
    np.testing.assert_allclose(found.flight, [12 / 15])
    assert len(found.skate) == 2 * 3  # frames 12 (below 2 cm again) to 15


def test_jerk_of_a_cubic() -> None:
    """The third derivative of 2t³ is 12 rad/s³; one joint of 28 has it."""
    found = _gait.pieces([states(16, neck_y=2 * (np.arange(16) / 30) ** 3)])
    np.testing.assert_allclose(found.jerk, [12 / 28], rtol=1e-6)


def test_strides_of_swinging_legs() -> None:
    """Hips swinging against each other by ±.3 rad at 1.25 Hz, travelling at 1 m/s for 4.8 s."""
    t = np.arange(145) / 30
    swing = -0.3 * np.sin(2 * np.pi * 1.25 * (t - 0.1))  # a hip turned by a negative angle is ahead
    found = _gait.strides([states(145, x=t, right_hip_y=swing, left_hip_y=-swing)])
    assert len(found.frequency) == 5  # crossings at .1, .9, …, 4.1 s
    np.testing.assert_allclose(found.frequency, 1.25, rtol=1e-3)
    np.testing.assert_allclose(found.speed, 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.amplitude[:, JOINT_NAMES.index("right_hip_y")], 0.6, rtol=0.01)
    np.testing.assert_allclose(found.amplitude[:, JOINT_NAMES.index("right_knee")], 0.0)


def test_no_strides_without_steps() -> None:
    """Feet that pass each other by 1 cm make no stride, nor does a single swing."""
    t = np.arange(145) / 30
    trembling = 0.01 * np.sin(2 * np.pi * 1.25 * t)
    assert len(_gait.strides([states(145, right_hip_y=trembling, left_hip_y=-trembling)]).frequency) == 0
    assert len(_gait.strides([states(10)]).frequency) == len(_gait.strides([]).frequency) == 0


def test_nothing_measured_of_nothing() -> None:
    """A run shorter than a piece gives empty arrays of matching lengths."""
    found = _gait.pieces([states(12)])
    assert all(len(getattr(found, name)) == 0 for name in vars(found))


def test_effort_of_a_known_torque() -> None:
    """Targets beyond the angles by half of what full effort takes; every joint turns at 2 rad/s."""
    still = rollout(np.zeros(30), [(0, 0.0, 0.0)])
    limits = np.array([joint.effort for joint in JOINTS])
    still.joint_target[:] += 0.5 * limits / np.array([joint.kp for joint in JOINTS])
    still.states.joint_velocity[:] = -2.0
    share, power = metrics.effort(still)
    np.testing.assert_allclose(share, 0.5)
    np.testing.assert_allclose(power, limits.sum())


def test_effort_is_the_mean_of_both_ends_of_a_step() -> None:
    """One joint jumps onto its target in step 1: full torque (beyond the limit, clipped) before, none after."""
    jumping = rollout(np.zeros(30), [(0, 0.0, 0.0)])
    jumping.joint_target[1:, 0] += 1.0
    jumping.states.joint_position[1:, 0] += 1.0
    share, _ = metrics.effort(jumping)
    np.testing.assert_allclose(share[:3], [0.0, 0.5 / 28, 0.0])


def test_spread_leaves_out_what_is_not_a_number() -> None:
    """1, 2 and 3: mean 2, deviation √(2/3)."""
    found = metrics.spread([1.0, np.nan, 2.0, 3.0])
    assert found["count"] == 3 and found["mean"] == 2.0 and found["median"] == 2.0
    assert found["std"] == pytest.approx((2 / 3) ** 0.5)
    assert metrics.spread([np.nan]) == {key: 0 if key == "count" else None for key in found}


def test_right_foot_is_the_one_ahead() -> None:
    """The sign of a stride's measure: the right hip flexed puts the right foot ahead."""
    flexed = states(5, right_hip_y=np.full(5, -0.3))
    feet = [flexed.body_position[0, BODIES.index(f"{side}_foot"), 0] for side in ("right", "left")]
    assert feet[0] > feet[1] and (gait.right_lead(flexed) > 0.2).all()


def test_a_stop_tells_swaying_from_standing() -> None:
    """Steps on the spot of .2 m/s to and fro make no way and are no rest; what came before the last 2 s is neither."""
    sway = np.where(np.arange(270) % 2 == 0, 0.2, -0.2)
    sway[:180] = 1.0
    figures = [_report._stop([(0, rollout(v, [(0, 1.0, 0.0), (120, 0.0, 0.0)]))]) for v in (sway, 0.0 * sway)]
    assert [f["standing_speed_m_s"]["mean"] for f in figures] == [pytest.approx(0.2, abs=2e-3), 0.0]
    assert [f["drift_m_s"]["mean"] for f in figures] == [0.0, 0.0]

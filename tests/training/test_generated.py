"""Figures of windows as bodies, each provoked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES
from runtime.recording import Motion
from training import features
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.prior.generated import figures, speed_shares


def standing(frames: int = 38, speed: float = 0.0, lift: float = 0.0) -> torch.Tensor:
    """Windows of the default pose gliding along x, soles `lift` m above the ground."""
    position = np.zeros((frames, 3))
    position[:, 0], position[:, 2] = speed * np.arange(frames) / 30, DEFAULT_HEIGHT + lift
    motion = Motion(30.0, position, np.tile([1.0, 0, 0, 0], (frames, 1)), np.tile(DEFAULT_POSE, (frames, 1)))
    return motion_windows.cut([Clip(motion, "walk", "train", "g", speed)]).values


def channel(name: str) -> int:
    """Index of a window channel."""
    return features.WINDOW_NAMES.index(name)


def test_standing_is_fine():
    """Nothing beyond limits, nothing in the ground, no skate, no jitter, key points in place."""
    found = figures(standing())
    assert found["windows"] == 11
    assert found["beyond_limits"] == found["sunk_2_cm"] == 0.0
    assert found["key_point_cm"]["mean"] < 1e-3 and found["last_root_cm"] == 0 and found["last_heading_deg"] < 1e-3
    assert found["skate"]["q90"] == pytest.approx(0, abs=1e-4)
    assert found["joint_acceleration"] == pytest.approx(0, abs=1e-2)
    assert found["flight_above_3_m_s"] is None


def test_sinking_is_seen_in_any_frame():
    """One frame of one window 3 cm down: one in eleven below 2 cm, none below 5; another 6 cm down counts in both."""
    windows = standing()
    windows[0, 4, channel("root_height")] -= 0.03
    windows[1, 9, channel("root_height")] -= 0.06
    found = figures(windows)
    assert (found["sunk_2_cm"], found["sunk_5_cm"]) == pytest.approx((2 / 11, 1 / 11))


def test_joint_limits():
    """A knee bent backwards by .2 rad in one frame; a hundredth of a radian is forgiven."""
    windows = standing()
    windows[3, 2, channel("right_knee")] = -0.2
    windows[4, 2, channel("right_knee")] = -0.009
    found = figures(windows)
    assert found["beyond_limits"] == pytest.approx(1 / 11)
    assert found["largest_beyond_limits_rad"] == pytest.approx(0.2, abs=1e-5)


def test_key_points_that_do_not_fit_the_joints():
    """Every left hand claimed 5 cm higher than the arm puts it: 5 cm for one point of seven, 5/7 on average."""
    windows = standing()
    windows[..., channel("left_hand_z")] += 0.05
    found = figures(windows)["key_point_cm"]
    assert found["mean"] == pytest.approx(5 / 7, abs=1e-3) and found["q95"] == pytest.approx(5.0, abs=1e-3)


def test_gliding_skates_and_flying_does_not():
    """Soles on the ground at 3.5 m/s skate at 3.5 m/s; 5 cm up they fly instead, in every frame."""
    skating = figures(standing(speed=3.5))
    assert skating["skate"]["median"] == pytest.approx(3.5, abs=1e-3) and skating["flight_above_3_m_s"] == 0.0
    flying = figures(standing(speed=3.5, lift=0.05))
    assert flying["skate"] == {"mean": None, "median": None, "q90": None} and flying["flight_above_3_m_s"] == 1.0


def test_last_root_off_its_place():
    """3 and 4 cm off the origin, 90° off the heading."""
    windows = standing()
    windows[..., :2] += torch.tensor([0.03, 0.04])
    windows[..., 3:9] = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0, 0.0])
    found = figures(windows)
    assert found["last_root_cm"] == pytest.approx(5.0, abs=1e-4)
    assert found["last_heading_deg"] == pytest.approx(90.0, abs=1e-3)


def test_jitter_by_hand():
    """One of 28 joints going 0, .1, 0, .1, …: accelerations ±.2·900 rad/s², over all joints 180/√28.

    Only where frames are a control step apart: of frames further apart than that alone there is no such figure.
    """
    windows = standing()
    windows[..., channel(JOINT_NAMES[0])] += 0.1 * (torch.arange(10) % 2)
    assert figures(windows)["joint_acceleration"] == pytest.approx(180 / 28**0.5, rel=1e-4)
    assert figures(windows[:, [0, 3, 6, 9]], (27, 10, 3, 0))["joint_acceleration"] is None


def test_speeds_by_bin():
    """Standing, walking at the edge of a bin, and running off the end; shares add up to 1."""
    shares = speed_shares(torch.tensor([0.0, 0.3, 0.31, 9.0]))
    assert (shares["0.0-0.3"], shares["0.3-0.8"], shares["4.2+"]) == (0.5, 0.25, 0.25)
    assert sum(shares.values()) == pytest.approx(1.0)

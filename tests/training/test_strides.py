"""Strides of made-up people who hold one hip differently, and of a policy, with distances worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.character import BODIES, JOINT_NAMES
from tests.training.motions import standing
from tests.training.puppet import puppet
from tests.training.test_evaluate import walk
from tests.training.test_metrics import states
from training.measure import strides
from training.measure.strides import Strides, compare, cut
from training.motion import rotation
from training.motion.dataset import Clip

HIP = JOINT_NAMES.index("right_hip_x")
PEOPLE = {"ann": 0.0, "bob": 0.1, "cyd": -0.1}  # rad, of that hip


def walker(angle: float, speed: float = 1.2) -> Strides:
    """Five seconds of somebody whose right hip is held `angle` rad to the side."""
    return cut([puppet(speed=speed, right_hip_x=angle)])


@pytest.fixture
def people() -> dict[str, Strides]:
    """Three people at 1.2 m/s."""
    return {name: walker(angle) for name, angle in PEOPLE.items()}


def test_strides_are_cut_where_the_foot_passes(people: dict[str, Strides]) -> None:
    """Passings at .995, …, 3.995 s: three strides of 50 phases. The right knee bends for their last 40 %."""
    ann = people["ann"]
    assert ann.angle.shape == (3, 50, 28) and ann.speed == pytest.approx([1.2] * 3, rel=1e-3)
    knee = np.degrees(ann.angle[0, :, JOINT_NAMES.index("right_knee")])
    assert knee[1:29] == pytest.approx(10.0) and knee[31:48] == pytest.approx(60.0)
    assert ann.count_at(1.3) == 3 and ann.count_at(0.9) == 0 and ann.mean_at(0.9) is None


def test_phases_are_between_frames() -> None:
    """Of an angle that grows by .01 a frame, phases of a stride of 30 frames are .6 frames apart, from 29.85 on."""
    states = puppet()
    states.joint_position[:, HIP] = 0.01 * np.arange(len(states.joint_position))
    found = cut([states]).angle[0, :, HIP]
    np.testing.assert_allclose(found, 0.01 * (29.85 + 0.6 * np.arange(50)), atol=1e-4)


def test_only_straight_strides_forward_count() -> None:
    """Not of somebody who goes backwards or aside, turns by 40° in a stride, hardly lifts a foot, or stands."""
    assert cut([puppet(speed=-1.2)]).speed.size == cut([puppet(strides=0.3)]).speed.size == cut([]).speed.size == 0
    aside = puppet()
    aside.root_position[:, :2] = aside.root_position[:, 1::-1]  # heading .7 rad, going π/2 - .7: 10°, still ahead
    assert cut([aside]).speed.size == 3
    aside.root_position[:, 0] *= -1.0
    assert cut([aside]).speed.size == 0
    turning = puppet(heading=0.0)
    turning.root_rotation[:] = rotation.about(2, np.radians(40.0) * (np.arange(150) / 30 - 1.5))
    assert cut([turning]).speed.size == 0
    shuffling = puppet()
    feet = [BODIES.index("right_foot"), BODIES.index("left_foot")]
    shuffling.body_position[:, feet] = shuffling.body_position[:, feet].mean(axis=1, keepdims=True)
    assert cut([shuffling, states(60)]).speed.size == 0


def test_distance_in_units_of_that_between_people(people: dict[str, Strides]) -> None:
    """Hips at 0, .1 and -.1 rad: deviation .1, mutual distances 1, 1 and 2 (over √28), 4/3 in the mean.

    A policy at .3 is 3 from the held-out Ann, 2.25 times that; Ann herself is 1 from the others, .75 times that. In
    the arms people do not differ.
    """
    np.testing.assert_allclose(strides.spread_between([p.angle[0] for p in people.values()])[HIP], 0.1)
    found = compare(walker(0.3), people, ["ann"])
    assert list(found) == ["0.9 m/s", "1.2 m/s", "1.5 m/s"]
    at = found["1.2 m/s"]
    assert (at["people"], at["held_out_people"], at["strides"]) == (3, 1, 3)
    assert at["ratio"] == pytest.approx(2.25) and at["held_out_ratio"] == pytest.approx(0.75)
    assert at["legs"] == pytest.approx(2.25) and at["arms"] is at["trunk"] is None
    both = compare(walker(0.3), people, ["ann", "bob"])["1.2 m/s"]  # 3 and 2 away
    assert both["ratio"] == pytest.approx(2.5 / (4 / 3))
    assert compare(walker(0.0), people, ["ann"])["1.2 m/s"]["ratio"] == pytest.approx(0.0, abs=1e-9)


def test_too_few_people_or_strides_are_no_figure(people: dict[str, Strides]) -> None:
    """Nobody at 0.9 m/s; two people are no spread; with nobody held out or no stride of the policy there is no ratio.

    What held-out people come to needs no policy.
    """
    found = compare(walker(0.3), people, ["ann"])["0.9 m/s"]
    assert found["people"] == 0 and found["ratio"] is found["legs"] is None
    two = {name: people[name] for name in ("ann", "bob")}
    assert compare(walker(0.3), two, ["ann"])["1.2 m/s"]["ratio"] is None
    assert compare(walker(0.3), people, [])["1.2 m/s"]["ratio"] is None
    alone = compare(walker(0.3, speed=2.0), people, ["ann"])["1.2 m/s"]
    assert alone["strides"] == 0 and alone["ratio"] is None and alone["held_out_ratio"] == pytest.approx(0.75)


def test_people_are_the_groups_of_a_dataset() -> None:
    """All clips of a group are one person's, takes of nobody's their folder's; who never strides is left out."""
    makers = [("a", "07", "held_out"), ("b", "07", "held_out"), ("c", "mocap/c", "train"), ("d", "mocap/d", "held_out")]
    clips = [Clip(walk(1.0, 1.0, name), "walk", side, group, 1.0) for name, group, side in makers]
    found = strides.people([*clips, Clip(standing(), "stand", "train", "still", 0.0)])
    assert list(found) == ["07", "mocap"] and found["07"].speed == pytest.approx(1.0)
    assert len(found["07"].speed) == 2 * len(strides.people(clips[:1])["07"].speed)
    assert found["07"].seconds == pytest.approx(1.0, rel=0.01)
    assert strides.strangers(clips) == {"07"}  # not who is on both sides

"""How soon goals are answered, on rollouts made by hand; which walks are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from runtime import Controller, Speed, Steering
from runtime.character import BODIES
from tests.tiny import write_controller
from tests.training.puppet import puppet
from tests.training.test_metrics import rollout, states
from training import _episodes, trials
from training.measure import report, responses, strides
from training.metrics import Rollout
from training.motion import rotation
from training.motion.dataset import Clip
from training.trials import Episode, Order


def test_speed_is_had_at_nine_tenths() -> None:
    """1.5 m/s wanted from frame 30 on, .05 m/s more a frame: 1.35 m/s after 27 steps; not where it fell before."""
    velocity = np.concatenate((np.zeros(30), 0.05 * np.arange(1, 61)))
    goals = [(0, 0.0, 0.0), (30, 1.5, 0.0)]
    assert responses.time_from_rest(rollout(velocity, goals)) == pytest.approx(27 / 30)
    assert np.isnan(responses.time_from_rest(rollout(velocity, goals, falls=(40,))))
    assert responses.time_from_rest(rollout(velocity, goals, falls=(80,))) == pytest.approx(27 / 30)
    assert np.isnan(responses.time_from_rest(rollout(0.5 * velocity[:80], goals)))
    assert np.isnan(responses.time_from_rest(rollout(velocity, [(0, 0.0, 0.0), (30, 1.5, 180.0)])))


def test_rest_counts_from_when_it_stays() -> None:
    """Slow for good from the 31st step after the order on; a slow moment before is no rest, nor is lying there."""
    velocity = np.concatenate((np.full(30, 2.0), np.full(10, 1.0), np.full(5, 0.1), np.full(15, 0.5), np.full(30, 0.1)))
    goals = [(0, 2.0, 0.0), (30, 0.0, 0.0)]
    assert responses.time_to_rest(rollout(velocity, goals)) == pytest.approx(31 / 30)
    assert np.isnan(responses.time_to_rest(rollout(velocity, goals, falls=(50,))))
    assert np.isnan(responses.time_to_rest(rollout(velocity[:58], goals)))


def test_a_half_turn_is_over_with_heading_and_speed() -> None:
    """Turned by 165° after 20 steps, back at 1.25 of 1.5 m/s after 24: both count."""
    velocity = np.concatenate((np.full(30, 1.5), np.zeros(23), np.full(37, -1.25)))
    turned = rollout(velocity, [(0, 1.5, 0.0), (30, 1.5, 180.0)])
    heading = np.concatenate((np.zeros(49), np.full(41, np.radians(165.0))))
    turned.states.root_rotation[:] = rotation.about(2, heading)
    assert responses.time_of_half_turn(turned) == pytest.approx(24 / 30)
    turned.states.root_rotation[:] = rotation.about(2, np.minimum(heading, np.radians(159.0)))
    assert np.isnan(responses.time_of_half_turn(turned))


def standing(lift: float = 0.0, away: float = 0.0, turn: float = 0.0) -> Rollout:
    """Two seconds of the default pose; from the 31st frame on a foot is `lift` m higher, the root `away` m off."""
    moving = states(60, x=np.where(np.arange(60) < 30, 0.0, away))
    moving.body_position[30:, BODIES.index("left_foot"), 2] += lift
    moving.root_rotation[30:] = rotation.about(2, np.full(30, np.radians(turn)))
    still = rollout(np.zeros(60), [(0, 0.0, 0.0)])
    return Rollout(moving, *(getattr(still, name) for name in list(vars(still))[1:]))


def test_a_step_is_a_foot_lifted_or_a_way_made() -> None:
    """More than 2 cm up or 10 cm away, at the 31st frame; turning in place by less is none."""
    still = responses.standing(standing(lift=0.015, away=0.09, turn=12.0))
    assert np.isnan(still.first_step) and not still.fell
    assert still.moved == pytest.approx(0.09) and np.degrees(still.turned) == pytest.approx(12.0)
    assert responses.standing(standing(lift=0.025)).first_step == pytest.approx(31 / 30)
    assert responses.standing(standing(away=0.11)).first_step == pytest.approx(31 / 30)


def walk(kind: str, label: str, **options: float) -> tuple[Episode, Rollout]:
    """A puppet's 11 s of walking at 1.2 m/s, asked for it, with its servos where its joints are."""
    moving = puppet(11.0, heading=0.0, **options)
    asked = rollout(np.full(330, 1.2), [(0, 1.2, 0.0)])
    names = list(vars(asked))[2:]
    walked = Rollout(moving, moving.joint_position, *(getattr(asked, name) for name in names))
    return Episode(kind, label, 11.0, 0.0, (Order(0.0, Steering(1.2)),)), walked


def test_a_report_of_walks_without_people() -> None:
    """Two walks at .9 strides a second are people's in all twelve numbers; what nobody did is null and says why."""
    walks = [walk("gait", "1.2 m/s", strides=0.9), walk("gait", "1.2 m/s", strides=0.9)]
    found = report.report(walks, None, "")
    assert found["gait"]["inside"] == found["gait"]["of"] == 12
    entry = found["gait"]["by_speed"]["1.2 m/s"]
    assert entry["fell"] == 0 and entry["outside"] == [] and entry["effort"] >= 0.0
    assert entry["numbers"]["lean_deg"] == pytest.approx(7.0)
    assert found["standing"] is None and set(found["responses"].values()) == {None}
    assert found["strides"]["by_speed"] is None and "data=" in found["strides"]["note"]


def test_a_report_tells_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of .9 and 1.8 s; of standing still and stepping once."""
    fast = np.concatenate((np.zeros(30), 0.05 * np.arange(1, 61)))
    slow = np.concatenate((np.zeros(30), 0.025 * np.arange(1, 61)))
    episode = Episode("from rest", "to 1.5 m/s", 3.0, 0.0, ())
    walks = [(episode, rollout(velocity, [(0, 0.0, 0.0), (30, 1.5, 0.0)])) for velocity in (fast, slow)]
    still = Episode("standing", "told to stand", 2.0, 0.0, ())
    walks += [walk("gait", "1.2 m/s"), (still, standing()), (still, standing(lift=0.1))]
    found = report.report(walks, None, "")
    times = found["responses"]["from rest"]
    assert times == {"mean_s": pytest.approx(1.35), "worst_s": pytest.approx(1.8), "answered": 2, "of": 2, "fell": 0}
    stood = found["standing"]["told to stand"]
    assert stood["runs"] == 2 and stood["stepped"] == 1 and stood["first_step_s"] == pytest.approx(31 / 30)


def test_walks_are_compared_with_a_datasets_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The groups that are held out are the strangers; a walk that ended in a fall gives no strides."""
    people = {name: strides.cut([puppet(right_hip_x=angle)]) for name, angle in (("a", 0.0), ("b", 0.1), ("c", -0.1))}
    monkeypatch.setattr(strides, "people", lambda clips: people)
    none: list[Clip] = []
    walks = [walk("gait", "1.2 m/s", right_hip_x=0.3), walk("strides", "1.2 m/s", right_hip_x=0.3)]
    walks[1][1].fell[5] = True
    found = report.report(walks, none, "here")["strides"]
    assert found["source"] == "here" and found["people"] == 3 and found["held_out_people"] == 0
    assert found["by_speed"]["1.2 m/s"]["strides"] == 6 and found["by_speed"]["1.2 m/s"]["ratio"] is None


def test_which_walks_a_task_is_asked_for() -> None:
    """Steering all of them, speed none at rest, the others none; changes come in eight headings, all over a stride."""
    steering, speed = trials.walks("steering"), trials.walks("speed")
    assert all(order.goal is None or isinstance(order.goal, Steering) for e in steering for order in e.orders)
    assert all(isinstance(order.goal, Speed) for e in speed for order in e.orders)
    kinds = {kind: [e for e in steering if e.kind == kind] for kind in {e.kind for e in steering}}
    assert {kind: len(found) for kind, found in kinds.items()} == {
        "gait": 12, "strides": 6, "from rest": 8, "to rest": 8, "half turn": 8, "standing": 4,
    }  # fmt: skip
    assert {e.kind for e in speed} == {"gait", "strides", "from rest", "half turn"}
    assert [e.orders[0].goal for e in kinds["gait"][2:4]] == [Steering(0.6, 0.0), Steering(0.6, 2.0)]
    assert len({e.heading for e in kinds["half turn"]}) == len({e.orders[1].second for e in kinds["to rest"]}) == 8
    assert trials.walks("jump") == trials.walks("skill") == []


def test_who_is_told_nothing_has_the_default_goal(tmp_path) -> None:
    """No goal at all: the network is told to stand and face along x, whatever way it looks."""
    controller = Controller.load(write_controller(tmp_path / "c.onnx"))
    episodes = [Episode("standing", "told nothing", 0.2, 2.0, (Order(0.0, None),))]
    (only,) = _episodes.roll_out(controller, episodes)
    np.testing.assert_array_equal(only.goal, np.tile([0.0, 0.0, 1.0, 0.0], (6, 1)))

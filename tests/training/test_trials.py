"""How controllers of every task are tried and judged, on rollouts made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime import Controller, Jump, Prior, Steering
from runtime.character import BODIES, CONTROL_HZ, DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES, State
from runtime.goals import SCHEMAS
from runtime.recording import Motion
from tests.tiny import linear, write_controller
from tests.training.test_metrics import states
from training import _episodes, trials
from training._episodes import Hardship
from training.metrics import Rollout
from training.motion.clips import motion_states
from training.trials import Episode, Order, Request, dodgeball, getup, jump, location, skill, speed


def rollout(moving: State, goal: np.ndarray, given: tuple[int, ...] = (0,), falls: tuple[int, ...] = ()) -> Rollout:
    """Those states [T] under goals [T, G], new ones given at those frames; nobody is put back after a fall."""
    frames = np.arange(len(goal))
    index = np.searchsorted(given, frames, side="right") - 1
    age = frames - np.array(given)[index]
    fell = np.isin(frames, falls)
    return Rollout(moving, np.tile(DEFAULT_POSE, (len(goal), 1)), goal, index, age, frames, fell)


def episode(label: str = "random") -> Episode:
    """What judging needs to know of one."""
    return Episode("random", label, 1.0, 0.0, ())


@pytest.mark.parametrize("task", [task for task in trials.TRIALS if task not in ("getup", "skill")])
def test_plans_are_made_of_the_tasks_goals_and_the_seed(task):
    """Same seed, same plan; every order's goal is one of the task; definitions and restarts are there."""
    trial = trials.of(task)
    first, again, other = (trial.plan(Request(3, 12.0, 1, seed)) for seed in (0, 0, 1))
    here = State(**{name: value[0] for name, value in vars(states(2)).items()})
    made = [
        [(order.second, (order.goal(here) if callable(order.goal) else order.goal)) for order in e.orders]
        for plan in (first, again, other)
        for e in plan
    ]
    third = len(made) // 3
    assert made[:third] == made[third : 2 * third] != made[2 * third :]
    assert {goal.task for orders in made for _, goal in orders} == {task}
    assert all(len(goal.vector()) == len(SCHEMAS[task]) for orders in made for _, goal in orders)
    assert sum(e.kind == "random" for e in first) == 3
    assert trial.RESTARTS and len(trial.DEFINITION) > 40


def test_location_is_reached_at_rest_and_before_the_goal_changes():
    """Six seconds: arrived at 2 s and there at the end; gone again then; there but too fast; fallen on the way."""
    goal = np.tile([3.0, 0.0], (180, 1))

    def judged(x: np.ndarray, speed: float = 0.0, falls: tuple[int, ...] = ()) -> Any:
        moving = states(180, x=x)
        moving.root_linear_velocity[:, 0] = speed
        return location.judge(episode(), rollout(moving, goal, falls=falls))[0]

    arriving = np.where(np.arange(180) < 60, 0.0, 2.7)
    there = judged(arriving)
    assert there.success and there.figures["distance_m"] == pytest.approx(0.3) and there.label == "1-4 m"
    assert there.figures["time_s"] == pytest.approx(61 / 30)
    assert not judged(np.where(np.arange(180) < 150, 2.7, 2.0)).success
    assert not judged(arriving, speed=0.6).success
    assert not judged(arriving, falls=(20,)).success


def test_short_goals_of_location_are_not_judged():
    """Four seconds are too few to be there."""
    assert location.judge(episode(), rollout(states(120), np.zeros((120, 2)))) == []


def leaping(apex: float, seconds: float = 0.5, at: float = 0.55) -> State:
    """Ninety frames in which the whole body rises to `apex` m and comes down, `at` s after the beginning."""
    t = np.arange(90) / CONTROL_HZ - at
    return states(90, lift=np.maximum(0.0, apex * (1 - (2 * t / seconds) ** 2)))


def commanded(apex: float) -> np.ndarray:
    """Goals of 90 frames, of which the first is before the command and 45 are under it."""
    goal = np.tile(Jump().vector(), (90, 1)).astype(float)
    goal[1:46, 4] = apex
    return goal


def test_jumps_are_judged_by_their_apex_in_the_air():
    """.3 m wanted: .25 m is near enough, .15 m is not; nor is standing on tiptoe, nor a fall half a second after."""

    def judged(moving: State, wanted: float = 0.3, falls: tuple[int, ...] = ()) -> Any:
        return jump.judge(episode(), rollout(moving, commanded(wanted), (0, 1), falls))[0]

    good = judged(leaping(0.25))
    assert good.success and good.label == "standing, 0.3 m"
    assert good.figures["apex_error_m"] == pytest.approx(0.05, abs=0.01)
    assert good.figures["flight_s"] == pytest.approx(0.5 * (1 - 0.012 / 0.25) ** 0.5, abs=0.07)
    assert not judged(leaping(0.15)).success
    assert not judged(leaping(0.25), falls=(40,)).success
    assert judged(leaping(0.25), falls=(80,)).success  # more than a second after landing is another story
    assert not judged(states(90)).success and np.isnan(judged(states(90)).figures["apex_m"])


def rising(frames: int, up: int, height: float = 1.3) -> State:
    """Lying until frame `up`, then standing with the head so high."""
    moving = states(frames)
    moving.body_position[:, BODIES.index("head"), 2] = np.where(np.arange(frames) < up, 0.2, height)
    moving.root_position[:, 2] = np.where(np.arange(frames) < up, 0.15, DEFAULT_HEIGHT)
    return moving


def test_who_gets_up_stands_a_second_later():
    """Up after 3 s and still is a success; after 6 s too late; down again a second later none; never up none."""
    none = np.zeros((240, 0))
    good = getup.judge(episode("prone"), rollout(rising(240, 90), none))[0]
    assert good.success and good.label == "prone" and good.figures["time_s"] == pytest.approx(91 / 30)
    assert not getup.judge(episode(), rollout(rising(240, 180), none))[0].success
    sinking = rising(240, 90)
    sinking.body_position[115:, BODIES.index("head"), 2] = 0.4
    assert not getup.judge(episode(), rollout(sinking, none))[0].success
    assert not getup.judge(episode(), rollout(rising(240, 90, height=1.1), none))[0].success


def test_getting_up_is_tried_from_five_sorts_of_lying():
    """Prone is face down and supine face up: the root's x axis points down or up; on a side its y axis does."""
    plan = getup.plan(Request(5, 20.0, 1, 0))
    assert [e.label for e in plan] == ["prone", "supine", "right side", "left side", "drop"]
    matrices = {}
    for each in plan:
        assert each.start is not None and each.start.qpos[2] < 0.5
        w, x, y, z = each.start.qpos[3:7]
        forward, left = 2 * (x * z - w * y), 2 * (y * z + w * x)  # height of the root's x and y axes
        matrices[each.label] = forward, left
    assert matrices["prone"][0] < -0.7 and matrices["supine"][0] > 0.7
    assert matrices["right side"][1] > 0.5 and matrices["left side"][1] < -0.5


def test_a_ball_through_the_torso_is_a_hit_and_one_past_it_is_not():
    """Along x at 15 m/s and 1.2 m height, through the middle or .8 m aside; standing still, and falling meanwhile."""

    def judged(aside: float, falls: tuple[int, ...] = ()) -> Any:
        goal = np.tile(np.array([0.0, 0.0, -10.0, 0.0, 0.0, 0.0]), (60, 1))
        t = np.arange(20) / CONTROL_HZ
        goal[1:21] = np.stack((4 - 15 * t, 0 * t + aside, 0 * t + 1.2, 0 * t - 15, 0 * t, 0 * t), axis=1)
        return dodgeball.judge(episode(), rollout(states(60), goal, (0, 1), falls))[0]

    hit, missed = judged(0.0), judged(0.8)
    assert not hit.success and hit.figures["hit"] == 1.0
    assert missed.success and 0.3 < missed.figures["miss_m"] < 0.6
    assert not judged(0.8, falls=(30,)).success


def test_speeds_are_judged_as_velocities_ahead():
    """Two seconds and more at 2 m/s along x where 2 are wanted; not where 3 are."""
    moving = states(120, x=2.0 * np.arange(120) / CONTROL_HZ)
    moving.root_linear_velocity[:, 0] = 2.0
    for wanted, success in ((2.0, True), (3.0, False)):
        outcome = speed.judge(episode(), rollout(moving, np.tile([wanted, 1.0, 0.0], (120, 1))))[0]
        assert outcome.success == success and outcome.label == f"{wanted:g} m/s"


def test_a_skill_begins_about_where_its_file_says(prior_path):
    """Joints .05 rad off, everything else as it is; the first episodes stay the same where there are more."""
    start = np.append([0.0, 0.0, 0.9, 1.0, 0.0, 0.0, 0.0], DEFAULT_POSE), np.arange(34.0)
    prior = Prior.load(prior_path)
    plan, more = (skill.plan(Request(n, 20.0, 1, 0, prior, start)) for n in (40, 70))
    assert all((a.start.qpos == b.start.qpos).all() for a, b in zip(plan, more, strict=False))
    off = np.array([e.start.qpos - start[0] for e in plan])
    assert (off[:, :7] == 0).all() and off[:, 7:].std() == pytest.approx(0.05, rel=0.1)
    assert all((e.start.qvel == start[1]).all() for e in plan)
    assert (start[0][7:] == DEFAULT_POSE).all()


def test_a_skill_begins_in_what_its_prior_dreams(prior_path):
    """Starts are the prior's samples; who is 15 cm lower than any of them has failed."""
    plan = skill.plan(Request(2, 20.0, 1, 0, Prior.load(prior_path)))
    lowest = float(plan[0].label)
    assert len(plan) == 2 and all(e.start is not None and e.start.qpos[2] > lowest + 0.15 - 1e-3 for e in plan)
    still = states(60)
    assert skill.judge(plan[0], rollout(still, np.zeros((60, 0))))[0].success
    still.root_position[30:, 2] = lowest - 0.01
    failed = skill.judge(plan[0], rollout(still, np.zeros((60, 0))))[0]
    assert not failed.success and failed.figures["time_s"] == pytest.approx(1.0)


def circle(frames: int, period: int, radius: float = 0.2) -> np.ndarray:
    """A body that goes round, [T, 1, 3] m."""
    angle = 2 * np.pi * np.arange(frames) / period
    return radius * np.stack((np.cos(angle), np.sin(angle), 0 * angle), axis=1)[:, None]


def warped(motion: np.ndarray, clip: np.ndarray) -> float:
    """Warped error of poses as they are."""
    return skill.warped_error(skill.distances(motion, clip))


def test_warped_error_by_hand():
    """The clip twice over is no error, nor is it at 1.5 times its speed; 5 cm beside it 5 cm; standing still is one."""
    clip = circle(40, 40)
    assert warped(circle(80, 40), clip) == pytest.approx(0.0, abs=1e-9)
    assert warped(circle(80, 27), clip) < 0.02
    assert warped(circle(80, 40) + [0.0, 0.0, 0.05], clip) == pytest.approx(0.05)
    assert warped(np.repeat(clip[:1], 80, axis=0), clip) > 0.15
    assert warped(circle(80, 40)[::-1], clip) > 0.15  # the wrong way round


def test_poses_are_turned_to_fit():
    """Of poses turned about the vertical, each by another angle, nothing is left, of one tilted what no turn undoes.

    The turn is that of the least squares, found here by trying every tenth of a degree.
    """
    rng = np.random.default_rng(0)
    clip, other = rng.normal(size=(6, 15, 3)), rng.normal(size=(4, 15, 3))
    angle = rng.uniform(-np.pi, np.pi, 6)
    matrix = np.moveaxis(
        np.array([[np.cos(angle), -np.sin(angle), 0 * angle], [np.sin(angle), np.cos(angle), 0 * angle],
                  [0 * angle, 0 * angle, 1 + 0 * angle]]), 2, 0,
    )  # fmt: skip
    turned = np.einsum("pij,pbj->pbi", matrix, clip)
    assert np.diag(skill.distances(turned, clip)).min() > 0.1
    np.testing.assert_allclose(np.diag(skill.turned_distances(turned, clip)), 0.0, atol=1e-9)
    np.testing.assert_allclose(skill.turned_distances(other, turned), skill.turned_distances(other, clip), atol=1e-9)
    found = skill.turned_distances(other, clip)[0, 0]
    tries = np.radians(np.arange(0, 360, 0.1))
    x, y = (
        np.cos(tries)[:, None] * clip[0, :, k] + s * np.sin(tries)[:, None] * clip[0, :, 1 - k]
        for k, s in ((0, -1), (1, 1))
    )
    apart = np.stack((x - other[0, :, 0], y - other[0, :, 1], 0 * x + clip[0, :, 2] - other[0, :, 2]), -1)
    best = np.square(apart).sum((1, 2)).argmin()
    assert found == pytest.approx(np.linalg.norm(apart[best], axis=-1).mean(), abs=1e-3)


@pytest.mark.parametrize("frames", [29, 82])
def test_a_loop_is_compared_in_whole_cycles(frames):
    """A clip played for ever is no error, whatever its length: where its cycles end, the next begins."""
    t = 2 * np.pi * np.arange(frames) / frames
    joints = np.stack((0.4 * np.sin(t), *np.zeros((27, frames))), axis=1)
    root = np.broadcast_to([[0.0, 0.0, 0.9]], (frames, 3)), np.broadcast_to([[1.0, 0.0, 0.0, 0.0]], (frames, 4))
    loop = Motion(17.0, *root, joints, loop=True)
    played = skill.shapes(motion_states(loop, loop_seconds=10.0))
    found = skill.shapes(skill.whole_cycles(loop))
    assert warped(played, found) < 1e-3
    assert skill.warped_error(skill.turned_distances(played, found)) < 1e-3


def test_shapes_do_not_know_where_or_which_way():
    """A body moved and turned about z has the same shape."""
    here, there = states(3), states(3)
    there.root_position[:] += [3.0, 1.0, 0.0]
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    there.body_position[:] = (here.body_position - here.root_position[:, None]) @ turn.T + there.root_position[:, None]
    there.root_rotation[:] = [0.5**0.5, 0.0, 0.0, 0.5**0.5]
    np.testing.assert_allclose(skill.shapes(here), skill.shapes(there), atol=1e-12)


@pytest.mark.parametrize("pitch", [0.0, 76.0])
def test_shapes_of_a_pelvis_that_points_down_are_no_less_certain(pitch):
    """Rolling the pelvis of a crawl by a degree turns its frame by about one; by its x axis it would be four."""
    here, there = states(3), states(3)
    down = np.radians(pitch) / 2
    roll = np.radians(1.0) / 2
    here.root_rotation[:] = [np.cos(down), 0.0, np.sin(down), 0.0]
    w, y = np.cos(down), np.sin(down)
    there.root_rotation[:] = [w * np.cos(roll), w * np.sin(roll), y * np.cos(roll), -y * np.sin(roll)]  # about its x
    reach = np.linalg.norm((here.body_position - here.root_position[:, None])[..., :2], axis=-1).max()
    apart = np.linalg.norm(skill.shapes(here) - skill.shapes(there), axis=-1).max()
    assert apart == pytest.approx(np.radians(1.0) * np.tan(down) * reach, rel=0.02, abs=1e-9)


@pytest.fixture
def controller(tmp_path) -> Controller:
    """One that holds the default pose."""
    return Controller.load(write_controller(tmp_path / "hold.onnx"))


def plain(seconds: float = 1.0) -> Episode:
    """Standing and told to."""
    return Episode("random", "random", seconds, 0.0, (Order(0.0, Steering()),))


def run(controller: Controller, hardship: Hardship | None = None, seconds: float = 1.0) -> Rollout:
    """One episode of it."""
    return next(_episodes.roll_out(controller, [plain(seconds)], hardship=hardship))


def test_hardships_do_what_they_say(controller):
    """Nothing is the same bit for bit; a push at 3 s is felt from then on; mass and friction change the motion."""
    base = run(controller).states.joint_position
    assert np.array_equal(run(controller, Hardship()).states.joint_position, base)
    assert not np.array_equal(run(controller, Hardship(mass=1.2)).states.joint_position, base)
    pushed = run(controller, Hardship(push=25.0), 3.2).states.root_linear_velocity
    still = run(controller, None, 3.2).states.root_linear_velocity
    assert np.array_equal(pushed[:89], still[:89])
    assert np.linalg.norm(pushed[90] - still[90]) > 0.1


def test_late_targets_come_late(tmp_path):
    """A hip told to rise with the velocity wanted: 20 ms late it is behind; targets of no latency are the world's."""
    controller = Controller.load(write_controller(tmp_path / "hip.onnx", linear(right_hip_y=-0.4)))
    moving = Episode("random", "random", 0.5, 0.0, (Order(0.0, Steering(1.0)),))
    prompt, tiny, late = (
        next(_episodes.roll_out(controller, [moving], hardship=Hardship(latency=seconds)))
        for seconds in (0.0, 1e-9, 0.02)
    )
    np.testing.assert_allclose(prompt.states.joint_position, tiny.states.joint_position, atol=1e-9)
    hip = JOINT_NAMES.index("right_hip_y")
    assert prompt.states.joint_position[0, hip] < late.states.joint_position[0, hip] - 1e-3


def test_goals_given_by_place_are_made_where_the_character_is(controller):
    """An order's function gets the state at its second."""
    seen: list[float] = []

    def here(state: State) -> Steering:
        seen.append(float(state.root_position[2]))
        return Steering()

    late = Episode("random", "random", 1.0, 0.0, (Order(0.0, Steering()), Order(0.5, here)))
    (result,) = _episodes.roll_out(controller, [late])
    assert seen == [pytest.approx(result.states.root_position[14, 2])]

"""Every task alike, and speed, location, jump and getup by hand: rewards, goals and failures."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from runtime.character import BODIES, DEFAULT_HEIGHT
from runtime.goals import SCHEMAS
from tests.training.test_steering import body
from training import fallen, features, tasks
from training.config import ConfigError
from training.features import HISTORY
from training.rows import Rows
from training.tasks import Body
from training.tasks.getup import Getup
from training.tasks.jump import Jump, course

HEAD = BODIES.index("head")
EVERYONE = Rows.of(torch.ones(4, dtype=torch.bool))
OPTIONS: dict[str, dict[str, Any]] = {
    "steering": {"free_facing_share": 0.5}, "speed": {}, "location": {}, "jump": {}, "getup": {"fallen_pool": 8},
    "dodgeball": {}, "skill": {},
}  # fmt: skip


def make(name: str, envs: int = 4, seed: int = 0, **options: Any) -> Any:
    """A task with the options of the table above or others; getup without a pool of its own."""
    if name == "getup":
        options = {"fallen_share": 0.0} | options
    return tasks.create(name, OPTIONS[name] | options, envs, torch.Generator().manual_seed(seed))


def moved(state: Body, metres: float) -> Body:
    """The same humanoids so far along x."""
    return Body(**{**vars(state), "root_position": state.root_position + torch.tensor([metres, 0.0, 0.0])})


def run(task: Any, steps: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Let time pass for wandering humanoids, restarting one now and then; the goals and rewards of every step."""
    seen = []
    for step in range(steps):
        state = body(yaw=0.1 * step, velocity=(1.0, 0.2))
        state = moved(state, float(torch.rand((), generator=generator)))
        seen += [task.goal.clone(), task.reward(state).clone(), task.failed(state).clone()]
        task.advance(state)
        if step % 17 == 3:
            task.reset(Rows.of(torch.arange(4) == step % 4), state)
    return seen


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_goals_are_the_schemas_rewards_within_one_and_the_state_is_whole(name):
    """Eight seconds: goals within the schema's ranges, rewards in [0, 1]; a restored task goes on bit for bit."""
    task = make(name)
    task.reset(EVERYONE, body())
    seen = run(task, 120, torch.Generator().manual_seed(1))
    low, high = (torch.tensor([getattr(entry, end) for entry in SCHEMAS[name]]) for end in ("low", "high"))
    for goal, reward in zip(seen[::3], seen[1::3], strict=True):
        assert goal.shape == (4, len(SCHEMAS[name]))
        assert (goal >= low - 1e-5).all() and (goal <= high + 1e-5).all()
        assert (reward >= 0).all() and (reward <= 1 + 1e-6).all()
    state, random = task.state(), task._generator.get_state()
    onward = run(task, 90, torch.Generator().manual_seed(2))
    other = make(name, seed=5)
    other.reset(EVERYONE, body())
    other.restore(state)
    if hasattr(other, "steering"):
        other.steering._generator.set_state(random)  # the same generator as the task's
    other._generator.set_state(random)
    again = run(other, 90, torch.Generator().manual_seed(2))
    assert all(torch.equal(one, two) for one, two in zip(onward, again, strict=True))


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_what_is_seen_of_a_goal_turns_with_the_character_and_mirrors(name):
    """A world turned about z and moved looks the same; a world mirrored in x-z gives the mirrored observation."""
    task = make(name)
    task.reset(EVERYONE, body())
    run(task, 45, torch.Generator().manual_seed(1))
    goal = task.goal.clone()
    if name == "jump":
        goal[:2, 4], goal[:2, 5] = 0.3, 0.2
    if name == "dodgeball":
        goal[:2] = torch.tensor([[8.0, 1.0, 1.0, -15.0, -1.0, 1.0], [-4.0, 7.0, 2.0, 7.0, -12.0, 0.0]])
    here = body(yaw=0.4)
    seen = task.observe(here.root_rotation, here.root_position, goal)
    turned = body(yaw=0.4 + 1.1)
    turned.root_position[:] += torch.tensor([3.0, -2.0, 0.0])
    other = task.observe(turned.root_rotation, turned.root_position, carried(name, goal, 1.1, (3.0, -2.0)))
    torch.testing.assert_close(seen, other, atol=1e-4, rtol=1e-4)
    mirror = body(yaw=-0.4)
    index, sign = task.observation_mirror
    image = task.observe(mirror.root_rotation, mirror.root_position, reflected(name, goal))
    torch.testing.assert_close(seen[:, index] * sign, image, atol=1e-5, rtol=1e-5)
    assert seen.shape[1] == len(index)


POINTS = {"location": (0,), "dodgeball": (0,)}
VECTORS = {"steering": (0, 2), "speed": (1,), "jump": (0, 2), "dodgeball": (3,)}


def carried(name: str, goal: torch.Tensor, angle: float, offset: tuple[float, float]) -> torch.Tensor:
    """The goals in a world turned by `angle` about z, then moved."""
    cos, sin, result = math.cos(angle), math.sin(angle), goal.clone()
    for kind, shift in ((POINTS, offset), (VECTORS, (0.0, 0.0))):
        for first in kind.get(name, ()):
            x, y = goal[:, first].clone(), goal[:, first + 1].clone()
            result[:, first] = cos * x - sin * y + shift[0]
            result[:, first + 1] = sin * x + cos * y + shift[1]
    return result


def reflected(name: str, goal: torch.Tensor) -> torch.Tensor:
    """The goals with y for -y."""
    result = goal.clone()
    for first in (*POINTS.get(name, ()), *VECTORS.get(name, ())):
        result[:, first + 1] *= -1
    return result


@pytest.mark.parametrize(
    ("wanted", "velocity", "expected"),
    [
        (2.0, 2.0, 1.0),
        (2.0, 1.0, 0.7 * 0.5 * (math.exp(-0.5) + math.exp(-4.0)) + 0.3),  # 1 m/s off
        (5.0, 4.0, 0.7 * 0.5 * (math.exp(-0.5) + math.exp(-1.0)) + 0.3),  # twice as lenient at 5 m/s
        (0.75, 0.5, 0.7 * 0.5 * (math.exp(-1 / 32) + math.exp(-0.25)) + 0.3),
    ],
)
def test_speed_by_hand(wanted, velocity, expected):
    """Asked to run along x and facing x."""
    task = make("speed")
    task.goal[:] = torch.tensor([wanted, 1.0, 0.0])
    assert task.reward(body(velocity=(velocity, 0.0))).tolist() == pytest.approx([expected] * 4, abs=1e-6)


CREEPING = 0.5 * math.exp(-0.01125) + 0.5 * math.exp(-0.09)
"""`closeness` of .15 m/s to rest."""


@pytest.mark.parametrize(
    ("distance", "speed", "expected"),
    [
        (0.0, 0.0, 0.4 + 0.2 + 0.3 + 0.1),
        (10.0, 3.0, 0.4 + 0.2 * math.exp(-2.5) + 0.1),
        (1.15, 1.2, 0.4 + 0.2 * math.exp(-0.2875) + 0.3 * math.exp(-4 * 1.3225) + 0.1),
        (0.0, 0.15, 0.4 * CREEPING + 0.2 + 0.3 + 0.1),
        (10.0, 0.0, 0.4 * 0.5 * math.exp(-4.5) + 0.2 * math.exp(-2.5) + 0.1),
    ],
)
def test_location_by_hand(distance, speed, expected):
    """The point lies ahead along x: 3 m/s is right from 2.65 m on, 1.2 m/s at 1.15 m, rest at 0."""
    task = make("location")
    task.goal[:] = torch.tensor([distance, 0.0])
    assert task.reward(body(velocity=(speed, 0.0))).tolist() == pytest.approx([expected] * 4, abs=1e-4)


def test_every_step_towards_a_far_point_pays_as_much_as_towards_a_near_one():
    """From rest, 0.5 m/s of progress is worth the same at 9 m and at 4 m; the reference's reward gave nothing there."""
    task, gains = make("location"), []
    for distance in (9.0, 4.0):
        task.goal[:] = torch.tensor([distance, 0.0])
        gains.append(task.reward(body(velocity=(1.5, 0.0)))[0] - task.reward(body(velocity=(1.0, 0.0)))[0])
    assert gains[0] == pytest.approx(gains[1]) and gains[0] > 0.03


def leap(height: float, sole: float, rate: float = 0.0) -> Body:
    """Humanoids whose root is `height` over standing and rises at `rate`, upright, soles `sole` above the ground."""
    state = body(height=DEFAULT_HEIGHT + height)
    state.root_linear_velocity[:, 2] = rate
    for foot in features._FOOT_INDEX:
        state.body_position[:, foot, 2] = 0.05 + sole
    return state


def test_jump_by_hand():
    """At the apex of a jump of .3 m, a step after a countdown of 1/30 s: the right height in the air is worth all."""
    task: Jump = make("jump")
    still = torch.tensor([0.0, 0.0, 1.0, 0.0])
    task.steering.goal[:] = still
    task.goal[:] = torch.tensor([*still.tolist(), 0.3, 1 / 30])
    assert task.reward(leap(0.3, 0.3)).tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    there = 0.2 + 0.25 + 0.15 * (math.exp(-1.125) + math.exp(-12.5))  # on the ground, at the right speed
    assert task.reward(leap(0.0, 0.0)).tolist() == pytest.approx([there] * 4, abs=1e-5)
    falling = 0.2 + 0.25 + 0.3 + 0.125 * (math.exp(-4.5) + math.exp(-28.125))  # 3 m/s where it should be at rest
    assert task.reward(leap(0.3, 0.3, -3.0)).tolist() == pytest.approx([falling] * 4, abs=1e-5)
    task.goal[:, 4:] = torch.tensor([0.0, 0.8])  # nothing is commanded: the rest of the time counts for half
    assert task.reward(leap(0.0, 0.0)).tolist() == pytest.approx([0.5] * 4, abs=1e-5)


@pytest.mark.parametrize("apex", [0.1, 0.25, 0.4])
def test_the_course_of_a_jump_can_be_followed(apex):
    """From standing to standing without a gap: z* is the integral of its rate, in free fall while the soles are off."""
    times = torch.arange(0.8, -0.7, -0.001)
    height, rate = course(torch.full_like(times, apex), times)
    assert height[0].item() == pytest.approx(0.0, abs=0.002) and height.max().item() == pytest.approx(apex, abs=1e-4)
    assert height.min().item() == pytest.approx(-0.1 - 0.25 * apex, abs=1e-3)
    integral = height[0] + 0.001 * torch.cumsum(0.5 * (rate[1:] + rate[:-1]), 0)
    assert (integral - height[1:]).abs().max() < 0.003
    flying = times.abs() < math.sqrt(2 * apex / 9.81) - 0.002
    fall = (rate[1:] - rate[:-1])[flying[1:]] / 0.001
    assert fall.tolist() == pytest.approx([-9.81] * len(fall), rel=0.01)


def test_a_command_lasts_a_second_and_a_half_and_remembers_the_apex():
    """Commanded .2 m, a root that got to .25 m with its soles up leaves an error of .05 m; what it did on foot none."""
    task: Jump = make("jump", wait=[0.1, 0.1])
    task.reset(EVERYONE, leap(0.0, 0.0))
    assert (task.goal[:, 4] == 0).all()
    for _ in range(3):
        task.advance(leap(0.5, 0.0))
    assert (task.goal[:, 4] > 0).all() and task.goal[:, 5].tolist() == pytest.approx([0.8] * 4)
    task.goal[:, 4] = 0.2
    for step in range(45):
        assert (task.goal[:, 4] > 0).all()
        task.advance(leap(0.25, 0.3) if step == 24 else leap(0.4, 0.0))
    task.advance(leap(0.0, 0.0))
    assert (task.goal[:, 4] == 0).all()
    assert task.figures(leap(0.0, 0.0))["apex_error_m"].tolist() == pytest.approx([0.05] * 4, abs=1e-6)


def test_who_starts_in_the_air_or_crouched_is_on_a_jump():
    """.1 m over standing and rising at 1.4 m/s: v²/2g = .1 m more, in v/g = .143 s."""
    task: Jump = make("jump")
    task.reset(EVERYONE, leap(0.1, 0.3, rate=1.4))
    assert task.goal[:, 4].tolist() == pytest.approx([0.1 + 1.96 / 19.62] * 4, abs=1e-5)
    assert task.goal[:, 5].tolist() == pytest.approx([1.4 / 9.81] * 4, abs=1e-5)
    task.reset(EVERYONE, leap(0.1, 0.3, rate=-1.4))  # as high a jump, but past its apex
    assert task.goal[:, 4].tolist() == pytest.approx([0.1 + 1.96 / 19.62] * 4, abs=1e-5)
    assert task.goal[:, 5].tolist() == pytest.approx([-1.4 / 9.81] * 4, abs=1e-5)
    task.reset(EVERYONE, leap(-0.25, 0.0))  # in a crouch, at rest: the push of its jump begins
    assert (task.goal[:, 4] >= 0.1).all()
    speed = (2 * 9.81 * task.goal[:, 4]).sqrt()
    begins = speed / 9.81 + 2 * (0.1 + 0.25 * task.goal[:, 4]) / speed
    torch.testing.assert_close(task.goal[:, 5], begins)


def lying(head: float, root: float = 0.1) -> Body:
    """Humanoids at rest with their heads and roots so high."""
    state = body(height=root)
    state.body_position[:, :, 2] = root
    state.body_position[:, HEAD, 2] = head
    return state


def test_getup_by_hand():
    """Standing still is 1, lying still .1; half way up and rising at .25 m/s is worth h = .5, v = .5."""
    task: Getup = make("getup")
    assert task.reward(lying(1.3, 0.88)).tolist() == pytest.approx([1.0] * 4)
    assert task.reward(lying(0.1)).tolist() == pytest.approx([0.1] * 4)
    half = lying(0.675, 0.45)
    half.root_linear_velocity[:, 2] = 0.25
    assert task.reward(half).tolist() == pytest.approx([0.6 * 0.5 + 0.2 * 0.75 + 0.2 * 0.5] * 4, abs=1e-6)


def test_only_who_stood_can_fall():
    """Lying is no failure, falling from standing is."""
    task: Getup = make("getup")
    task.reset(EVERYONE, lying(0.3))
    assert not task.failed(lying(0.3)).any()
    task.advance(lying(1.25))
    assert task.failed(lying(0.3)).all() and not task.failed(lying(0.6)).any()


def test_starts_half_way_up_are_alike_at_every_height():
    """Nine that sit for one that squats: each height of the root is drawn as often; who stands is not."""
    task: Getup = make("getup")
    assert task.starts.preferred is not None
    height = torch.tensor([0.31] * 9 + [0.55] + [0.88] * 2)
    points = torch.zeros(12, 10, 7, 3)
    points[:, -1, 0, 2] = height + 0.46
    weight = task.starts.preferred({"qpos": height.unsqueeze(1).repeat(1, 3), "key_points": points})
    assert weight[:9].sum().item() == pytest.approx(weight[9].item()) and (weight[10:] == 0).all()


def test_dropped_humanoids_lie():
    """A pool of fallen poses is the last states on the ground, as many as a history has, up to their start state.

    Those laid down held their pose for 15 control steps; before that they are as they were laid down.
    """
    task: Getup = make("getup", fallen_share=0.5)
    pool = task.starts.own
    assert pool is not None and not task.starts.upright and 4 <= len(pool["qpos"]) <= 8
    assert pool["root_position"].shape[1:] == (HISTORY, 3) and pool["key_points"].shape[1:] == (HISTORY, 7, 3)
    torch.testing.assert_close(pool["root_position"][:, -1], pool["qpos"][:, :3])
    assert (pool["qpos"][:, 2] < 0.6).all() and (pool["qpos"][:, :2] == 0).all()
    laid = fallen.drop(4, torch.Generator().manual_seed(0), (0.0, 1.0))["root_position"]
    assert laid.shape[1:] == (HISTORY, 3)
    assert (
        (laid[:, :13] == laid[:, :1]).all()
        and (laid[:, 13] == laid[:, 12]).all()
        and (laid[:, 14] != laid[:, 13]).any()
    )
    again: Getup = make("getup", fallen_share=0.5)
    assert torch.equal(again.starts.own["qpos"], pool["qpos"])  # type: ignore[index] - the same seed


def test_unknown_tasks_and_options_are_errors():
    """By name, with what there is."""
    with pytest.raises(ConfigError, match=r"task.name=hop: expected .*'steering', .*, or a module"):
        tasks.create("hop", {}, 1, torch.Generator())
    with pytest.raises(ConfigError, match="hight"):
        tasks.create("jump", {"hight": 1}, 1, torch.Generator())


def test_a_skill_without_its_clips(tmp_path):
    """`task=backflip` where no data was prepared says how to prepare it."""
    with pytest.raises(ConfigError, match=r"task.options.clips=.*: .*make it with `python -m training.prepare"):
        tasks.create("skill", {"clips": str(tmp_path / "backflip")}, 1, torch.Generator())

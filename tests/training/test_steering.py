"""The steering task: reward, goals and falls by hand."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.character import BODIES, STATE_SHAPES
from training import tasks
from training.config import ConfigError
from training.rows import Rows
from training.tasks import Body
from training.tasks.steering import Steering

EVERYONE = Rows.of(torch.ones(4, dtype=torch.bool))


def make(envs: int = 4, seed: int = 0, **options: Any) -> Steering:
    """A steering task with options of its configuration."""
    task = tasks.create("steering", options, envs, torch.Generator().manual_seed(seed))
    assert isinstance(task, Steering)
    return task


def body(envs: int = 4, yaw: float = 0.0, velocity: tuple[float, float] = (0.0, 0.0), height: float = 0.9) -> Body:
    """Standing humanoids with that heading (rad), horizontal velocity (m/s) and root height (m); heads .6 m above."""
    state = {
        "root_position": torch.tensor([0.0, 0.0, height]),
        "root_rotation": torch.tensor([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]),
        "root_linear_velocity": torch.tensor([*velocity, 0.0]),
        "root_angular_velocity": torch.zeros(3),
        "joint_position": torch.zeros(28),
        "joint_velocity": torch.zeros(28),
        "body_position": torch.tensor([0.0, 0.0, height + 0.6]).expand(15, 3),
        "body_rotation": torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(15, 4),
    }
    return Body(**{name: value.expand(envs, *value.shape).clone() for name, value in state.items()})


def command(task: Steering, *goal: float) -> None:
    """Give every environment the goal velocity x, y, facing x, y."""
    task.goal[:] = torch.tensor(goal)


@pytest.mark.parametrize(
    ("velocity", "yaw", "expected"),
    [
        ((1.0, 0.0), 0.0, 1.0),
        ((1.0, 0.0), math.pi / 2, 0.7),  # facing sideways: f·heading = 0
        ((1.0, 0.0), math.pi, 0.7),  # and backwards is no worse
        ((1.0, 0.0), math.pi / 3, 0.7 + 0.15 * 0.5),
        ((1.0, 0.0), math.acos(1 - 0.034), 0.7 + 0.15 * (0.966 + math.exp(-1.0))),  # 15° off
        ((0.0, 0.0), 0.0, 0.7 * 0.5 * (math.exp(-0.5) + math.exp(-4.0)) + 0.3),  # d = 1 m/s
        ((1.0, 0.2), 0.0, 0.7 * 0.5 * (math.exp(-0.02) + math.exp(-0.16)) + 0.3),  # d = .2 m/s
    ],
)
def test_reward_by_hand(velocity, yaw, expected):
    """Asked for 1 m/s along x, facing x: .7 (.5 exp(-.5 d²) + .5 exp(-4 d²)) + .15 max(0, c) + .15 exp((c-1)/.034)."""
    task = make()
    command(task, 1.0, 0.0, 1.0, 0.0)
    assert task.reward(body(yaw=yaw, velocity=velocity)).tolist() == pytest.approx([expected] * 4, abs=1e-5)


def test_the_slope_reaches_half_a_metre_a_second():
    """.1 m/s off costs a fiftieth of what a velocity can earn, .5 m/s two fifths, at rest as at 1 m/s."""
    task = make()
    for speed in (0.0, 1.0):
        command(task, speed, 0.0, 1.0, 0.0)
        lost = [(1.0 - task.reward(body(velocity=(speed + off, 0.0)))[0].item()) / 0.7 for off in (0.1, 0.5)]
        assert lost == pytest.approx([0.022, 0.375], abs=2e-3)


def test_vertical_speed_is_not_judged():
    """A root that goes up and down in every stride has the reward of its horizontal velocity."""
    task, moving = make(), body(velocity=(1.0, 0.0))
    command(task, 1.0, 0.0, 1.0, 0.0)
    moving.root_linear_velocity[:, 2] = 3.0
    assert task.reward(moving).tolist() == pytest.approx([1.0] * 4)


def test_figures_by_hand():
    """Going 3 m/s along y where 4 along x is asked for is an error of 5 m/s; looking along y is one of 90°."""
    task = make()
    command(task, 4.0, 0.0, 1.0, 0.0)
    figures = task.figures(body(yaw=math.pi / 2, velocity=(0.0, 3.0)))
    assert figures["velocity_error_m_s"].tolist() == pytest.approx([5.0] * 4)
    assert figures["heading_error_deg"].tolist() == pytest.approx([90.0] * 4, abs=1e-3)
    assert figures["speed_m_s"].tolist() == pytest.approx([3.0] * 4)


def test_goals_are_redrawn_when_their_time_is_up():
    """A hold of exactly 2 s is 60 control steps: the goal stays for 59 and is another at the 60th, again and again."""
    task, here = make(hold=[2.0, 2.0], stop_share=0.0), body()
    task.reset(EVERYONE, here)
    for _ in range(3):
        before = task.goal.clone()
        for _ in range(59):
            task.advance(here)
            assert torch.equal(task.goal, before)
        task.advance(here)
        assert (task.goal != before).any(dim=1).all()


def test_holds_lie_in_their_range():
    """Of 1,000 first goals with holds of 1 to 3 s none lasts under 30 or over 90 control steps; 60 is the mean."""
    task, here = make(envs=1000, hold=[1.0, 3.0], stop_share=0.0), body(1000)
    task.reset(Rows.of(torch.ones(1000, dtype=torch.bool)), here)
    first, length = task.goal.clone(), torch.zeros(1000)
    for _ in range(90):
        length += (task.goal == first).all(dim=1)
        task.advance(here)
    assert 30 <= length.min() and (task.goal != first).any(dim=1).all()
    assert length.mean() == pytest.approx(60, abs=2)


def drawn(task: Steering) -> Tensor:
    """Goals [N, 4] of new episodes that do not follow their start."""
    envs = len(task.goal)
    task.reset(Rows.of(torch.ones(envs, dtype=torch.bool)), body(envs))
    return task.goal


def test_speeds_directions_and_stops():
    """Over 4,000 goals: stops in their share, other speeds uniform in their range, facings units along the travel."""
    goal = drawn(make(4000, stop_share=0.2, min_speed=0.5, max_speed=2.5, follow_start_share=0.0))
    speed = goal[:, :2].norm(dim=1)
    moving = speed > 0
    assert (~moving).float().mean() == pytest.approx(0.2, abs=0.02)
    assert 0.5 <= speed[moving].min() and speed[moving].max() <= 2.5
    assert speed[moving].mean() == pytest.approx(1.5, abs=0.05)
    assert goal[:, 2:].norm(dim=1).tolist() == pytest.approx([1.0] * 4000, abs=1e-5)
    torch.testing.assert_close(goal[moving, :2], speed[moving, None] * goal[moving, 2:])


def test_turns():
    """Small turns stay within ±.3 rad of the goal before; free ones fill the circle evenly; small stops do not turn."""
    options: dict[str, Any] = {"follow_start_share": 0.0, "small_turn": 0.3}
    small = drawn(make(2000, new_direction_share=0.0, stop_share=0.0, **options))
    angle = torch.atan2(small[:, 3], small[:, 2])
    assert angle.abs().max() <= 0.3 and angle.abs().max() > 0.29
    free = drawn(make(2000, new_direction_share=1.0, stop_share=0.0, **options))
    assert free[:, 2:].mean(0).tolist() == pytest.approx([0.0, 0.0], abs=0.05)
    stops = drawn(make(2000, new_direction_share=0.0, stop_share=1.0, **options))
    assert torch.equal(stops, torch.tensor([0.0, 0.0, 1.0, 0.0]).expand(2000, 4))


@pytest.mark.parametrize(
    ("velocity", "yaw", "expected"),
    [
        ((0.0, 2.0), math.pi / 2, (0.0, 2.0, 0.0, 1.0)),  # goes on as it goes
        ((5.0, 0.0), 0.0, (3.3, 0.0, 1.0, 0.0)),  # but no faster than goals are
        ((0.31, 0.0), 0.0, (0.31, 0.0, 1.0, 0.0)),  # slow, but on its way
        ((0.29, 0.0), math.pi / 2, (0.0, 0.0, 0.0, 1.0)),  # as good as standing: stand, facing as it does
    ],
)
def test_episodes_that_follow_their_start(velocity, yaw, expected):
    """The first goal is the velocity that the episode starts with."""
    task = make(follow_start_share=1.0)
    task.reset(EVERYONE, body(yaw=yaw, velocity=velocity))
    torch.testing.assert_close(task.goal, torch.tensor(expected).expand(4, 4))


def test_no_episode_is_asked_to_go_on_sideways():
    """A start that moves across its heading gets a drawn goal, not that velocity."""
    task = make(follow_start_share=1.0)
    task.reset(EVERYONE, body(yaw=0.0, velocity=(0.0, 2.0)))
    assert (task.goal[:, :2] - torch.tensor([0.0, 2.0])).norm(dim=1).min() > 1e-3


@pytest.mark.parametrize(
    ("velocity", "expected"),
    [((0.0, 2.0), (0.0, 1.3, 1.0, 0.0)), ((-0.8, 0.0), (-0.8, 0.0, 1.0, 0.0)), ((2.0, 0.0), (2.0, 0.0, 1.0, 0.0))],
)
def test_who_may_face_freely_goes_on_sideways_and_backwards(velocity, expected):
    """Facing x, moving left or back: the first goal is that velocity, at most 1.3 m/s, and still to face x."""
    task = make(follow_start_share=1.0, free_facing_share=0.5)
    task.reset(EVERYONE, body(yaw=0.0, velocity=velocity))
    torch.testing.assert_close(task.goal, torch.tensor(expected).expand(4, 4))


def test_reset_of_some_leaves_the_goals_of_others():
    """Only the episodes that start get new goals."""
    task = make()
    command(task, 9.0, 9.0, 1.0, 0.0)
    task.reset(Rows.of(torch.tensor([False, True, False, True])), body())
    assert torch.equal(task.goal[[0, 2]], torch.tensor([[9.0, 9.0, 1.0, 0.0]] * 2))
    assert (task.goal[[1, 3], :2] < 9.0).all()


def test_observation_by_hand():
    """Turned left by 90°, a goal along world x at 2 m/s lies to the right: (0, -2), facing (0, -1), speed 2."""
    here = body(1, yaw=math.pi / 2)
    seen = Steering.observe(here.root_rotation, here.root_position, torch.tensor([[2.0, 0.0, 1.0, 0.0]]))
    assert seen[0].tolist() == pytest.approx([0.0, -2.0, 0.0, -1.0, 2.0], abs=1e-6)


def test_observation_of_the_mirror_image():
    """What a mirrored humanoid sees of a mirrored goal (y negated) is the mirror image of what the original sees."""
    rng = torch.Generator().manual_seed(0)
    rotations = torch.nn.functional.normalize(torch.randn(50, 4, generator=rng), dim=1)
    goals = torch.randn(50, 4, generator=rng)
    seen = Steering.observe(rotations, torch.zeros(50, 3), goals)
    flipped = rotations * torch.tensor([1.0, -1.0, 1.0, -1.0])  # reflected in the x-z plane: x and z spins turn round
    seen_mirrored = Steering.observe(flipped, torch.zeros(50, 3), goals * torch.tensor([1.0, -1.0, 1.0, -1.0]))
    index, sign = Steering.observation_mirror
    torch.testing.assert_close(seen_mirrored, seen[:, index] * sign)


def test_observation_turns_with_the_world():
    """Turning humanoid and goal together by 1.5 rad about the vertical changes nothing that is seen."""
    here, turned = body(1, yaw=0.4), body(1, yaw=1.9)
    c, s = math.cos(1.5), math.sin(1.5)
    goal = torch.tensor([[1.0, 2.0, 0.6, 0.8]])
    goal_turned = torch.tensor([[c * 1.0 - s * 2.0, s * 1.0 + c * 2.0, c * 0.6 - s * 0.8, s * 0.6 + c * 0.8]])
    seen = Steering.observe(here.root_rotation, here.root_position, goal)
    torch.testing.assert_close(Steering.observe(turned.root_rotation, turned.root_position, goal_turned), seen)


@pytest.mark.parametrize(
    ("root", "head", "fallen"), [(0.56, 0.96, False), (0.54, 0.96, True), (0.56, 0.94, True), (0.9, 1.5, False)]
)
def test_falls(root, head, fallen):
    """A root under .55 m or a head under .95 m has failed, each by itself."""
    here = body(height=root)
    here.body_position[:, BODIES.index("head"), 2] = head
    assert make().failed(here).tolist() == [fallen] * 4


def test_state_and_restore():
    """A task given another's state and generator draws the same goals at the same times."""
    one, here = make(hold=[0.1, 0.5]), body()
    one.reset(EVERYONE, here)
    kept, random = one.state(), one._generator.get_state()
    other = make(seed=5, hold=[0.1, 0.5])
    other.restore(kept)
    other._generator.set_state(random)
    for _ in range(40):
        assert torch.equal(one.goal, other.goal)
        one.advance(here)
        other.advance(here)


def test_wrong_options_are_told():
    """An unknown option, a wrong type and an unknown task are one sentence each, naming the key."""
    for option, value in (("max_sped", 3.0), ("max_speed", "fast")):
        with pytest.raises(ConfigError, match=option):
            tasks.create("steering", {option: value}, 1, torch.Generator())
    with pytest.raises(ConfigError, match=r"task.name=jumping: expected .*'steering'"):
        tasks.create("jumping", {}, 1, torch.Generator())


def test_body_has_what_the_state_has():
    """The fields of `Body` are State's: whatever a controller may see, a task may judge."""
    assert {field.name for field in fields(Body)} == set(STATE_SHAPES)

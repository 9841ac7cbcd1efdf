"""The vector environment on a tiny prior."""

from __future__ import annotations

from collections import deque
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from runtime import character
from runtime.character import JOINTS
from tests.training.motions import stepping
from training import features
from training.config import EnvironmentConfig
from training.features import HISTORY, OFFSETS
from training.learning.environment import ActionTransform, Environment, History
from training.motion import windows as motion_windows
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.physics.mujoco import default_state
from training.rows import Rows
from training.tasks import Body


def random_body(envs: int, generator: torch.Generator) -> Body:
    """Humanoids in random states; the roots' rotations are no units, which a history does not mind."""
    shapes = {"root_position": (3,), "root_rotation": (4,), "root_linear_velocity": (3,), "root_angular_velocity": (3,)}
    shapes |= {"joint_position": (28,), "joint_velocity": (28,), "body_position": (15, 3)}
    drawn = {name: torch.randn(envs, *shape, generator=generator) for name, shape in shapes.items()}
    turns = torch.nn.functional.normalize(torch.randn(envs, 15, 4, generator=generator), dim=2)
    return Body(**drawn, body_rotation=turns)


def frame(body: Body, env: int) -> list[Tensor]:
    """What a history keeps of one humanoid."""
    points = features.key_points(body.body_position[env], body.body_rotation[env])
    return [body.root_position[env], body.root_rotation[env], body.joint_position[env], points]


@pytest.mark.parametrize("offsets", [OFFSETS, (3, 1, 0)])
def test_history_equals_a_naive_list(offsets):
    """Through 40 pushes and two fills in between, windows are the frames at the offsets in plain lists of the last."""
    rng = torch.Generator().manual_seed(0)
    history = History(3, offsets)
    naive = [deque([[torch.zeros(())]] * HISTORY, maxlen=HISTORY) for _ in range(3)]
    for step in range(40):
        if step in (0, 13):
            ids = torch.tensor([0, 1, 2] if step == 0 else [0, 2])
            names = {"root_position": (3,), "root_rotation": (4,), "joint_position": (28,), "key_points": (7, 3)}
            start = {name: torch.randn(len(ids), HISTORY, *shape, generator=rng) for name, shape in names.items()}
            history.fill(Rows.of(torch.isin(torch.arange(3), ids)), start)
            for row, env in enumerate(ids.tolist()):
                naive[env].extend([[start[name][row, t] for name in names] for t in range(HISTORY)])
        body = random_body(3, rng)
        history.push(body)
        for env in range(3):
            naive[env].append(frame(body, env))
        chosen = [[frames[-1 - back] for back in offsets] for frames in naive]
        stacked = [torch.stack([torch.stack([f[part] for f in frames]) for frames in chosen]) for part in range(4)]
        torch.testing.assert_close(history.windows(slice(None)), features.window(*stacked), rtol=0, atol=0)
        torch.testing.assert_close(history.windows(slice(1, None, 2)), features.window(*stacked)[1::2], rtol=0, atol=0)


def test_a_history_sees_a_motion_as_clips_are_cut():
    """A clip's states pushed one by one: once 28 were, every window is the one that `windows.cut` makes of the clip."""
    motion = stepping(seed=1, frames=40)
    states = motion_states(motion)
    expected = motion_windows.cut([Clip(motion, "walk", "train", "g", 1.0)]).values
    history = History(1, OFFSETS)
    for t in range(40):
        names = {field.name for field in fields(Body)}
        history.push(Body(**{name: torch.tensor(value[t : t + 1]).float() for name, value in vars(states).items()
                             if name in names}))  # fmt: skip
        if t >= HISTORY - 1:
            found = history.windows(slice(None))
            torch.testing.assert_close(found, expected[t - HISTORY + 1].unsqueeze(0), atol=2e-5, rtol=0)


def test_action_transform_by_hand():
    """Action 0 is the mean pose, ¼ a quarter of 2 deviations + .2 rad further; targets end where joints allow."""
    mean, deviation = torch.full((28,), 0.1), torch.full((28,), 0.05)
    transform = ActionTransform(mean, deviation, EnvironmentConfig())
    assert transform(torch.zeros(1, 28)).tolist() == [pytest.approx([0.1] * 28)]
    assert transform(torch.full((1, 28), 0.25)).tolist() == [pytest.approx([0.1 + 0.25 * 0.3] * 28)]
    for action, end in ((-1e3, 0), (1e3, 1)):
        limits = [joint.target_range[end] for joint in JOINTS]
        assert transform(torch.full((1, 28), action)).tolist() == [pytest.approx(limits)]


def let_fall(environment: Environment, ids: list[int]) -> None:
    """Lay humanoids on their backs, a little above the ground."""
    qpos, qvel = environment.engine.qpos[ids].clone(), torch.zeros(len(ids), 34)
    qpos[:, 2:7] = torch.tensor([0.2, 0.5**0.5, 0.0, -(0.5**0.5), 0.0])
    environment.engine.reset(torch.tensor(ids), qpos, qvel)


def test_observation_after_reset_is_that_of_the_start(make_environment):
    """An episode that fails is seen at once in its new start state, with its history and its new goal."""
    environment = make_environment()
    still = torch.zeros(4, 28)
    environment.step(still)
    let_fall(environment, [1])
    starts = environment.starts.draw
    drawn: list[dict[str, Tensor]] = []
    environment.starts.draw = lambda *asked: drawn.append(starts(*asked)) or drawn[-1]
    observation, _, done, _, _ = environment.step(still)
    assert done.tolist() == [0, 1, 0, 0]
    start = drawn[0]
    assert torch.equal(environment.engine.qpos[1].float(), start["qpos"][0])
    assert torch.equal(environment.engine.qvel[1].float(), start["qvel"][0])
    frames = [start[name] for name in ("root_position", "root_rotation", "joint_position", "key_points")]
    at_offsets = [part[:, [HISTORY - 1 - back for back in OFFSETS]] for part in frames]
    assert torch.equal(environment.history.windows(slice(1, 2)), features.window(*at_offsets))
    seen = observation["policy"][1]
    assert seen[0] == start["qpos"][0, 2]  # root height
    names = features.OBSERVATION_NAMES
    assert torch.equal(seen[names.index("abdomen_x") :][:28], start["qpos"][0, 7:])
    assert torch.equal(seen[names.index("abdomen_x_velocity") :][:28], start["qvel"][0, 6:])
    assert torch.equal(seen, environment.observe()["policy"][1])
    assert torch.equal(seen[len(names) :], environment.task.observe(
        environment.body.root_rotation, environment.body.root_position, environment.task.goal)[1])  # fmt: skip


def test_falls_fail_and_old_age_times_out(make_environment):
    """A fall ends without a value to bootstrap from, the 30th step of a 1 s episode with one; a fall then is a fall."""
    environment = make_environment()
    environment._age[:] = torch.tensor([0, 0, 29, 29])
    let_fall(environment, [1, 3])
    _, _, done, extras, figures = environment.step(torch.zeros(4, 28))
    assert done.tolist() == [0, 1, 1, 1] and done.dtype == torch.int64
    assert extras["time_outs"].tolist() == [0, 0, 1, 0]
    assert figures["failed"].tolist() == [0, 1, 0, 1]
    assert environment._age.tolist() == [1, 0, 0, 0]


def test_a_blown_up_simulation_fails(make_environment):
    """An episode whose simulation went non-finite ends as failed, is counted, and nothing seen or rewarded is NaN."""
    environment = make_environment()
    environment.engine.qvel[2, 7] = torch.nan
    observation, reward, done, extras, figures = environment.step(torch.zeros(4, 28))
    assert done.tolist() == [0, 0, 1, 0] and not extras["time_outs"].any()
    assert figures["blown_up"].tolist() == [0, 0, 1, 0] and environment.engine.blown_up == 1
    assert observation["policy"].isfinite().all() and reward.isfinite().all()


def test_only_a_share_is_judged_each_step(make_environment):
    """With an interval of 3, each step renews the style reward of every third environment and all within three."""
    environment = make_environment(envs=6, prior_interval=3)
    still = torch.zeros(6, 28)
    for step in range(6):
        before = environment._style.clone()
        environment.step(still)
        changed = (environment._style != before).nonzero().flatten().tolist()
        assert changed == [step % 3, step % 3 + 3]


def test_fewer_environments_than_the_interval(make_environment):
    """Two environments judged every third step: in one step of three there is nobody to judge."""
    environment = make_environment(envs=2, prior_interval=3)
    environment._style.fill_(-1.0)
    judged = []
    for _ in range(3):
        environment.step(torch.zeros(2, 28))
        judged.append(int((environment._style >= 0).sum()))
    assert judged == [1, 2, 2]


def test_style_reward_is_that_of_the_window(make_environment, prior):
    """In the form `score` it is exp(-2 p) of the window that ends now, under the noise that was drawn."""
    environment = make_environment(prior_interval=1, form="score")
    environment._pushes = lambda: torch.zeros(4, 3)  # so that noise is the first that is drawn
    random = environment._generator.get_state()
    _, _, done, _, figures = environment.step(torch.zeros(4, 28))
    assert not done.any()
    noise = prior.score.noise(4, torch.Generator().set_state(random))
    _, penalty = prior.score.judge(environment.history.windows(slice(None)), noise)
    torch.testing.assert_close(figures["style_reward"], torch.exp(-2.0 * penalty))
    assert figures["style_reward"].std() > 0


def test_style_is_logged_by_speed(make_environment):
    """Of four who go at 0, .5, 1 and 9 m/s each is in a bin of its own; the bins without anyone are nan."""
    environment = make_environment()
    environment.body.root_linear_velocity[:] = 0.0
    environment.body.root_linear_velocity[:, 1] = torch.tensor([0.0, 0.5, 1.0, 9.0])
    environment._style.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    figures = environment._figures(*torch.zeros(2, 4), *torch.zeros(2, 4, dtype=torch.bool))
    found = {name.split("/")[1]: value.nanmean().item() for name, value in figures.items() if "/" in name}
    assert list(found) == ["up_to_0.2", "up_to_0.8", "up_to_1.3", "up_to_2.0", "up_to_2.7", "faster"]
    expected = [0.1, 0.2, 0.3, float("nan"), float("nan"), 0.4]
    assert list(found.values()) == pytest.approx(expected, nan_ok=True)


def test_pushes_come_at_their_rate(make_environment):
    """With 3 a second, one torso in ten is pushed each step, in all directions, evenly up to 20 N·s, never upwards."""
    environment = make_environment(envs=64, push_rate=3.0, push_impulse=20.0)
    force = torch.stack([environment._pushes() for _ in range(400)])  # [400, 64, 3] N
    pushed = force.any(dim=2)
    assert pushed.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert ((pushed.float().mean(0) > 0.02) & (pushed.float().mean(0) < 0.25)).all()  # everybody's turn comes
    assert not force[..., 2].any()
    impulse = force[pushed] / character.CONTROL_HZ  # N·s over one control step
    assert impulse.norm(dim=1).max() <= 20.0 and impulse.norm(dim=1).mean().item() == pytest.approx(10.0, abs=0.5)
    assert (impulse / impulse.norm(dim=1, keepdim=True)).mean(0).abs().max() < 0.06


def test_a_push_moves_whom_it_hits_for_one_step(make_environment):
    """The force drawn is on that torso, and nothing else, while physics runs; the others move as if there were none."""
    pushed, calm = (make_environment(push_rate=0.0) for _ in range(2))
    force, seen = torch.zeros(4, 3), []
    force[2, 1] = 300.0
    for environment, draws in ((pushed, [force, torch.zeros(4, 3)]), (calm, [torch.zeros(4, 3)] * 2)):
        environment._pushes = iter(draws).__next__
    run = pushed.engine.step
    pushed.engine.step = lambda target: seen.append(pushed.engine.state()["force"]) or run(target)
    for environment in (pushed, calm):
        environment.step(torch.zeros(4, 28))
    torso = 1 + character.BODIES.index("torso")
    assert seen[0].nonzero().tolist() == [[2, torso, 1]] and seen[0][2, torso, 1] == 300.0
    moved = (pushed.engine.qvel != calm.engine.qvel).any(1)
    assert moved.tolist() == [False, False, True, False]
    faster = pushed.engine.qvel[2, 1] - calm.engine.qvel[2, 1]
    assert 0.02 < faster < 2.0  # 10 N·s on the torso of 50 kg pull the root along
    pushed.step(torch.zeros(4, 28))
    assert not seen[1].any()


def test_no_pushes_unless_asked(make_environment):
    """A rate of 0 is no force, an impulse of 0 the same."""
    for setting in ({"push_rate": 0.0}, {"push_rate": 30.0, "push_impulse": 0.0}):
        environment = make_environment(**setting)
        assert not torch.stack([environment._pushes() for _ in range(50)]).any()


def test_standing_starts(make_environment):
    """With a share of 1 all start at rest in the default pose, and their history is nothing but that; with 0 none."""
    environment = make_environment(standing_share=1.0)
    qpos, qvel = default_state(4)
    torch.testing.assert_close(environment.engine.qpos, qpos, atol=1e-6, rtol=0)
    assert torch.equal(environment.engine.qvel, qvel)
    window = environment.history.windows(slice(None))
    assert torch.equal(window, window[:1, :1].expand_as(window))
    points = features.key_points(environment.body.body_position, environment.body.body_rotation)
    seen = window[:, -1, -21:].unflatten(1, (7, 3)) + environment.body.root_position.unsqueeze(1)
    torch.testing.assert_close(seen, points, atol=1e-5, rtol=0)  # what the engine says of that pose
    assert make_environment(standing_share=0.0).engine.qvel.any(1).all()


@pytest.mark.parametrize("people", [0.0, 0.4])
def test_the_reward_is_made_of_what_is_logged(make_environment, people):
    """(w_g r_g + w_smp r_smp) · exp(-w_e max(0, effort - people's)); efforts below people's cost nothing."""
    environment = make_environment(
        task_weight=0.7, style_weight=0.2, effort_weight=0.6, people_effort=people, standing_share=0.5, envs=16
    )
    paid, free = False, False
    for step in range(3):
        _, reward, _, _, figures = environment.step(0.3 * step * torch.ones(16, 28))
        beyond = (figures["effort"] - people).clamp_min(0)
        paid, free = paid or bool((beyond > 0).any()), free or bool((beyond == 0).any())
        expected = (0.7 * figures["task_reward"] + 0.2 * figures["style_reward"]) * torch.exp(-0.6 * beyond)
        torch.testing.assert_close(reward, expected)
        assert figures["style_reward"].max() > 0 and figures["task_reward"].gt(0).all()
    assert paid and (free or people == 0.0)


def test_effort_is_of_the_step_before_a_restart(make_environment):
    """It is what the step cost between the states before and after it, for who falls in it as well."""
    environment = make_environment(push_rate=0.0)
    environment.step(torch.zeros(4, 28))
    before, targets = environment.body, environment.action(torch.ones(4, 28))
    move, seen = environment.move, []

    def moved(target: Tensor) -> Tensor:
        blown = move(target)
        seen.append(environment.body)
        return blown

    environment.move = moved
    let_fall(environment, [1])
    _, _, done, _, figures = environment.step_targets(targets)
    assert done[1] == 1
    torch.testing.assert_close(figures["effort"], environment._effort(before, seen[0], targets))


def test_the_goal_that_was_seen_is_rewarded(make_environment):
    """A goal that changes at this step is seen after it; the reward is still for the goal before."""
    environment = make_environment(style_weight=0.0, task_weight=1.0, effort_weight=0.0)
    environment.task.left[:] = 1
    goal = environment.task.goal.clone()
    _, reward, _, _, _ = environment.step(torch.zeros(4, 28))
    now, environment.task.goal = environment.task.goal, goal
    assert not torch.equal(now, goal)
    torch.testing.assert_close(reward, environment.task.reward(environment.body))


def test_ages_are_spread_at_the_start(make_environment):
    """Episodes start at random ages, so that time-outs do not come all at once; later ones start at 0."""
    environment = make_environment(envs=64, episode_seconds=10.0)
    assert len(environment._age.unique()) > 40 and environment._age.max() < 300
    environment._age[5] = 299
    environment.step(torch.zeros(64, 28))
    assert environment._age[5] == 0


def test_start_pool_is_refreshed(make_environment):
    """Every `start_refresh` steps a quarter of the pool is new."""
    environment = make_environment(start_refresh=3)
    before = environment.starts._pool["qpos"].clone()
    for _ in range(2):
        environment.step(torch.zeros(4, 28))
        assert torch.equal(environment.starts._pool["qpos"], before)
    environment.step(torch.zeros(4, 28))
    assert torch.equal(environment.starts._pool["qpos"][:48], before[16:])


def test_targets_come_late(make_environment, monkeypatch):
    """Each episode has a delay of its own, up to 20 of 33 ms; until it is over the old target is held.

    At first that is the pose of the start. Without latency the engine is given what was asked for.
    """
    environment = make_environment(envs=64, latency=0.02, standing_share=0.0)
    late, start = environment._late.clone(), environment.engine.qpos[:, 7:].float().clone()
    assert 0 <= late.min() < 0.1 and 0.5 < late.max() <= 0.6
    held: list[torch.Tensor] = []
    step = environment.engine.step
    monkeypatch.setattr(environment.engine, "step", lambda target: held.append(target.clone()) or step(target))
    first, second = (torch.randn(64, 28) * 0.1 for _ in range(2))
    _, _, done, _, _ = environment.step_targets(first)
    environment.step_targets(second)
    share = late.unsqueeze(1)
    torch.testing.assert_close(held[0], share * start + (1 - share) * first)
    lives = done == 0
    torch.testing.assert_close(held[1][lives], (share * first + (1 - share) * second)[lives])
    punctual = make_environment(envs=64)
    assert punctual._held(first) is first


@pytest.mark.parametrize(("latency", "form"), [(0.0, "own"), (0.02, "critic"), (0.0, "score")])
def test_state_and_restore_repeat_the_future(make_environment, latency, form):
    """Another environment given the state goes on with the same observations, rewards and ends, bit for bit.

    What the style reward learns meanwhile is the same, too.
    """
    settings = {"start_refresh": 15, "episode_seconds": 0.5, "latency": latency, "form": form}
    one, other = make_environment(**settings), make_environment(seed=9, **settings)
    actions = torch.randn(32, 4, 28, generator=torch.Generator().manual_seed(1))
    for action in actions[:16]:
        one.step(action)
    if form != "score":
        one.style_reward.update()
    other.style_reward.restore(one.style_reward.state())
    other.restore(one.state())
    assert torch.equal(one.observe()["policy"], other.observe()["policy"])
    ends = 0
    for number, action in enumerate(actions[16:]):
        if number % 4 == 0:
            assert one.style_reward.update() == other.style_reward.update()
        (seen, *rest), (other_seen, *other_rest) = one.step(action), other.step(action)
        assert torch.equal(seen["policy"], other_seen["policy"])
        for mine, its in zip(rest[:2], other_rest[:2], strict=True):
            assert torch.equal(mine, its)
        ends += int(rest[1].sum())
    assert ends > 0

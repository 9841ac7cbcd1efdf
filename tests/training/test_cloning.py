"""What a policy begins with: it follows the prior's own windows."""

from __future__ import annotations

import pytest
import torch

from runtime.character import JOINT_NAMES
from training import features
from training.learning import cloning

JOINTS = slice(*(features.OBSERVATION_NAMES.index(name) for name in (JOINT_NAMES[0], f"{JOINT_NAMES[0]}_velocity")))
ROWS = cloning.STEPS


def in_steps(environment, step: float) -> None:
    """Let all start windows turn every joint by `step` rad a frame, from rest in the default pose."""
    pool = environment.starts._pool
    time = torch.arange(features.WINDOW).view(1, -1, 1)
    pool["joint_position"] = (pool["joint_position"][:, :1] + step * time).contiguous()


def quiet(monkeypatch) -> None:
    """Start exactly in the window."""
    for name in ("POSE_NOISE", "DRIFT_NOISE"):
        monkeypatch.setattr(cloning, name, (0.0, 0.0))


def targets(environment, action: torch.Tensor) -> torch.Tensor:
    """Joint targets [T, N, 28] rad of what `follow` says should have been done."""
    return (environment.action.centre + environment.action.scale * action).unflatten(0, (ROWS, -1))


def test_the_target_is_the_pose_two_frames_on(make_learner, monkeypatch):
    """Joints that turn by .01 rad a frame: the first target is .02 rad further, then on with the window."""
    quiet(monkeypatch)
    environment = make_learner().environment
    in_steps(environment, 0.01)
    observation, action, _ = cloning.follow(environment, None, 0)
    wanted = targets(environment, action)
    first = observation[: environment.num_envs, JOINTS]
    torch.testing.assert_close(wanted[0], first + 0.02, atol=1e-5, rtol=0)
    torch.testing.assert_close(wanted[1:] - wanted[:-1], torch.full_like(wanted[1:], 0.01), atol=1e-5, rtol=0)


def test_what_is_missed_is_added_to_the_target(make_learner, monkeypatch):
    """In the second half: the actor's own targets, and half of what its body then lacks of the window's next pose."""
    quiet(monkeypatch)
    learner = make_learner()
    environment = learner.environment
    windows = environment.starts.draw(environment.num_envs)
    monkeypatch.setattr(environment.starts, "draw", lambda count: windows)
    given, reached = [], []
    move = environment.move

    def moved(target: torch.Tensor) -> None:
        move(target)
        given.append(target)
        reached.append(environment.body.joint_position.clone())

    monkeypatch.setattr(environment, "move", moved)
    _, action, missed = cloning.follow(environment, learner.actor, 1)
    ahead = windows["joint_position"].movedim(1, 0)[2 : 2 + ROWS]
    miss = ahead - torch.stack(reached)
    torch.testing.assert_close(targets(environment, action), torch.stack(given) + 0.5 * miss, atol=1e-4, rtol=1e-4)
    assert float(missed) == pytest.approx(float(miss.abs().mean()), rel=1e-4)


def test_cloning_teaches_the_next_poses(make_learner, monkeypatch):
    """After 300 steps the actor's mean is near the examples' actions, which holding the mean pose is not."""
    learner = make_learner()
    in_steps(learner.environment, 0.05)
    observation, action, _ = cloning.follow(learner.environment, None, 0)

    def miss() -> float:
        with torch.no_grad():
            return float((learner.actor(cloning.grouped(observation)) - action).square().mean().sqrt())

    before = miss()
    monkeypatch.setattr(cloning, "GAIN", 0.0)
    cloning.clone(learner.environment, learner.actor, learner.algorithm.critic, 600)
    assert miss() < 0.5 * before


def test_the_second_half_brings_bodies_nearer_to_the_window(make_learner):
    """Joints that sag or lag by as much as servos let them miss the window by less once the error was learned from."""
    learner = make_learner()
    in_steps(learner.environment, 0.02)
    parts = learner.environment, learner.actor, learner.algorithm.critic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloning, "GAIN", 0.0)
        _, plain = cloning.clone(*parts, 900)
    steps, missed = cloning.clone(*parts, 900)
    assert missed < 0.8 * plain
    assert steps == 18 * ROWS * learner.environment.num_envs


def test_episodes_start_afresh_after_cloning(make_learner):
    """Bodies, histories and the observation that the first action is taken on are those of new episodes."""
    learner = make_learner(clone=1)
    learner.clone()
    environment = learner.environment
    assert torch.equal(learner._observation["policy"], environment.observe()["policy"])
    last = environment.history.windows(slice(None))[:, -1]
    torch.testing.assert_close(last[:, 9:37], environment.body.joint_position, atol=1e-5, rtol=1e-5)


def test_the_critic_learns_alone_after_cloning(make_learner):
    """The actor stays as cloned for as many iterations as after `init` from another task."""
    learner = make_learner(clone=50)
    learner.clone()
    assert learner.critic_only == learner.config.warmup
    (entry,) = learner.lineage
    assert entry["samples"] == 2 * ROWS * learner.environment.num_envs and entry["hours"] > 0.0
    weights = [value.clone() for value in learner.actor.mlp.parameters()]
    learner.iterate()
    assert all(torch.equal(one, other) for one, other in zip(weights, learner.actor.mlp.parameters(), strict=True))

"""What a policy begins with: it follows the prior's own windows."""

from __future__ import annotations

import torch

from runtime.character import JOINT_NAMES
from training import features
from training.learning import cloning

JOINTS = slice(*(features.OBSERVATION_NAMES.index(name) for name in (JOINT_NAMES[0], f"{JOINT_NAMES[0]}_velocity")))
ROWS = features.WINDOW - 1 - cloning.LEAD
"""Control steps for which a window is followed."""


def in_steps(environment, step: float) -> None:
    """Let all start windows turn every joint by `step` rad a frame, from rest in the default pose."""
    pool = environment.starts._pool
    time = torch.arange(features.WINDOW).view(1, -1, 1)
    pool["joint_position"] = (pool["joint_position"][:, :1] + step * time).contiguous()


def quiet(monkeypatch) -> None:
    """Start exactly in the window."""
    for name in ("POSE_NOISE", "SPEED_NOISE", "DRIFT_NOISE"):
        monkeypatch.setattr(cloning, name, 0.0)


def test_the_target_is_the_pose_two_frames_on(make_learner, monkeypatch):
    """Joints that turn by .01 rad a frame: the first target is .02 rad further, then on with the window."""
    quiet(monkeypatch)
    environment = make_learner().environment
    in_steps(environment, 0.01)
    observation, action = cloning.follow(environment, None)
    assert len(action) == ROWS * environment.num_envs
    target = (environment.action.centre + environment.action.scale * action).unflatten(0, (ROWS, -1))
    first = observation[: environment.num_envs, JOINTS]
    torch.testing.assert_close(target[0], first + 0.02, atol=1e-5, rtol=0)
    torch.testing.assert_close(target[1:] - target[:-1], torch.full_like(target[1:], 0.01), atol=1e-5, rtol=0)


def test_bodies_are_where_physics_takes_them(make_learner, monkeypatch):
    """What is observed after the first step is where the actor's targets led, not the window's next frame."""
    quiet(monkeypatch)
    learner = make_learner()
    environment, count = learner.environment, learner.environment.num_envs
    targets = []
    step = environment.engine.step
    monkeypatch.setattr(environment.engine, "step", lambda target: targets.append(target.clone()) or step(target))
    observation, _ = cloning.follow(environment, learner.actor)
    led = torch.stack(targets)
    assert led.shape == (ROWS, count, len(JOINT_NAMES))
    torch.testing.assert_close(led[0], environment.action(learner.actor(cloning._grouped(observation[:count]))))
    own = len(features.OBSERVATION_NAMES)
    environment.place(environment.engine.qpos.float(), environment.engine.qvel.float())
    assert environment.observe()["policy"][:, :own].isfinite().all()
    assert not torch.allclose(observation[count : 2 * count, JOINTS], observation[:count, JOINTS])


def test_cloning_teaches_the_next_poses(make_learner):
    """After 300 steps the actor's mean is near the examples' actions, which holding the mean pose is not."""
    learner = make_learner()
    in_steps(learner.environment, 0.05)
    observation, action = cloning.follow(learner.environment, None)

    def miss() -> float:
        with torch.no_grad():
            return float((learner.actor(cloning._grouped(observation)) - action).square().mean().sqrt())

    before = miss()
    left = cloning.clone(learner.environment, learner.actor, learner.algorithm.critic, 300)
    assert miss() < 0.5 * before
    assert left < 0.5 * before


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
    weights = [value.clone() for value in learner.actor.mlp.parameters()]
    learner.iterate()
    assert all(torch.equal(one, other) for one, other in zip(weights, learner.actor.mlp.parameters(), strict=True))

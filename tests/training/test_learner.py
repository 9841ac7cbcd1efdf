"""PPO on a tiny environment, and the symmetry it is told of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from runtime.character import JOINT_NAMES
from training import features
from training.config import ConfigError, LearnerConfig
from training.learning import symmetry
from training.learning.learner import Learner
from training.learning.symmetry import Augmentation, mirror_actions, mirror_observations, mirrored


def observed(values: torch.Tensor) -> TensorDict:
    """Observations [B, 89] as rsl_rl passes them around."""
    return TensorDict({"policy": values}, batch_size=[len(values)])


def random_batch(learner: Learner, size: int = 20) -> tuple[TensorDict, torch.Tensor]:
    """Observations and actions of made-up numbers."""
    width = learner.environment.observe()["policy"].shape[1]
    rng = torch.Generator().manual_seed(0)
    return observed(torch.randn(size, width, generator=rng)), torch.randn(size, 28, generator=rng)


def test_mirroring_twice_is_the_identity(make_learner):
    """The mirror image of the mirror image is the original, of observations and of actions."""
    environment = make_learner().environment
    seen, actions = torch.randn(20, 89), torch.randn(20, 28)
    image, image_actions = mirror_observations(environment, seen), mirror_actions(environment, actions)
    assert not torch.equal(image, seen) and not torch.equal(image_actions, actions)
    assert torch.equal(mirror_observations(environment, image), seen)
    assert torch.equal(mirror_actions(environment, image_actions), actions)


def test_originals_come_before_their_images(make_learner):
    """rsl_rl's symmetry function gives twice the batch, and only of what it is given."""
    learner = make_learner()
    seen, actions = random_batch(learner)
    both, both_actions = mirrored(learner.environment, seen, actions)
    assert both is not None and both_actions is not None
    assert torch.equal(both["policy"][:20], seen["policy"]) and torch.equal(both_actions[:20], actions)
    assert torch.equal(both["policy"][20:], mirror_observations(learner.environment, seen["policy"]))
    assert torch.equal(both_actions[20:], mirror_actions(learner.environment, actions))
    assert mirrored(learner.environment, seen, None)[1] is None
    assert mirrored(learner.environment, None, actions)[0] is None


def test_mirroring_by_hand(make_learner):
    """A raised right arm is a raised left arm; a step or a goal to the left is one to the right."""
    names = [*features.OBSERVATION_NAMES, "goal_x", "goal_y", "facing_x", "facing_y", "goal_speed"]
    seen, actions = torch.zeros(1, len(names)), torch.zeros(1, 28)
    for name, value in (("right_shoulder_x", 0.5), ("right_knee", 0.3), ("velocity_y", 1.0), ("goal_y", 2.0)):
        seen[0, names.index(name)] = value
    actions[0, JOINT_NAMES.index("right_elbow")] = 0.7
    environment = make_learner().environment
    found = mirror_observations(environment, seen)[0].tolist()
    image = {name: value for name, value in zip(names, found, strict=True) if value}
    assert image == pytest.approx({"left_shoulder_x": -0.5, "left_knee": 0.3, "velocity_y": -1.0, "goal_y": -2.0})
    found = mirror_actions(environment, actions)[0].tolist()
    assert {name: value for name, value in zip(JOINT_NAMES, found, strict=True) if value} == pytest.approx(
        {"left_elbow": -0.7}
    )


def test_mirror_loss_is_zero_for_a_symmetric_policy(make_learner):
    """rsl_rl's mirror loss, fed with our function, is 0 for a(o) + mirror(a(mirror(o))), and not 0 for a alone."""
    learner = make_learner(symmetry="loss")
    seen, actions = random_batch(learner)
    torch.nn.init.normal_(learner.actor.mlp[-1].weight)

    def symmetric(both: TensorDict) -> torch.Tensor:
        image = observed(mirror_observations(learner.environment, both["policy"]))
        return learner.actor(both) + mirror_actions(learner.environment, learner.actor(image))

    losses = []
    for policy in (symmetric, learner.actor):
        batch = RolloutStorage.Batch(observations=seen.clone(), actions=actions)
        losses.append(learner.algorithm.symmetry.compute_loss(policy, batch, 20).item())
    assert losses[0] < 1e-10
    assert losses[1] > 1e-3


def test_kinds_of_symmetry(make_learner):
    """`augment` doubles minibatches and measures nothing, `loss` measures and leaves them, `none` does neither."""
    learner = make_learner()
    seen, actions = random_batch(learner)
    one = torch.zeros(20, 1)
    for kind, length in (("augment", 40), ("loss", 20)):
        extension = symmetry.create(kind, learner.environment)
        assert extension is not None
        batch = RolloutStorage.Batch(seen, actions, one, one, one, one)
        extension.augment_batch(batch, 20)
        assert [len(part) for part in (batch.actions, batch.observations, batch.returns)] == [length] * 3  # type: ignore
        assert extension.use_mirror_loss == (kind == "loss")
    assert symmetry.create("none", learner.environment) is None
    assert isinstance(learner.algorithm.symmetry, Augmentation)
    with pytest.raises(ConfigError, match=r"learner.symmetry is 'left': expected one of none, augment, loss"):
        replace(LearnerConfig(), symmetry="left")


def test_the_first_policy_holds_the_mean_pose(make_learner):
    """Before training actions are next to zero: joint targets at the mean pose of the prior's motion."""
    learner = make_learner()
    seen, _ = random_batch(learner)
    assert learner.actor(seen).abs().max() < 0.05


@pytest.mark.parametrize(("kind", "form"), [("none", "score"), ("augment", "critic"), ("loss", "own")])
def test_a_few_iterations(make_learner, kind, form):
    """Three iterations change actor, critic and normaliser, count their samples, and nothing becomes NaN.

    But the style by speed, where nobody is that fast.
    """
    learner = make_learner(symmetry=kind, form=form)
    before, figures = {name: value.clone() for name, value in learner.actor.state_dict().items()}, {}
    for iteration in range(1, 4):
        figures = learner.iterate()
        assert all(math.isfinite(value) for name, value in figures.items() if "style_by_speed" not in name)
        assert (learner.iteration, learner.samples) == (iteration, iteration * 4 * 4)
    after = learner.actor.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert {"obs_normalizer._mean", "mlp.0.weight", "mlp.4.weight"} <= changed
    assert after["obs_normalizer.count"] == 3 * 4 * 4
    assert all(value.isfinite().all() for value in after.values())
    expected = {"task_reward", "style_reward", "effort", "failed", "velocity_error_m_s", "style_by_speed/up_to_0.2"}
    expected |= {"score": set(), "own": {"own_loss"}, "critic": {"critic_real", "critic_policy", "critic_slope"}}[form]
    assert expected | {"reward", "done", "value", "learning_rate"} <= set(figures)
    weights = learner.environment.config
    parts = weights.task_weight * figures["task_reward"] + weights.style_weight * figures["style_reward"]
    assert 0 < figures["reward"] <= parts + 1e-6


def test_the_deviation_falls_linearly(make_learner):
    """With .15 to .05 over 48 samples: .15 at first, .1167 after 16, .0833 after 32, .05 after 48 and ever after.

    However long the run is: it is not over when the deviation has fallen.
    """
    learner = make_learner(std=(0.15, 0.05), std_samples=48, samples=10**9)
    found = []
    for _ in range(5):
        found.append(learner.actor.distribution.std_param.unique().item())
        learner.iterate()
    assert found == pytest.approx([0.15, 0.15 - 0.1 / 3, 0.15 - 0.2 / 3, 0.05, 0.05])


def test_learning_raises_the_reward(make_learner):
    """Rewarded for one action alone, the policy moves towards it: the learner's signs are right."""
    learner = make_learner(horizon=32, samples=10**9, gamma=0.0, symmetry="none")
    environment = learner.environment
    environment.config = replace(environment.config, start_refresh=10**9)
    step = environment.step

    def rewarded(action: torch.Tensor) -> tuple:
        seen, _, done, extras, figures = step(action)
        return seen, -(action[:, 0] - 1.0).square(), done, extras, figures

    environment.step = rewarded
    seen, _ = random_batch(learner)
    before = learner.actor(seen)[:, 0].mean().item()
    for _ in range(20):
        learner.iterate()
    assert learner.actor(environment.observe())[:, 0].mean() > before + 0.1


def test_restore_with_and_without_counters(make_learner):
    """A resumed learner counts on; one that only starts from another's nets counts from 0 at the first deviation.

    A new run's critic learns alone first, and its actor then starts at the least rate.
    """
    settings = {"std": (0.15, 0.05), "std_samples": 64, "warmup": 2}
    old = make_learner(**settings)
    for _ in range(2):
        old.iterate()
    for counters, samples, deviation in ((True, 32, 0.1), (False, 0, 0.15)):
        new = make_learner(**settings)
        new.restore(old.state(), counters)
        assert (new.samples, new.iteration) == (samples, samples // 16)
        assert new.actor.distribution.std_param[0].item() == pytest.approx(deviation)
        assert new.critic_only == (0 if counters else 2)
        assert new.algorithm.learning_rate == (old.algorithm.learning_rate if counters else new.config.learning_rate)
        seen, _ = random_batch(new)
        for net in ("actor", "critic"):
            assert torch.equal(getattr(new.algorithm, net)(seen), getattr(old.algorithm, net)(seen))

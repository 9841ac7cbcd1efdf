"""Starting a task from another task's policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import ENVIRONMENT, LEARNER
from training import export, run
from training.config import RunConfig, TaskConfig
from training.learning import checkpoint, transplant
from training.learning.checkpoint import CHECKPOINT, CheckpointError
from training.learning.learner import LEAST_RATE, Learner
from training.learning.workers import Worker
from training.provenance import sha256
from training.tasks.base import STAND

ALONE = Worker(0, 1)
OWN = transplant.OWN


@pytest.fixture(scope="module", autouse=True)
def _short_witness() -> Iterator[None]:
    """Exports are verified over 16 steps instead of 1,000; their own tests do it in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "VERIFY_STEPS", 16)
        yield


@pytest.fixture(scope="module")
def steering(prior_path: Path, tmp_path_factory) -> tuple[Learner, Path]:
    """A steering learner after two iterations, and the folder with its checkpoint and its controller."""
    folder = tmp_path_factory.mktemp("steering")
    task = TaskConfig("steering", str(prior_path))
    config = RunConfig(task=task, learner=LEARNER, environment=ENVIRONMENT, folder=str(folder))
    learner = run.build(ALONE, config)
    for _ in range(2):
        learner.iterate()
    checkpoint.save(config, learner, 36.0)
    run.finish(config, learner, 36.0)
    return learner, folder


def start(config, init: Path, task: str = "location", **changes) -> Learner:
    """A learner of another task that starts from a file."""
    config = replace(config, task=TaskConfig(task, config.task.prior), init=str(init), seed=3)
    config = replace(config, learner=replace(config.learner, **changes))
    checkpoint.check(config)
    learner = run.build(ALONE, config)
    checkpoint.restore(config, learner)
    return learner


@pytest.mark.parametrize("name", ["controller.onnx", CHECKPOINT])
def test_the_new_policy_moves_as_the_old_one_told_to_stand(config, steering, name):
    """A skill has no goal: the targets are the old policy's that is to stand. Nor has a ball that is not there."""
    old, folder = steering
    new, dodger = start(config, folder / name, "skill"), start(config, folder / name, "dodgeball")
    body = 0.3 * torch.randn(5, OWN)
    stand = torch.tensor(STAND).expand(5, -1)
    before = old.actor.mlp(old.actor.obs_normalizer(torch.cat((body, stand), 1)))
    after = new.actor.mlp(new.actor.obs_normalizer(body))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)
    after = dodger.actor.mlp(dodger.actor.obs_normalizer(torch.cat((body, stand, torch.randn(5, 11)), 1)))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)
    assert new.samples == 0 and new.lineage == [
        {"checkpoint": name, "sha256": sha256(folder / name), "samples": 64, "hours": pytest.approx(0.01)}
    ]  # fmt: skip


def test_what_two_tasks_show_alike_is_kept(config, steering):
    """A jump's policy takes over what steering knew of velocities and facings, and nothing of commands."""
    old, folder = steering
    new = start(config, folder / "controller.onnx", "jump")
    torch.testing.assert_close(new.actor.mlp[0].weight[:, : OWN + 5], old.actor.mlp[0].weight)
    torch.testing.assert_close(new.actor.obs_normalizer._mean[:, : OWN + 5], old.actor.obs_normalizer._mean)
    assert (new.actor.mlp[0].weight[:, OWN + 5 :] == 0).all()


def test_another_scale_of_actions_keeps_the_targets(steering):
    """Centre .1 and scale .5 instead of 0 and 1: action a means what (a - .1)/.5 meant."""
    old, _ = steering
    weights = old.actor.state_dict()
    zero, one = torch.zeros(28), torch.ones(28)
    changed = transplant.rescaled(weights, (zero, one), (zero + 0.1, 0.5 * one))
    hidden = torch.randn(3, 16)
    action = hidden @ weights["mlp.4.weight"].T + weights["mlp.4.bias"]
    same = hidden @ changed["mlp.4.weight"].T + changed["mlp.4.bias"]
    torch.testing.assert_close(0.1 + 0.5 * same, action)


def test_the_critic_learns_alone_at_first(config, steering):
    """With a warm-up of two iterations the actor stays for two, whatever the rate, and then moves carefully."""
    learner = start(config, steering[1] / "controller.onnx", warmup=2)
    still = {name: value.clone() for name, value in learner.actor.mlp.state_dict().items()}
    value = learner.algorithm.critic.mlp[0].weight.clone()
    for _ in range(2):
        assert {group["lr"] for group in learner.algorithm.optimizer.param_groups} == {config.learner.learning_rate}
        learner.iterate()
        assert all(torch.equal(still[name], now) for name, now in learner.actor.mlp.state_dict().items())
    assert learner.algorithm.learning_rate == LEAST_RATE
    assert not torch.equal(value, learner.algorithm.critic.mlp[0].weight)
    assert learner.state()["critic_only"] == 0
    learner.iterate()
    assert not torch.equal(still["0.weight"], learner.actor.mlp[0].weight)


def test_what_cannot_be_started_from(config, steering, tmp_path):
    """Other widths and files that are no controllers: one sentence that names the file."""
    _, folder = steering
    with pytest.raises(CheckpointError, match=r"its policy has layers of \(16, 16\), learner.hidden is \(8, 8\)"):
        start(config, folder / "controller.onnx", hidden=(8, 8))
    (tmp_path / "bad.onnx").write_bytes(b"no controller")
    with pytest.raises(CheckpointError, match=r"bad.onnx: not a usable controller"):
        start(config, tmp_path / "bad.onnx")
    old = torch.load(folder / CHECKPOINT, weights_only=True)
    del old["learner"]["action"], old["learner"]["task"]
    torch.save(old, tmp_path / "old.pt")
    with pytest.raises(
        CheckpointError, match=r"old.pt: an older version's, of another task: start from its controller"
    ):
        start(config, tmp_path / "old.pt", "location")


def test_every_task_is_exported_with_its_own_goal(config, tmp_path):
    """A controller of a task without goal entries is one as well: its goal is [B, 0], and the self-test passes."""
    config = replace(config, task=TaskConfig("skill", config.task.prior), folder=str(tmp_path / "skill"))
    Path(config.folder).mkdir()
    learner = run.build(ALONE, config)
    learner.iterate()
    run.finish(config, learner, 1.0)
    weights, *_ = transplant.from_controller(Path(config.folder) / "controller.onnx")
    assert weights["mlp.0.weight"].shape == (16, OWN)
    assert learner.environment.task.goal.shape == (8, 0)

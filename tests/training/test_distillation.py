"""One policy of two: a teacher's ways where the task has commands of its own, elsewhere those that were begun with."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rsl_rl.models import MLPModel

from tests.training.conftest import ENVIRONMENT, LEARNER
from training import export, run
from training.config import ConfigError, RunConfig, TaskConfig
from training.learning import checkpoint, distillation
from training.learning.checkpoint import CHECKPOINT, CheckpointError
from training.learning.cloning import grouped
from training.learning.learner import Learner
from training.learning.workers import Worker
from training.provenance import DISTILLATION

ALONE = Worker(0, 1)


@pytest.fixture
def jumping(config) -> RunConfig:
    """A run of `jump` on 16 humanoids."""
    return replace(config, task=TaskConfig("jump", config.task.prior), learner=replace(LEARNER, envs=16))


def other(actor: MLPModel) -> MLPModel:
    """A policy that leans every joint to one side, and a little more where the body moves more."""
    net = copy.deepcopy(actor)
    with torch.no_grad():
        net.mlp[-1].bias += 0.5
        net.mlp[-1].weight += 0.1
    return net


@pytest.fixture(scope="module")
def files(prior_path: Path, tmp_path_factory) -> dict[str, Path]:
    """Controllers and a checkpoint of tiny steering and jump runs, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "VERIFY_STEPS", 16)
        found = {}
        for task in ("steering", "jump"):
            folder = tmp_path_factory.mktemp(task)
            environment = replace(ENVIRONMENT, action_std=1.0)  # other actions than the runs below
            configuration = TaskConfig(task, str(prior_path))
            config = RunConfig(task=configuration, learner=LEARNER, environment=environment, folder=str(folder))
            learner = run.build(ALONE, config)
            learner.iterate()
            checkpoint.save(config, learner, 36.0)
            run.finish(config, learner, 36.0)
            found |= {task: folder / "controller.onnx", f"{task} checkpoint": folder / CHECKPOINT}
    return found


def test_each_is_asked_where_it_is_in_charge(jumping):
    """Who has a jump's command is to do as the teacher does, all others as the policy at first; for its own states."""
    learner = run.build(ALONE, jumping)
    environment, own = learner.environment, copy.deepcopy(learner.actor)
    teacher, commanded = other(own), []
    ways = distillation.Ways(own, teacher)
    distillation.episodes(environment, own, ways)  # by then some have been told to jump
    step = environment.step

    def noted(action: torch.Tensor) -> object:
        commanded.append(environment.task.commanded(environment.body))
        return step(action)

    environment.step = noted
    seen, wanted, missed = distillation.episodes(environment, None, ways)
    mask = torch.cat(commanded)
    assert 10 < mask.sum() < len(mask) - 10
    with torch.no_grad():
        by_teacher, by_own = teacher(grouped(seen)), own(grouped(seen))
    torch.testing.assert_close(wanted[mask], by_teacher[mask])
    torch.testing.assert_close(wanted[~mask], by_own[~mask])
    assert (by_teacher - by_own).abs().min() > 0.1
    assert missed == 0  # they moved the bodies themselves
    assert distillation.episodes(environment, own, ways)[2] > 0.05


def test_the_actor_learns_both(jumping, monkeypatch):
    """After 600 small steps the actor does what it is to do, told to jump and not, four times as nearly as before."""
    monkeypatch.setattr(distillation, "ROUND", 40)
    learner = run.build(ALONE, jumping)
    own = copy.deepcopy(learner.actor)
    ways = distillation.Ways(own, other(own))
    seen, wanted, _ = distillation.episodes(learner.environment, None, ways)
    told = seen[:, -5] > 0  # `commanded`, the first of what a jumper sees of its command

    def miss() -> list[float]:
        with torch.no_grad():
            off = (learner.actor(grouped(seen)) - wanted).square().mean(1)
        return [float(off[told].mean().sqrt()), float(off[~told].mean().sqrt())]

    before = distillation.episodes(learner.environment, learner.actor, ways)[2]
    steps, after = distillation.distil(learner.environment, learner.actor, learner.algorithm.critic, ways, 600)
    assert steps == 15 * distillation.STEPS * 16
    assert after < before / 4
    assert max(miss()) < 0.2


def test_a_teacher_gives_the_targets_of_its_controller(jumping, files):
    """On the same observation, though the run's actions have another scale."""
    learner = run.build(ALONE, jumping)
    teacher = checkpoint.teacher(files["jump"], learner)
    folder = files["jump"].parent
    config = replace(jumping, environment=replace(ENVIRONMENT, action_std=1.0), resume=str(folder), learner=LEARNER)
    made = run.build(ALONE, config)
    checkpoint.restore(config, made, episodes=False)
    observation = learner.environment.observe()
    with torch.no_grad():
        found = learner.environment.action(teacher(observation))
        expected = made.environment.action(made.actor(observation))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert not torch.equal(made.environment.action.scale, learner.environment.action.scale)


def test_a_run_learns_from_its_teacher_once(jumping, files, monkeypatch):
    """Before the first iteration, written into the lineage; a resumed run goes on without it."""
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    taught: list[Learner] = []
    distil = Learner.distil
    monkeypatch.setattr(Learner, "distil", lambda learner, teacher: (taught.append(learner), distil(learner, teacher)))
    learner = replace(jumping.learner, teacher=str(files["jump"]), distil=100, samples=16)
    config = replace(jumping, learner=learner, init=str(files["steering checkpoint"]))
    run.check(config)
    run.train(ALONE, config)
    assert len(taught) == 1
    assert [entry["checkpoint"] for entry in taught[0].lineage] == [CHECKPOINT, DISTILLATION]
    assert taught[0].lineage[1]["samples"] == distillation.STEPS * 16
    assert taught[0].lineage[1]["teacher"] == files["jump"].name
    again = replace(config, init="", resume=config.folder, learner=replace(learner, samples=200))
    run.check(again)
    run.train(ALONE, again)
    assert len(taught) == 1


@pytest.mark.parametrize(
    ("task", "init", "teacher", "kind", "words"),
    [
        (
            "jump",
            "",
            "jump",
            ConfigError,
            r"expected with init=, .* commands of its own \(training/tasks: has_commands\)",
        ),
        ("steering", "steering", "steering", ConfigError, "expected with init=, for a task with commands of its own"),
        ("jump", "steering", "steering", CheckpointError, "is of task steering, expected jump"),
        ("jump", "steering", "nowhere.onnx", CheckpointError, "nowhere.onnx"),
    ],
)
def test_teachers_that_cannot_be(jumping, files, task, init, teacher, kind, words):
    """One sentence, before any work, for a teacher without a policy to begin with, of another task, or not there."""
    learner = replace(jumping.learner, teacher=str(files.get(teacher, teacher)))
    given = str(files[init]) if init else ""
    config = replace(jumping, task=TaskConfig(task, jumping.task.prior), init=given, learner=learner)
    with pytest.raises(kind, match=words):
        run.check(config)

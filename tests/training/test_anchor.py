"""Held to the policy that training began with: the term of the loss, what it does, and that it outlives a resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict

from tests.training.conftest import LEARNER
from tests.training.test_distillation import ALONE
from training import run
from training.config import ConfigError, RunConfig
from training.learning.checkpoint import CHECKPOINT
from training.learning.learner import Learner


@pytest.fixture
def began(config, tmp_path, monkeypatch) -> RunConfig:
    """A run that starts from the checkpoint of another, at a high rate so that it goes somewhere."""
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    first = replace(config, learner=LEARNER, folder=str(tmp_path / "first"))
    Path(first.folder).mkdir()
    run.train(ALONE, first)
    learner = replace(LEARNER, samples=500, warmup=0, desired_kl=10.0, std=(0.1, 0.1))
    return replace(config, learner=learner, init=str(tmp_path / "first" / CHECKPOINT), folder=str(tmp_path / "second"))


def moved(config: RunConfig, anchor: float) -> float:
    """How far a run with that weight gets from where it began: deviations of exploration, root mean square."""
    config = replace(config, learner=replace(config.learner, anchor=anchor))
    Path(config.folder).mkdir(exist_ok=True)
    before, after = (run.build(ALONE, config) for _ in range(2))
    run.checkpoint.restore(config, before)
    run.train(ALONE, config)
    again = replace(config, init="", resume=config.folder)
    run.checkpoint.restore(again, after)
    seen = before.environment.observe()
    with torch.no_grad():
        return float(((after.actor(seen) - before.actor(seen)) / 0.1).square().mean().sqrt())


def test_the_actor_stays_near_where_it_began(began):
    """The same updates with a heavy anchor lead less than a fifth as far as without, which is somewhere."""
    free = moved(began, 0.0)
    held = moved(began, 100.0)
    assert free > 0.05 and held < 0.2 * free


def test_divergence_by_hand(began):
    """Half the squared deviations' sum: an actor whose every mean is off by .2, at deviations of .1, is 28 · 2 off."""
    learner = run.build(ALONE, replace(began, learner=replace(began.learner, anchor=1.0)))
    learner.hold_to(learner.actor.state_dict())
    term = learner.algorithm.symmetry
    seen = learner.environment.observe()
    batch = type("Batch", (), {"observations": TensorDict({"policy": seen["policy"]}, [len(seen)])})
    with torch.no_grad():
        learner.actor(seen, stochastic_output=True)
        assert float(term.compute_loss(learner.actor, batch, len(seen))) == pytest.approx(0.0, abs=1e-8)
        learner.actor.mlp[-1].bias += 0.2
        learner.actor(seen, stochastic_output=True)
        assert float(term.compute_loss(learner.actor, batch, len(seen))) == pytest.approx(56.0, rel=1e-4)


def test_a_resumed_run_is_held_to_the_same(began):
    """The anchor is where the run began, not where it was interrupted; it is in the checkpoint."""
    config = replace(began, learner=replace(began.learner, anchor=0.01))
    run.check(config)
    Path(config.folder).mkdir()
    run.train(ALONE, config)
    first = run.build(ALONE, config)
    run.checkpoint.restore(config, first)
    resumed: Learner = run.build(ALONE, config)
    run.checkpoint.restore(replace(config, init="", resume=config.folder), resumed)
    assert resumed.reference is not None
    seen = first.environment.observe()
    torch.testing.assert_close(resumed.reference(seen), first.actor(seen))
    assert not torch.allclose(resumed.actor(seen), first.actor(seen))
    before = resumed.actor.obs_normalizer.mean.clone()
    figures = resumed.iterate()
    assert torch.equal(resumed.actor.obs_normalizer.mean, before)  # a change of scales would move it, too
    assert figures["anchor"] > 0 and "symmetry" not in figures


@pytest.mark.parametrize("change", [{"init": ""}, {"learner": replace(LEARNER, anchor=0.1, symmetry="loss")}])
def test_there_has_to_be_something_to_be_held_to(began, change):
    """A run from nothing has no policy worth holding to; the mirror loss has the anchor's place in rsl_rl."""
    config = replace(began, learner=replace(began.learner, anchor=0.1))
    with pytest.raises(ConfigError, match=r"learner.anchor=0.1: expected with init="):
        run.check(replace(config, **change))

"""The actor's last bias evolves, so that the body comes to be held as people hold it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.training.conftest import LEARNER
from tests.training.test_distillation import ALONE
from tests.training.test_pose import judge_of_poses
from tests.training.test_posing import JOINTS, SAG, SCALE, Servos, judging_poses, who_bends
from training import features, run
from training.config import ConfigError
from training.learning import evolution
from training.prior import file as prior_file
from training.provenance import EVOLUTION

HELD = 0.1
"""rad, by which people bend all joints here."""


class Tried(Servos):
    """`Servos` at rest that tell what a step is worth and who failed: whose first joint is beyond `bound` rad."""

    def __init__(self, envs: int, bound: float = 10.0) -> None:
        super().__init__(who_bends(HELD), torch.zeros(envs))
        self.score.channel_std.fill_(0.2)
        self.bound = bound

    def restart(self) -> None:
        self._windows[..., JOINTS] = 0.0

    def observe(self) -> Tensor:
        return torch.zeros(self.num_envs, 5)

    def step(self, action: Tensor) -> tuple:
        super().step(action)
        failed = (SCALE * action[:, 0] > self.bound).float()
        return self.observe(), torch.ones(self.num_envs), failed.long(), {}, {"failed": failed}


class Actor(nn.Module):
    """Holds every joint at its middle, whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(5, 4), nn.ELU(), nn.Linear(4, 28))
        nn.init.zeros_(self.mlp[2].weight)
        nn.init.zeros_(self.mlp[2].bias)

    def forward(self, observation: Tensor) -> Tensor:
        return self.mlp(observation)

    @property
    def shift(self) -> Tensor:
        """Of every joint's target [28], rad."""
        return SCALE * self.mlp[2].bias.detach()


@pytest.fixture(autouse=True)
def _short(monkeypatch) -> None:
    monkeypatch.setattr(evolution, "GENERATION", 4)


def test_the_body_comes_to_where_people_hold_it():
    """Whatever servos owe; nothing else of the policy changes, and shifts are worth more and more."""
    torch.manual_seed(0)
    environment, actor = Tried(1024), Actor()
    first = actor.mlp[0].weight.clone()
    steps, worths = evolution.evolve(environment, actor, 30, mirrored=False)
    assert steps == 30 * 4 * 1024
    assert environment.steps == 30 * 4
    torch.testing.assert_close(actor.shift, torch.full((28,), HELD + SAG), atol=0.03, rtol=0)
    assert torch.equal(actor.mlp[0].weight, first)
    assert (actor.mlp[2].weight == 0).all()
    assert worths[-1] > 1.5 * worths[0]


def test_left_and_right_evolve_alike():
    """Both sides of the body have the same shift, mirrored, where motion is."""
    torch.manual_seed(0)
    actor = Actor()
    index, sign = (torch.from_numpy(part) for part in features.JOINT_MIRROR)
    evolution.evolve(Tried(64), actor, 3, mirrored=True)
    torch.testing.assert_close(actor.shift, actor.shift[index] * sign)
    assert actor.shift.abs().max() > 0.01


def test_who_fails_is_worth_nothing_from_then_on():
    """Where what people do brings a failure, evolution stays on this side of it."""
    torch.manual_seed(0)
    actor = Actor()
    evolution.evolve(Tried(1024, bound=0.1), actor, 30, mirrored=False)
    assert actor.shift[0] < 0.1
    torch.testing.assert_close(actor.shift[1:], torch.full((27,), HELD + SAG), atol=0.03, rtol=0)


@pytest.mark.parametrize("start", ["", "somewhere.pt"])
def test_what_it_takes(config, start):
    """One sentence, before any work, without a policy to begin with or under a prior that knows no poses."""
    changed = replace(config, init=start, learner=replace(config.learner, evolve=5))
    with pytest.raises(ConfigError, match=r"learner.evolve=5: expected with init=, under a prior that judges how"):
        run.check(changed)


def test_a_run_evolves_once(config, monkeypatch, tmp_path):
    """Before the first iteration, told in the lineage with its control steps; resumed it does not again."""
    loaded = prior_file.load(config.task.prior)
    judging = judging_poses(loaded.score, judge_of_poses())
    monkeypatch.setattr(prior_file, "load", lambda path: replace(loaded, score=copy.deepcopy(judging)))
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    first = replace(config, learner=LEARNER, folder=str(tmp_path / "first"))
    run.train(ALONE, first)
    learner = replace(LEARNER, envs=16, evolve=2, samples=16, warmup=1)
    second = replace(
        config, init=str(tmp_path / "first" / "checkpoint.pt"), folder=str(tmp_path / "second"), learner=learner
    )
    run.check(second)
    run.train(ALONE, second)
    before, after = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("first", "second"))
    assert [entry["checkpoint"] for entry in after["lineage"]] == ["checkpoint.pt", EVOLUTION]
    assert after["lineage"][1]["samples"] == 2 * 4 * 16
    biases = [state["learner"]["actor_state_dict"]["mlp.4.bias"] for state in (before, after)]
    assert not torch.equal(*biases)
    monkeypatch.setattr(evolution, "evolve", None)
    run.train(ALONE, replace(second, init="", resume=second.folder, learner=replace(learner, samples=200)))

"""The body held as people hold it: shifts of the targets by speed, found from the error alone, then learned."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from runtime.character import JOINT_NAMES
from tests.training.conftest import LEARNER
from tests.training.test_distillation import ALONE
from tests.training.test_pose import judge_of_poses
from training import features, run
from training.config import ConfigError
from training.learning import distillation, posing
from training.learning.cloning import grouped
from training.prior import file as prior_file
from training.prior.score import SPEED_KNOTS, Score
from training.provenance import POSING

FIRST = features.WINDOW_NAMES.index(JOINT_NAMES[0])
JOINTS = slice(FIRST, FIRST + 28)
POSED = slice(FIRST - 2, FIRST + 26)  # the joints' places in what is known of poses: nothing is of the root's way
SAG = 0.07
"""rad, by which joints here stay below their targets."""
SCALE = 0.5
"""rad, of an action."""


class Servos:
    """An environment without physics: bodies slide on at a speed each, joints reach their targets but for `SAG`."""

    num_actions = 28

    def __init__(self, score: Score, speed: Tensor) -> None:
        self.score, self.num_envs = score, len(speed)
        self.action = SimpleNamespace(scale=torch.full((28,), SCALE))
        index, sign = (torch.from_numpy(part) for part in features.JOINT_MIRROR)
        self.mirrors = (None, (index, sign))
        self.engine = SimpleNamespace(device="cpu")
        self.history = self
        self._windows = torch.zeros(len(speed), 10, 58)
        self._windows[..., 3] = self._windows[..., 7] = 1.0
        self._windows[:, 0, 0] = -speed * 0.3
        self.steps, self.ends = 0, torch.zeros(len(speed), dtype=torch.int64)

    def observe(self) -> None:
        """Nothing: `Still` does not look."""

    def windows(self, ids: slice) -> Tensor:
        return self._windows[ids].clone()

    def step(self, action: Tensor) -> tuple:
        self._windows[..., JOINTS] = (self.action.scale * action - SAG).unsqueeze(1)
        self.steps += 1
        return None, None, self.ends


class Still:
    """Ways of one who holds all joints at their middle, told something else in the environments `told`."""

    def __init__(self, told: Tensor) -> None:
        self.told, self.shift = told, None

    def actions(self, environment: Servos, observation: None) -> tuple[Tensor, Tensor]:
        own = posing.at_speed(environment, self.shift)
        return torch.where(self.told.unsqueeze(1), 3.0, own), ~self.told


def who_bends(angle: float) -> Score:
    """One that knows people who bend all joints by that many rad at any speed."""
    made = judge_of_poses()
    made.pose_reference[POSED] = angle
    made.pose_reference[:, len(SPEED_KNOTS) :] = 0.0
    return made


@pytest.fixture
def score() -> Score:
    """One that knows people who bend all joints by .1 rad at rest and by .3 at .8 m/s."""
    made = who_bends(0.1)
    made.pose_reference[POSED, SPEED_KNOTS.index(0.8)] = 0.3
    return made


def test_joints_come_to_where_people_hold_them(score):
    """At each speed, whatever the servos owe, but for what walks.

    Who is told something else does not count, nor does a rare speed.
    """
    speed = torch.tensor([0.0, 0.8, 0.8, 0.0]).repeat(64)
    speed[-4] = 2.3  # one of 128
    environment, ways = Servos(score, speed), Still(torch.tensor([False, False, True, True]).repeat(64))
    assert posing.find(environment, ways, 20, mirrored=False) == 22 * posing.ROUND * 256
    assert environment.steps == 22 * posing.ROUND
    expected = torch.full((9, 28), SAG)
    expected[0] += 0.1
    expected[2] += 0.3
    expected[2, :3] = expected[2, JOINT_NAMES.index("right_hip_x") :] = 0.0
    torch.testing.assert_close(ways.shift[[0, 2]], expected[[0, 2]], atol=1e-3, rtol=0)
    assert (ways.shift[[1, *range(3, 9)]] == 0).all()
    environment._windows[:, 0, 0] = -0.6 * 0.3
    shift = posing.at_speed(environment, ways.shift) * environment.action.scale
    torch.testing.assert_close(shift, ((ways.shift[1] + ways.shift[2]) / 2).expand(256, -1))


def test_a_single_round_counts(score):
    """It brings joints `GAIN` of the way, as episodes have begun by then."""
    ways = Still(torch.zeros(16, dtype=torch.bool))
    posing.find(Servos(score, torch.zeros(16)), ways, 1, mirrored=False)
    torch.testing.assert_close(ways.shift[0], torch.full((28,), posing.GAIN * (SAG + 0.1)), atol=1e-3, rtol=0)


def test_episodes_that_begin_do_not_count(score):
    """Where they end at every step nothing is learned of how the body is held."""
    environment, ways = Servos(score, torch.zeros(16)), Still(torch.zeros(16, dtype=torch.bool))
    environment.ends += 1
    posing.find(environment, ways, 5, mirrored=False)
    assert (ways.shift == 0).all()


def test_left_and_right_are_shifted_alike(score):
    """People who are lopsided are copied as such one way round, and as the mean of both where motion is mirrored."""
    elbows = [JOINT_NAMES.index(f"{side}_elbow") for side in ("right", "left")]
    score.pose_reference[POSED][elbows[0], : len(SPEED_KNOTS)] = 0.5
    found = []
    for mirrored in (False, True):
        ways = Still(torch.zeros(32, dtype=torch.bool))
        posing.find(Servos(score, torch.zeros(32)), ways, 20, mirrored)
        found.append(ways.shift[0, elbows].tolist())
    sign = torch.from_numpy(features.JOINT_MIRROR[1])[elbows[0]].item()
    alike = (0.5 + sign * 0.1) / 2 + SAG * (1 + sign) / 2
    assert found[0] == pytest.approx([0.5 + SAG, 0.1 + SAG], abs=1e-3)
    assert found[1] == pytest.approx([alike, sign * alike], abs=1e-3)


def judging_poses(known: Score, people: Score) -> Score:
    """A prior's score that judges poses, too: as `people` does."""
    judging = Score(known.denoiser, replace(known.reward, judge_pose=True))
    state = known.state_dict()
    del state["statistics_tolerance"]
    judging.load_state_dict(state, strict=False)
    judging.pose_reference.copy_(people.pose_reference)
    return judging


@pytest.fixture
def posed(config, prior, score):
    """A run under a prior like the tiny one that judges poses, as `score` does, from a policy that moves its joints."""
    judging = judging_poses(prior.score, score)
    learner = replace(LEARNER, envs=16, pose_rounds=3, distil=100, samples=16)
    return replace(config, learner=learner), judging


def test_what_is_wanted_is_shifted(posed):
    """The actor is to do what it did, shifted by its speed; nothing without a shift."""
    config, judging = posed
    learner = run.build(ALONE, replace(config, learner=replace(config.learner, pose_rounds=0)))
    environment, own = learner.environment, copy.deepcopy(learner.actor)
    environment.score = judging
    ways = distillation.Ways(own, shift=torch.full((9, 28), 0.2))
    observation = environment.observe()
    with torch.no_grad():
        wanted, mask = ways.actions(environment, observation)
        torch.testing.assert_close(wanted, own(observation) + 0.2 / environment.action.scale)
        assert mask.all()
        plain = distillation.Ways(own).actions(environment, observation)[0]
        assert torch.equal(plain, own(grouped(observation["policy"])))


@pytest.mark.parametrize("start", ["", "somewhere.pt"])
def test_what_it_takes(config, start):
    """One sentence, before any work, without a policy to begin with or under a prior that knows no poses."""
    changed = replace(config, init=start, learner=replace(config.learner, pose_rounds=5))
    with pytest.raises(ConfigError, match=r"learner.pose_rounds=5: expected with init=, under a prior that judges how"):
        run.check(changed)


def test_it_takes_a_policy_to_begin_with(posed, monkeypatch):
    """Under a prior that judges poses, too: a new policy has no way to hold the body that could be shifted."""
    config, judging = posed
    loaded = replace(prior_file.load(config.task.prior), score=judging)
    monkeypatch.setattr(prior_file, "load", lambda path: loaded)
    with pytest.raises(ConfigError, match=r"learner.pose_rounds=3: expected with init="):
        run.check(config)


def test_a_run_is_posed_once(posed, monkeypatch, tmp_path):
    """Before the first iteration, told in the lineage with the control steps of both parts; resumed it is not again."""
    config, judging = posed
    loaded = prior_file.load(config.task.prior)
    monkeypatch.setattr(prior_file, "load", lambda path: replace(loaded, score=copy.deepcopy(judging)))
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    first = replace(config, learner=LEARNER, folder=str(tmp_path / "first"))
    run.train(ALONE, first)
    found = []
    find = posing.find
    monkeypatch.setattr(posing, "find", lambda *arguments: (found.append(arguments), find(*arguments))[1])
    second = replace(config, init=str(tmp_path / "first" / "checkpoint.pt"), folder=str(tmp_path / "second"))
    run.check(second)
    run.train(ALONE, second)
    assert len(found) == 1
    run.train(ALONE, replace(second, init="", resume=second.folder, learner=replace(second.learner, samples=200)))
    assert len(found) == 1
    state = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)
    assert [entry["checkpoint"] for entry in state["lineage"]] == ["checkpoint.pt", POSING]
    assert state["lineage"][1]["samples"] == 16 * (5 * posing.ROUND + distillation.STEPS)

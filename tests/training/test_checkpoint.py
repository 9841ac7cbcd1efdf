"""Checkpoints: a run that goes on has the numbers it would have had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training import config as settings
from training import run
from training.config import RunConfig
from training.learning import checkpoint
from training.learning.checkpoint import CHECKPOINT, CONFIGURATION, CheckpointError
from training.learning.learner import Learner
from training.learning.workers import Worker
from training.provenance import sha256

ALONE = Worker(0, 1)


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.fixture(autouse=True)
def _no_export(monkeypatch):
    """Export has tests of its own."""
    monkeypatch.setattr(run, "finish", lambda *arguments: None)


def start(config: RunConfig) -> None:
    """Train as `run.main` does in one process."""
    Path(config.folder).mkdir(exist_ok=True)
    (Path(config.folder) / CONFIGURATION).write_text(json.dumps(settings.as_plain(config)))
    run.train(ALONE, config)


def start_and_kill(config: RunConfig, monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    """Train and die in the iteration after so many."""
    iterate = Learner.iterate

    def mortal(learner: Learner) -> dict[str, float]:
        if learner.iteration == iterations:
            raise KilledError
        return iterate(learner)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "iterate", mortal)
        with pytest.raises(KilledError):
            start(config)


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Compare nested states bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index in range(len(one)):
            assert_same(one[index], other[index], f"{where}/{index}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def load(config: RunConfig, name: str = CHECKPOINT) -> dict:
    """What a run folder holds."""
    return torch.load(Path(config.folder) / name, weights_only=True)


@pytest.mark.parametrize("form", ["critic", "own", "score"])
def test_six_iterations_equal_three_a_kill_and_three(config, monkeypatch, tmp_path, form):
    """Nets, normalisers, optimisers, counters, simulations and random numbers agree bit for bit after the break.

    Those of the critic or the own denoiser, too, with the windows that they learn from.
    """
    config = replace(config, reward=replace(config.reward, form=form))
    straight, broken = (replace(config, folder=str(tmp_path / name)) for name in ("straight", "broken"))
    start(straight)
    start_and_kill(broken, monkeypatch, 3)
    assert load(broken)["learner"]["iteration"] == 3
    assert [path.name for path in Path(broken.folder).glob("worker*")] == ["worker-0-3.pt"]
    torch.manual_seed(999)
    run.train(ALONE, checkpoint.resumed(replace(broken, resume=broken.folder)))
    assert load(straight)["learner"]["samples"] == 6 * 32
    assert_same(load(straight)["learner"], load(broken)["learner"])
    assert bool(load(straight)["learner"]["style_reward"]) == (form != "score")
    assert_same(load(straight, "worker-0-6.pt"), load(broken, "worker-0-6.pt"))


def test_another_seed_is_another_run(config, tmp_path):
    """The comparison above can fail: with another seed the parameters differ."""
    one, other = (replace(config, folder=str(tmp_path / f"{seed}"), seed=seed) for seed in (0, 1))
    for each in (one, other):
        start(replace(each, learner=replace(each.learner, samples=32)))
    with pytest.raises(AssertionError):
        assert_same(load(one)["learner"], load(other)["learner"])


def test_a_kill_between_two_files_leaves_a_whole_checkpoint(config, monkeypatch):
    """Dying after the worker's file and before the shared one: the last checkpoint is there with all it needs."""
    write = checkpoint._write

    def mortal(path: Path, content: dict) -> None:
        if path.name == CHECKPOINT and content["learner"]["iteration"] == 3:
            raise KilledError
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_write", mortal)
        with pytest.raises(KilledError):
            start(config)
    assert load(config)["learner"]["iteration"] == 2
    learner = run.build(ALONE, config)
    checkpoint.restore(replace(config, resume=config.folder), learner)
    assert_same(learner.own_state(), {k: v for k, v in load(config, "worker-0-2.pt").items() if k != "world"})


@pytest.mark.parametrize("damage", ["missing", "of other workers"])
def test_without_the_workers_own_state_episodes_start_afresh(config, monkeypatch, capsys, damage):
    """Old checkpoints, and those of another number of processes, go on with nets and counters, and say so in a line."""
    start_and_kill(config, monkeypatch, 2)
    own = Path(config.folder) / "worker-0-2.pt"
    if damage == "missing":
        own.unlink()
    else:
        torch.save(torch.load(own, weights_only=True) | {"world": 7}, own)
    capsys.readouterr()
    resumed = checkpoint.resumed(replace(config, resume=config.folder))
    learner = run.build(ALONE, resumed)
    seconds = checkpoint.restore(resumed, learner)
    assert seconds > 0 and learner.iteration == 2
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{config.folder}: no state of 1 workers at iteration 2: episodes start afresh"]
    learner.iterate()


def test_init_starts_a_new_run_from_a_checkpoint(config, monkeypatch, tmp_path):
    """`init=` takes nets, normalisers and optimiser (but its rate) of a file, not its counters; the file stays."""
    start_and_kill(config, monkeypatch, 2)
    path = Path(config.folder) / CHECKPOINT
    old, bytes_before = load(config)["learner"], path.read_bytes()
    new = replace(config, init=str(path), folder=str(tmp_path / "new"), seed=5)
    checkpoint.check(new)
    learner = run.build(ALONE, new)
    assert checkpoint.restore(new, learner) == 0.0
    assert (learner.samples, learner.iteration) == (0, 0)
    assert_same(learner.state()["critic_state_dict"], old["critic_state_dict"])
    assert_same(learner.state()["optimizer_state_dict"]["state"], old["optimizer_state_dict"]["state"])
    learner.iterate()
    assert path.read_bytes() == bytes_before


def test_lineage_adds_up(config, tmp_path):
    """A run started from a run started from a run: its card counts the samples and hours of all, eldest first."""
    for name, begun, hours in (("one", "", 0.5), ("two", "one", 0.25), ("three", "two", 1.0)):
        origin = str(tmp_path / begun / CHECKPOINT) if begun else ""
        run_config = replace(config, folder=str(tmp_path / name), init=origin)
        Path(run_config.folder).mkdir()
        learner = run.build(ALONE, run_config)
        checkpoint.restore(run_config, learner)
        learner.iterate()
        checkpoint.save(run_config, learner, 3600 * hours)
    assert [(run["checkpoint"], run["samples"], run["hours"]) for run in learner.lineage] == [
        (CHECKPOINT, 32, 0.5), (CHECKPOINT, 32, 0.25),
    ]  # fmt: skip
    assert learner.lineage[1]["sha256"] == sha256(tmp_path / "two" / CHECKPOINT)
    training = run.card(run_config, learner, 3600.0)["training"]
    assert (training["samples"], training["hours"]) == (3 * 32, 1.75)
    again = run.build(ALONE, run_config)
    checkpoint.restore(replace(run_config, init="", resume=run_config.folder), again)
    assert again.lineage == learner.lineage  # resuming is going on, not starting from


def test_what_may_change_on_resuming(config, monkeypatch):
    """The run's own configuration holds but for limits that are given again, output and the number of processes."""
    start_and_kill(config, monkeypatch, 1)
    asked = RunConfig(resume=config.folder, output="x.onnx", seed=8)
    expected = replace(config, resume=config.folder, output="x.onnx")
    assert settings.as_plain(checkpoint.resumed(asked)) == settings.as_plain(expected)
    asked = replace(asked, learner=replace(asked.learner, samples=999, processes=2, envs=7))
    found = checkpoint.resumed(asked, given=["learner.samples", "learner.processes", "learner.envs"])
    expected = replace(expected, learner=replace(config.learner, samples=999, processes=2))
    assert settings.as_plain(found) == settings.as_plain(expected)


def test_what_cannot_be_resumed(config, monkeypatch, tmp_path):
    """No folder, no file, no checkpoint and other networks: one sentence each that names it."""
    nowhere = str(tmp_path / "none")
    with pytest.raises(CheckpointError, match=f"resume={nowhere}: expected a run folder with {CONFIGURATION}"):
        checkpoint.resumed(replace(config, resume=nowhere))
    with pytest.raises(CheckpointError, match=r"none.pt: no such checkpoint"):
        checkpoint.check(replace(config, init=str(tmp_path / "none.pt")))
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"bad.pt: not a readable checkpoint"):
        checkpoint.check(replace(config, init=str(tmp_path / "bad.pt")))
    start_and_kill(config, monkeypatch, 1)
    other = replace(config, init=str(Path(config.folder) / CHECKPOINT), learner=replace(config.learner, hidden=(8,)))
    with pytest.raises(CheckpointError, match=r"its policy has layers of \(16, 16\), learner.hidden is \(8,\)"):
        checkpoint.check(other)
    with pytest.raises(CheckpointError, match=r"made for other networks"):
        checkpoint.restore(other, run.build(ALONE, other))


def test_a_checkpoint_runs_no_code(tmp_path):
    """A file that would execute something on unpickling is refused."""

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"learner": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        checkpoint.check(RunConfig(init=str(tmp_path / "evil.pt")))
    assert not (tmp_path / "executed").exists()

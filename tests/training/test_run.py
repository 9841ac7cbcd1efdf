"""`python -m training.run` as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runtime.controller import Controller
from training import config as settings
from training import run
from training.config import ConfigError, TaskConfig
from training.learning import checkpoint
from training.learning.checkpoint import CHECKPOINT, CONFIGURATION
from training.learning.workers import Worker
from training.physics.mujoco import MujocoEngine
from training.prior import file as prior_file

ROOT = Path(__file__).parents[2]
TINY = [
    *("learner.envs=8", "learner.horizon=4", "learner.hidden=[16,16]", "learner.epochs=1", "learner.minibatches=2"),
    *("environment.start_pool=64", "environment.episode_seconds=2", "task=steering"),
    *("reward.pool=64", "reward.batch=16", "reward.replay=64", "reward.critic_hidden=[8]"),
]  # fmt: skip


@pytest.fixture
def command(hydra, monkeypatch, tmp_path):
    """Run `python -m training.run ...` in this process, with hydra's own folder out of the way."""

    def run_it(*overrides: str) -> None:
        own = [f"--config-path={ROOT}/training/conf", f"hydra.run.dir={tmp_path}/hydra"]
        monkeypatch.setattr(sys, "argv", ["run.py", *own, *TINY, "learner.processes=1", *overrides])
        run.main()

    return run_it


def test_a_run_from_beginning_to_end(command, prior_path, tmp_path, capsys, monkeypatch):
    """A short run leaves configuration, figures, events, checkpoint and controller; then it is resumed and exported."""
    folder, prior = tmp_path / "run", f"task.prior={prior_path}"
    command(prior, f"folder={folder}", "learner.samples=64", f"output={tmp_path}/out/c.onnx")
    names = {path.name.split(".")[0] if "tfevents" in path.name else path.name for path in folder.iterdir()}
    assert names == {CONFIGURATION, "figures.csv", "events", CHECKPOINT, "worker-0-2.pt", "controller.onnx"}
    assert json.loads((folder / CONFIGURATION).read_text())["learner"]["samples"] == 64
    assert Controller.load(folder / "controller.onnx").metadata["training"]["samples"] == 64
    assert (tmp_path / "out" / "c.onnx").read_bytes() == (folder / "controller.onnx").read_bytes()
    with monkeypatch.context() as patch:
        ends = []
        patch.setattr(run, "finish", lambda config, learner, seconds: ends.append((learner.samples, config.output)))
        command(f"resume={folder}", "learner.samples=96", "learner.envs=999")
        assert ends == [(96, f"{tmp_path}/out/c.onnx")]
    assert len((folder / "figures.csv").read_text().splitlines()) == 3  # header and one row a session
    kept = (folder / CHECKPOINT).read_bytes()
    for path in (folder / "controller.onnx", tmp_path / "out" / "c.onnx"):
        path.unlink()
    capsys.readouterr()
    command(f"resume={folder}", "export_only=true")
    assert "96 samples, targets equal the policy's within" in capsys.readouterr().out
    assert Controller.load(folder / "controller.onnx").metadata["training"]["configuration"]["learner"]["envs"] == 8
    assert (folder / CHECKPOINT).read_bytes() == kept
    assert not (tmp_path / "hydra").exists()  # no empty folder is left beside the one that was named
    assert not (tmp_path / "out" / "c.onnx").exists()


def test_ctrl_c_keeps_everything(prior_path, tmp_path):
    """SIGINT to the process group of a run with two workers: exit code 0, no traceback, checkpoint and controller."""
    overrides = [*TINY, "learner.processes=2", f"folder={tmp_path}/run", f"task.prior={prior_path}"]
    arguments = [sys.executable, "-m", "training.run", *overrides, f"hydra.run.dir={tmp_path}/hydra"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, **pipes)
    folder, deadline = tmp_path / "run", time.monotonic() + 60
    try:
        while not list(folder.glob("events*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not (folder / CHECKPOINT).exists()
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    assert "Traceback" not in output and "KeyboardInterrupt" not in output
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    assert state["learner"]["samples"] == state["learner"]["iteration"] * 8 * 4 > 0
    owned = {f"worker-{rank}-{state['learner']['iteration']}.pt" for rank in range(2)}
    assert {path.name for path in folder.glob("worker-*.pt")} == owned
    assert Controller.load(folder / "controller.onnx").metadata["training"]["samples"] == state["learner"]["samples"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["task.prior=nowhere.onnx"], "nowhere.onnx: no such prior; make it with `python -m training.pretrain`"),
        (["learner.envs=few"], "Value 'few' of type 'str' could not be converted to Integer (key learner.envs)"),
        (["learner.processes=3"], "learner.envs=8 does not divide evenly among 3 processes"),
        (["physics=bullet"], "physics=bullet: expected an engine of training/physics, 'auto'"),
        (["task.name=flying"], "task.name=flying: expected one of 'steering'"),
        (
            ["+task.options.max_sped=3"],
            "task.options.max_sped: there is no such key: expected 'task.options.max_sp",
        ),
        (["task.options.max_speed=fast"], "Value 'fast' of type 'str' could not be converted to Float"),
        (["init=nothing.pt"], "nothing.pt: no such checkpoint"),
        (["resume=nowhere"], "resume=nowhere: expected a run folder with configuration.json, found none"),
        (["export_only=true"], "export_only=true: expected resume=FOLDER"),
    ],
)
def test_bad_input_is_one_sentence(command, prior_path, tmp_path, capsys, overrides, sentence):
    """Exit code 2 and one sentence before any worker starts and any run folder is made."""
    with pytest.raises(SystemExit) as end:
        command(f"task.prior={prior_path}", f"folder={tmp_path}/run", *overrides)
    assert end.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and sentence in said[0]
    assert not (tmp_path / "run").exists() and not (tmp_path / "hydra").exists()


def test_a_prior_of_one_way_round_needs_no_symmetry(config, prior_path, monkeypatch):
    """A policy that is to be mirrored cannot be held to a prior that knows only one side."""
    loaded = prior_file.load(prior_path)
    loaded.metadata["configuration"]["mirrored"] = False
    monkeypatch.setattr(prior_file, "load", lambda path: loaded)
    with pytest.raises(ConfigError, match=r"learner.symmetry=augment: expected none, .*tiny.onnx knows motion one way"):
        run.check(config)
    run.check(replace(config, learner=replace(config.learner, symmetry="none")))


def test_a_default_prior_that_is_missing(command, tmp_path, capsys, monkeypatch):
    """`task=steering` where no prior was made says how to make one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        command()
    said = capsys.readouterr().err
    assert said.startswith("exported/priors/locomotion.onnx: no such prior; make it with `python -m training.pretrain")


def test_an_export_tells_the_runs_own_settings(config, monkeypatch, tmp_path):
    """Few environments and samples do for exporting; what the controller's card says is what the run was."""
    ends = []
    monkeypatch.setattr(run, "finish", lambda *given: ends.append(given))
    config = replace(config, learner=replace(config.learner, envs=4, samples=16))
    (tmp_path / CONFIGURATION).write_text(json.dumps(settings.as_plain(config)))
    run.train(Worker(0, 1), config)
    run.export_only(checkpoint.resumed(replace(config, resume=str(tmp_path), export_only=True)))
    told, learner, _ = ends[-1]
    for part in ("learner", "reward", "environment"):
        assert settings.as_plain(getattr(told, part)) == settings.as_plain(getattr(config, part))
    assert learner.environment.num_envs == 8 and learner.samples == 16
    assert run.card(told, learner, 0.0)["training"]["configuration"]["learner"]["envs"] == 4


def test_a_time_limit_ends_a_run(config, monkeypatch, tmp_path):
    """`learner.minutes` ends training after the iteration in which it is reached, with a checkpoint."""
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    run.train(Worker(0, 1), replace(config, learner=replace(config.learner, minutes=1e-6, samples=10**9)))
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["learner"]["iteration"] == 1


def test_workers_have_random_numbers_of_their_own(config):
    """Two workers of one seed start in different states; the same worker starts in the same."""
    first, second, again = (run.build(Worker(rank, 1), config).environment.engine.qpos for rank in (0, 1, 0))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_workers_have_bodies_and_grounds_of_their_own(config):
    """`environment.friction` and `mass` differ between environments and workers, and are the same when built again."""

    def friction(rank: int) -> np.ndarray:
        varied = replace(config, environment=replace(config.environment, friction=(0.5, 1.5), mass=(0.9, 1.1)))
        engine = run.build(Worker(rank, 1), varied).environment.engine
        assert isinstance(engine, MujocoEngine)
        return np.asarray(engine._batch.expanded("geom_friction"))[:, 0, 0].copy()

    first = friction(0)
    assert np.array_equal(first, friction(0)) and not np.array_equal(first, friction(1))
    assert len(set(first)) == len(first) and 0.5 <= first.min() < first.max() <= 1.5


def test_check_knows_torchrun(config, monkeypatch):
    """Under torchrun its number of processes counts."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(ConfigError, match="does not divide evenly among 5 processes"):
        run.check(replace(config, task=TaskConfig("steering", config.task.prior)))

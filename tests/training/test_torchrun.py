"""A run that torchrun starts: the same numbers as with processes of our own, one run folder for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from tests.training.test_kill import assert_same
from training.learning.checkpoint import CHECKPOINT, CONFIGURATION

ROOT = Path(__file__).parents[2]
TINY = [
    *("learner.envs=8", "learner.horizon=4", "learner.hidden=[16,16]", "learner.epochs=1", "learner.minibatches=2"),
    *("environment.start_pool=64", "environment.episode_seconds=1", "task=steering", "learner.samples=96"),
    *("physics=mujoco", "learner.processes=2"),
    *("reward.pool=128", "reward.batch=16", "reward.replay=64", "reward.critic_hidden=[8]"),
]  # fmt: skip


def start(folder: Path, launcher: list[str], *options: str) -> subprocess.Popen[str]:
    """Start a tiny run in a folder under `folder`, which Hydra names by the time and the process."""
    own = f"hydra.run.dir={folder}/${{now:%H%M%S}}-${{oc.env:RANK,0}}"  # another one for each process of torchrun
    command = [sys.executable, *launcher, "-m", "training.run", *TINY, own, *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def test_torchrun_equals_processes_of_our_own(prior_path, tmp_path):
    """`torchrun --nproc-per-node=2 -m training.run` and `learner.processes=2` end with the same bits.

    Nets, optimiser, normalisers and both workers' simulations and random numbers; and torchrun's two processes agree on
    one run folder, in which nothing is there twice.
    """
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    runs = {name: start(tmp_path / name, way, f"task.prior={prior_path}") for name, way in (
        ("ours", []), ("torchrun", torchrun))}  # fmt: skip
    for name, process in runs.items():
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        assert output.count(f"wrote {tmp_path}/{name}/") == 1, output
    folders = {name: list((tmp_path / name).iterdir()) for name in runs}
    assert all(len(found) == 1 for found in folders.values()), folders
    one, other = folders["ours"][0], folders["torchrun"][0]
    for name in ("worker-0-3.pt", "worker-1-3.pt", CHECKPOINT):
        states = [torch.load(folder / name, weights_only=True) for folder in (one, other)]
        parts = [state["learner"] if name == CHECKPOINT else state for state in states]
        assert_same(*parts)
    assert json.loads((other / CONFIGURATION).read_text())["folder"] == str(other)
    assert len(list(other.glob("events*"))) == len(list(other.glob("controller.onnx"))) == 1

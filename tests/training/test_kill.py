"""SIGKILL at any moment costs nothing but time: the run that goes on ends with the numbers of the one never killed.

Run as a script, this file is what the test starts: a process that has imported everything once and forks the runs.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import OmegaConf

from training import config as settings
from training import run
from training.config import RunConfig
from training.learning import checkpoint
from training.learning.checkpoint import CHECKPOINT, CONFIGURATION
from training.learning.learner import Learner
from training.learning.workers import Worker

ROOT = Path(__file__).parents[2]
KILLS = 20
ITERATIONS = 45


def test_a_run_killed_twenty_times_ends_the_same(config, tmp_path):
    """Twenty kills at seeded random moments, some while starting, most while training or saving: not a bit differs."""
    samples = ITERATIONS * config.learner.envs * config.learner.horizon
    seldom = replace(config.environment, start_refresh=60)  # a new pool every 15 iterations
    config = replace(config, physics="mujoco", environment=seldom, learner=replace(config.learner, samples=samples))
    (tmp_path / "config.json").write_text(json.dumps(settings.as_plain(config)))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["kills"] == KILLS
    assert len(set(told["iterations"])) > 5 and max(told["iterations"]) < ITERATIONS  # it got on between kills
    for name, part in ((CHECKPOINT, "learner"), (f"worker-0-{ITERATIONS}.pt", None)):
        one, other = (torch.load(tmp_path / which / name, weights_only=True) for which in ("straight", "broken"))
        assert_same(one[part] if part else one, other[part] if part else other)


def assert_same(one: object, other: object) -> None:
    """Compare nested states bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def start(config: RunConfig, told: int | None = None) -> int:
    """Fork a run that starts or goes on, as `training.run` does; it writes a byte to `told` when it starts to train."""
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        folder = Path(config.folder)
        folder.mkdir(exist_ok=True)
        if (folder / CHECKPOINT).exists():
            config = checkpoint.resumed(replace(config, resume=config.folder))
        else:
            (folder / CONFIGURATION).write_text(json.dumps(settings.as_plain(config)))
        if told is not None:
            iterate = Learner.iterate

            def announced(learner: Learner) -> dict[str, float]:
                os.write(told, b".")
                Learner.iterate = iterate
                return iterate(learner)

            Learner.iterate = announced
        run.train(Worker(0, 1), config)
        os._exit(0)
    finally:
        os._exit(1)


def main(folder: Path) -> None:
    """Run once without a break, then with `KILLS` kills; print how many there were and where they found the run."""
    run.finish = lambda *arguments: None  # export has tests of its own
    config = settings.resolve(RunConfig, OmegaConf.create(json.loads((folder / "config.json").read_text())))
    began = time.monotonic()
    assert os.waitpid(start(replace(config, folder=str(folder / "straight"))), 0)[1] == 0
    iteration = (time.monotonic() - began) / ITERATIONS  # s, more or less
    broken, chance = replace(config, folder=str(folder / "broken")), random.Random(7)
    kills, iterations = 0, []
    for number in range(KILLS):
        reader, writer = os.pipe()
        child = start(broken, writer)
        if number % 4:  # else it is killed while it starts
            os.read(reader, 1)
        time.sleep(chance.uniform(0.0, 3.0 * iteration))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        kills += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        for end in (reader, writer):
            os.close(end)
        path = folder / "broken" / CHECKPOINT
        iterations.append(torch.load(path, weights_only=True)["learner"]["iteration"] if path.exists() else 0)
    assert os.waitpid(start(broken), 0)[1] == 0
    print(json.dumps({"kills": kills, "iterations": iterations}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Train a task policy against a frozen prior: `python -m training.run task=steering`.

    main ── workers.launch ── train (in every worker) ── build environment and learner
                                                     ├─ loop: Learner.iterate, log, checkpoint
                                                     └─ leader: export, verified

The run folder gets the resolved configuration first, then TensorBoard events and one checkpoint that is replaced
whole; the controller lands beside it. Ctrl-C, a time limit and a full count of samples all end the same way:
checkpoint, export. `resume=FOLDER` goes on with a run, `init=CHECKPOINT` starts a new one from another's policy.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from training import config as settings
from training import physics, tasks
from training.config import RunConfig
from training.export import export
from training.learning import checkpoint, workers
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner
from training.learning.log import Log
from training.learning.workers import Worker
from training.prior import file as prior_file
from training.provenance import code_version, hardware


@hydra.main(config_path="conf", config_name="run", version_base="1.3")
def main(composed: DictConfig) -> None:
    """Compose the configuration and train; exits with 2 and one sentence on bad input."""
    try:
        config = settings.resolve(RunConfig, composed)
        if config.resume:
            config = checkpoint.resumed(config)
        prior_file.load(config.task.prior)  # fails here, once, rather than in every worker
        if config.init and not Path(config.init).is_file():
            raise settings.ConfigError(f"init={config.init}: no such checkpoint")
    except (settings.ConfigError, prior_file.PriorFileError, checkpoint.CheckpointError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    folder = Path(config.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / checkpoint.CONFIGURATION).write_text(json.dumps(settings.as_plain(config), indent=1))
    workers.launch(config.learner.processes, train, config)


def train(worker: Worker, config: RunConfig) -> None:
    """Run one worker: train until the samples or the minutes are used up or a signal asks to stop."""
    learner = build(worker, config)
    before = checkpoint.restore(config, learner)
    stop = _stop_on_signals()
    log = Log(Path(config.folder), config, worker, learner.samples)
    start = saved = time.monotonic()
    while learner.samples < config.learner.samples:
        log.write(learner, learner.iterate())
        now = time.monotonic()
        late = 0 < config.learner.minutes * 60 < now - start
        if worker.leads and now - saved > config.learner.checkpoint_minutes * 60:
            checkpoint.save(config, learner, before + now - start)
            saved = now
        if worker.any(late or stop.is_set):
            break
    log.close()
    if worker.leads:
        seconds = before + time.monotonic() - start
        checkpoint.save(config, learner, seconds)
        finish(config, learner, seconds)


def build(worker: Worker, config: RunConfig) -> Learner:
    """Make a worker's share of the environments and its learner; each worker has random numbers of its own."""
    if config.learner.envs % worker.world:
        raise settings.ConfigError(f"learner.envs={config.learner.envs} does not divide among {worker.world} processes")
    torch.manual_seed(config.seed * 1000 + worker.rank)
    np.random.seed(config.seed * 1000 + worker.rank)
    generator = torch.Generator().manual_seed(config.seed * 1000 + worker.rank)
    envs = config.learner.envs // worker.world
    prior = prior_file.load(config.task.prior)
    engine = physics.create(config.physics, envs, threads=1)
    task = tasks.create(config.task.name, dict(config.task.options), envs, generator)
    action = ActionTransform(*prior.joint_statistics, config.environment)
    environment = Environment(config.environment, engine, task, prior.score, action, generator)
    return Learner(config.learner, environment, worker)


def finish(config: RunConfig, learner: Learner, seconds: float) -> None:
    """Export the controller into the run folder and, where asked, to `output`; both verified."""
    metadata = card(config, learner.samples, seconds)
    for path in filter(None, (Path(config.folder) / "controller.onnx", config.output and Path(config.output))):
        difference = export(path, learner, metadata)
        print(f"wrote {path}: {learner.samples:,} samples, targets equal the policy's within {difference:.1e} rad")


def card(config: RunConfig, samples: int, seconds: float) -> dict[str, Any]:
    """Provenance for the controller's metadata (keyword arguments of `runtime.contract.controller_metadata`)."""
    prior = prior_file.load(config.task.prior)
    return {
        "prior": {"name": prior.metadata["configuration"]["name"], "sha256": prior.sha256},
        "datasets": [
            {key: entry[key] for key in ("name", "licence", "clips", "minutes")} for entry in prior.metadata["datasets"]
        ],
        "training": {
            "seed": config.seed, "samples": samples, "hours": seconds / 3600, "hardware": hardware(),
            "code_version": code_version(), "configuration": settings.as_plain(config),
        },
        "evaluation": {},
    }  # fmt: skip


class _Stop:
    """Set by SIGINT or SIGTERM; a second signal ends the process at once."""

    is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise SystemExit(128 + number)
        self.is_set = True


def _stop_on_signals() -> _Stop:
    stop = _Stop()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stop


if __name__ == "__main__":
    settings.register()
    main()

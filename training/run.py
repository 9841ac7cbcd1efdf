"""Train a task policy against a frozen prior: `python -m training.run task=steering`.

    main ── check ── workers.launch ── train (in every worker) ── build environment and learner
                                                               ├─ loop: Learner.iterate, log, checkpoint
                                                               └─ leader: export, verified

The run folder gets the resolved configuration first, then TensorBoard events, figures.csv and checkpoints that are
replaced whole; the controller lands beside them. Ctrl-C, a time limit and a full count of samples all end the same
way: checkpoint, export. `resume=FOLDER` goes on with a run, `init=CHECKPOINT` starts a new one from another's policy,
`resume=FOLDER export_only=true` exports what a run has come to, while it trains or after; `record=MINUTES` films it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from runtime import contract
from training import config as settings
from training import physics, tasks
from training.command import Command, begin
from training.config import ConfigError, EnvironmentConfig, RunConfig
from training.export import export
from training.film import Films
from training.learning import checkpoint, workers
from training.learning.checkpoint import CheckpointError
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner
from training.learning.log import Log
from training.learning.workers import Worker
from training.physics.variation import Variation
from training.prior import file as prior_file
from training.prior import style_reward
from training.prior.file import PriorFileError
from training.prior.score import Score
from training.prior.style import vector
from training.provenance import code_version, hardware

COMMAND = Command("training.run", RunConfig, ("task", "learner", "recipe"), needs="task")


def main() -> None:
    """Read the command line and train; exits with 2 and one sentence on bad input."""
    begin(COMMAND)
    _main()


@hydra.main(config_path="conf", config_name="run", version_base="1.3")
def _main(composed: DictConfig) -> None:
    """Train as the composed configuration says."""
    if workers.first():
        _drop_if_empty(Path(HydraConfig.get().runtime.output_dir))  # Hydra's; the run makes the folder that it uses
    try:
        config = settings.resolve(RunConfig, composed)
        typed = list(HydraConfig.get().overrides.task)
        if config.resume:
            config = checkpoint.resumed(config, [override.partition("=")[0].lstrip("+") for override in typed])
        else:
            config = replace(config, command=" ".join(("python -m training.run", *typed)))
        config = replace(config, physics=physics.choose(config.physics))  # what was used, not `auto`, is written down
        check(config)
    except (ConfigError, PriorFileError, CheckpointError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    if config.export_only:
        export_only(config)
        return
    if workers.first():
        folder = Path(config.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / checkpoint.CONFIGURATION).write_text(json.dumps(settings.as_plain(config), indent=1))
    gpu = on_gpu(config)
    workers.launch(workers.count(config.learner.processes, config.learner.envs, gpu), train, config, gpu=gpu)


def on_gpu(config: RunConfig) -> bool:
    """Whether a run of this configuration is on GPUs; raises ConfigError for an engine that there is not."""
    return physics.device(config.physics).type == "cuda"


def check(config: RunConfig) -> None:
    """Find here, once and before any work, what would otherwise fail in every worker.

    Raises ConfigError, PriorFileError or CheckpointError.
    """
    world = workers.count(config.learner.processes, config.learner.envs, on_gpu(config))
    if config.learner.envs % world:
        raise ConfigError(f"learner.envs={config.learner.envs} does not divide evenly among {world} processes")
    settings.check_output(config.output, config.overwrite)
    if config.export_only and not config.resume:
        raise ConfigError("export_only=true: expected resume=FOLDER, the run to export from")
    if on_gpu(config) and not workers.under_torchrun() and world > torch.cuda.device_count():
        raise ConfigError(f"learner.processes={world}: expected at most one a GPU, of {torch.cuda.device_count()}")
    prior = prior_file.load(config.task.prior)
    set_style(prior.score, config.environment)
    if config.learner.symmetry != "none" and not prior.mirrored:
        raise ConfigError(
            f"learner.symmetry={config.learner.symmetry}: expected none, {config.task.prior} knows motion one way round"
        )
    tasks.create(config.task.name, dict(config.task.options), 1, torch.Generator())
    checkpoint.check(config)


def train(worker: Worker, config: RunConfig) -> None:
    """Run one worker: train until the samples or the minutes are used up or a signal asks to stop."""
    torch.set_float32_matmul_precision(config.learner.precision)
    config = replace(config, folder=_agreed(worker, config.folder))
    learner = build(worker, config)
    before = checkpoint.restore(config, learner)
    log = Log(Path(config.folder), config, worker, learner.samples, before)
    films = Films(config)
    start = saved = time.monotonic()
    ending = learner.samples >= config.learner.samples
    while not ending:
        log.write(learner, learner.iterate())
        now = time.monotonic()
        late = 0 < config.learner.minutes * 60 < now - start
        filming = worker.leads and films.due(now - start)
        due = worker.leads and (filming or now - saved > config.learner.checkpoint_minutes * 60)
        ending, saving = worker.any(late or worker.stop.is_set or learner.samples >= config.learner.samples, due)
        if saving and not ending:
            checkpoint.save(config, learner, before + now - start)
            saved = now
            if filming:
                films.start(now - start)
    log.close(learner)
    seconds = before + time.monotonic() - start
    checkpoint.save(config, learner, seconds)
    if worker.leads:
        finish(config, learner, seconds)
        films.close()


def _agreed(worker: Worker, folder: str) -> str:
    """Give the leader's run folder: under torchrun Hydra names one a process, by the second in which it started."""
    agreed = worker.from_leader(folder)
    if Path(folder) != Path(agreed):
        _drop_if_empty(Path(folder))
    return agreed


def _drop_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def build(worker: Worker, config: RunConfig) -> Learner:
    """Make a worker's share of the environments and its learner; each worker has random numbers of its own."""
    seed = config.seed * 1000 + worker.rank
    torch.manual_seed(seed)
    np.random.seed(seed)
    device = physics.device(config.physics)
    generator = torch.Generator(device).manual_seed(seed)
    envs = config.learner.envs // worker.world
    prior = prior_file.load(config.task.prior)
    set_style(prior.score, config.environment)
    prior.score.to(device)
    variation = Variation.draw(envs, config.environment.friction, config.environment.mass, seed)
    engine = physics.create(config.physics, envs, threads=1, variation=variation)
    task = tasks.create(config.task.name, dict(config.task.options), envs, generator)
    action = ActionTransform(*prior.joint_statistics, config.environment).to(device)
    judge = style_reward.create(prior.score, config.reward, generator, processes=worker.world, average=worker.mean)
    environment = Environment(config.environment, engine, task, prior.score, judge, action, generator)
    return Learner(config.learner, environment, worker)


def export_only(config: RunConfig) -> int:
    """Export the policy in the checkpoint of the run `config.resume`; the run's own files are only read.

    Returns the samples that it was trained on.
    """
    few = replace(config, learner=replace(config.learner, envs=8), reward=replace(config.reward, pool=1))
    learner = build(Worker(0, 1), few)
    finish(config, learner, checkpoint.restore(few, learner, episodes=False))
    return learner.samples


def set_style(score: Score, config: EnvironmentConfig) -> None:
    """Judge by the styles that are asked for; raises ConfigError naming one that the prior has not."""
    if not config.style:
        return
    try:
        score.style.copy_(vector(score.styles, config.style, config.style_of_legs or None))
    except KeyError as error:
        raise ConfigError(f"environment.style: {error.args[0]}") from None


def finish(config: RunConfig, learner: Learner, seconds: float) -> None:
    """Export the controller, verified, into the run folder and, where asked, to `output`."""
    path = Path(config.folder) / "controller.onnx"
    torch.set_float32_matmul_precision("highest")  # as ONNX Runtime computes it
    difference = export(path, learner, card(config, learner, seconds))
    print(f"wrote {path}: {learner.samples:,} samples, targets equal the policy's within {difference:.1e} rad")
    if config.output:
        Path(config.output).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, config.output)
        print(f"wrote {config.output}, the same file")


def card(config: RunConfig, learner: Learner, seconds: float) -> dict[str, Any]:
    """Provenance for the controller's metadata (keyword arguments of `runtime.contract.controller_metadata`).

    Samples and hours count the runs that this one started from, too.
    """
    prior = prior_file.load(config.task.prior)
    samples = learner.samples + sum(run["samples"] for run in learner.lineage)
    hours = seconds / 3600 + sum(run["hours"] for run in learner.lineage)
    return {
        "prior": {"name": prior.metadata["configuration"]["name"], "sha256": prior.sha256},
        "datasets": [
            {key: entry[key] for key in ("name", "licence", "clips", "minutes")} for entry in prior.metadata["datasets"]
        ],
        "training": {
            "seed": config.seed, "samples": samples, "hours": hours, "lineage": learner.lineage,
            "hardware": hardware(), "code_version": code_version(), "configuration": settings.as_plain(config),
        },
        "evaluation": {},
        "start": _start(learner),
    }  # fmt: skip


def _start(learner: Learner) -> dict[str, list[float]] | None:
    """Where a character with this controller begins: where all episodes of the task do, or standing (None)."""
    starts = learner.environment.task.starts
    if starts.own is None or starts.own_share < 1.0:
        return None
    return {name: starts.own[name][0].tolist() for name in contract.START_SHAPES}


if __name__ == "__main__":
    main()

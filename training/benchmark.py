"""How fast training is, against the physics it cannot be faster than: `python -m training.benchmark output=speed.json`.

    main ── benchmark ── per number of environments: workers.launch ── _benchmark_worker.measure    (as training.run)
                      └─ report: rates, ratios, shares of the phases, memory ── tables, JSON

Measured in the very processes that training has, at the same time in all of them, `repeats` times each:

- physics: the engine alone, stepped with the joint targets of a rollout just trained on, from where that began: the
  same motion, hence the same contacts. This is the limit;
- environment: the same targets through `Environment.step_targets`: observation, reward, prior, resets;
- training: `Learner.iterate`, all of it. The start pool's renewal, due once in `start_refresh` steps, is timed by
  itself and added with its share.

A repeat measures all three in a row, so that whatever else the machine does weighs on all of them; the ratios are taken
within repeats. Rates count control steps of all environments of all processes over the time of the slowest process.
Phases are timed in iterations of their own. A new policy (no `init=`) falls within a second, so resets weigh more.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from runtime.character import CONTROL_HZ, PHYSICS_HZ
from training import _benchmark_worker, physics, run
from training import config as settings
from training.command import Command, begin
from training.config import ConfigError, EnvironmentConfig, LearnerConfig, RewardConfig, RunConfig, TaskConfig
from training.learning import workers
from training.learning.checkpoint import CheckpointError
from training.prior.file import PriorFileError
from training.provenance import code_version, hardware

CPU_ENVS = (64, 256, 1024, 2048, 4096)
GPU_ENVS = (256, 1024, 4096, 16384)


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measure how fast training is beside the physics alone: `python -m training.benchmark output=REPORT`."""

    task: TaskConfig = field(default_factory=TaskConfig)
    """As for training.run, like learner, environment, reward, physics, init and seed."""
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    """Its `envs` is not used."""
    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    """Episodes and reward."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    """The style reward."""
    physics: str = "auto"
    """Engine."""
    init: str = ""
    """Checkpoint or controller whose policy moves the humanoids; empty: a new one."""
    seed: int = 0
    """Seeds everything random."""
    envs: tuple[int, ...] = ()
    """Numbers of environments, over all processes; empty: 64 to 4,096 on a CPU, 256 to 16,384 on a GPU."""
    repeats: int = 5
    """Measurements of each kind."""
    seconds: float = 2.0
    """Each lasts at least this long."""
    output: str = ""
    """JSON report to write; empty: tables only."""


COMMAND = Command("training.benchmark", BenchmarkConfig, ("task", "learner"))


def main() -> None:
    """Read the command line, measure and report; exits with 2 and one sentence on bad input."""
    begin(COMMAND)
    _main()


@hydra.main(config_path="conf", config_name="benchmark", version_base="1.3")
def _main(composed: DictConfig) -> None:
    """Measure as the composed configuration says."""
    console = Console()
    try:
        config = settings.resolve(BenchmarkConfig, composed)
        config = replace(config, physics=physics.choose(config.physics))
        report = benchmark(config, console)
    except (ConfigError, PriorFileError, CheckpointError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    show(report, console)
    if config.output:
        Path(config.output).parent.mkdir(parents=True, exist_ok=True)
        Path(config.output).write_text(json.dumps(report, indent=1) + "\n")
        console.print(f"wrote {config.output}")


def benchmark(config: BenchmarkConfig, console: Console) -> dict[str, Any]:
    """Measure every number of environments, each in processes of its own; raises ConfigError before the first."""
    if config.repeats < 1 or not config.seconds > 0:
        raise ConfigError("expected repeats of at least 1 and seconds above 0")
    if workers.under_torchrun():
        raise ConfigError("training.benchmark starts its processes by itself: set learner.processes, without torchrun")
    gpu = physics.device(config.physics).type == "cuda"
    sizes = config.envs or (GPU_ENVS if gpu else CPU_ENVS)
    processes = workers.count(config.learner.processes, math.gcd(*sizes), gpu)
    runs = [_run(config, envs, processes) for envs in sizes]
    for each in runs:
        run.check(each)
    report: dict[str, Any] = {
        "hardware": hardware(),
        "code_version": code_version(),
        "engine": config.physics,
        "processes": processes,
        "load_before": os.getloadavg()[0],
        "configuration": settings.as_plain(config),
        "sizes": [],
    }
    for each in runs:
        console.print(f"{each.learner.envs} environments, {processes} processes …")
        with tempfile.TemporaryDirectory() as folder:
            arguments = (each, config.repeats, config.seconds, config.environment.start_refresh, folder)
            workers.launch(processes, _benchmark_worker.measure, *arguments, gpu=gpu)
            parts = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
        report["sizes"].append({"envs": each.learner.envs, **summary(parts, each.learner.envs)})
    return report


def _run(config: BenchmarkConfig, envs: int, processes: int) -> RunConfig:
    """What training.run would be given; the start pool stays, its renewal is timed by itself."""
    environment = replace(config.environment, start_refresh=2**62)
    learner = replace(config.learner, envs=envs, processes=processes)
    return RunConfig(
        task=config.task, learner=learner, environment=environment, reward=config.reward, physics=config.physics,
        seed=config.seed, init=config.init,
    )  # fmt: skip


def summary(parts: list[dict[str, Any]], envs: int) -> dict[str, Any]:
    """Rates, ratios, shares and memory of what the workers measured; `envs` environments in all."""
    seconds = {
        kind: [max(part["seconds"][kind][r] for part in parts) for r in range(len(parts[0]["seconds"][kind]))]
        for kind in ("physics", "environment", "training")
    }  # of the slowest worker, per repeat
    steps = parts[0]["steps"]
    renewal = max(part["renewal_s_a_step"] for part in parts) * steps
    for kind in ("environment", "training"):
        seconds[kind] = [value + renewal for value in seconds[kind]]
    rates = {kind: [envs * steps / value for value in values] for kind, values in seconds.items()}
    physics_steps = [rate * PHYSICS_HZ / CONTROL_HZ for rate in rates["physics"]]
    ratios = {
        f"{kind}_to_physics": [a / b for a, b in zip(rates[kind], rates["physics"], strict=True)]
        for kind in ("environment", "training")
    }
    phases = {name: sum(part["phases"][name] for part in parts) for name in parts[0]["phases"]}
    phases["resets"] += renewal * len(parts) * parts[0]["phase_steps"] / steps
    memory = {name: max(part["memory_mib"][name] for part in parts) for name in parts[0]["memory_mib"]}
    return {
        "physics_steps_a_second": {"physics alone": _spread(physics_steps)},
        "control_steps_a_second": {name: _spread(values) for name, values in rates.items()},
        "ratios": {name: _spread(values) for name, values in ratios.items()},
        "shares": {name: value / sum(phases.values()) for name, value in phases.items()},
        "memory_mib_a_process": memory,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


_ROWS = {  # part of the report: how its numbers look, what its rows are called
    "physics_steps_a_second": (",.0f", "physics steps/s, {}"),
    "control_steps_a_second": (",.0f", "control steps/s, {}"),
    "ratios": (".2f", "{}"),
    "shares": (".1%", "share of {}"),
    "memory_mib_a_process": (",.0f", "MiB a process, {}"),
}


def show(report: dict[str, Any], console: Console) -> None:
    """Print the report as a table, one column a number of environments; rates and ratios as median and range."""
    if not report["sizes"]:
        return
    console.print(
        f"{report['engine']}, {report['processes']} processes, {report['hardware']}; load {report['load_before']:.1f} "
        "before this began"
    )
    table = Table()
    table.add_column("environments")
    for size in report["sizes"]:
        table.add_column(f"{size['envs']:,}", justify="right")
    for part, (form, label) in _ROWS.items():
        for name in report["sizes"][0][part]:
            cells = [_cell(size[part][name], form) for size in report["sizes"]]
            table.add_row(label.format(name.replace("_", " ")), *cells)
        table.add_section()
    console.print(table)


def _cell(value: float | dict[str, float], form: str) -> str:
    if isinstance(value, dict):
        return f"{value['median']:{form}}\n{value['lowest']:{form}} … {value['highest']:{form}}"
    return f"{value:{form}}"


if __name__ == "__main__":
    settings.register()
    main()

"""What each process of `training.benchmark` does: train, record, replay, and time it.

The phases are timed from outside, by wrapping the methods in `PHASES`; a call inside another's counts for itself
alone, so the phases add up. On a GPU the clock waits for the device at every boundary: rates are measured without it.
"""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import run
from training.config import RunConfig
from training.learning import checkpoint
from training.learning.learner import Learner
from training.learning.workers import Worker

REST = "rest"
PHASES = {
    "physics": ("environment.engine.step", "environment.engine.push"),
    "observation and history": (
        "environment.observe", "environment._read", "environment.history.push", "environment.history.windows",
    ),
    "task reward": (
        "environment.task.reward", "environment.task.failed", "environment.task.figures", "environment.task.advance",
    ),
    "prior": ("environment._judge", "environment.style_reward.update"),
    "policy": ("algorithm.act", "algorithm.process_env_step"),
    "update": ("algorithm.compute_returns", "algorithm.update"),
    "resets": ("environment._restart",),
}  # fmt: skip
"""Methods of a learner's parts, by phase; what is in none is the rest."""


class Stopwatch:
    """Seconds spent in each phase, calls inside others excepted."""

    def __init__(self, wait: Callable[[], None]) -> None:
        """`wait` returns when the device has done all its work."""
        self.seconds: dict[str, float] = dict.fromkeys((*PHASES, REST), 0.0)
        self._wait = wait
        self._inside = [REST]
        self._since = time.perf_counter()

    def _turn(self) -> None:
        """Charge the time since the last boundary to the phase that it was spent in."""
        self._wait()
        now = time.perf_counter()
        self.seconds[self._inside[-1]] += now - self._since
        self._since = now

    def timed(self, phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work`, whose time is charged to `phase`."""

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever `work` takes and gives
            self._turn()
            self._inside.append(phase)
            try:
                return work(*arguments, **named)
            finally:
                self._turn()
                self._inside.pop()

        return call


@contextmanager
def watching(learner: Learner, wait: Callable[[], None]) -> Iterator[Stopwatch]:
    """Time the phases of what the learner does within the block."""
    watch, wrapped = Stopwatch(wait), []
    for phase, paths in PHASES.items():
        for path in paths:
            *way, name = path.split(".")
            owner: Any = learner
            for part in way:
                owner = getattr(owner, part)
            setattr(owner, name, watch.timed(phase, getattr(owner, name)))
            wrapped.append((owner, name))
    watch._turn()
    watch.seconds = dict.fromkeys(watch.seconds, 0.0)
    try:
        yield watch
        watch._turn()
    finally:
        for owner, name in wrapped:
            delattr(owner, name)  # the class's own method shows again


def measure(worker: Worker, config: RunConfig, repeats: int, seconds: float, renewal_every: int, folder: str) -> None:
    """Measure in this worker and write it to `folder`/RANK.json; all workers do the same at the same time."""
    torch.set_float32_matmul_precision(config.learner.precision)
    learner = run.build(worker, config)
    checkpoint.restore(config, learner)
    wait = _waiter(learner.device)
    iterations = _iterations(worker, learner, seconds, wait)
    found: dict[str, list[float]] = {"physics": [], "environment": [], "training": []}
    for _ in range(repeats):
        found["training"].append(_clocked(worker, wait, lambda: _train(learner, iterations)))
        targets, start = _record(learner)
        found["environment"].append(_clocked(worker, wait, lambda t=targets: _replay(learner, t, iterations)))
        total = 0.0
        for _ in range(iterations):
            learner.environment.engine.restore(start)
            total += _clocked(worker, wait, lambda t=targets: _physics(learner, t))
        found["physics"].append(total)
    with watching(learner, wait) as watch:
        _train(learner, iterations)
    renewal = _clocked(worker, wait, learner.environment.starts.refresh)
    result = {
        "seconds": found, "steps": iterations * config.learner.horizon, "phases": watch.seconds,
        "phase_steps": iterations * config.learner.horizon, "renewal_s_a_step": renewal / renewal_every,
        "memory_mib": _memory(learner.device),
    }  # fmt: skip
    (Path(folder) / f"{worker.rank:04}.json").write_text(json.dumps(result))
    worker.meet()


def _iterations(worker: Worker, learner: Learner, seconds: float, wait: Callable[[], None]) -> int:
    """How many iterations last `seconds` at least, the same number in every worker; warms everything up."""
    learner.iterate()
    took = _clocked(worker, wait, learner.iterate)
    return max(1, math.ceil(seconds / float(worker.mean(torch.tensor(took)))))


def _clocked(worker: Worker, wait: Callable[[], None], work: Callable[[], object]) -> float:
    """Seconds that `work` takes from when all workers have got here."""
    wait()
    worker.meet()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _train(learner: Learner, iterations: int) -> None:
    for _ in range(iterations):
        learner.iterate()


def _record(learner: Learner) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Joint targets [N, 28] of one rollout, and the engine's state where it began."""
    engine, targets = learner.environment.engine, []
    start, step = engine.state(), engine.step

    def recorded(target: Tensor) -> Tensor:
        targets.append(target.clone())
        return step(target)

    setattr(engine, "step", recorded)  # noqa: B010 - a type checker would not have it
    learner.iterate()
    delattr(engine, "step")  # the class's own shows again
    return targets, start


@torch.inference_mode()
def _replay(learner: Learner, targets: list[Tensor], iterations: int) -> None:
    for _ in range(iterations):
        for target in targets:
            learner.environment.step_targets(target)


@torch.inference_mode()
def _physics(learner: Learner, targets: list[Tensor]) -> None:
    for target in targets:
        learner.environment.engine.step(target)


def _waiter(device: torch.device) -> Callable[[], None]:
    """What returns when the device has done its work; a CPU has."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)


def _memory(device: torch.device) -> dict[str, float]:
    """MiB this process has had at most: of the host, of torch on its GPU, and what is taken there now by everyone."""
    memory = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        memory |= {"torch on the GPU": torch.cuda.max_memory_allocated(device) / 2**20}
        memory |= {"GPU in use": (total - free) / 2**20}
    return memory

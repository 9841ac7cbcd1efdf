"""Checkpoints: what a killed run goes on from, read without unpickling code, each file replaced whole.

`checkpoint.pt` holds what all workers share (nets, normalisers, optimiser, counters); `worker-RANK-ITERATION.pt` beside
it what each has for itself (simulations, episodes, goals, start pool, random numbers). With all of them a resumed run
has the numbers it would have had without the break. They are written first and the old ones are removed last, so that
a checkpoint always has its worker files, whenever the run is killed. Where they are missing all the same (an older
version's run) or there is now another number of processes, the run goes on with fresh episodes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from runtime import ControllerError
from training import config as settings
from training import tasks
from training.config import RunConfig
from training.learning import transplant
from training.learning.learner import Learner
from training.provenance import sha256

CONFIGURATION = "configuration.json"
CHECKPOINT = "checkpoint.pt"
KEPT = "checkpoints"
CHANGEABLE = ("samples", "minutes", "processes", "checkpoint_minutes", "keep_checkpoints")
"""Settings of the learner that may change when a run is resumed."""


class CheckpointError(ValueError):
    """A checkpoint or run folder that cannot be gone on from."""


def save(config: RunConfig, learner: Learner, seconds: float) -> None:
    """Write a worker's state and, by the leader, the shared state and the training time so far, to the run folder.

    Every worker has to call, at the same iteration.
    """
    folder, worker = Path(config.folder), learner.worker
    _write(_own_path(folder, learner), {"world": worker.world, **learner.own_state()})
    worker.meet()
    if worker.leads:
        _write(folder / CHECKPOINT, {"learner": learner.state(), "seconds": seconds, "lineage": learner.lineage})
        if config.learner.keep_checkpoints:
            (folder / KEPT).mkdir(exist_ok=True)
            shutil.copyfile(folder / CHECKPOINT, folder / KEPT / f"{learner.samples:012d}.pt")
        for path in folder.glob("worker-*.pt"):
            if not path.stem.endswith(f"-{learner.iteration}"):
                path.unlink()


def restore(config: RunConfig, learner: Learner, episodes: bool = True) -> float:
    """Load what `resume` or `init` names into the learner; returns seconds of training already done.

    With `episodes` False a resumed learner starts fresh episodes. Every worker has to call. Raises CheckpointError when
    a file is unreadable or of other networks.
    """
    if config.init:
        _start_from(Path(config.init), learner)
    if not config.resume:
        return 0.0
    folder = Path(config.resume)
    seconds = _restore_shared(folder / CHECKPOINT, learner)
    if episodes:
        _restore_own(folder, learner)
    return seconds


def resumed(config: RunConfig, given: Collection[str] = ()) -> RunConfig:
    """Give the configuration of the run folder `config.resume`.

    Of `config` itself only `output`, `overwrite`, `record` and those `CHANGEABLE` settings of the learner that are
    `given` (full keys, such as "learner.samples") count. Raises CheckpointError when the folder is none or
    lacks its files.
    """
    folder = Path(config.resume)
    for name in (CONFIGURATION, CHECKPOINT):
        if not (folder / name).is_file():
            raise CheckpointError(f"resume={folder}: expected a run folder with {name}, found none")
    stored = OmegaConf.create(json.loads((folder / CONFIGURATION).read_text()))
    assert isinstance(stored, DictConfig)
    old = settings.resolve(RunConfig, stored)
    output = config.output or ("" if config.export_only else old.output)  # a look at a run replaces nothing unasked
    changes = {name: getattr(config.learner, name) for name in CHANGEABLE if f"learner.{name}" in given}
    overwrite = config.overwrite or output == old.output  # its own
    return replace(
        old, resume=str(folder), init="", folder=str(folder), output=output, overwrite=overwrite,
        export_only=config.export_only, record=config.record, learner=replace(old.learner, **changes),
    )  # fmt: skip


def check(config: RunConfig) -> None:
    """Raise CheckpointError when the checkpoint that `resume` or `init` names does not fit the configuration."""
    path = Path(config.resume) / CHECKPOINT if config.resume else Path(config.init)
    if not (config.resume or config.init):
        return
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    actor = _controller(path)[0] if path.suffix == ".onnx" else _load(path)["learner"]["actor_state_dict"]
    _check_widths(path, actor, config)


def _check_widths(path: Path, actor: transplant.Weights, config: RunConfig) -> None:
    widths, hidden = transplant.widths(actor), tuple(config.learner.hidden)
    if widths != hidden:
        raise CheckpointError(f"{path}: its policy has layers of {widths}, learner.hidden is {hidden}")


def _restore_shared(path: Path, learner: Learner) -> float:
    state = _load(path)
    try:
        learner.restore(state["learner"], counters=True)
    except RuntimeError as error:  # torch's, with every tensor that does not fit
        raise CheckpointError(f"{path}: made for another observation or other networks ({error})") from None
    learner.lineage = list(state.get("lineage", []))
    return state["seconds"]


def _start_from(path: Path, learner: Learner) -> None:
    """Begin a new run with the nets of `path`; all of them and the optimiser where task and prior are the same."""
    transform, new_task = learner.environment.action, learner.environment.task.name
    own, critic = (transform.centre.cpu(), transform.scale.cpu()), None
    if path.suffix == ".onnx":
        actor, action, entry, old_task = _controller(path)
        learner.lineage = [entry]
    else:
        state = _load(path)
        stored = state["learner"]
        entry = {"checkpoint": path.name, "sha256": sha256(path)}
        entry |= {"samples": stored["samples"], "hours": state["seconds"] / 3600}
        learner.lineage = [*state.get("lineage", []), entry]
        actor, critic = stored["actor_state_dict"], stored["critic_state_dict"]
        old_task = stored.get("task", new_task)
        if transplant.widths(critic) != transplant.widths(_on_host(learner.algorithm.critic)):
            critic = None
        fits = old_task == new_task and transplant.fits(actor, _on_host(learner.actor)) and critic is not None
        if "action" not in stored and not fits:
            raise CheckpointError(f"{path}: an older version's, of another task: start from its controller (.onnx)")
        action = (stored["action"]["centre"], stored["action"]["scale"]) if "action" in stored else own
        if fits and all(torch.allclose(one, other) for one, other in zip(action, own, strict=True)):
            learner.restore(stored, counters=False)
            return
    try:
        actor = _fitted(transplant.rescaled(actor, action, own), learner.actor, old_task, new_task)
        if critic is not None:
            critic = _fitted(critic, learner.algorithm.critic, old_task, new_task)
    except ValueError as error:
        raise CheckpointError(f"{path}: made for other networks ({error})") from None
    learner.start_from(actor, critic)


def _fitted(weights: transplant.Weights, net: nn.Module, old_task: str, new_task: str) -> transplant.Weights:
    """Give the weights of a task's net for `net`, of another task; raises ValueError where they differ in more."""
    columns, rest = transplant.shared(old_task, new_task), tasks.kind(old_task).observation_rest
    return transplant.adapted(weights, _on_host(net), columns, rest)


def _on_host(net: nn.Module) -> dict[str, Tensor]:
    """Return the weights on the CPU, where what is loaded is."""
    return {name: value.cpu() for name, value in net.state_dict().items()}


def _controller(path: Path) -> tuple[transplant.Weights, transplant.Action, dict[str, Any], str]:
    try:
        return transplant.from_controller(path)
    except ControllerError as error:
        raise CheckpointError(str(error)) from None


def _restore_own(folder: Path, learner: Learner) -> None:
    worker, path = learner.worker, _own_path(folder, learner)
    state = _load(path) if path.is_file() else {}
    (missing,) = worker.any(state.get("world") != worker.world)
    if not missing:
        learner.restore_own(state)
    elif worker.leads:
        print(f"{folder}: no state of {worker.world} workers at iteration {learner.iteration}: episodes start afresh")


def _own_path(folder: Path, learner: Learner) -> Path:
    return folder / f"worker-{learner.worker.rank}-{learner.iteration}.pt"


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def _load(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({type(error).__name__}: {error})") from None

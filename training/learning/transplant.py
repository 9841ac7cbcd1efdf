"""A new task from another task's policy: what it knows of its own body is taken over, what it knew of its goal is not.

An observation is the body's 84 numbers, then the task's. Of the first layer the columns of the body and those of
what both tasks show under one name (`observation_names`: jumpers have velocities, too) stay. What the old policy was
told and the new one is not becomes what it was told to stand still (`observation_rest`), or its mean where there is no
such thing; the new goal's own columns become zero; deeper layers stay. So a steering policy goes on steering where the
new task has velocities and stands where it has none, and learns from there what to make of the new goal. The normaliser
keeps what it has measured of the body, with the weight of `TRUST` samples only, because another task shows the body in
other states; of the goal it begins with mean 0 and deviation 1, which is about the size of what tasks show.

What an action means depends on the prior (targets are centre + scale · action, both from its joint angles), so that
the last layer is rewritten to give the same targets under the new prior's scale.

The source is a controller's ONNX file or a checkpoint. A controller holds no critic and no optimiser. In any case the
critic alone learns for the first iterations (`LearnerConfig.warmup`): an actor that learns from a critic that knows
nothing of this run makes it forget in ten iterations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from runtime import Controller
from training import features, tasks
from training.provenance import sha256

TRUST = 200_000
"""Samples that a normaliser taken over counts for."""
EPSILON = 1e-2
"""What rsl_rl's normaliser adds to a deviation."""
OWN = len(features.OBSERVATION_NAMES)

Weights = dict[str, Tensor]
Action = tuple[Tensor, Tensor]
"""Centre and scale [28] rad of the targets."""


def from_controller(path: Path) -> tuple[Weights, Action, dict[str, Any], str]:
    """Return the actor's weights, named as in a checkpoint, its action transform, its lineage entry and its task.

    Raises ControllerError when the runtime refuses the file.
    """
    metadata = Controller.load(path).metadata
    training = metadata["training"]
    stored = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    weights = {f"mlp.{name.removeprefix('network.')}": v for name, v in stored.items() if name.startswith("network.")}
    mean, std = stored["normaliser._mean"], stored["normaliser._std"]
    weights |= {"obs_normalizer._mean": mean, "obs_normalizer._std": std, "obs_normalizer._var": std.square()}
    weights["obs_normalizer.count"] = torch.tensor(TRUST)
    entry = {"checkpoint": path.name, "sha256": sha256(path)}
    entry |= {"samples": training["samples"], "hours": training["hours"]}
    return weights, (stored["action.centre"], stored["action.scale"]), entry, metadata["task"]


def widths(weights: Weights) -> tuple[int, ...]:
    """Return the widths of the hidden layers."""
    return tuple(len(value) for name, value in weights.items() if name.startswith("mlp.") and value.dim() == 2)[:-1]


def fits(weights: Weights, into: Weights) -> bool:
    """Whether the weights are those of the same networks on an observation of the same size."""
    return all(name in weights and weights[name].shape == value.shape for name, value in into.items())


def shared(old_task: str, new_task: str) -> list[tuple[int, int]]:
    """Columns of the goal's observation, old and new, that show the same."""
    old, new = tasks.kind(old_task).observation_names, tasks.kind(new_task).observation_names
    return [(old.index(name), column) for column, name in enumerate(new) if name in old]


def adapted(
    weights: Weights, into: Weights, shared: Sequence[tuple[int, int]] = (), rest: Sequence[float] = ()
) -> Weights:
    """Give the weights of `into` (a state_dict) with the body's and the `shared` columns' from `weights`.

    Goal columns that are not shared see from now on what `rest` says, the old task's `observation_rest`; its mean where
    that is empty. Raises ValueError when the networks differ in more than the goal's columns.
    """
    columns = [*zip(range(OWN), range(OWN), strict=True), *((OWN + old, OWN + new) for old, new in shared)]
    kept = {old for old, _ in columns}
    told = {OWN + column: value for column, value in enumerate(rest) if OWN + column not in kept}
    weights = weights | {"mlp.0.bias": weights["mlp.0.bias"] + _contribution(weights, told)}
    return {name: _adapt(name, weights.get(name), value, columns) for name, value in into.items()}


def rescaled(weights: Weights, old: Action, new: Action) -> Weights:
    """Give an actor's weights whose actions under `new` mean the targets that they meant under `old`."""
    last = max(int(name.split(".")[1]) for name in weights if name.startswith("mlp."))
    gain, shift = old[1] / new[1], (old[0] - new[0]) / new[1]
    weight, bias = weights[f"mlp.{last}.weight"], weights[f"mlp.{last}.bias"]
    return weights | {f"mlp.{last}.weight": gain.unsqueeze(1) * weight, f"mlp.{last}.bias": gain * bias + shift}


def _contribution(weights: Weights, told: dict[int, float]) -> Tensor:
    """What the first layer [H] gets from columns of the observation that have these values."""
    mean, std = weights["obs_normalizer._mean"][0], weights["obs_normalizer._std"][0]
    columns = weights["mlp.0.weight"].T
    parts = [columns[c] * ((value - mean[c]) / (std[c] + EPSILON)) for c, value in told.items()]
    return sum(parts, torch.zeros_like(weights["mlp.0.bias"]))


def _adapt(name: str, old: Tensor | None, new: Tensor, columns: Sequence[tuple[int, int]]) -> Tensor:
    if name == "obs_normalizer.count":
        return torch.tensor(TRUST)
    if old is None:  # the deviation of the actions is set by the learner
        return new.clone()
    if name.startswith("obs_normalizer") or name == "mlp.0.weight":
        blank: Callable[..., Tensor] = torch.zeros_like
        if name.endswith(("_var", "_std")):
            blank = torch.ones_like
        if old.shape[0] != new.shape[0]:
            raise ValueError(f"{name} has {old.shape[0]} rows, expected {new.shape[0]}")
        value = blank(new)
        source, target = (list(side) for side in zip(*columns, strict=True))
        value[:, target] = old[:, source]
        return value
    if old.shape != new.shape:
        raise ValueError(f"{name} has shape {tuple(old.shape)}, expected {tuple(new.shape)}")
    return old.clone()

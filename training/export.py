"""A trained policy as one controller file, verified against the environment it was trained in.

The graph is `features.observation` and the task's `observe` → the policy's normaliser and net → the action transform:
raw state and goal in, joint targets out. Export is an act with a witness: the file is loaded by `runtime.Controller`
and run beside the torch policy on states of a simulation under that policy; a difference raises, and `path` stays as
it was.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rsl_rl.models import MLPModel
from torch import Tensor, nn

from runtime import character, contract
from runtime.character import State
from runtime.contract import ControllerError
from runtime.controller import Controller
from training import features, onnx_file
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner

VERIFY_STEPS = 1000  # control steps, those of all witnesses together
WITNESSES = 8  # humanoids whose steps count
VERIFY_TOLERANCE = 1e-5  # rad


class ExportError(RuntimeError):
    """The exported file does not do what the trained policy does."""


class ControllerGraph(nn.Module):
    """What a controller file computes: raw state and goal [B, ...] to joint targets [B, 28] rad."""

    def __init__(self, actor: MLPModel, observe: Callable[..., Tensor], action: ActionTransform) -> None:
        """Take copies of the policy's parts; `observe` is the task's goal observation."""
        super().__init__()
        self.normaliser = copy.deepcopy(actor.obs_normalizer).cpu().eval()
        self.network = copy.deepcopy(actor.mlp).cpu().eval()
        self.action = copy.deepcopy(action).cpu()
        self._observe = observe

    def forward(
        self, root_position: Tensor, root_rotation: Tensor, root_linear_velocity: Tensor,
        root_angular_velocity: Tensor, joint_position: Tensor, joint_velocity: Tensor, body_position: Tensor,
        body_rotation: Tensor, goal: Tensor,
    ) -> Tensor:  # fmt: skip
        """Act; `body_rotation` is an input of the contract that this controller ignores."""
        own = features.observation(
            root_position, root_rotation, root_linear_velocity, root_angular_velocity, joint_position, joint_velocity,
            body_position,
        )  # fmt: skip
        seen = torch.cat((own, self._observe(root_rotation, root_position, goal)), dim=1)
        return self.action(self.network(self.normaliser(seen)))


def export(path: Path, learner: Learner, metadata: dict[str, Any]) -> float:
    """Write the learner's policy to `path` and verify it; returns the largest difference met (rad).

    `metadata` holds the keyword arguments of `runtime.contract.controller_metadata` but for `task` and `self_test`.
    Raises ExportError when the file's targets differ from the policy's by more than 1e-5 rad in 1,000 control steps;
    what was written then lies at `path` with the suffix ".unverified".
    """
    environment = learner.environment
    graph = ControllerGraph(learner.actor, environment.task.observe, environment.action).eval()
    states, goals, targets = _roll_out(environment, graph)
    task = environment.task.name
    vectors = [_self_test(states, goals, targets, row) for row in range(contract.SELF_TEST_VECTORS)]
    names = (*character.STATE_SHAPES, "goal")
    content = contract.controller_metadata(task=task, self_test=vectors, **metadata)
    first = (*(torch.from_numpy(value[:2]) for value in states.values()), torch.from_numpy(goals[:2]))
    unverified = path.with_suffix(".unverified")
    onnx_file.write(unverified, graph, first, names, (contract.OUTPUT,), {contract.METADATA_KEY: content})
    difference = verify(unverified, states, goals, targets)
    unverified.replace(path)
    return difference


def _roll_out(environment: Environment, graph: ControllerGraph) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Run the deterministic policy: states, goals and targets of 1,000 control steps, one humanoid after the other."""
    kept = {name: [] for name in (*character.STATE_SHAPES, "goal", contract.OUTPUT)}
    witnesses = min(WITNESSES, environment.num_envs)
    with torch.no_grad():
        for _ in range(math.ceil(VERIFY_STEPS / witnesses)):
            now = {name: getattr(environment.body, name).cpu() for name in character.STATE_SHAPES}
            goal = environment.task.goal.clone().cpu()
            target = graph(*now.values(), goal)  # on the CPU, where the file runs, wherever the simulation is
            for name, value in (*now.items(), ("goal", goal), (contract.OUTPUT, target)):
                kept[name].append(value[:witnesses].clone().numpy())
            environment.step_targets(target.to(environment.engine.device))
    arrays = {name: np.stack(values, axis=1) for name, values in kept.items()}  # [witness, step, ...]
    arrays = {
        name: values.reshape(values.shape[0] * values.shape[1], *values.shape[2:]) for name, values in arrays.items()
    }
    goals, targets = arrays.pop("goal"), arrays.pop(contract.OUTPUT)
    return arrays, goals, targets


def _self_test(states: dict[str, np.ndarray], goals: np.ndarray, targets: np.ndarray, index: int) -> dict[str, Any]:
    row = (index + 1) * len(goals) // (contract.SELF_TEST_VECTORS + 1)
    inputs = {name: value[row].tolist() for name, value in states.items()} | {"goal": goals[row].tolist()}
    return {"inputs": inputs, contract.OUTPUT: targets[row].tolist()}


def verify(path: Path, states: dict[str, np.ndarray], goals: np.ndarray, targets: np.ndarray) -> float:
    """Compare the file's answers with the policy's targets [N, 28] rad; returns the largest difference.

    Raises ExportError where it is more than 1e-5 rad or the runtime refuses the file.
    """
    try:
        found = Controller.load(path).act(State(**states), goals)
    except ControllerError as error:
        raise ExportError(str(error)) from error
    difference = float(np.abs(found - targets).max())
    if not difference <= VERIFY_TOLERANCE:
        raise ExportError(f"{path}: targets differ from the policy's by {difference:.2e} rad in {len(goals)} steps")
    return difference

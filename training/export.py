"""A trained policy as one controller file, verified against the environment it was trained in.

The graph is `features.observation` and the task's `observe` → the policy's normaliser and net → the action transform:
raw state and goal in, joint targets out. Export is an act with a witness: the file is loaded by `runtime.Controller`
and run beside the torch policy on states of a simulation under that policy; a difference raises.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from runtime import character, contract
from runtime.character import State
from runtime.controller import Controller
from training import features, onnx_file
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner

VERIFY_STEPS = 1000
VERIFY_TOLERANCE = 1e-5  # rad


class ExportError(RuntimeError):
    """The exported file does not do what the trained policy does."""


class ControllerGraph(nn.Module):
    """What a controller file computes: raw state and goal [B, ...] to joint targets [B, 28] rad."""

    def __init__(self, actor: nn.Module, observe: nn.Module, action: ActionTransform) -> None:
        """Take copies of the policy's parts; `observe` is the task's goal observation."""
        super().__init__()
        self.normaliser = copy.deepcopy(actor.obs_normalizer).cpu().eval()
        self.network = copy.deepcopy(actor.mlp).cpu().eval()
        self.action = action
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
    Raises ExportError when the file's targets differ from the policy's by more than 1e-5 rad in 1,000 control steps.
    """
    environment = learner.environment
    graph = ControllerGraph(learner.actor, environment.task.observe, environment.action).eval()
    states, goals, targets = _roll_out(environment, graph)
    task = environment.task.name
    vectors = [_self_test(states, goals, targets, row) for row in range(contract.SELF_TEST_VECTORS)]
    names = (*character.STATE_SHAPES, "goal")
    content = contract.controller_metadata(task=task, self_test=vectors, **metadata)
    first = (*(torch.from_numpy(value[:2]) for value in states.values()), torch.from_numpy(goals[:2]))
    onnx_file.write(path, graph, first, names, (contract.OUTPUT,), {contract.METADATA_KEY: content})
    return _verify(path, states, goals, targets)


def _roll_out(environment: Environment, graph: ControllerGraph) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Run the deterministic policy for 1,000 control steps: states, goals and targets met by the first humanoid."""
    engine, kept = environment.engine, {name: [] for name in (*character.STATE_SHAPES, "goal", contract.OUTPUT)}
    with torch.no_grad():
        for _ in range(VERIFY_STEPS):
            body = environment.body
            now = {
                **{name: getattr(body, name) for name in character.STATE_SHAPES if name != "body_rotation"},
                "body_rotation": engine.body_rotation.float(),
            }
            now = {name: now[name] for name in character.STATE_SHAPES}  # contract order
            goal = environment.task.goal.clone()
            target = graph(*now.values(), goal)
            for name, value in (*now.items(), ("goal", goal), (contract.OUTPUT, target)):
                kept[name].append(value[0].clone().numpy())
            environment.step_targets(target)
    arrays = {name: np.stack(values) for name, values in kept.items()}
    goals, targets = arrays.pop("goal"), arrays.pop(contract.OUTPUT)
    return arrays, goals, targets


def _self_test(states: dict[str, np.ndarray], goals: np.ndarray, targets: np.ndarray, index: int) -> dict[str, Any]:
    row = (index + 1) * len(goals) // (contract.SELF_TEST_VECTORS + 1)
    inputs = {name: value[row].tolist() for name, value in states.items()} | {"goal": goals[row].tolist()}
    return {"inputs": inputs, contract.OUTPUT: targets[row].tolist()}


def _verify(path: Path, states: dict[str, np.ndarray], goals: np.ndarray, targets: np.ndarray) -> float:
    found = Controller.load(path).act(State(**states), goals)
    difference = float(np.abs(found - targets).max())
    if not difference <= VERIFY_TOLERANCE:
        raise ExportError(f"{path}: targets differ from the policy's by {difference:.2e} rad in {len(goals)} steps")
    return difference

"""What a policy is asked to do: one file a task, all with one face.

A task owns its goals: it draws them, rewards them, says when an episode has failed, and turns a goal into what the
policy sees of it (`observe`, traced into the ONNX file). The goal vector itself is that of `runtime.goals`, in the
world frame and SI units, the same in training, evaluation, viewer and embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from omegaconf import OmegaConf
from torch import Tensor

from training import config as settings


@dataclass(frozen=True)
class Body:
    """The live state of N humanoids as float32 tensors, world frame (see `runtime.character.State`)."""

    root_position: Tensor  # [N, 3] m
    root_rotation: Tensor  # [N, 4] wxyz
    root_linear_velocity: Tensor  # [N, 3] m/s
    root_angular_velocity: Tensor  # [N, 3] rad/s
    joint_position: Tensor  # [N, 28] rad
    joint_velocity: Tensor  # [N, 28] rad/s
    body_position: Tensor  # [N, 15, 3] m
    body_rotation: Tensor  # [N, 15, 4] wxyz


class Task(Protocol):
    """A task over N environments."""

    name: str
    """Key into `runtime.goals.SCHEMAS`."""
    observation_mirror: tuple[Tensor, Tensor]
    """Index and sign that mirror the goal's part of the observation."""
    goal: Tensor
    """Goals [N, G] now in force."""

    def reset(self, ids: Tensor, body: Body) -> None:
        """Draw first goals for episodes that start in the given state; `ids` [n] index environments."""
        ...

    def advance(self, body: Body) -> None:
        """One control step has passed: redraw the goals whose time is up."""
        ...

    def reward(self, body: Body) -> Tensor:
        """Task reward r_g in [0, 1], [N], of the state that the last control step led to."""
        ...

    def failed(self, body: Body) -> Tensor:
        """Mask [N] of episodes that end now without a value to bootstrap from."""
        ...

    def figures(self, body: Body) -> dict[str, Tensor]:
        """What to log, each [N]: the task's own errors in SI units."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Copy the goals and all that future goals depend on but the generator, for a checkpoint."""
        ...

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        ...

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """What the policy sees of the goal [N, g]; tensor operations only."""
        ...


def create(name: str, options: dict[str, Any], envs: int, generator: torch.Generator) -> Task:
    """Make the task `name` for `envs` environments; raises ConfigError for a name that is none or a wrong option."""
    if name == "steering":
        from training.tasks.steering import Steering, SteeringConfig

        return Steering(settings.resolve(SteeringConfig, OmegaConf.create(options)), envs, generator)
    raise settings.ConfigError(f"task.name={name}: expected a task of training/tasks, 'steering'")

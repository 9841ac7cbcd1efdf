"""What a policy is asked to do: one file a task, all with one face.

A task owns its goals: it draws them, rewards them, says when an episode has failed, and turns a goal into what the
policy sees of it (`observe`, traced into the ONNX file). The goal vector itself is that of `runtime.goals`, in the
world frame and SI units, the same in training, evaluation, viewer and embedding.

    steering    a velocity and a facing             location   a point to go to and to stop at
    speed       a speed straight ahead              jump       walking, standing and, on command, a jump
    getup       from the ground to standing         dodgeball  balls to stay clear of
    skill       nothing but the prior's motion

What they share is in base.py. A task from outside is one file (docs/add-a-task.md; own.py takes it in). A task of the
package is a file here, a goal in `runtime/task_goals.py`, a line in `TASKS`, its settings in conf/task/ and, in
training/trials/, what counts as its success.

A task's tensors live where its generator's do (`generator.device`), and nothing that runs every step asks a GPU for a
number: no `.item()`, no `nonzero`, no boolean or list index (`training.rows.Rows` chooses rows), no tensor made of
Python numbers. tests/training/test_device.py holds every task to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from omegaconf import OmegaConf
from torch import Tensor

from runtime import tasks as outside
from training import config as settings
from training.rows import Rows


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


@dataclass(frozen=True)
class StartStates:
    """Where a task's episodes begin, beside standing and the prior's own samples."""

    upright: bool = True
    """Whether samples of the prior that lie, kneel or sit are no start states."""
    own: dict[str, Tensor] | None = None
    """Start windows of the task's own, fields as `training.learning.starts.Starts` has them."""
    own_share: float = 0.0
    """Share of episodes that start in one of those."""
    preferred: Callable[[dict[str, Tensor]], Tensor] | None = None
    """Weights [P] (or a mask) of the prior's start windows that the task has a special use for."""
    preferred_share: float = 0.0
    """Share of episodes that start in one of those, where the prior makes them."""
    noise: float = 0.0
    """Deviation (rad) that is added to every joint angle at the start, so that a policy learns to find back."""


class Task(Protocol):
    """A task over N environments."""

    name: str
    """Key into `runtime.goals.SCHEMAS`."""
    observation_mirror: tuple[Tensor, Tensor]
    """Index and sign that mirror the goal's part of the observation, on the CPU."""
    observation_names: tuple[str, ...]
    """What the goal's part of the observation shows; equal names of two tasks are equal things. May be empty."""
    observation_rest: tuple[float, ...]
    """What it shows of a goal that lets the character stand; empty where there is none such."""
    starts: StartStates
    """Where episodes begin."""

    @property
    def goal(self) -> Tensor:
        """Goals [N, G] now in force."""
        ...

    def reset(self, rows: Rows, body: Body) -> None:
        """Draw first goals for the episodes `rows`, which start in the given state."""
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


TASKS = {
    "steering": "Steering", "speed": "Speed", "location": "Location", "jump": "Jump", "getup": "Getup",
    "dodgeball": "Dodgeball", "skill": "Skill",
}  # fmt: skip
"""Class of every task, in the module of the task's name beside this one; `<class>Config` there are its settings."""


def create(name: str, options: dict[str, Any], envs: int, generator: torch.Generator) -> Task:
    """Make the task `name` for `envs` environments; raises ConfigError for a name that is none or a wrong option.

    The name is one of `TASKS`, that of a task from outside, or the module that has one.
    """
    chosen = kind(name)
    if name not in TASKS:
        return import_module("training.tasks.own").Own(_options(chosen, options), envs, generator)
    module = import_module(f"training.tasks.{name}")
    return chosen(_options(getattr(module, f"{TASKS[name]}Config"), options), envs, generator)


def kind(name: str) -> type[Any]:
    """Return the class of a task, or the `OwnTask` of one from outside; raises ConfigError where there is none."""
    if name in TASKS:
        return getattr(import_module(f"training.tasks.{name}"), TASKS[name])
    if name not in outside.names() and not is_module(name):
        expected = settings.nearest(name, [*TASKS, *outside.names()])
        raise settings.ConfigError(f"task.name={name}: expected {expected}, or a module with a task of yours")
    try:
        return outside.load(name)
    except outside.TaskError as error:
        raise settings.ConfigError(f"task.name={name}: {error}") from None


def is_module(name: str) -> bool:
    """Whether a name is that of a module which can be imported; packages above it are imported to see."""
    try:
        return all(part.isidentifier() for part in name.split(".")) and find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _options(config: type[Any], options: dict[str, Any]) -> Any:  # noqa: ANN401 - the task's own dataclass
    return settings.resolve(config, OmegaConf.create(options), "task.options")

"""That a training step would stay on a GPU, shown without one.

Tensors on PyTorch's device "meta" have shapes and no numbers. Code that runs on them asks for none: `.item()`,
`nonzero`, boolean indexing and a branch on a tensor raise, as do most operations on tensors of two devices. `Watch`
raises at what that lets pass: tensors that come from the host in the middle of a step (made of Python numbers, of an
index list, or moved). On a GPU every one of these waits until all work before it is done, and a step must never wait.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from runtime.character import BODIES
from tests.training.conftest import REWARD
from training import fallen, tasks
from training.config import FORMS, EnvironmentConfig, LearnerConfig
from training.features import HISTORY
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner
from training.learning.starts import Starts
from training.learning.workers import Worker
from training.physics import default_state
from training.prior import file as prior_file
from training.prior import style_reward
from training.prior.projection import Projector

DEVICE = torch.device("meta")
ENVS = 6


class _Calls(TorchFunctionMode):
    """Raises where a tensor is made of Python numbers, or an index is a list, an array or a tensor of the CPU."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor):
            raise AssertionError(f"{function.__name__} sends numbers from the host")
        if function in (Tensor.__getitem__, Tensor.__setitem__):
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            if any(isinstance(p, list | tuple | np.ndarray) or _on_cpu(p) for p in parts):
                raise AssertionError(f"an index is sent from the host: {args[1]}")
        return function(*args, **kwargs)


class _Operations(TorchDispatchMode):
    """Raises where an operation takes a tensor of the CPU, single numbers excepted: those travel with the kernel."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(_on_cpu(leaf) and leaf.dim() for leaf in tree_leaves((args, kwargs))):
            raise AssertionError(f"{operation} takes a tensor of the CPU")
        return operation(*args, **(kwargs or {}))


def _on_cpu(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type == "cpu"


class Watch(ExitStack):
    """Both watches, for a `with` block."""

    def __enter__(self) -> Watch:
        self.enter_context(_Calls())
        self.enter_context(_Operations())
        return self


class Engine:
    """`training.physics.Engine` that simulates nothing."""

    def __init__(self, envs: int) -> None:
        self.envs, self.device, self.blown_up = envs, DEVICE, 0
        qpos, qvel = default_state(envs)
        self.qpos, self.qvel = qpos.float().to(DEVICE), qvel.float().to(DEVICE)
        self.body_position = torch.zeros(envs, len(BODIES), 3, device=DEVICE)
        self.body_rotation = torch.zeros(envs, len(BODIES), 4, device=DEVICE)

    def step(self, joint_target: Tensor) -> Tensor:
        self.qpos[:, 7:] = joint_target
        return self.qpos.isnan().any(dim=1)

    def push(self, force: Tensor) -> None:
        self.qvel[:, :3] += force

    def reset(self, rows: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        assert rows.dtype == torch.bool and len(qpos) == len(qvel) == self.envs
        self.qpos.copy_(torch.where(rows.unsqueeze(1), qpos, self.qpos))

    def check(self) -> None: ...


@pytest.fixture
def make(monkeypatch, prior_path):
    """Environments on the device "meta": `make(task, form, **settings of EnvironmentConfig)`.

    Random numbers need no generator, there is none for that device; and the start pool, which is sampled once in a
    thousand steps and may wait then, is of the right shapes, as are the fallen of `getup`.
    """
    for name in ("rand", "randn", "randint", "multinomial"):
        real = getattr(torch, name)
        monkeypatch.setattr(torch, name, lambda *size, generator=None, real=real, **rest: real(*size, **rest))

    def pool(self: Starts, count: int) -> dict[str, Tensor]:
        return {key: value.expand(count, *value.shape[1:]).clone() for key, value in self._standing.items()}

    def dropped(count: int, generator: Any) -> dict[str, Tensor]:
        shapes = {"root_position": (HISTORY, 3), "root_rotation": (HISTORY, 4), "joint_position": (HISTORY, 28)}
        shapes |= {"key_points": (HISTORY, 7, 3), "qpos": (35,), "qvel": (34,)}
        return {key: torch.zeros(count, *shape) for key, shape in shapes.items()}

    monkeypatch.setattr(Starts, "_valid", pool)
    monkeypatch.setattr(fallen, "drop", dropped)

    def make_it(task: str = "steering", form: str = "critic", **settings: Any) -> Environment:
        config = EnvironmentConfig(start_pool=8, **settings)
        prior = prior_file.load(prior_path)
        prior.score.to(DEVICE)
        generator: Any = SimpleNamespace(device=DEVICE)
        action = ActionTransform(*prior.joint_statistics, config).to(DEVICE)
        judge = style_reward.create(prior.score, replace(REWARD, form=form), generator)
        asked = tasks.create(task, {}, ENVS, generator)
        return Environment(config, Engine(ENVS), asked, prior.score, judge, action, generator)

    return make_it


@pytest.mark.parametrize(("task", "form"), [*((task, "critic") for task in tasks.TASKS), ("steering", "own"),
                                            ("steering", "score")])  # fmt: skip
def test_a_step_asks_for_nothing(make, task, form):
    """Physics aside, three control steps of every task run without one question to the device or copy to it."""
    assert form in FORMS
    environment = make(task, form, latency=0.02)
    with Watch():
        for _ in range(3):  # enough for every share of the environments to be judged
            observation, reward, done, extras, figures = environment.step(torch.zeros(ENVS, 28, device=DEVICE))
    for tensor in (observation["policy"], reward, done, *extras.values(), *figures.values()):
        assert tensor.device == DEVICE and len(tensor) == ENVS


def test_a_rollout_asks_for_nothing(make):
    """Policy, storage, bootstrapping and returns of PPO run so too, with what the learner does in between."""
    environment = make()
    learner = Learner(LearnerConfig(horizon=2, hidden=(8,)), environment, Worker(0, 1))
    algorithm, observation = learner.algorithm, environment.observe()
    with Watch(), torch.inference_mode():
        for _ in range(2):
            action = algorithm.act(observation)
            observation, reward, done, extras, _ = environment.step(action)
            algorithm.process_env_step(observation, reward, done, extras)
        algorithm.compute_returns(observation)
    assert algorithm.storage.returns.device == DEVICE


def test_start_windows_are_made_on_the_device(make):
    """Sampling the prior and putting the samples right, which may ask, keep to one device all the same."""
    environment = make()
    windows = environment.starts._sample(4)
    projector = Projector(device=DEVICE)
    poses = projector.project(windows)
    judged = projector.faults(poses.windows(), poses).values()
    assert {part.device for part in (windows, poses.position, projector.beyond_limits(windows), *judged)} == {DEVICE}


FAULTS = {
    "a number made on the host": lambda x: x + torch.tensor([1.0, 2.0, 3.0], device=x.device),
    "the same by new_tensor": lambda x: x + x.new_tensor([1.0, 2.0, 3.0]),
    "an index list": lambda x: x[:, [0, 2]],
    "an index tuple": lambda x: x[:, (0, 2)],
    "an index of the CPU": lambda x: x[torch.arange(2)],
    "a tensor of the CPU": lambda x: x + torch.zeros(3),
    "moved": lambda x: torch.zeros(3).to(x.device),
    "copied": lambda x: x.copy_(torch.zeros(4, 3)),
    "a number asked for": lambda x: x.sum().item(),
    "a branch": lambda x: bool((x > 0).any()),
    "nonzero": lambda x: (x > 0).nonzero(),
    "a boolean index": lambda x: x[x[:, 0] > 0],
    "brought back": lambda x: x.cpu(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_watch_sees(fault):
    """Every way in which a step could wait for the device is caught, so the tests above can fail."""
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), Watch():
        FAULTS[fault](torch.zeros(4, 3, device=DEVICE))


def test_the_watch_lets_pass():
    """What a GPU does without waiting is no fault: masks, slices, whole numbers, an index that is there."""
    x, index = torch.zeros(4, 3, device=DEVICE), torch.zeros(2, dtype=torch.int64, device=DEVICE)
    with Watch():
        x[:, 1] = 2.0
        x.masked_fill_(x > 1, 0.0)
        torch.where(x > 0, 1.0, torch.rand(4, 3, device=DEVICE))[index, 1:]

"""A tiny prior of made-up motion and a tiny run on it, for the tests of learning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from runtime.recording import Motion
from tests.priors import fit_prior
from tests.training.motions import standing
from training import config as settings
from training import physics, tasks
from training.config import EnvironmentConfig, LearnerConfig, RewardConfig, RunConfig, TaskConfig
from training.learning.environment import ActionTransform, Environment
from training.learning.learner import Learner
from training.learning.workers import Worker
from training.motion.dataset import Clip
from training.prior import file as prior_file
from training.prior import style_reward
from training.prior.file import LoadedPrior

LEARNER = LearnerConfig(
    envs=8, horizon=4, processes=1, samples=6 * 32, hidden=(16, 16), epochs=2, minibatches=2, checkpoint_minutes=0.0
)
ENVIRONMENT = EnvironmentConfig(episode_seconds=1.0, start_pool=64, start_refresh=20)
REWARD = RewardConfig(steps=2, batch=16, replay=256, pool=128, critic_hidden=(16,))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """One thread a process, as every worker has, so that all numbers are the same everywhere."""
    torch.set_num_threads(1)


def sliding(seed: int, speed: float) -> Motion:
    """The standing figure of `motions.standing`, trembling all over and pushed along x at `speed` m/s."""
    still, rng = standing(90), np.random.default_rng(seed)
    wave = np.sin(np.arange(90)[:, None] * rng.uniform(0.1, 0.4, 32) + rng.uniform(0, 6, 32))
    position = still.root_position + np.outer(np.arange(90) / 30 * speed, [1.0, 0.0, 0.0])
    position[:, 2] += 0.01 * wave[:, 28]
    turn = np.concatenate((np.ones((90, 1)), 0.03 * wave[:, 29:]), axis=1)  # small turns about x, y and z
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    return Motion(30.0, position, turn, still.joint_position + 0.03 * wave[:, :28], name=f"slide{seed}")


@pytest.fixture(scope="session")
def prior_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior file fitted in 250 steps to figures that slide at 0 to 2 m/s."""
    motions = [sliding(seed, speed=0.25 * seed) for seed in range(9)]
    clips = [Clip(m, "walk", "train", f"g{i}", 0.25 * i) for i, m in enumerate(motions)]
    return fit_prior(tmp_path_factory.mktemp("prior") / "tiny.onnx", clips)


@pytest.fixture(scope="session")
def prior(prior_path: Path) -> LoadedPrior:
    """The tiny prior as training loads it."""
    return prior_file.load(prior_path)


@pytest.fixture
def config(prior_path: Path, tmp_path: Path) -> RunConfig:
    """A run of six iterations of eight environments and four control steps, in a folder of its own."""
    return RunConfig(
        task=TaskConfig("steering", str(prior_path)), learner=LEARNER, environment=ENVIRONMENT, reward=REWARD,
        folder=str(tmp_path),
    )  # fmt: skip


MakeEnvironment = Callable[..., Environment]


@pytest.fixture
def make_environment(prior: LoadedPrior) -> MakeEnvironment:
    """Environments on the tiny prior: `make(envs=4, seed=0, form="critic", **settings of EnvironmentConfig)`."""

    def make(envs: int = 4, seed: int = 0, form: str = "critic", **changes) -> Environment:
        chosen = replace(ENVIRONMENT, **changes)
        generator = torch.Generator().manual_seed(seed)
        task = tasks.create("steering", {}, envs, generator)
        action = ActionTransform(*prior.joint_statistics, chosen)
        judge = style_reward.create(prior.score, replace(REWARD, form=form), generator)
        return Environment(chosen, physics.create("mujoco", envs), task, prior.score, judge, action, generator)

    return make


@pytest.fixture
def make_learner(make_environment: MakeEnvironment) -> Callable[..., Learner]:
    """A lone worker's learner on four tiny environments: `make(form="critic", **settings of LearnerConfig)`."""

    def make(form: str = "critic", **changes) -> Learner:
        torch.manual_seed(0)
        return Learner(replace(LEARNER, **changes), make_environment(form=form), Worker(0, 1))

    return make


@pytest.fixture
def hydra() -> Iterator[None]:
    """Hydra with our configuration groups, forgotten again afterwards."""
    settings.register()
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()

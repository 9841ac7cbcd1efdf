"""PPO on the vector environment: rsl_rl's algorithm, models and storage under a short loop of our own.

rsl_rl's runner insists on CUDA and nccl where there is more than one process, and logs by its own lights; its
`OnPolicyRunner.learn` is replaced by `Learner.iterate`, everything below it (PPO, GAE, symmetry, normalisation,
KL-adaptive rate, gradient averaging) is used as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor

from training import features
from training.config import LearnerConfig
from training.learning.environment import Environment
from training.learning.workers import Worker

_GROUPS = {"actor": ["policy"], "critic": ["policy"]}


class Learner:
    """One worker's share of a run: its environment, the policy that all share, and the counters."""

    def __init__(self, config: LearnerConfig, environment: Environment, worker: Worker) -> None:
        """Make actor, critic and PPO for the environment's observation."""
        self.config, self.environment, self.worker = config, environment, worker
        self.iteration = 0
        self.samples = 0
        self._observation = environment.observe()
        self.algorithm = self._make(self._observation)
        self.algorithm.train_mode()
        if worker.world > 1:
            self.algorithm.broadcast_parameters()

    @property
    def actor(self) -> MLPModel:
        """The policy network, normaliser included."""
        return self.algorithm.get_policy()

    def iterate(self) -> dict[str, float]:
        """Roll out one horizon and update; returns the figures of the iteration, averaged over all workers."""
        sums: dict[str, Tensor] = {}
        with torch.inference_mode():
            for _ in range(self.config.horizon):
                action = self.algorithm.act(self._observation)
                self._observation, reward, done, extras, figures = self.environment.step(action)
                self.algorithm.process_env_step(self._observation, reward, done, extras)
                figures |= {"reward": reward, "done": done.float()}
                for name, value in figures.items():
                    sums[name] = sums.get(name, torch.zeros(())) + value.mean()
            self.algorithm.compute_returns(self._observation)
        losses = self.algorithm.update()
        self.iteration += 1
        self.samples += self.config.horizon * self.environment.num_envs * self.worker.world
        self._anneal()
        return self._average(sums, losses)

    def state(self) -> dict[str, Any]:
        """Everything shared that a later run needs to go on: nets, normalisers, optimiser, counters."""
        return {
            **self.algorithm.save(),
            "learning_rate": self.algorithm.learning_rate,
            "iteration": self.iteration,
            "samples": self.samples,
        }

    def restore(self, state: dict[str, Any], counters: bool) -> None:
        """Go on from `state`; with `counters` False as a new run that only starts from its nets and optimiser."""
        self.algorithm.load(state, None, strict=True)
        self.algorithm.learning_rate = state["learning_rate"]
        if counters:
            self.iteration, self.samples = state["iteration"], state["samples"]
        self._anneal()

    def _make(self, observation: TensorDict) -> PPO:
        c, env = self.config, self.environment
        nets = {"hidden_dims": list(c.hidden), "activation": c.activation, "obs_normalization": True}
        gaussian = {"class_name": "GaussianDistribution", "init_std": c.std[0], "learn_std": False}
        actor = MLPModel(observation, _GROUPS, "actor", env.num_actions, distribution_cfg=gaussian, **nets)
        critic = MLPModel(observation, _GROUPS, "critic", 1, **nets)
        with torch.no_grad():  # the first policy holds the mean pose
            actor.mlp[-1].weight *= 0.01
            actor.mlp[-1].bias.zero_()
        world = self.worker.world
        distributed = {"global_rank": self.worker.rank, "local_rank": self.worker.rank, "world_size": world}
        algorithm = PPO(
            actor, critic, RolloutStorage("rl", env.num_envs, c.horizon, observation, [env.num_actions]),
            num_learning_epochs=c.epochs, num_mini_batches=c.minibatches, clip_param=c.clip, gamma=c.gamma, lam=c.lam,
            learning_rate=c.learning_rate, desired_kl=c.desired_kl, schedule="adaptive", entropy_coef=0.0,
            symmetry_cfg=self._symmetry(), multi_gpu_cfg=distributed if world > 1 else None,
        )  # fmt: skip
        if c.symmetry == "augment":
            algorithm.symmetry.compute_loss = _no_loss  # it would run the actor again only to log
        return algorithm

    def _symmetry(self) -> dict[str, Any] | None:
        kind = self.config.symmetry
        if kind == "none":
            return None
        if kind not in ("augment", "loss"):
            raise ValueError(f"learner.symmetry is {kind!r}: expected 'none', 'augment' or 'loss'")
        return {
            "env": self.environment,
            "data_augmentation_func": mirrored,
            "use_data_augmentation": kind == "augment",
            "use_mirror_loss": kind == "loss",
            "mirror_loss_coeff": 1.0,
        }

    def _anneal(self) -> None:
        """Let the action deviation fall linearly with the samples."""
        first, last = self.config.std
        share = min(1.0, self.samples / self.config.samples)
        self.actor.distribution.std_param.data.fill_(first + (last - first) * share)

    def _average(self, sums: dict[str, Tensor], losses: dict[str, float]) -> dict[str, float]:
        names = [*sums, *losses]
        values = torch.stack([s / self.config.horizon for s in sums.values()] + [torch.tensor(v) for v in losses.values()])
        values = self.worker.mean(values.float())
        figures = dict(zip(names, values.tolist(), strict=True))
        return figures | {"learning_rate": self.algorithm.learning_rate}


def _no_loss(actor: MLPModel, batch: RolloutStorage.Batch, original_batch_size: int) -> Tensor:
    return torch.zeros(())


def mirrored(
    env: Environment, obs: TensorDict | None, actions: Tensor | None
) -> tuple[TensorDict | None, Tensor | None]:
    """rsl_rl's symmetry function: originals followed by their left-right mirror images, twice the batch."""
    if obs is not None:
        index, sign = _observation_mirror(env)
        original = obs["policy"]
        both = torch.cat((original, original[:, index] * sign))
        obs = TensorDict({"policy": both}, batch_size=[len(both)])
    if actions is not None:
        index, sign = (torch.from_numpy(part) for part in features.JOINT_MIRROR)
        actions = torch.cat((actions, actions[:, index] * sign))
    return obs, actions


def _observation_mirror(env: Environment) -> tuple[Tensor, Tensor]:
    own_index, own_sign = (torch.from_numpy(part) for part in features.OBSERVATION_MIRROR)
    goal_index, goal_sign = env.task.observation_mirror
    return torch.cat((own_index, goal_index + len(own_index))), torch.cat((own_sign, goal_sign))

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
from rsl_rl.modules import GaussianDistribution
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from training.config import LearnerConfig
from training.learning import symmetry
from training.learning.environment import Environment
from training.learning.workers import Worker

_GROUPS = {"actor": ["policy"], "critic": ["policy"]}
LEAST_RATE = 1e-5
"""Of Adam, by rsl_rl's KL rule."""


class Learner:
    """One worker's share of a run: its environment, the policy that all share, and the counters."""

    def __init__(self, config: LearnerConfig, environment: Environment, worker: Worker) -> None:
        """Make actor, critic and PPO for the environment's observation."""
        self.config, self.environment, self.worker = config, environment, worker
        self.iteration = 0
        self.samples = 0
        self.critic_only = 0  # iterations left in which the actor stays as it is
        self.lineage: list[dict[str, Any]] = []  # what this run started from (`init`), eldest first
        self._observation = environment.observe()
        self.algorithm = self._make(self._observation)
        self.algorithm.train_mode()
        if worker.world > 1:
            self.algorithm.broadcast_parameters()

    @property
    def device(self) -> torch.device:
        """Where everything is: the engine's device."""
        return self.environment.engine.device

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
                    sums[name] = sums.get(name, torch.zeros(())) + value.nanmean()
            self.algorithm.compute_returns(self._observation)
        self.environment.engine.check()
        self._hold_actor(self.critic_only > 0)
        losses = self.algorithm.update() | self.environment.style_reward.update()
        if self.critic_only > 0:
            self._let_critic_learn_alone(self.critic_only - 1)
        self.iteration += 1
        self.samples += self.config.horizon * self.environment.num_envs * self.worker.world
        self._anneal()
        return self._average(sums, losses)

    def state(self) -> dict[str, Any]:
        """Everything shared that a later run needs to go on: nets, normalisers, optimiser, counters."""
        return {
            **self.algorithm.save(),
            "style_reward": self.environment.style_reward.state(),
            "learning_rate": self.algorithm.learning_rate,
            "iteration": self.iteration,
            "samples": self.samples,
            "critic_only": self.critic_only,
            "task": self.environment.task.name,
            "action": {"centre": self.environment.action.centre, "scale": self.environment.action.scale},
        }

    def own_state(self) -> dict[str, Any]:
        """Copy what a worker has for itself: its environment and its random numbers."""
        own = {"environment": self.environment.state(), "torch_random": torch.get_rng_state()}
        return own if self.device.type == "cpu" else own | {"cuda_random": torch.cuda.get_rng_state(self.device)}

    def restore_own(self, state: dict[str, Any]) -> None:
        """Go on from what `own_state` gave; the next iteration has the numbers it would have had there."""
        self.environment.restore(state["environment"])
        self._observation = self.environment.observe()
        torch.set_rng_state(state["torch_random"])
        if self.device.type == "cuda" and "cuda_random" in state:
            torch.cuda.set_rng_state(state["cuda_random"], self.device)

    def restore(self, state: dict[str, Any], counters: bool) -> None:
        """Go on from `state`; with `counters` False carefully, as a new run that starts from its nets and optimiser."""
        self.algorithm.load(state, None, strict=True)
        if counters:
            self.algorithm.learning_rate = state["learning_rate"]
            self.iteration, self.samples = state["iteration"], state["samples"]
            self.critic_only = state.get("critic_only", 0)
            self.environment.style_reward.restore(state["style_reward"])
        else:
            self._let_critic_learn_alone(self.config.warmup)
        self._anneal()

    def start_from(self, actor: dict[str, Tensor], critic: dict[str, Tensor] | None) -> None:
        """Begin with another task's nets, as `transplant.adapted` made them fit; the critic learns alone at first."""
        self.algorithm.actor.load_state_dict(actor)
        if critic is not None:
            self.algorithm.critic.load_state_dict(critic)
        self._let_critic_learn_alone(self.config.warmup)
        self._anneal()

    def _let_critic_learn_alone(self, iterations: int) -> None:
        """Hold the actor for so many more iterations; then it begins at the least rate.

        Another rate, deviation or discount than it was made with undoes a policy in a single update; the KL rule raises
        the rate by half a minibatch where it may.
        """
        self.critic_only = iterations
        self.algorithm.learning_rate = self.config.learning_rate if iterations else LEAST_RATE
        for group in self.algorithm.optimizer.param_groups:
            group["lr"] = self.algorithm.learning_rate

    def _hold_actor(self, held: bool) -> None:
        """Let updates change the critic alone, at a fixed rate: the KL rule would see an actor that does not move."""
        self.actor.mlp.requires_grad_(not held)
        self.algorithm.schedule = "fixed" if held else "adaptive"

    def _make(self, observation: TensorDict) -> PPO:
        c, env = self.config, self.environment
        nets = {"activation": c.activation, "obs_normalization": True}
        gaussian = {"class_name": "GaussianDistribution", "init_std": c.std[0], "learn_std": False}
        actor = MLPModel(
            observation, _GROUPS, "actor", env.num_actions, list(c.hidden), distribution_cfg=gaussian, **nets
        )
        critic = MLPModel(observation, _GROUPS, "critic", 1, list(c.critic_hidden or c.hidden), **nets)
        for module in (*actor.modules(), *critic.modules()):
            if isinstance(module, nn.ELU):
                module.inplace = True  # the same numbers, a twentieth of the update saved
        last = actor.mlp[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():  # the first policy holds the mean pose
            last.weight *= 0.01
            last.bias.zero_()
        world = self.worker.world
        distributed = {"global_rank": self.worker.rank, "local_rank": self.worker.rank, "world_size": world}
        algorithm = PPO(
            actor, critic,
            RolloutStorage("rl", env.num_envs, c.horizon, observation, [env.num_actions], str(self.device)),
            num_learning_epochs=c.epochs, num_mini_batches=c.minibatches, clip_param=c.clip, gamma=c.gamma, lam=c.lam,
            learning_rate=c.learning_rate, desired_kl=c.desired_kl, schedule="adaptive", entropy_coef=0.0,
            multi_gpu_cfg=distributed if world > 1 else None, device=str(self.device),
        )  # fmt: skip
        algorithm.symmetry = symmetry.create(c.symmetry, env)
        return algorithm

    def _anneal(self) -> None:
        """Let the action deviation fall linearly with the samples."""
        first, last = self.config.std
        share = min(1.0, self.samples / self.config.std_samples)
        distribution = self.actor.distribution
        assert isinstance(distribution, GaussianDistribution)
        distribution.std_param.data.fill_(first + (last - first) * share)

    def _average(self, sums: dict[str, Tensor], losses: dict[str, float]) -> dict[str, float]:
        names = [*sums, *losses]
        means = torch.stack([total / self.config.horizon for total in sums.values()]).float()
        values = self.worker.mean(torch.cat((means, torch.tensor(list(losses.values()), device=self.device))))
        figures = dict(zip(names, values.tolist(), strict=True))
        return figures | {"learning_rate": self.algorithm.learning_rate}

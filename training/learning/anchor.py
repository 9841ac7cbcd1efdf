"""Learning on from a policy that is good at most things without letting go of them.

PPO keeps what its advantages speak of. What they hardly speak of (how the neck is held, a gait that three in a hundred
goals ask for) drifts, as every update also follows the noise of its samples: a steering policy that was near .59 of
people's poses was near .51 of them after 2.3 M samples, while its style reward rose. So the actor is held to the one
that training began with (kickstarting, Schmitt et al. 2018, with the run's own beginning as the teacher):

    loss = PPO's + β KL,    KL = mean_o Σ_i (μ_i(o) - μ0_i(o))² / 2 σ²

μ0 is the actor at the beginning with its normaliser, σ the deviation of actions at the beginning, β
`LearnerConfig.anchor`. Where an action is correlated with the advantage by ρ, the mean moves as far as ρ σ / β.

rsl_rl's PPO has one place for a term of the loss beside its own, that of its symmetry extension; so that is what
`Anchored` is, and it adds mirror images to minibatches as symmetry.py does where they are asked for.
"""

from __future__ import annotations

from typing import cast

import torch
from rsl_rl.env import VecEnv
from rsl_rl.extensions import Symmetry
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from torch import Tensor

from training.learning.environment import Environment
from training.learning.symmetry import mirrored


class Anchored(Symmetry):
    """Adds `weight` times the KL divergence from `reference` to PPO's loss, mirror images to batches if `augment`."""

    def __init__(self, env: Environment, augment: bool, weight: float, reference: MLPModel, std: float) -> None:
        """`reference` is not changed and gets no gradient; `std` is the deviation of actions that counts as one."""
        passed = cast(VecEnv, env)  # rsl_rl only hands it to `mirrored`
        super().__init__(passed, mirrored, augment, use_mirror_loss=True, mirror_loss_coeff=weight)
        self.reference, self.std = reference, std

    def compute_loss(self, actor: MLPModel, batch: RolloutStorage.Batch, original_batch_size: int) -> Tensor:
        """Divergence of the actor from the reference, [], on the minibatch that the actor has just been asked about."""
        with torch.no_grad():
            held = self.reference(batch.observations)
        mean, *_ = actor.output_distribution_params
        return ((mean - held) / self.std).square().sum(1).mean() / 2

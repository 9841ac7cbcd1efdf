"""Left-right symmetry in learning: every minibatch is trained on together with its mirror image.

`mirrored` is rsl_rl's symmetry function for our observation and actions. rsl_rl's own `Symmetry` class runs the actor
once more in every minibatch to log how symmetric it is; where the mirror images are trained on anyway, that time is
saved by `Augmentation`.
"""

from __future__ import annotations

from typing import cast

import torch
from rsl_rl.env import VecEnv
from rsl_rl.extensions import Symmetry
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor

from training.learning.environment import Environment


class Augmentation(Symmetry):
    """Adds mirror images to minibatches and measures nothing."""

    def compute_loss(self, actor: MLPModel, batch: RolloutStorage.Batch, original_batch_size: int) -> Tensor:
        """Return zero, without running the actor."""
        return torch.zeros((), device=batch.actions.device)  # type: ignore[union-attr]


def create(kind: str, env: Environment) -> Symmetry | None:
    """Make rsl_rl's symmetry extension for `kind`, as `LearnerConfig.symmetry` has it."""
    passed = cast(VecEnv, env)  # rsl_rl only hands it to `mirrored`
    if kind == "augment":
        return Augmentation(passed, mirrored, use_data_augmentation=True)
    if kind == "loss":
        return Symmetry(passed, mirrored, use_mirror_loss=True, mirror_loss_coeff=1.0)
    return None


def mirrored(
    env: Environment, obs: TensorDict | None, actions: Tensor | None
) -> tuple[TensorDict | None, Tensor | None]:
    """Originals followed by their left-right mirror images, twice the batch: {"policy": [2B, 84 + g]} and [2B, 28]."""
    if obs is not None:
        original = obs["policy"]
        both = torch.cat((original, mirror_observations(env, original)))
        obs = TensorDict({"policy": both}, batch_size=[len(both)])
    if actions is not None:
        actions = torch.cat((actions, mirror_actions(env, actions)))
    return obs, actions


def mirror_observations(env: Environment, observations: Tensor) -> Tensor:
    """Mirror images of observations [B, 84 + g]: the body's part, then what the task says of the goal's."""
    index, sign = env.mirrors[0]
    return observations[:, index] * sign


def mirror_actions(env: Environment, actions: Tensor) -> Tensor:
    """Mirror images of actions [B, 28]."""
    index, sign = env.mirrors[1]
    return actions[:, index] * sign

"""What tests of physics engines share: targets, and what an engine shows."""

from __future__ import annotations

import torch

from runtime import character
from training.physics import Engine

HOLD = torch.from_numpy(character.DEFAULT_POSE).float()
"""[28] rad, targets that hold the default pose."""


def random_targets(steps: int, envs: int) -> torch.Tensor:
    """Joint targets [steps, envs, 28] rad around the default pose, seeded."""
    return HOLD + 0.5 * torch.randn(steps, envs, 28, generator=torch.Generator().manual_seed(0))


def snapshot(engine: Engine) -> list[torch.Tensor]:
    """Copies of all that an engine shows."""
    return [t.clone() for t in (engine.qpos, engine.qvel, engine.body_position, engine.body_rotation)]


def same(one: list[torch.Tensor], other: list[torch.Tensor], rows: list[int]) -> bool:
    """Whether two snapshots agree bit for bit in these environments."""
    return all(torch.equal(a[rows], b[rows]) for a, b in zip(one, other, strict=True))

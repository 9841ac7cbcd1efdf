"""Domain randomization: humanoids and grounds that differ from the model, each simulation from the next.

What differs is drawn when an engine is made and stays: with thousands of simulations a policy meets all of it in every
batch. The factors are those of the trials' hardships (`training.evaluate robustness=true`), so that a controller can
be trained for what it is tried by.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Variation:
    """Factors by which N simulations differ from the model."""

    friction: Tensor
    """[N] of the sliding friction of every geom, and so of every contact."""
    mass: Tensor
    """[N] of all masses and inertias."""

    @classmethod
    def draw(cls, envs: int, friction: tuple[float, float], mass: tuple[float, float], seed: int) -> Variation | None:
        """Draw both uniformly from their ranges, the same for the same seed; None where no simulation would differ."""
        if friction == mass == (1.0, 1.0):
            return None
        generator = torch.Generator().manual_seed(seed)
        dice = torch.rand(2, envs, generator=generator, dtype=torch.float64)
        low, high = torch.tensor([friction, mass], dtype=torch.float64).T.unsqueeze(2)
        return cls(*(low + (high - low) * dice))

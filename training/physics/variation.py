"""Domain randomization: humanoids and grounds that differ from the model, each simulation from the next.

What differs is drawn when an engine is made and stays: with thousands of simulations a policy meets all of it in every
batch. The factors are those of the trials' hardships (`training.evaluate robustness=true`), so that a controller can
be trained for what it is tried by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        if {*friction, *mass} == {1.0}:  # which are lists where they come from a configuration
            return None
        generator = torch.Generator().manual_seed(seed)
        dice = torch.rand(2, envs, generator=generator, dtype=torch.float64)
        low, high = torch.tensor([friction, mass], dtype=torch.float64).T.unsqueeze(2)
        return cls(*(low + (high - low) * dice))


def burden(geom_friction: Any, body_mass: Any, body_inertia: Any, friction: Any, mass: Any) -> None:  # noqa: ANN401
    """Multiply in place what a model has of these by factors [...]; all are NumPy's arrays or all are tensors.

    `geom_friction` [..., G, 3], of which the sliding one, `body_mass` [..., B] and `body_inertia` [..., B, 3]. What
    MuJoCo derives from them (mj_setConst) is left to the caller.
    """
    geom_friction[..., 0] *= friction[..., None]
    body_mass *= mass[..., None]
    body_inertia *= mass[..., None, None]

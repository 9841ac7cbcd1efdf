"""Some rows of tensors [N, ...], chosen without asking a GPU how many there are.

On a CPU the chosen rows are gathered, and work is done for them alone. On a GPU the host would have to wait for
everything before, only to learn their number; so there the work is done for all N rows, and what comes of it is
written under the mask. Code that uses `take` and `put` does not see the difference.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Rows:
    """Chosen rows: `len` of them to work for, `take` what is there, `put` what shall be."""

    def __init__(self, mask: Tensor, gathered: bool) -> None:
        """Choose by a mask [N]; `of` knows which form is the quicker."""
        self.mask = mask
        self.where: Tensor = mask.nonzero().flatten() if gathered else mask
        """Indices [n], or the mask itself: what `training.physics.Engine.reset` takes."""
        self._gathered = gathered

    @classmethod
    def of(cls, mask: Tensor) -> Rows:
        """The rows where mask [N] is true."""
        return cls(mask, gathered=mask.device.type == "cpu")

    def __len__(self) -> int:
        """How many rows `take` gives and `put` wants: those chosen, or all; zero only where there is nothing to do."""
        return len(self.where)

    def take(self, values: Tensor) -> Tensor:
        """Rows [n, ...] of values [N, ...]."""
        return values[self.where] if self._gathered else values

    def fill(self, target: Tensor, value: float) -> None:
        """Write one number into the chosen rows of target [N, ...], in place."""
        if self._gathered:
            target[self.where] = value
        else:
            target.masked_fill_(self.mask.view(-1, *[1] * (target.dim() - 1)), value)

    def put(self, target: Tensor, values: Tensor) -> None:
        """Write values [n, ...] into the chosen rows of target [N, ...], in place; the others stay."""
        if self._gathered:
            target[self.where] = values.to(target.dtype)
        else:
            mask = self.mask.view(-1, *[1] * (target.dim() - 1))
            target.copy_(torch.where(mask, values.to(target.dtype), target))

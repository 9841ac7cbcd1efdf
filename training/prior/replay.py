"""A ring of a policy's latest windows, from which what learns them draws: half fresh, half older ones."""

from __future__ import annotations

import torch
from torch import Tensor


class Replay:
    """Rows [N, C] of a policy's windows in whatever form the learner wants, and how many are fresh."""

    def __init__(self, size: int, width: int, device: torch.device | str = "cpu") -> None:
        """Make room for `size` rows of `width` numbers."""
        self.rows = torch.zeros(size, width, device=device)
        self.count = 0
        """Rows ever added."""
        self.fresh = 0
        """Rows added since `settle`."""

    def add(self, rows: Tensor) -> None:
        """Take rows [n, C], the newest last; the oldest go."""
        rows = rows[-len(self.rows) :]
        place = (self.count + torch.arange(len(rows), device=rows.device)) % len(self.rows)
        self.rows[place] = rows
        self.count += len(rows)
        self.fresh += len(rows)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return `count` rows, half of them fresh; raises ValueError where there are none."""
        kept = min(self.count, len(self.rows))
        if not kept:
            raise ValueError("no windows of the policy yet: call reward(windows) before update()")
        draw = {"generator": generator, "device": self.rows.device}
        old = torch.randint(kept, (count // 2,), **draw)
        fresh = torch.randint(max(1, min(self.fresh, kept)), (count - count // 2,), **draw)
        return self.rows[torch.cat(((self.count - 1 - fresh) % len(self.rows), old))]

    def settle(self) -> None:
        """From now on nothing is fresh."""
        self.fresh = 0

    def state(self) -> dict[str, Tensor | int]:
        """Copy everything, for a checkpoint."""
        return {"rows": self.rows.clone(), "count": self.count, "fresh": self.fresh}

    def restore(self, state: dict[str, Tensor | int]) -> None:
        """Go on from what `state` gave."""
        self.rows.copy_(torch.as_tensor(state["rows"]))
        self.count, self.fresh = int(state["count"]), int(state["fresh"])

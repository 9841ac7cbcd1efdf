"""A task from outside the package (`runtime.tasks.OwnTask`) over N environments, its formulas in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.tasks import OwnTask
from training.rows import Rows
from training.tasks import Body
from training.tasks.base import Goals


class Own(Goals):
    """`training.tasks.Task` of an `OwnTask`."""

    def __init__(self, own: OwnTask, envs: int, generator: torch.Generator) -> None:
        """Make the task; all randomness is drawn from `generator`."""
        self.own = own
        self.name = own.name
        self.observation_names, self.observation_rest = own.observation_names, own.observation_rest
        self.observation_mirror = torch.arange(len(own.mirror)), torch.tensor(own.mirror)
        super().__init__(envs, generator)

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`."""
        if n := len(rows):
            chosen = Body(**{name: rows.take(value) for name, value in vars(body).items()})
            rows.put(self.goal, self.own.draw(torch, chosen, lambda low, high: self.uniform(n, low, high)))
            rows.put(self.left, self.steps(n, self.own.hold))

    def advance(self, body: Body) -> None:
        """See `Task.advance`."""
        self.reset(self.due(), body)

    def reward(self, body: Body) -> Tensor:
        """See `OwnTask.reward`."""
        return self.own.reward(torch, body, self.goal)

    def failed(self, body: Body) -> Tensor:
        """See `OwnTask.failed`."""
        return self.own.failed(torch, body, self.goal)

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `OwnTask.figures`."""
        return self.own.figures(torch, body, self.goal)

    def observe(self, root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """See `OwnTask.observe`."""
        return self.own.observe(torch, root_rotation, root_position, goal)

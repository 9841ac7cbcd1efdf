"""Get up: from wherever one lies to standing still.

    r_g = .6 h + .2 (1 if h = 1, else (1 + v)/2) + .2 h s
    h = .4 clip((head - .1 m) / 1.15 m, 0, 1) + .6 clip((root - .1 m) / .7 m, 0, 1)
    v = clip(v_head,z / .5 m/s, -1, 1)    s = exp(-2 ‖v_xy‖²)

h is how far head (neck's joint, 1.34 m in standing) and root (.88 m) are up. With the head alone the first policy sat
up and stayed: on the way from sitting to squatting the head hardly rises, the root does. v pays for being on the way up
as much as the way down costs, so that bouncing gains nothing; s, of the root's velocity in m/s, keeps who stands where
they are. Lying is no failure, but falling from standing is (head above 1.2 m before, below 0.5 m now): else episodes
that begin upright are spent on the ground, too, and nobody practises what comes after getting up.

A third of the episodes start fallen: humanoids dropped limp from random poses, heights and spins, three seconds on
(fallen.py). Nearly half start in samples of the prior on the way up, so that the end of getting up is learned before
its beginning; the others in any sample, or standing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.character import BODIES
from training import fallen
from training.rows import Rows
from training.tasks import Body, StartStates
from training.tasks.base import HEAD, Goals, no_goal

LOW, HIGH, HIGH_ROOT = 0.1, 1.25, 0.8  # m, of head and root
UP, DOWN = 1.2, 0.5  # m, of the head: who is above has got up, who is then below has fallen


@dataclass(frozen=True)
class GetupConfig:
    """Where episodes begin."""

    fallen_share: float = 0.35
    """Share of episodes that start in a pose that a limp humanoid fell into."""
    half_way_share: float = 0.45
    """Share of episodes that start in a sample of the prior with the head below 1.2 m."""
    fallen_pool: int = 256
    """How many such poses there are."""


class Getup(Goals):
    """`training.tasks.Task`; goal [N, 0]."""

    name = "getup"
    observation_mirror = (torch.arange(0), torch.zeros(0))
    kept = ("down", "was_up")

    def __init__(self, config: GetupConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task and drop a pool of humanoids (some seconds); the same seed gives the same pool."""
        super().__init__(envs, generator)
        self.config = config
        self.down = torch.zeros(envs, device=self.device)  # 1 where the episode started on the ground
        self.was_up = torch.zeros(envs, dtype=torch.bool, device=self.device)
        pool = fallen.drop(config.fallen_pool, generator) if config.fallen_share > 0 else None
        self.starts = StartStates(False, pool, config.fallen_share, _not_up, config.half_way_share)

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`."""
        head = body.body_position[:, HEAD, 2]
        rows.put(self.down, rows.take((head < 0.6).float()))
        rows.put(self.was_up, rows.take(head > UP))

    def advance(self, body: Body) -> None:
        """See `Task.advance`: there is nothing to draw."""
        self.was_up |= body.body_position[:, HEAD, 2] > UP

    def reward(self, body: Body) -> Tensor:
        """See the module's formula."""
        head, root = body.body_position[:, HEAD, 2], body.root_position[:, 2]
        height = 0.4 * ((head - LOW) / (HIGH - LOW)).clamp(0.0, 1.0)
        height = height + 0.6 * ((root - LOW) / (HIGH_ROOT - LOW)).clamp(0.0, 1.0)
        rising = torch.where(height > 0.999, 1.0, 0.5 + 0.5 * (_head_rate(body) / 0.5).clamp(-1.0, 1.0))
        still = torch.exp(-2.0 * body.root_linear_velocity[:, :2].square().sum(1))
        return 0.6 * height + 0.2 * rising + 0.2 * height * still

    def failed(self, body: Body) -> Tensor:
        """See `Task.failed`: fallen from standing."""
        return self.was_up & (body.body_position[:, HEAD, 2] < DOWN)

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`; `up` of all episodes, at any of their moments."""
        head = body.body_position[:, HEAD, 2]
        up = (head > UP).float()
        return {"head_height_m": head, "up": up, "down_and_up": up * self.down, "started_down": self.down.clone()}

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 0]."""
        return no_goal(root_rotation)


def _not_up(windows: dict[str, Tensor]) -> Tensor:
    """Weights [P] of start windows (`training.learning.starts.Starts`) not up yet, alike for every height of the root.

    Most of getting up is spent sitting or on all fours; what comes then takes half a second.
    """
    height = (windows["qpos"][:, 2] * 10).long().clamp(0, 9)  # dm
    share = (height.unsqueeze(1) == torch.arange(10, device=height.device)).float().mean(0)
    return (windows["key_points"][:, -1, 0, 2] < UP) / share[height]


def _head_rate(body: Body) -> Tensor:
    """Vertical velocity [N] m/s of the head's joint, as if the trunk were one piece with the root."""
    arm = body.body_position[:, HEAD] - body.body_position[:, BODIES.index("pelvis")]
    spin = body.root_angular_velocity
    return body.root_linear_velocity[:, 2] + spin[:, 0] * arm[:, 1] - spin[:, 1] * arm[:, 0]

"""Skill: nothing is asked for but the motion that the prior knows, a single clip's as a rule.

The task's own reward is zero; conf/task/skill.yaml gives the style reward all the weight. There is no falling as such
(a cartwheel has its head near the ground, a crawl its root): an episode fails when the root is lower than the skill
ever takes it, `lowest_root`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training import features
from training.config import ConfigError
from training.learning.starts import start_windows
from training.motion import dataset
from training.motion import windows as motion_windows
from training.prior.projection import Projector
from training.rows import Rows
from training.tasks import Body, StartStates
from training.tasks.base import HEAD, Goals, no_goal

EVERY = tuple(reversed(range(features.HISTORY)))
"""Offsets of windows of every control step."""


@dataclass(frozen=True)
class SkillConfig:
    """What a failure is."""

    lowest_root: float = 0.4
    """m; the root is never this low in the skill."""
    clips: str = ""
    """Folder that `training.prepare` wrote: episodes start in its frames instead of samples of the prior. Samples of a
    single clip's prior hold together less well than the clip, and the prior sees every such flaw."""
    noise: float = 0.0
    """Deviation (rad) of every joint angle at the start from the clip's, so that it is learned to find back."""
    upright: bool = False
    """Whether falls are told as for walking and episodes start upright."""


class Skill(Goals):
    """`training.tasks.Task`; goal [N, 0]."""

    name = "skill"
    observation_mirror = (torch.arange(0), torch.zeros(0))
    kept = ("goal",)

    def __init__(self, config: SkillConfig, envs: int, generator: torch.Generator) -> None:
        """Make the task; nothing is drawn."""
        super().__init__(envs, generator)
        self.config = config
        own = _clip_starts(config.clips) if config.clips else None
        self.starts = StartStates(config.upright, own, own_share=1.0 if config.clips else 0.0, noise=config.noise)

    def reset(self, rows: Rows, body: Body) -> None:
        """See `Task.reset`: there is no goal."""

    def advance(self, body: Body) -> None:
        """See `Task.advance`: there is no goal."""

    def reward(self, body: Body) -> Tensor:
        """Zero."""
        return torch.zeros_like(body.root_position[:, 0])

    def failed(self, body: Body) -> Tensor:
        """See `Task.failed`."""
        if self.config.upright:
            return super().failed(body)
        return body.root_position[:, 2] < self.config.lowest_root

    def figures(self, body: Body) -> dict[str, Tensor]:
        """See `Task.figures`."""
        speed = body.root_linear_velocity[:, :2].norm(dim=1)
        return {"root_height_m": body.root_position[:, 2], "head_height_m": body.body_position[:, HEAD, 2],
                "speed_m_s": speed}  # fmt: skip

    @staticmethod
    def observe(root_rotation: Tensor, root_position: Tensor, goal: Tensor) -> Tensor:
        """[N, 0]."""
        return no_goal(root_rotation)


def _clip_starts(folder: str) -> dict[str, Tensor]:
    """Start windows (`training.learning.starts.Starts`) of every frame of a folder that `training.prepare` wrote.

    Raises ConfigError for a folder that is none, for one that is damaged and for one without a whole window.
    """
    try:
        windows = motion_windows.cut(dataset.load(folder), offsets=EVERY).values
    except (FileNotFoundError, ValueError) as error:  # a RecordingError is a ValueError
        raise ConfigError(f"task.options.clips={folder}: {error}") from None
    projector = Projector(EVERY)
    return start_windows(projector.raised(projector.poses(windows), slice(-1, None)))  # the ground would kick it out

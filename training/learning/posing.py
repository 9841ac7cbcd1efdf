"""The body held as people hold it: joint targets shifted, at each speed, by what the pose is off on average.

A reward hardly teaches this (training/README.md, "Tasks"): what neck or elbows are worth is little beside what a
step or a fall is, and exploring adds more noise than a shift brings. But a servo's joint follows its target, so the
slope is known without any reward, and the shift is found by the error alone, as servos learn what they owe to weight
(feedback-error learning, Kawato et al. 1987; cloning.py does so for single clips):

    a(o) = π(o) + Σ_s h_s(c) δ_s / scale        δ_s ← δ_s + GAIN · Σ h_s(c) (x̄(c) - x) / Σ h_s(c)

x is the mean of the joint angles over a window, x̄(c) that of people who move as fast (`Score.pose_error`, what
`reward.judge_pose` goes by), h_s(c) the hat functions of the window's speed; the sums go over all windows of a
round, and a speed that hardly any has is left as it is. What carries the body is shifted at rest alone: a steering
policy went .45 m/s where 1 was asked for once legs and trunk were shifted at every speed, and .66 where .9 was with the
trunk; near .70 and .68 of people's poses, no more than with neck and arms (.69, training/README.md). One shift for a
speed, whatever the stride is at: an error that has the same mean in every stride is a way to hold oneself, the rest of
it is how one walks. What is found is then learned by the policy (distillation.py), and PPO sees to it that it does not
fall.
"""

from __future__ import annotations

from typing import Protocol

import torch
from rich.progress import track
from tensordict import TensorDict
from torch import Tensor

from runtime import character
from training import features
from training.learning.environment import Environment
from training.prior.score import SPEED_KNOTS
from training.prior.statistics import HELD

ROUND = 30
"""Control steps after which the shifts change: servos have followed the last change by then."""
UNSETTLED = 2
"""Rounds of an episode that do not count: it begins in somebody's pose. They come before the first that does."""
GAIN = 0.5
RARE = 0.01
"""Share of the windows of a round below which a speed's shift does not change: who is never asked to stand is at rest
when they begin or are stuck."""
_LEGS = {features.WINDOW_NAMES[channel] for channel in features.GROUPS["legs"]}
CARRYING = [name in _LEGS or name.startswith("abdomen") for name in character.JOINT_NAMES]
"""Which joints carry or balance the body."""
_FIRST = HELD.index(character.JOINT_NAMES[0])
_ANGLES = slice(_FIRST, _FIRST + len(character.JOINTS))  # of the channels of a pose
_EVERYONE = slice(None)


class Shifted(Protocol):
    """What moves the bodies while shifts are found."""

    shift: Tensor | None
    """[9, 28] rad, at each of SPEED_KNOTS."""

    def actions(self, environment: Environment, observation: TensorDict) -> tuple[Tensor, Tensor]:
        """Actions [N, 28] as things are, seen so, and mask [N] of those that are shifted."""
        ...


def at_speed(environment: Environment, shift: Tensor) -> Tensor:
    """Shift of the actions [N, 28] of every environment, as fast as it has moved within its window."""
    return _hats(environment.score.condition(environment.history.windows(_EVERYONE))) @ shift / environment.action.scale


@torch.no_grad()
def find(environment: Environment, ways: Shifted, rounds: int, mirrored: bool, show: bool = False) -> int:
    """Find `ways.shift` in so many rounds, on the environment's own episodes; `show` how far it is.

    With `mirrored` left and right are shifted alike. Returns the control steps, over all environments.
    """
    index, sign = environment.mirrors[1]
    age = torch.zeros(environment.num_envs, device=environment.engine.device)
    ways.shift = torch.zeros(len(SPEED_KNOTS), environment.num_actions, device=age.device)
    observation = environment.observe()
    for _ in track(range(UNSETTLED + rounds), "finding how to hold the body", disable=not show):
        total, weight = torch.zeros_like(ways.shift), torch.zeros_like(ways.shift[:, :1])
        for _ in range(ROUND):
            actions, shifted = ways.actions(environment, observation)
            observation, _, done, *_ = environment.step(actions)
            age = (age + 1) * (done == 0)
            windows = environment.history.windows(_EVERYONE)
            condition = environment.score.condition(windows)
            counts = _hats(condition) * (shifted & (age > UNSETTLED * ROUND)).unsqueeze(1)
            total -= counts.T @ environment.score.pose_error(windows, condition)[:, _ANGLES]
            weight += counts.sum(0).unsqueeze(1)
        change = torch.where(weight > RARE * weight.sum(), total / weight.clamp_min(1e-6), 0.0)
        change[1:, CARRYING] = 0.0
        ways.shift = ways.shift + GAIN * ((change + change[:, index] * sign) / 2 if mirrored else change)
    return (UNSETTLED + rounds) * ROUND * environment.num_envs


def _hats(condition: Tensor) -> Tensor:
    return condition[:, : len(SPEED_KNOTS)]

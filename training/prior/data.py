"""The two sides of a dataset as a prior uses them: what it learns from, and what it is judged by.

As a rule those are different performances (`held_out: clips`). A skill that was captured once has no second one
(`held_out: between`): it is learned whole, and judged by the same clips at speeds between those of training. Such a
prior is not asked to generalise, and its audit says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from training.config import ConfigError
from training.motion.dataset import Clip

BETWEEN = (0.97, 1.03)
"""Speeds at which clips are played to judge a prior that has learned them; training plays them at others."""


def sides(clips: Sequence[Clip], held_out: str, folder: str) -> tuple[list[Clip], list[Clip]]:
    """Clips to learn from and clips to judge by; raises ConfigError when a side would be empty."""
    if held_out == "between":
        if not clips:
            raise ConfigError(f"{folder}: expected clips, found none")
        return list(clips), [_played(clip, speed) for clip in clips for speed in BETWEEN]
    parts = {side: [clip for clip in clips if clip.split == side] for side in ("train", "held_out")}
    if missing := [side for side, members in parts.items() if not members]:
        raise ConfigError(
            f"{folder}: expected clips on both sides of the split, found none {missing[0]} "
            "(prior.held_out=between judges by the same clips at other speeds)"
        )
    return parts["train"], parts["held_out"]


def _played(clip: Clip, speed: float) -> Clip:
    """Play the clip that much faster, as a performance of its own."""
    motion = replace(clip.motion, rate=clip.motion.rate * speed)
    return replace(clip, motion=motion, group=f"{clip.group} × {speed:g}", speed=clip.speed * speed)

"""Stretches of time: runs of frames for which something holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """Maximal runs of True in `flags` [T] as (first, last + 1)."""
    edges = np.diff(np.concatenate(([False], flags, [False])).astype(int))
    for first, last in zip(np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0], strict=True):
        yield int(first), int(last)


def lasting(flags: np.ndarray, frames: int) -> np.ndarray:
    """`flags` [T, C] without the runs of True shorter than `frames`."""
    kept = np.zeros_like(flags)
    for column in range(flags.shape[1]):
        for first, last in runs(flags[:, column]):
            kept[first:last, column] = last - first >= frames
    return kept

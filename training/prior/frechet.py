"""Fréchet distance of two sets of motion windows in one fixed feature space."""

from __future__ import annotations

import torch
from torch import Tensor

FRAMES = 4
"""So many of a window's, evenly picked from the first to the last."""


def embed(windows: Tensor, channel_std: Tensor) -> Tensor:
    """Features [N, 232] of raw windows [N, F, 58]: four frames in standard deviations, divided by √232.

    So that a distance in this space is a root mean square over channels.
    """
    frames = torch.linspace(0, windows.shape[1] - 1, FRAMES).round().long()
    flat = (windows[:, frames] / channel_std).flatten(1).double()
    return flat / flat.shape[1] ** 0.5


def distance(one: Tensor, other: Tensor) -> float:
    """d² = |μ₁ - μ₂|² + Tr(Σ₁ + Σ₂ - 2(Σ₁Σ₂)^½) of features [N, C] and [M, C] (Dowson & Landau 1982)."""
    means = [x.mean(0) for x in (one, other)]
    first, second = (torch.cov(x.T) for x in (one, other))
    values, axes = torch.linalg.eigh(first)
    root = axes * values.clamp_min(0).sqrt() @ axes.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float((means[0] - means[1]).square().sum() + first.trace() + second.trace() - 2 * cross)

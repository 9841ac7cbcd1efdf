"""Styles: how a conditional denoiser is steered, and styles of two halves of the body put together.

A style vector [B, 2S] holds weights ≥ 0 of S styles for the upper body, then for the lower; zeros are no style at all.
Of one half's weights v, the sum is the guidance weight w and v/w the style that the denoiser is told (a blend where
several are not zero). With the unconditional prediction f(∅), the halves' f(c_u), f(c_l) and the masks M of their
channels (SMP, "composition"; Ho & Salimans 2022 for the guidance):

    f̂ = M_u [f(∅) + w_u (f(c_u) - f(∅))] + M_l [f(∅) + w_l (f(c_l) - f(∅))]

One style for all of the body with weight 1 is one pass of the network; two styles are two, guidance needs f(∅) as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from training import features
from training.prior.denoiser import Denoiser

_UPPER = ("trunk", "arms", "head", "hands")


def upper_channels() -> Tensor:
    """Which of the 58 channels belong to the upper body, [58] float; the root and the legs are the lower."""
    mask = torch.zeros(len(features.WINDOW_NAMES))
    for group in _UPPER:
        mask[features.GROUPS[group]] = 1.0
    return mask


def vector(names: Sequence[str], upper: Mapping[str, float], lower: Mapping[str, float] | None = None) -> Tensor:
    """Style vector [2S] of weights by name; `lower` None is the same as upper.

    Raises KeyError naming an unknown style.
    """
    halves = []
    for weights in (upper, upper if lower is None else lower):
        if unknown := sorted(set(weights) - set(names)):
            raise KeyError(f"no style {', '.join(unknown)}: the prior has {', '.join(names) or 'none'}")
        halves.append(torch.tensor([float(weights.get(name, 0.0)) for name in names]))
    return torch.cat(halves)


def whole(one_hot: Tensor) -> Tensor:
    """Style vectors [B, 2S] of one style for all of the body, from [B, S]."""
    return torch.cat((one_hot, one_hot), 1)


def predict(denoiser: Denoiser, x_t: Tensor, t: Tensor, style: Tensor) -> Tensor:
    """Noise [..., F·58] predicted under style vectors [..., 2S], see the module."""
    upper, lower = style.chunk(2, dim=-1)
    if not torch.compiler.is_exporting():  # a graph is traced once and must hold for all
        if torch.equal(upper, lower) and torch.all((upper.sum(-1) - 1).abs() < 1e-6):
            return denoiser(x_t, t, upper)
        if not style.any():
            return denoiser(x_t, t, upper)
    none = denoiser(x_t, t, torch.zeros_like(upper))
    guided = [none + weight * (denoiser(x_t, t, told) - none) for told, weight in map(_split, (upper, lower))]
    mask = upper_channels().to(x_t.device).repeat(x_t.shape[-1] // len(features.WINDOW_NAMES))
    return mask * guided[0] + (1 - mask) * guided[1]


def _split(weights: Tensor) -> tuple[Tensor, Tensor]:
    """The style told [..., S] and the guidance weight [..., 1] of weights [..., S]."""
    total = weights.sum(-1, keepdim=True)
    return weights / total.clamp_min(1e-6), total

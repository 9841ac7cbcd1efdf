"""Coverage and fidelity: does a set of motion windows reach all of another, and nothing else?

Coverage is the share of reference windows with a window of the set near, so that standing still cannot pass for
motion; fidelity is the reverse (method.md §9). Near is measured in one fixed space: channels divided by the prior's
standard deviations, root mean square over the window's numbers, left and right alike. "Near" means as near as nine
in ten held-out windows are to the training data.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.motion import windows as motion_windows

NEAR_QUANTILE = 0.9
_QUERIES, _REFERENCES = 512, 16384  # a tile of distances


def nearest(windows: Tensor, references: Tensor, channel_std: Tensor) -> Tensor:
    """Distance [M] of raw windows [M, F, 58] to the nearest of `references` [N, F, 58] or its mirror image.

    In standard deviations, `channel_std` [58], root mean square over frames and channels.
    """
    queries = [(w / channel_std).flatten(1) for w in (windows, motion_windows.mirror(windows))]
    least = torch.full((len(windows),), torch.inf)
    for tile in references.split(_REFERENCES):
        known = (tile / channel_std).flatten(1)
        for query in queries:
            found = torch.cat([torch.cdist(q, known).amin(1) for q in query.split(_QUERIES)])
            least = torch.minimum(least, found)
    return least / windows[0].numel() ** 0.5


def coverage(
    windows: Tensor, held_out: Tensor, training: Tensor, alike: Tensor, channel_std: Tensor
) -> dict[str, float]:
    """Coverage and fidelity of generated `windows`, and whether they are copies; all arguments raw [*, F, 58].

    `alike` are as many windows drawn from the training data as it was trained on: what a perfect generator would make.
    The copy ratio is the median distance to the nearest training window, of generated over held-out windows: 1 where
    samples are as new as real motion is, 0 for a copying machine.
    """
    of_held_out = nearest(held_out, training, channel_std)
    of_samples = nearest(windows, training, channel_std)
    near = of_held_out.quantile(NEAR_QUANTILE).item()

    def share(distance: Tensor) -> float:
        return (distance <= near).float().mean().item()

    return {
        "near_std": near,
        "coverage_of_held_out": share(nearest(held_out, windows, channel_std)),
        "coverage_of_held_out_by_training": share(nearest(held_out, alike, channel_std)),
        "fidelity_to_training": share(of_samples),
        "fidelity_to_held_out": share(nearest(windows, held_out, channel_std)),
        "fidelity_to_held_out_of_training": share(nearest(alike, held_out, channel_std)),
        "copy_ratio": (of_samples.median() / of_held_out.median()).item(),
        "copies": (of_samples < of_held_out.quantile(0.01)).float().mean().item(),
    }

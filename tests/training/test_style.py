"""Styles: vectors of weights, guidance, two styles of two halves of the body, and what an unknown style says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.training.conftest import sliding
from training import features
from training.config import ConfigError
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.pretrain import labels
from training.prior.denoiser import Denoiser
from training.prior.style import predict, upper_channels, vector, whole


class Linear(Denoiser):
    """Says 1 without a style, and 1 + 2a + 5b for weights (a, b); of windows of ten frames."""

    def __init__(self) -> None:
        super().__init__(580, components=1, width=2, blocks=1, styles=2)

    def forward(self, x_t: Tensor, t: Tensor, style: Tensor | None = None) -> Tensor:
        """Predict the same for all channels."""
        assert style is not None
        return (1 + style @ torch.tensor([2.0, 5.0])).unsqueeze(-1).expand_as(x_t)


UPPER, LOWER = features.WINDOW_NAMES.index("right_hand_x"), features.WINDOW_NAMES.index("root_height")


@pytest.mark.parametrize(
    ("style", "upper", "lower"),
    [
        ((0, 0, 0, 0), 1.0, 1.0),  # none
        ((1, 0, 1, 0), 3.0, 3.0),  # the first, whole body
        ((2, 0, 2, 0), 5.0, 5.0),  # guidance 2: 1 + 2·(3 - 1)
        ((1, 0, 0, 1), 3.0, 6.0),  # the first above, the second below
        ((0.5, 0.5, 1, 0), 4.5, 3.0),  # halfway between both above: 1 + (2 + 5)/2
        ((0, 0, 0, 3), 1.0, 16.0),  # none above, the second with guidance 3 below: 1 + 3·5
    ],
)
def test_guidance_and_composition(style: tuple[float, ...], upper: float, lower: float):
    """Numbers worked out by hand, for a batch of two."""
    told = torch.tensor([style]).float().expand(2, -1)
    found = predict(Linear(), torch.zeros(2, 580), torch.zeros(2, dtype=torch.int64), told).view(2, 10, 58)
    assert found[:, :, UPPER].unique().tolist() == pytest.approx([upper])
    assert found[:, :, LOWER].unique().tolist() == pytest.approx([lower])
    several = predict(Linear(), torch.zeros(2, 3, 580), torch.zeros(3, dtype=torch.int64), told.unsqueeze(1))
    assert torch.equal(several.view(2, 3, 10, 58)[:, 1], found)


def test_halves_of_the_body():
    """Trunk, arms, head and hands are above; root, legs and feet below: 6 + 8 + 3 + 6 channels."""
    mask = upper_channels()
    assert mask.sum() == 23
    names = [name for name, value in zip(features.WINDOW_NAMES, mask, strict=True) if value]
    assert {"abdomen_x", "left_elbow", "head_z"} <= set(names) and not {"root_x", "right_knee", "left_toe_z"} & set(
        names
    )


def test_vectors_by_name():
    """One style is that of both halves; an unknown one is named, with those there are."""
    assert vector(("old", "sad"), {"sad": 1.0}).tolist() == [0, 1, 0, 1]
    assert vector(("old", "sad"), {"sad": 1.0}, {"old": 2.0}).tolist() == [0, 1, 2, 0]
    with pytest.raises(KeyError, match="no style glad: the prior has old, sad"):
        vector(("old", "sad"), {"glad": 1.0})


def test_a_denoiser_learns_what_a_style_is():
    """A style shifts what the network says; none leaves it as it is, and so does a denoiser without styles."""
    torch.manual_seed(0)
    network = Denoiser(580, components=40, width=8, blocks=1, styles=2).eval()
    for values in network.parameters():
        torch.nn.init.normal_(values, std=0.3)
    x, t = torch.randn(3, 580), torch.tensor([4, 20, 40])
    one = torch.eye(2)[[0, 0, 0]]
    assert torch.equal(network(x, t), network(x, t, torch.zeros(3, 2)))
    assert not torch.allclose(network(x, t), network(x, t, one))
    assert torch.equal(predict(network, x, t, whole(one)), network(x, t, one))


def test_labels_are_those_of_the_clips():
    """One-hot by window, names sorted; a held-out style nobody learned is an error that names the clip."""
    clips = [
        replace(Clip(sliding(i, 0.5), "walk", "train", f"g{i}", 0.5), style=style)
        for i, style in enumerate(("sad", "old"))
    ]
    windows = motion_windows.cut(clips)
    found = labels(clips, windows, clips[:1], motion_windows.cut(clips[:1]), "made")
    assert found.names == ("old", "sad")
    assert found.training.sum(0).tolist() == [63, 63] and found.held_out.sum(0).tolist() == [0, 63]
    assert torch.equal(found.training[:, 1].bool(), windows.clip == 0)
    with pytest.raises(ConfigError, match=r"made: prior\.styles=true needs .* but slide1"):
        labels(clips[:1], windows, clips[1:], windows, "made")

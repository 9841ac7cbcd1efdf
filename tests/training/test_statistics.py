"""What windows amount to: spreads, straightness, slip, posture and cadence, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training import features
from training.motion.windows import mirror
from training.prior.statistics import POSE, STATISTICS, cadence, pose, pose_share, posture, statistics

FRAMES, CHANNELS = features.WINDOW, len(features.WINDOW_NAMES)


def gliding(speed: float, lift: float = 0.0, apart: float = 0.2) -> Tensor:
    """A window [1, 10, C] of someone who glides along x on level soles `apart` m wide, `lift` m up."""
    windows = torch.zeros(1, FRAMES, CHANNELS)
    windows[0, :, 0] = speed * torch.arange(-9, 1) / 30
    windows[..., features.WINDOW_NAMES.index("root_height")] = 0.9 + lift
    for side, y in (("right", -apart / 2), ("left", apart / 2)):
        for point, x in (("heel", -0.04), ("toe", 0.13)):
            for axis, value in zip("xyz", (x, y, -0.9), strict=True):
                windows[..., features.WINDOW_NAMES.index(f"{side}_{point}_{axis}")] = value
    return windows


def test_slip_and_stance_by_hand():
    """Gliding at 2 m/s on four points slips 36·2/(36 + 1) m/s, lifted by 10 cm not at all; heels 20 cm apart."""
    std = torch.ones(CHANNELS)
    slip, apart = (STATISTICS.index(name) for name in ("slip", "feet apart"))
    down = 36 * torch.sigmoid(torch.tensor(5.0)).item()  # 2 cm below the edge of contact
    on, off = (statistics(gliding(2.0, lift), std)[0] for lift in (0.0, 0.1))
    assert on[slip].exp().item() - 0.05 == pytest.approx(2.0 * down / (down + 1), rel=1e-3)
    assert off[slip].exp().item() - 0.05 == pytest.approx(0.0, abs=1e-3)
    assert on[apart].exp().item() - 0.05 == pytest.approx(0.2, abs=1e-5)


def test_spread_by_hand():
    """The head going up and down by .3 in one of three channels of std 2: log √(.15²/3 + .0001), nothing else moves."""
    windows, std = gliding(1.0), torch.ones(CHANNELS)
    z = features.WINDOW_NAMES.index("head_z")
    std[z] = 2.0
    windows[0, :, z] += 0.3 * (-1.0) ** torch.arange(FRAMES)
    found = statistics(windows, std)[0]
    head = STATISTICS.index("head spread")
    assert found[head].item() == pytest.approx(0.5 * math.log(0.15**2 / 3 + 1e-4), abs=1e-4)
    still = [i for i, name in enumerate(STATISTICS) if name.endswith("spread") and i != head]
    torch.testing.assert_close(found[still], torch.full((7,), 0.5 * math.log(1e-4)), atol=1e-4, rtol=0)
    assert not any("travel" in name for name in STATISTICS)


def test_straightness_by_hand():
    """A hand that rises 3 cm a frame comes 7·.03 from its first three frames to its last three; one that shakes .2·.3.

    In one of the hands' six channels; the spreads are √8.25·.03 and .3.
    """
    z, hands = features.WINDOW_NAMES.index("left_hand_z"), STATISTICS.index("hands straightness")
    path = torch.stack((0.03 * torch.arange(FRAMES), 0.3 * (-1.0) ** torch.arange(FRAMES)))
    windows = torch.zeros(2, FRAMES, CHANNELS)
    windows[..., z] = path
    found = statistics(windows, torch.ones(CHANNELS))
    for row, (net, spread) in enumerate(((0.21, 0.03 * math.sqrt(8.25)), (0.2, 0.3))):
        expected = 0.5 * math.log(net**2 / 6 + 1e-3) - 0.5 * math.log(spread**2 / 6 + 1e-4)
        assert found[row, hands].item() == pytest.approx(expected, abs=1e-4)
    assert found[0, hands] > found[1, hands] + 0.8


def test_statistics_do_not_see_left_or_right():
    """A window and its mirror image have the same statistics where left and right have the same deviations."""
    windows = 0.3 * torch.randn(5, FRAMES, CHANNELS, generator=torch.Generator().manual_seed(0))
    std = torch.ones(CHANNELS)
    torch.testing.assert_close(statistics(mirror(windows), std), statistics(windows, std), atol=1e-5, rtol=1e-5)


def test_posture_by_hand():
    """Heights in units of 3 cm, the head's lead of 5 cm, the knees' mean angle of .15 rad, over all frames."""
    windows = torch.zeros(1, FRAMES, CHANNELS)
    values = {"root_height": 0.9, "head_x": 0.1, "head_z": 0.45, "right_knee": 0.2, "left_knee": 0.4}
    for name, value in values.items():
        windows[..., features.WINDOW_NAMES.index(name)] = value
    windows[0, :5, features.WINDOW_NAMES.index("head_x")] = 0.2
    assert posture(windows)[0].tolist() == pytest.approx([30.0, 3.0, 15.0, 2.0], rel=1e-5)


def test_cadence_by_hand():
    """Legs that gain .1 rad a frame, then stop: seconds √(1/8)·.1, firsts √(5/9)·.1; feet at rest are not brisk."""
    windows = torch.zeros(1, FRAMES, CHANNELS)
    gain = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5])
    windows[0, :, list(features.GROUPS["legs"])] = gain.unsqueeze(1)
    legs = (30.0 * 0.1 * math.sqrt(1 / 8) + 1e-3) / (0.1 * math.sqrt(5 / 9) + 3e-3)
    assert cadence(windows)[0].exp().tolist() == pytest.approx([legs, 1 / 3], rel=1e-4)
    swing = torch.arange(FRAMES) / 30.0
    for width in (0.3, 0.6):  # 2πf, whatever the width
        for hertz in (1.0, 2.0):
            wave = width * torch.sin(2 * math.pi * hertz * swing)
            windows[0, :, list(features.GROUPS["legs"])] = wave.unsqueeze(1)
            assert cadence(windows)[0, 0].exp().item() == pytest.approx(2 * math.pi * hertz, rel=0.35)


def test_pose_is_how_the_body_is_held():
    """Means over the frames of every channel but the root's x and y, and which of them make up which body group."""
    windows = torch.randn(3, FRAMES, CHANNELS, generator=torch.Generator().manual_seed(0))
    held = pose(windows)
    torch.testing.assert_close(held, windows.mean(1)[:, 2:])
    averages = held @ pose_share()
    assert averages.shape == (3, len(POSE)) and "root_travel pose" not in POSE
    for column, name in enumerate(POSE):
        channels = features.GROUPS[name.removesuffix(" pose")]
        torch.testing.assert_close(averages[:, column], windows[..., channels].mean((1, 2)))

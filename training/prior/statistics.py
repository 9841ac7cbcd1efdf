"""What a motion window amounts to, in numbers that a denoiser's error does not tell (see score.py for what they cost).

All are functions of raw windows [B, 10, 58] alone; `STATISTICS`, `CADENCE` and `POSTURE` name their columns. `POSE` is
what score.py makes of `pose`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training import features

LIMBS = ("arms", "legs", "hands", "feet")
STATISTICS = (
    *(f"{name} spread" for name in features.GROUPS if name != "root_travel"),
    *(f"{name} straightness" for name in LIMBS),
    "slip",
    "feet apart",
)
"""Names of the `statistics`."""
POSTURE = ("root height", "head ahead", "head height", "knees bent")
"""Names of the `posture`."""
CADENCE = ("legs briskness", "feet briskness")
"""Names of the `cadence`."""
_POSTURE_UNITS = (0.03, 0.05, 0.03, 0.15)  # m, m, m, rad: about what people who walk at one speed differ by
_CHANNELS = {name: slice(members[0], members[-1] + 1) for name, members in features.GROUPS.items()}  # each is a run
assert all(len(members) == members[-1] + 1 - members[0] for members in features.GROUPS.values())
_HELD = {name: channels for name, channels in _CHANNELS.items() if name != "root_travel"}
_FIRST_HELD = _CHANNELS["root_travel"].stop  # from here on all channels are of `_HELD`
HELD = features.WINDOW_NAMES[_FIRST_HELD:]
"""Channels that `pose` is of, by name."""
POSE = tuple(f"{name} pose" for name in _HELD)
"""Body groups whose `pose` is compared with real ones."""


def statistics(windows: Tensor, channel_std: Tensor) -> Tensor:
    """Logarithms [B, 14] of what a window's motion amounts to, see `STATISTICS`; `windows` [B, 10, 58] are raw.

    - spread: how far a body group moves in time, root mean square over its channels in units of `channel_std` [58];
    - straightness: how far a limb comes from the first to the last three frames, in units of its spread. A limb that
      swings widely is on its way for most of 0.3 s; one that trembles or takes short quick steps turns back;
    - slip: horizontal speed of the soles' edges while they are within 2 cm of the ground (m/s, plus .05);
    - feet apart: mean horizontal distance of the heels (m, plus .05).
    """
    scaled = windows / channel_std
    variance = (scaled - scaled.mean(1, keepdim=True)).square().mean(1)
    square_net = (scaled[:, -3:].mean(1) - scaled[:, :3].mean(1)).square()
    spread = {name: 0.5 * (variance[:, c].mean(1) + 1e-4).log() for name, c in _CHANNELS.items()}
    net = {name: 0.5 * (square_net[:, _CHANNELS[name]].mean(1) + 1e-3).log() for name in LIMBS}
    first = features.WINDOW_NAMES.index("right_heel_x")
    sole = windows[..., first : first + 12].unflatten(2, (4, 3)) + windows[..., None, :3]  # world, up to yaw
    speed = (sole[:, 1:, :, :2] - sole[:, :-1, :, :2]).norm(dim=-1) * 30.0  # [B, 9, 4] m/s
    height = torch.maximum(sole[:, 1:, :, 2], sole[:, :-1, :, 2])
    down = torch.sigmoid((0.02 - height) / 0.004)
    slip = (down * speed).sum((1, 2)) / (down.sum((1, 2)) + 1.0)
    apart = (sole[:, :, 0, :2] - sole[:, :, 2, :2]).norm(dim=-1).mean(1)
    spreads = [value for name, value in spread.items() if name != "root_travel"]
    straight = [net[name] - spread[name] for name in LIMBS]
    return torch.stack((*spreads, *straight, (slip + 0.05).log(), (apart + 0.05).log()), dim=1)


def posture(windows: Tensor) -> Tensor:
    """Means [B, 4] over raw windows [B, 10, 58] of `POSTURE`, in units of about what people differ by.

    Height of the root, of the head over it and how far the head is ahead of it along the last frame's heading; mean
    angle of the knees.
    """
    channels = ("root_height", "head_x", "head_z")
    height, ahead, above = (windows[..., features.WINDOW_NAMES.index(name)].mean(1) for name in channels)
    knees = [windows[..., features.WINDOW_NAMES.index(f"{side}_knee")].mean(1) for side in ("right", "left")]
    values = (height, ahead, above, (knees[0] + knees[1]) / 2)
    return torch.stack([value / unit for value, unit in zip(values, _POSTURE_UNITS, strict=True)], 1)


def pose(windows: Tensor) -> Tensor:
    """How the body is held: means [B, 56] (m, rad, 1) over raw windows [B, 10, 58] of all but the root's way."""
    return windows[..., _FIRST_HELD:].mean(1)


def cadence(windows: Tensor) -> Tensor:
    """Logarithms [B, 2] of how brisk legs and feet are (1/s), see `CADENCE`; `windows` [B, 10, 58] are raw.

    Root mean square of the second difference over that of the first, times 30 Hz: of a swing at f Hz 2πf, whatever its
    width. Plus .003 rad or m a frame, so that rest is not brisk.
    """
    first = windows[:, 1:] - windows[:, :-1]
    second = first[:, 1:] - first[:, :-1]

    def size(values: Tensor, name: str) -> Tensor:
        return values[..., _CHANNELS[name]].square().mean((1, 2)).sqrt()

    brisk = [(30.0 * size(second, name) + 1e-3) / (size(first, name) + 3e-3) for name in ("legs", "feet")]
    return torch.stack(brisk, 1).log()


def pose_share() -> Tensor:
    """[56, 8]: averages what `pose` gives over body groups, see `POSE`."""
    share = torch.zeros(len(features.WINDOW_NAMES), len(_HELD))
    for column, channels in enumerate(_HELD.values()):
        share[channels, column] = 1.0 / (channels.stop - channels.start)
    return share[_FIRST_HELD:]

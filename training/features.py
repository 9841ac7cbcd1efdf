"""State to features: what a policy observes and what a prior judges. The only place, traced into both ONNX files.

Both live in the heading frame (the root's yaw removed, `rotation.heading`), so they do not change when the world is
translated or turned about the vertical.

A policy sees one instant, `observation`: 84 numbers, no history. A prior sees a motion window, `window`: F frames that
lie `offsets` control steps back, newest last, 58 numbers a frame in the frame of the LAST root, no velocities; whatever
a window says about speed it says by differences of its frames, so a clip and a simulation are seen the same way.

The usual window, `OFFSETS`, is dense where jitter, slip and velocity show and nearly a second long, so that it sees a
stride: windows of a third of a second cannot tell quick little steps from walking.

Joint rotations enter as the 28 hinge angles: they are bounded, never wrap, and are a third of the 84 numbers that six
per joint would take.

`OBSERVATION_MIRROR`, `WINDOW_MIRROR` and `JOINT_MIRROR` are the left-right reflection as index and sign.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from runtime import character
from training import rotation

OFFSETS = (27, 20, 15, 10, 7, 5, 3, 2, 1, 0)
"""Control steps that the frames of a window lie back, unless a prior file says otherwise; newest last."""
HISTORY = OFFSETS[0] + 1
"""States, one a control step, from which every window can be made: no window reaches further back."""

SOLE_POINTS = {"heel": (-0.0435, 0.0, -0.05), "toe": (0.1335, 0.0, -0.05)}
"""m, in the foot's frame: middle of the sole's hind and fore edge."""
KEY_POINTS = ("head", "right_hand", "left_hand", "right_heel", "right_toe", "left_heel", "left_toe")
"""What a window knows of the body's ends; the sole's edges instead of the ankles, to see contact, slip and flight."""
_FREE_INDEX = tuple(character.BODIES.index(name) for name in KEY_POINTS[:3])
_FOOT_INDEX = tuple(character.BODIES.index(name) for name in character.FEET)

KEY_BODY_INDEX = tuple(character.BODIES.index(name) for name in character.KEY_BODIES)

_AXES3, _KEYS = ("x", "y", "z"), character.KEY_BODIES
_ROOT_6D = ("root_xx", "root_xy", "root_xz", "root_yx", "root_yy", "root_yz")  # column, then component
_KEY_NAMES = tuple(f"{body}_{axis}" for body in _KEYS for axis in _AXES3)
_POINT_NAMES = tuple(f"{point}_{axis}" for point in KEY_POINTS for axis in _AXES3)

OBSERVATION_NAMES = (
    "root_height", *_ROOT_6D,
    *(f"velocity_{a}" for a in _AXES3), *(f"spin_{a}" for a in _AXES3),
    *character.JOINT_NAMES, *(f"{name}_velocity" for name in character.JOINT_NAMES), *_KEY_NAMES,
)  # fmt: skip
WINDOW_NAMES = ("root_x", "root_y", "root_height", *_ROOT_6D, *character.JOINT_NAMES, *_POINT_NAMES)


def _groups() -> dict[str, list[int]]:
    """Body groups of the window channels (method.md §10), each a list of channel indices."""
    rules = {
        "root_travel": lambda n: n in ("root_x", "root_y"),
        "root_height": lambda n: n == "root_height",
        "root_rotation": lambda n: n in _ROOT_6D,
        "trunk": lambda n: n.startswith(("abdomen", "neck")),
        "arms": lambda n: "shoulder" in n or "elbow" in n,
        "legs": lambda n: "hip" in n or "knee" in n or "ankle" in n,
        "head": lambda n: n.startswith("head_"),
        "hands": lambda n: "hand_" in n,
        "feet": lambda n: "heel_" in n or "toe_" in n,
    }
    groups = {group: [i for i, n in enumerate(WINDOW_NAMES) if rule(n)] for group, rule in rules.items()}
    assert sorted(i for members in groups.values() for i in members) == list(range(len(WINDOW_NAMES)))
    return groups


GROUPS = _groups()


def observation(
    root_position: Tensor, root_rotation: Tensor, root_linear_velocity: Tensor, root_angular_velocity: Tensor,
    joint_position: Tensor, joint_velocity: Tensor, body_position: Tensor,
) -> Tensor:  # fmt: skip
    """What a policy observes of its own body, [B, 84], from raw world-frame state (see `runtime.character.State`).

    In order: root height 1 (m), root rotation 6, linear velocity 3 (m/s), angular velocity 3 (rad/s), joint angles 28
    (rad), joint velocities 28 (rad/s), key bodies relative to the root 15 (m); all in the heading frame.
    """
    cos, sin = rotation.heading(root_rotation)
    keys = torch.stack([body_position[:, b] for b in KEY_BODY_INDEX], dim=1) - root_position.unsqueeze(1)
    return torch.cat(
        (
            root_position[:, 2:3],
            _heading_6d(cos, sin, root_rotation),
            rotation.unyaw(cos, sin, root_linear_velocity),
            rotation.unyaw(cos, sin, root_angular_velocity),
            joint_position,
            joint_velocity,
            rotation.unyaw(cos.unsqueeze(1), sin.unsqueeze(1), keys).flatten(1),
        ),
        dim=1,
    )


def key_points(body_position: Tensor, body_rotation: Tensor) -> Tensor:
    """World positions [..., 7, 3] m of `KEY_POINTS` from body positions [..., 15, 3] and rotations [..., 15, 4]."""
    points = [body_position[..., body, :] for body in _FREE_INDEX]  # an index of several would be sent to the GPU
    for foot in _FOOT_INDEX:
        ankle, turn = body_position[..., foot, :], body_rotation[..., foot, :]
        for offset in SOLE_POINTS.values():
            away = torch.stack([torch.full_like(ankle[..., 0], x) for x in offset], dim=-1)
            points.append(ankle + rotation.rotate(turn, away))
    return torch.stack(points, dim=-2)


def window(root_position: Tensor, root_rotation: Tensor, joint_position: Tensor, points: Tensor) -> Tensor:
    """Motion windows [B, F, 58] from world-frame frames [B, F, ...]; `points` [B, F, 7, 3] m, see `key_points`.

    Each frame: root x and y relative to the last frame's root, root height (m), root rotation 6, joint angles 28
    (rad), key points relative to that frame's root 21 (m); directions in the last frame's heading frame.
    """
    cos, sin = rotation.heading(root_rotation[:, -1])
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)  # [B, 1]
    travel = rotation.unyaw(cos, sin, root_position - root_position[:, -1:])
    keys = points - root_position.unsqueeze(2)
    return torch.cat(
        (
            travel[..., :2],
            root_position[..., 2:],
            _heading_6d(cos, sin, root_rotation),
            joint_position,
            rotation.unyaw(cos.unsqueeze(2), sin.unsqueeze(2), keys).flatten(2),
        ),
        dim=2,
    )


def _heading_6d(cos: Tensor, sin: Tensor, q: Tensor) -> Tensor:
    """The rotation's two columns [..., 6] seen in the heading frame."""
    columns = rotation.to_6d(q)
    x, y = rotation.unyaw(cos, sin, columns[..., :3]), rotation.unyaw(cos, sin, columns[..., 3:])
    return torch.cat((x, y), dim=-1)


def unpack_window(windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Root position [B, F, 3], root rotation [B, F, 4] wxyz and joint angles [B, F, 28] of windows [B, F, 58].

    The inverse of `window` up to the world's translation and heading; key points follow by forward kinematics.
    """
    return windows[..., :3], rotation.from_6d(windows[..., 3:9]), windows[..., 9:37]


def _mirror(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Index and sign with mirrored[i] = sign[i] · original[index[i]], by the channels' names.

    A reflection in the x-z plane: positions and velocities lose the sign of y, rotations and spins keep that of y.
    """
    swap = {"right": "left", "left": "right"}

    def source(name: str) -> int:
        side, _, rest = name.partition("_")
        return names.index(f"{swap[side]}_{rest}" if side in swap else name)

    def negative(name: str) -> bool:
        if name in _ROOT_6D:  # columns x (xx, xy, xz) and y (yx, yy, yz): M R M negates entries with one y
            return (name[-2] == "y") != (name[-1] == "y")
        name = name.removesuffix("_velocity")
        if name in character.JOINT_NAMES:
            return name.endswith(("_x", "_z", "elbow"))
        if name.startswith("spin"):
            return not name.endswith("_y")
        return name.endswith("_y")

    return np.array([source(n) for n in names]), np.array([-1.0 if negative(n) else 1.0 for n in names], np.float32)


OBSERVATION_MIRROR = _mirror(OBSERVATION_NAMES)
WINDOW_MIRROR = _mirror(WINDOW_NAMES)
JOINT_MIRROR = _mirror(character.JOINT_NAMES)

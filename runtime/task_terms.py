"""Terms of rewards and observations that are the same in NumPy and in PyTorch, for tasks from outside (`tasks.py`).

`xp` is the module that the arrays belong to, `numpy` or `torch`. Only names that both have are used, with positional
arguments: `xp.stack(parts, 1)`, `xp.clip(x, 0.0, None)`, `xp.where(mask, x, 0.0)`.
"""

from __future__ import annotations

from typing import Any

from runtime.character import BODIES, FALLEN_HEAD, FALLEN_ROOT

HEAD = BODIES.index("head")

WALK = ("velocity_ahead", "velocity_left", "facing_ahead", "facing_left", "speed")
"""Names of what `walk` shows: a task whose `observation_names` have them can start from a policy that walks."""
WALK_MIRROR = (1.0, -1.0, 1.0, -1.0, 1.0)
"""Signs that mirror it."""
STAND = (0.0, 0.0, 1.0, 0.0, 0.0)
"""What it shows whoever is to stand and looks where they are to look."""


def heading(xp: Any, root_rotation: Any) -> tuple[Any, Any]:  # noqa: ANN401 - arrays of either library
    """Cosine and sine [N] of the twist of rotations [N, 4] wxyz about the vertical; heading 0 upside down."""
    w, z = root_rotation[:, 0], root_rotation[:, 3]
    square = w * w + z * z
    norm = xp.clip(square, 1e-8, None)
    cos = xp.where(square < 1e-8, xp.ones_like(w), (w * w - z * z) / norm)
    return cos, 2.0 * w * z / norm


def seen_from(xp: Any, root_rotation: Any, x: Any, y: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Horizontal world vectors x, y [N] in the heading frame of rotations [N, 4]: forward and left."""
    cos, sin = heading(xp, root_rotation)
    return cos * x + sin * y, cos * y - sin * x


def walk(xp: Any, root_rotation: Any, velocity: tuple[Any, Any], facing: tuple[Any, Any]) -> Any:  # noqa: ANN401
    """[N, 5] named `WALK`: a wanted velocity x, y (m/s, world) and facing x, y (unit), each seen from the heading."""
    vx, vy = velocity
    speed = xp.sqrt(xp.clip(vx * vx + vy * vy, 1e-12, None))
    parts = (*seen_from(xp, root_rotation, vx, vy), *seen_from(xp, root_rotation, *facing), speed)
    return xp.stack(parts, 1)


def closeness(xp: Any, square: Any, sharp: float = 4.0) -> Any:  # noqa: ANN401
    """.5 exp(-.5 d²) + .5 exp(-sharp d²) of squared distances [N]: leads there from afar, and says where it is."""
    return 0.5 * xp.exp(-0.5 * square) + 0.5 * xp.exp(-sharp * square)


def fallen(body: Any) -> Any:  # noqa: ANN401
    """Mask [N]: root or head lower than in any upright motion."""
    return (body.root_position[:, 2] < FALLEN_ROOT) | (body.body_position[:, HEAD, 2] < FALLEN_HEAD)

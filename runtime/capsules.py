"""The humanoid's shape as capsules: where it is struck, and how low it reaches.

Read from the compiled model. A sphere is a capsule without length; the foot's box is one along its sole, as thick as
the box is high, with its lower edge at the sole.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import mujoco
import numpy as np

from runtime import character

A = TypeVar("A", bound=Any)


@cache
def capsules() -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """Return the body [G] each capsule is on, its ends [G, 2, 3] m in that body's frame, and its radius [G] m."""
    model = character.model()
    first = character.find_slots(model).body
    owners, ends, radii = [], [], []
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] < first:
            continue
        kind, size, centre = model.geom_type[geom], model.geom_size[geom], model.geom_pos[geom]
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
        axes = turn.reshape(3, 3)
        if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
            radius, reach = size[0], np.zeros(3)
        elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
            radius, reach = size[0], size[1] * axes[:, 2]
        elif kind == mujoco.mjtGeom.mjGEOM_BOX:
            radius, reach = size[2], (size[0] - size[2]) * axes[:, 0]
        else:
            raise ValueError(f"geom {model.geom(geom).name}: expected a sphere, a capsule or a box")
        owners.append(int(model.geom_bodyid[geom]) - first)
        ends.append([centre - reach, centre + reach])
        radii.append(radius)
    return tuple(owners), np.array(ends), np.array(radii)


def ends(state: character.State) -> np.ndarray:
    """World positions [G, 2, 3] m of the capsules' ends of one character."""
    owners, local, _ = capsules()
    turn = np.broadcast_to(state.body_rotation[list(owners), None, :], (*local.shape[:2], 4))
    return state.body_position[list(owners), None, :] + character.rotate(turn, local)


def segment_distance(p: A, q: A, a: A, b: A) -> A:
    """Distance [...] m between the segments p-q and a-b, each end [..., 3] m; numpy arrays or torch tensors.

    Closest points of two lines, each clamped to its segment in turn (C. Ericson, Real-Time Collision Detection, 5.1.9).
    """
    d, e, r = q - p, b - a, p - a
    dd, ee, de = (d * d).sum(-1), (e * e).sum(-1), (d * e).sum(-1)
    dr, er = (d * r).sum(-1), (e * r).sum(-1)
    tiny = 1e-12
    cross = dd * ee - de * de
    s = ((cross > tiny) * (de * er - dr * ee) / cross.clip(tiny, None)).clip(0.0, 1.0)
    t = ((ee > tiny) * (de * s + er) / ee.clip(tiny, None)).clip(0.0, 1.0)
    s = ((dd > tiny) * (de * t - dr) / dd.clip(tiny, None)).clip(0.0, 1.0)
    gap = r + s[..., None] * d - t[..., None] * e
    return (gap * gap).sum(-1) ** 0.5

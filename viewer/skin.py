"""The mesh of a whole character: all pieces of its body, welded into one draw call.

Each vertex knows its body, its material and how much of the sky its neighbours hide (ambient occlusion, measured in
the default pose), so that one instanced draw call shows any number of characters in any pose. Triangles inside
another piece of the same body can never be seen and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from runtime import character
from runtime.anatomy import Part, parts
from runtime.surface import Mesh, mesh


@dataclass(frozen=True)
class Skin:
    """Triangles of a character; positions and normals are in the frame of each vertex's own body."""

    position: np.ndarray  # [V, 3] m
    normal: np.ndarray  # [V, 3] unit
    body: np.ndarray  # [V] index into character.BODIES
    material: np.ndarray  # [V] anatomy.SHELL, JOINT or ACCENT
    openness: np.ndarray  # [V] 0..1, share of the hemisphere that no other piece hides
    triangle: np.ndarray  # [F, 3]

    def corners(self) -> np.ndarray:
        """The corners of a box around each body, [15, 8, 3] m in its frame."""
        own = [self.position[self.body == body] for body in range(len(character.BODIES))]
        low, high = np.array([p.min(axis=0) for p in own]), np.array([p.max(axis=0) for p in own])
        unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        return low[:, None] + unit * (high - low)[:, None]


def build(model: mujoco.MjModel, coarseness: float = 1.0) -> Skin:
    """Mesh a character's skin; `coarseness` scales the size of all facets."""
    pieces = parts(model)
    meshes = [mesh(part.shape, _cell(part, coarseness)) for part in pieces]
    meshes = [_without_buried(part, piece, pieces) for part, piece in zip(pieces, meshes, strict=True)]
    lengths = [len(m.position) for m in meshes]
    starts = np.cumsum([0, *lengths[:-1]])
    return Skin(
        position=np.concatenate([m.position for m in meshes]),
        normal=np.concatenate([m.normal for m in meshes]),
        body=np.repeat([character.BODIES.index(part.body) for part in pieces], lengths),
        material=np.repeat([part.material for part in pieces], lengths),
        openness=_openness(model, pieces, meshes),
        triangle=np.concatenate([m.triangle + start for m, start in zip(meshes, starts, strict=True)]),
    )


def _cell(part: Part, coarseness: float) -> np.ndarray:
    """The size of a piece's facets along each axis, [3] m: never so coarse that it slips between grid points."""
    thickness = part.shape.high - part.shape.low
    side = np.maximum(np.minimum(part.cell * coarseness, 0.45 * thickness), part.cell)
    return np.minimum(side, 1.7 * side.min())  # longer ones round the rim of a flat piece off


def _without_buried(part: Part, piece: Mesh, pieces: list[Part]) -> Mesh:
    """Drop the triangles that lie wholly inside other pieces of the same body."""
    buried = np.zeros(len(piece.position), bool)
    for other in pieces:
        if other is not part and other.body == part.body:
            buried |= other.shape(piece.position) < -0.002
    triangle = piece.triangle[~buried[piece.triangle].all(axis=1)]
    kept, compact = np.unique(triangle, return_inverse=True)
    return Mesh(piece.position[kept], piece.normal[kept], compact.reshape(-1, 3))


def _openness(model: mujoco.MjModel, pieces: list[Part], meshes: list[Mesh]) -> np.ndarray:
    """How open each vertex is to the sky, [V]: 1 minus how far its own body and its neighbours bulge into its ray."""
    data = mujoco.MjData(model)
    data.qpos[character.find_slots(model).qpos + 7 :] = character.DEFAULT_POSE
    mujoco.mj_kinematics(model, data)
    pose = {name: data.body(character.PREFIX + name) for name in character.BODIES}
    openness = []
    for part, piece in zip(pieces, meshes, strict=True):
        near = [other for other in pieces if _adjacent(model, part.body, other.body)]
        start = piece.position @ pose[part.body].xmat.reshape(3, 3).T + pose[part.body].xpos
        outward = piece.normal @ pose[part.body].xmat.reshape(3, 3).T
        hidden = np.zeros(len(start))
        for reach, weight in ((0.015, 0.4), (0.04, 0.35), (0.09, 0.25)):  # m
            probe = start + reach * outward
            local = [(probe - pose[other.body].xpos) @ pose[other.body].xmat.reshape(3, 3) for other in near]
            distance = np.min([other.shape(at) for other, at in zip(near, local, strict=True)], axis=0)
            hidden += weight * np.clip(1.0 - distance / reach, 0.0, 1.0)
        openness.append(1.0 - hidden)
    return np.concatenate(openness)


def _adjacent(model: mujoco.MjModel, a: str, b: str) -> bool:
    """Whether two bodies are one, or joined: only these stay near each other in every pose."""
    first, second = model.body(character.PREFIX + a), model.body(character.PREFIX + b)
    return a == b or first.parentid[0] == second.id or second.parentid[0] == first.id

"""Triangles for the character's shapes: spheres, capsules and boxes, with normals, in the frame of their body.

Round shapes are a profile turned about the local z axis: a half circle in `RINGS` rings a hemisphere and `SEGMENTS`
around, cut at the equator and pulled apart for a capsule. At 12 × 4 a whole humanoid has 3.0 k triangles, 90 kB.
"""

from __future__ import annotations

import mujoco
import numpy as np

from runtime import character
from runtime.surface import Mesh

SEGMENTS, RINGS = 12, 4


def body_mesh(body: int) -> Mesh:
    """Return all shapes of body `body` (index into `character.BODIES`) as one mesh."""
    model = character.model()
    index = character.find_slots(model).body + body
    geoms = range(model.body_geomadr[index], model.body_geomadr[index] + model.body_geomnum[index])
    return _joined([_geom_mesh(model, geom) for geom in geoms])


def _geom_mesh(model: mujoco.MjModel, geom: int) -> Mesh:
    kind, size = mujoco.mjtGeom(model.geom_type[geom]), model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        mesh = capsule(size[0], 0.0)
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        mesh = capsule(size[0], size[1])
    elif kind == mujoco.mjtGeom.mjGEOM_BOX:
        mesh = box(size)
    else:
        raise ValueError(f"geom {geom}: expected a sphere, a capsule or a box, found {kind.name}")
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, model.geom_quat[geom])
    turned = matrix.reshape(3, 3).T
    return Mesh(mesh.position @ turned + model.geom_pos[geom], mesh.normal @ turned, mesh.triangle)


def capsule(radius: float, half_length: float) -> Mesh:
    """Return a capsule along z: `half_length` m from its middle to the centres of its caps; 0 makes a sphere."""
    latitude = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 2 * RINGS + 1)
    middle = np.sign(latitude) * half_length
    if half_length > 0.0:  # the equator twice, one for each end
        latitude = np.insert(latitude, RINGS, 0.0)
        middle = np.concatenate((np.full(RINGS + 1, -half_length), np.full(RINGS + 1, half_length)))
    angle = np.linspace(0.0, 2.0 * np.pi, SEGMENTS, endpoint=False)
    around = np.stack((np.cos(angle), np.sin(angle)), axis=1)  # [S, 2]
    flat = np.cos(latitude)[:, None, None] * around  # [R, S, 2]
    up = np.broadcast_to(np.sin(latitude)[:, None, None], (*flat.shape[:2], 1))
    normal = np.concatenate((flat, up), axis=2)  # [R, S, 3]
    position = radius * normal + np.array([0.0, 0.0, 1.0]) * middle[:, None, None]
    return Mesh(position.reshape(-1, 3), normal.reshape(-1, 3), _revolved(len(latitude)))


def _revolved(rings: int) -> np.ndarray:
    """Return triangles [F, 3] between neighbouring rings; at the poles only those that have an area."""
    triangles = []
    for ring in range(rings - 1):
        for here in range(SEGMENTS):
            a, b = ring * SEGMENTS + here, ring * SEGMENTS + (here + 1) % SEGMENTS
            c, d = a + SEGMENTS, b + SEGMENTS
            if ring > 0:
                triangles.append((a, b, d))
            if ring < rings - 2:
                triangles.append((a, d, c))
    return np.array(triangles)


def box(half: np.ndarray) -> Mesh:
    """Return a box with half edges [3] m: four corners a face, so that its edges stay sharp."""
    position, normal, triangle = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], sign * np.eye(3)[(axis + 2) % 3]
            out = sign * np.eye(3)[axis]
            position += [half * (out + a * u + b * v) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            normal += [out] * 4
            triangle += [np.array(corner) + 4 * len(triangle) // 2 for corner in ((0, 1, 2), (0, 2, 3))]
    return Mesh(np.array(position), np.array(normal), np.array(triangle))


def _joined(parts: list[Mesh]) -> Mesh:
    first = np.cumsum([0, *(len(part.position) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.normal for part in parts]),
        np.concatenate([part.triangle + start for part, start in zip(parts, first, strict=True)]),
    )

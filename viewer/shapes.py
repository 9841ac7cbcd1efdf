"""The geometry of what is not the character: ground, balls, boxes, rings; each drawn as instances of one mesh."""

from __future__ import annotations

import numpy as np

from runtime import character
from runtime.surface import Mesh, Shape, mesh, rounded_box, sphere
from viewer.gpu import Geometry
from viewer.scene import Prop
from viewer.skin import Skin

SQUARE = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], np.float32)
_CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


def marks(instances: dict[int, int]) -> Geometry:
    """A square from -1 to 1, drawn as often as there are instances (attribute location → components)."""
    return Geometry({0: SQUARE}, instances=instances)


def props() -> dict[str, Geometry]:
    """One mesh for each `Prop.shape`, of half-size 1; instances: place 2, rotation 3, size 4, colour 5."""
    meshes = {
        "ball": mesh(sphere(np.zeros(3), 1.0), 0.16),
        "box": mesh(rounded_box(np.zeros(3), np.ones(3), 0.12), 0.09),
        "ring": mesh(_torus(1.0, 0.05), 0.06),
    }
    return {name: _solid(shape) for name, shape in meshes.items()}


def _solid(shape: Mesh) -> Geometry:
    vertices = {0: shape.position.astype(np.float32), 1: shape.normal.astype(np.float32)}
    return Geometry(vertices, shape.triangle, instances={2: 4, 3: 4, 4: 3, 5: 3})


def _torus(radius: float, thickness: float) -> Shape:
    def distance(point: np.ndarray) -> np.ndarray:
        around = np.linalg.norm(point[:, :2], axis=1) - radius
        return np.hypot(around, point[:, 2]) - thickness

    size = np.array([radius + thickness, radius + thickness, thickness])
    return Shape(distance, -size, size)


def skin_geometry(skin: Skin) -> Geometry:
    """A character's skin: position, normal and (body, material, openness × 255, 0), four bytes."""
    columns = [skin.body, skin.material, np.round(skin.openness * 255.0), np.zeros(len(skin.body))]
    detail = np.column_stack(columns).astype(np.uint8)
    vertices = {0: skin.position.astype(np.float32), 1: skin.normal.astype(np.float32), 2: detail}
    return Geometry(vertices, skin.triangle)


def corners(props: list[Prop]) -> np.ndarray:
    """The corners of a box around each prop: [K, 8, 3] m, world."""
    if not props:
        return np.zeros((0, 8, 3))
    size = np.stack([prop.size for prop in props])
    rotation = np.stack([prop.rotation for prop in props])
    turned = character.rotate(rotation[:, None], _CUBE * size[:, None])
    return np.stack([prop.position for prop in props])[:, None] + turned

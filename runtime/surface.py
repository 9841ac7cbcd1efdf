"""Smooth bodies out of simple shapes: signed distance functions, and the mesh of their zero level.

A `Shape` maps points [N, 3] m to signed distances [N] m, negative inside. Shapes are blended with a smooth minimum, so
that two capsules meet in a fillet instead of a crease. `mesh` walks a grid over the shape (naive surface nets: one
vertex per cell that the surface crosses), then slides each vertex onto the surface along the gradient. A coarse grid
is enough: positions and normals are the exact ones, only the facets are coarse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])  # [8, 3]
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]


@dataclass(frozen=True)
class Shape:
    """A solid: its signed distance and a box that holds it."""

    distance: Callable[[np.ndarray], np.ndarray]
    """Points [N, 3] m → signed distance [N] m."""
    low: np.ndarray
    """Corner of the box, [3] m."""
    high: np.ndarray
    """The opposite corner, [3] m."""

    def __call__(self, point: np.ndarray) -> np.ndarray:
        """Signed distance [N] m at points [N, 3] m."""
        return self.distance(point)


@dataclass(frozen=True)
class Mesh:
    """Triangles with per-vertex normals, in one frame."""

    position: np.ndarray  # [V, 3] m
    normal: np.ndarray  # [V, 3] unit
    triangle: np.ndarray  # [F, 3] vertex indices, counter-clockwise seen from outside


def round_cone(a: ArrayLike, b: ArrayLike, radius_a: float, radius_b: float | None = None) -> Shape:
    """The hull of two spheres at `a` and `b` [3] m (a capsule where the radii agree; nearly exact where not)."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    radius_b = radius_a if radius_b is None else radius_b
    axis = b - a
    length_squared = max(float(axis @ axis), 1e-12)

    def distance(point: np.ndarray) -> np.ndarray:
        along = np.clip((point - a) @ axis / length_squared, 0.0, 1.0)
        away = np.linalg.norm(point - a - along[:, None] * axis, axis=1)
        return away - (radius_a + (radius_b - radius_a) * along)

    low, high = np.minimum(a - radius_a, b - radius_b), np.maximum(a + radius_a, b + radius_b)
    return Shape(distance, low, high)


def sphere(center: ArrayLike, radius: float) -> Shape:
    """A ball."""
    return round_cone(center, center, radius)


def ellipsoid(center: ArrayLike, radii: ArrayLike) -> Shape:
    """An axis-aligned ellipsoid with half-axes `radii` [3] m; the distance is a first-order estimate."""
    center, radii = np.asarray(center, float), np.asarray(radii, float)

    def distance(point: np.ndarray) -> np.ndarray:
        scaled = (point - center) / radii
        near = np.linalg.norm(scaled, axis=1)
        slope = np.linalg.norm(scaled / radii, axis=1)
        return near * (near - 1.0) / np.maximum(slope, 1e-9)

    return Shape(distance, center - radii, center + radii)


def rounded_box(center: ArrayLike, half: ArrayLike, rounding: float) -> Shape:
    """An axis-aligned box of half-sizes `half` [3] m whose edges are rounded inwards by `rounding` m."""
    center, half = np.asarray(center, float), np.asarray(half, float)
    inner = half - rounding

    def distance(point: np.ndarray) -> np.ndarray:
        outside = np.abs(point - center) - inner
        return np.linalg.norm(np.maximum(outside, 0.0), axis=1) + np.minimum(outside.max(axis=1), 0.0) - rounding

    return Shape(distance, center - half, center + half)


def smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The smaller of two distances [N] m; up to a quarter of `width` m less where they differ by less than that."""
    overlap = np.maximum(width - np.abs(a - b), 0.0) / max(width, 1e-9)
    return np.minimum(a, b) - overlap**2 * width * 0.25


def blend(shapes: list[Shape], width: float = 0.0) -> Shape:
    """The union of shapes; where two surfaces come within `width` m of each other they melt together."""

    def distance(point: np.ndarray) -> np.ndarray:
        result = shapes[0](point)
        for shape in shapes[1:]:
            result = smooth_minimum(result, shape(point), width)
        return result

    low, high = np.min([s.low for s in shapes], axis=0), np.max([s.high for s in shapes], axis=0)
    return Shape(distance, low - 0.25 * width, high + 0.25 * width)


def intersect(a: Shape, b: Shape, width: float = 0.0) -> Shape:
    """What lies in both; the edge between them is rounded over `width` m."""
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    return Shape(lambda point: -smooth_minimum(-a(point), -b(point), width), low, high)


def subtract(a: Shape, b: Shape, width: float = 0.0) -> Shape:
    """What of `a` lies outside `b`; the edge is rounded over `width` m."""
    return Shape(lambda point: -smooth_minimum(-a(point), b(point), width), a.low, a.high)


def grow(shape: Shape, by: float) -> Shape:
    """The same shape, its surface moved outwards by `by` m."""
    return Shape(lambda point: shape(point) - by, shape.low - by, shape.high + by)


def mirror(shape: Shape) -> Shape:
    """The same shape reflected through the plane y = 0."""
    flip = np.array([1.0, -1.0, 1.0])
    ends = np.stack([shape.low * flip, shape.high * flip])
    return Shape(lambda point: shape(point * flip), ends.min(axis=0), ends.max(axis=0))


def gradient(shape: Shape, point: np.ndarray, step: float = 5e-4) -> np.ndarray:
    """Central differences of a shape at points [N, 3]: [N, 3], near unit length."""
    offsets = np.eye(3) * step
    return np.stack([shape(point + o) - shape(point - o) for o in offsets], axis=1) / (2.0 * step)


def mesh(shape: Shape, cell: ArrayLike) -> Mesh:
    """Mesh a shape with cells of `cell` m: one number, or one for each axis.

    Raises:
        ValueError: the shape is smaller than a cell, so that no grid point lies in it.
    """
    side = np.broadcast_to(np.asarray(cell, float), 3)
    count = np.ceil((shape.high - shape.low) / side).astype(int) + 4  # [3] grid points, one cell of air around
    count += count % 2  # even and centred: mirrored shapes mesh alike, and no grid point lies on a plane of symmetry
    low = 0.5 * (shape.low + shape.high) - 0.5 * side * (count - 1)
    axes = [low[i] + side[i] * np.arange(count[i]) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)  # [X, Y, Z, 3]
    value = shape(points.reshape(-1, 3)).reshape(count)

    position, index = _cell_vertices(value, low, side)
    if not len(position):
        raise ValueError(f"no grid point inside the shape between {shape.low} and {shape.high}: cells of {cell} m")
    triangle = _faces(value, index)
    for _ in range(3):
        slope = gradient(shape, position)
        away = shape(position)[:, None] / np.maximum((slope**2).sum(axis=1, keepdims=True), 0.1)
        position = position - np.clip(away, -side.min(), side.min()) * slope
    normal = gradient(shape, position)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return Mesh(position, normal, triangle)


def _cell_vertices(value: np.ndarray, low: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One vertex per crossed cell, the mean of its edges' crossings: positions [V, 3], cell → vertex index or -1."""
    cells = np.array(value.shape) - 1
    corner = np.stack([value[tuple(slice(o, o + n) for o, n in zip(c, cells, strict=True))] for c in _CORNERS])
    inside = (corner < 0.0).sum(axis=0)
    crossed = np.nonzero((inside > 0) & (inside < 8))  # three arrays [V]
    index = np.full(cells, -1)
    index[crossed] = np.arange(len(crossed[0]))
    corner = corner[(slice(None), *crossed)]  # [8, V]

    total, weight = np.zeros((corner.shape[1], 3)), np.zeros((corner.shape[1], 1))
    for a, b in _EDGES:
        crossing = ((corner[a] < 0.0) != (corner[b] < 0.0))[:, None]
        gap = corner[a] - corner[b]
        share = (corner[a] / np.where(np.abs(gap) < 1e-12, 1.0, gap))[:, None]
        total += crossing * (_CORNERS[a] + share * (_CORNERS[b] - _CORNERS[a]))
        weight += crossing
    return low + cell * (np.stack(crossed, axis=1) + total / weight), index


def _faces(value: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Two triangles around every grid edge that the surface crosses: [F, 3]."""
    faces = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        first = np.take(value, np.arange(value.shape[axis] - 1), axis=axis) < 0.0
        second = np.take(value, np.arange(1, value.shape[axis]), axis=axis) < 0.0
        edge = np.stack(np.nonzero(first != second), axis=1)  # [E, 3] lower grid point of the edge
        outward = first[tuple(edge.T)]
        unit_u, unit_v = np.eye(3, dtype=int)[u], np.eye(3, dtype=int)[v]
        ring = [index[tuple((edge - du * unit_u - dv * unit_v).T)] for du, dv in ((1, 1), (0, 1), (0, 0), (1, 0))]
        quad = np.stack(ring, axis=1)  # [E, 4] counter-clockwise about +axis
        quad[~outward] = quad[~outward][:, ::-1]
        faces += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return np.concatenate(faces)

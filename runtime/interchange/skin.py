"""The character as one closed surface that its joints bend: what an engine calls a skinned character.

The body that the viewer shows in pieces (anatomy.py) stands in the T-pose of all angles zero, where its pieces melt
into each other at the joints, and is meshed once. In this bind pose no body is turned, so that the inverse of a
joint's matrix is a translation; retargeting tools expect it, and the hands are far from the hips. A vertex follows up
to four joints by weights that sum to one:

    place in the world = Σ weight · joint's world matrix · joint's inverse bind matrix · place in the bind pose

Weights fade with the distance to a body: over `_SHARED` m past the nearest one its parent and its children still hold
on to a vertex. The middle of a limb follows its own body alone. 12 k vertices, 24 k triangles, meshed in 2 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from runtime import character
from runtime.anatomy import parts
from runtime.interchange.skeleton import skeleton
from runtime.surface import Mesh, Shape, mesh, smooth_minimum

_CELL = 0.014  # m; coarser ones pinch the fingers
_APART = 0.011  # m from the middle, more than half a cell: left and right stay on their side, so no web joins the legs
_FILLET = 0.03  # m, over which a body and its parent melt together
_SHARED = 0.05  # m
_SIDE = {"left": 1, "right": -1}
_NEAR = 0.06  # m around a body's box; further out its distance is that to the box, which is less


@dataclass(frozen=True)
class Skin:
    """A whole character in the bind pose, feet on the ground, metres, our axes."""

    mesh: Mesh
    joint: np.ndarray  # [V, 4] index into character.BODIES; 0 where the weight is 0
    weight: np.ndarray  # [V, 4] 0..1, largest first, sums to 1


def bind_positions() -> np.ndarray:
    """Where the bodies are in the bind pose: [15, 3] m, z up."""
    tree = skeleton()
    place = tree.offsets.copy()
    place[0] = [0.0, 0.0, character.DEFAULT_HEIGHT]
    for body, parent in enumerate(tree.parents[1:], start=1):
        place[body] += place[parent]
    return place


@cache
def build() -> Skin:
    """Mesh the character's skin and say which joints each vertex follows."""
    pieces = parts(character.model())
    solids = [
        _solid([piece.shape for piece in pieces if piece.body == name], place, _SIDE.get(name.partition("_")[0], 0))
        for name, place in zip(character.BODIES, bind_positions(), strict=True)
    ]
    surface = mesh(_melted(solids), _CELL)
    return Skin(surface, *_weights(np.stack([solid(surface.position) for solid in solids], axis=1)))


def _solid(shapes: list[Shape], place: np.ndarray, side: int) -> Shape:
    """All pieces of one body, put at `place` [3] m; exact near it and too small, but more than `_NEAR`, elsewhere.

    What is left (`side` 1) or right (-1) of the middle is cut off before it.
    """
    low = np.min([shape.low for shape in shapes], axis=0) + place
    high = np.max([shape.high for shape in shapes], axis=0) + place

    def distance(point: np.ndarray) -> np.ndarray:
        away = np.linalg.norm(np.maximum(np.maximum(low - point, point - high), 0.0), axis=1)
        near = away < _NEAR
        local = point[near] - place
        away[near] = np.min([shape(local) for shape in shapes], axis=0)
        return np.maximum(away, _APART - side * point[:, 1]) if side else away

    return Shape(distance, low, high)


def _melted(solids: list[Shape]) -> Shape:
    """The union of all bodies, each melted into its parent but not into what it only stands beside."""
    parents = skeleton().parents

    def distance(point: np.ndarray) -> np.ndarray:
        each = [solid(point) for solid in solids]
        pairs = [smooth_minimum(own, each[up], _FILLET) for own, up in zip(each[1:], parents[1:], strict=True)]
        return np.min(pairs, axis=0)

    low, high = np.min([s.low for s in solids], axis=0), np.max([s.high for s in solids], axis=0)
    return Shape(distance, low - 0.25 * _FILLET, high + 0.25 * _FILLET)


def _weights(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints and weights, [V, 4] each, from the distances to all bodies, [V, 15] m."""
    parents = np.array(skeleton().parents)
    bodies = np.arange(len(parents))
    joined = (parents[:, None] == bodies) | (parents == bodies[:, None]) | np.eye(len(parents), dtype=bool)
    past = distance - distance.min(axis=1, keepdims=True)
    share = np.clip(1.0 - past / _SHARED, 0.0, 1.0) ** 2 * joined[distance.argmin(axis=1)]
    joint = np.argsort(-share, axis=1, kind="stable")[:, :4]
    weight = np.take_along_axis(share, joint, axis=1)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.where(weight > 0.0, joint, 0), weight

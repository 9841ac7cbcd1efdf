"""The one boundary between our axes and those of y-up files.

    here    x forward, y left,  z up       quaternions wxyz
    there   z forward, x left,  y up       quaternions xyzw (glTF's convention; +z is the way a figure faces)

Both are right-handed and the map is the cyclic exchange x → z, y → x, z → y. A rotation about an axis becomes the same
rotation about the renamed axis: rotations keep their angles and their order, only the axes' names change.
"""

from __future__ import annotations

import numpy as np

RENAMED = {"x": "Z", "y": "X", "z": "Y"}
"""Our axis → the axis of the file."""


def vectors(vector: np.ndarray) -> np.ndarray:
    """Positions, offsets or normals [..., 3], z up → [..., 3], y up."""
    return vector[..., [1, 2, 0]]


def quaternions(rotation: np.ndarray) -> np.ndarray:
    """Rotations [..., 4] wxyz, z up → [..., 4] xyzw, y up."""
    return rotation[..., [2, 3, 1, 0]]

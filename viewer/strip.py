"""Film strips: poses at successive times side by side, each seen from the side by a camera that moves along.

All tiles look the same way, across the overall path, so that the character travels from left to right and the grid of
the ground passes behind it: a foot that stands keeps its place on the grid, a foot that slides does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from viewer.camera import Camera
from viewer.page import Page
from viewer.scene import Scene

if TYPE_CHECKING:
    from viewer.app import Screen

TILE = 280, 400  # pixels, width and height
_GAP = 4  # pixels between tiles
_VIEW_HEIGHT = 2.15  # m shown from bottom to top of a tile
_DISTANCE = 11.0  # m, far away, so that all is seen from the side
_PITCH = math.radians(9.0)


def side_yaw(roots: np.ndarray, heading: float) -> float:
    """Where a camera looks so that the path runs from left to right: rad, world yaw.

    Args:
        roots: the root at successive times, [T, 3] m.
        heading: the direction of travel, rad, if the path is shorter than half a metre.
    """
    path = roots[-1, :2] - roots[0, :2]
    travel = math.atan2(path[1], path[0]) if np.linalg.norm(path) > 0.5 else heading
    return travel + math.pi / 2.0


def render(screen: Screen, scenes: Sequence[Scene], times: Sequence[float], heading: float) -> np.ndarray:
    """Draw the first character of each scene into a tile of its own: [height, width, 3] uint8.

    Args:
        screen: it is left with the size of a tile.
        scenes: at least one.
        times: of the scenes, s.
        heading: direction of travel if they stand, rad.
    """
    width, height = TILE
    roots = np.array([scene.position[0, 0] for scene in scenes])
    yaw = side_yaw(roots, heading)
    view = 2.0 * math.atan(0.5 * _VIEW_HEIGHT / _DISTANCE)
    screen.resize(width, height)
    tiles: list[np.ndarray] = []
    for scene, time, root in zip(scenes, times, roots, strict=True):
        focus = np.array([root[0], root[1], 0.80])
        page = Page(width, height)
        page.text(f"{time:.2f} s", 0.5 * width, height - 16.0, 19.0, (1.0, 1.0, 1.0, 0.95), align=0.5)
        screen.show(scene, Camera(yaw, _PITCH, _DISTANCE, focus, view), page)
        tiles += [screen.read(), np.full((height, _GAP, 3), 255, np.uint8)]
    return np.concatenate(tiles[:-1], axis=1)

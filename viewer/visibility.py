"""What each pass of the renderer has to look at, as plain numbers: no OpenGL here.

The light's view is fitted around the characters, multisampling is confined to the pixels they can cover, and the skin
is as fine as those pixels can show.
"""

from __future__ import annotations

import math

import numpy as np

from viewer.camera import Camera, look_along

LIGHT = np.array([-0.42, -0.55, 0.95]) / np.linalg.norm([-0.42, -0.55, 0.95])  # towards the key light, world
SHADOW_SIZE = 1024  # texels of the shadow map's side
LEVELS = (1.0, 1.6, 2.4)  # coarseness of the skins kept, fine to coarse


def light_view(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the key light's view around the characters.

    Args:
        position: bodies [N, 15, 3] m.

    Returns:
        World to shadow map [4, 4] (x, y and depth in 0..1), and the ground that shadows can reach: centre x, y and
        half-size, m, and the metres that depth spans [4].
    """
    points = position.reshape(-1, 3) if position.size else np.zeros((1, 3))
    low, high = points.min(axis=0) - 0.3, points.max(axis=0) + 0.3
    low[2] = min(low[2], 0.0)
    center, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low))
    radius = math.ceil(radius * 4.0) / 4.0  # steps, so that the texels do not swim while the character moves
    view = look_along(np.zeros(3), -LIGHT)[:3, :3]
    texel = 2.0 * radius / SHADOW_SIZE
    middle = view @ center
    middle[:2] = np.round(middle[:2] / texel) * texel
    matrix = np.eye(4)
    matrix[:3, :3] = view * [[0.5 / radius], [0.5 / radius], [-0.5 / radius]]
    matrix[:3, 3] = 0.5 - matrix[:3, :3] @ (view.T @ middle)

    reach = high[2] * np.abs(LIGHT[:2]) / LIGHT[2]  # m, how far over ground the highest point throws its shadow
    throw = -np.sign(LIGHT[:2]) * reach
    ground_low = np.minimum(low[:2], low[:2] + throw) - 0.1
    ground_high = np.maximum(high[:2], high[:2] + throw) + 0.1
    half = 0.5 * float((ground_high - ground_low).max())
    return matrix, np.array([*(0.5 * (ground_low + ground_high)), half, 2.0 * radius])


def covered_area(
    points: np.ndarray, view_projection: np.ndarray, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """The smallest box of pixels around points: x, y, width, height from the bottom left; None if it is empty.

    Args:
        points: [P, 3] m, world; those behind the camera cover nothing.
        view_projection: world to clip space, [4, 4].
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    clip = points @ view_projection[:, :3].T + view_projection[:, 3]
    clip = clip[clip[:, 3] > 0.05]
    if not len(clip):
        return None
    screen = (0.5 + 0.5 * clip[:, :2] / clip[:, 3:]) * [width, height]
    size = np.array([width, height])
    low = np.clip(np.floor(screen.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(screen.max(axis=0)).astype(int), 0, size)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def level_of_detail(height: int, camera: Camera) -> float:
    """The coarsest of `LEVELS` whose facets nobody sees in a picture of that many pixels' height.

    A chord of 16 mm × coarseness over a limb of 45 mm radius leaves the curve by 0.7 mm × coarseness²; half a pixel of
    that is allowed where the camera looks.
    """
    pixels_per_metre = height / (2.0 * camera.distance * math.tan(0.5 * camera.field_of_view))
    allowed = math.sqrt(0.5 / (0.0007 * pixels_per_metre))
    return max((level for level in LEVELS if level <= allowed), default=LEVELS[0])

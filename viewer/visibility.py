"""What each pass of the renderer has to look at, as plain numbers: no OpenGL here.

The light's view is fitted around the characters and things, shadows are looked for only on the ground that they can
reach, multisampling is confined to the pixels that characters can cover, and the skin is as fine as those can show.
"""

from __future__ import annotations

import math

import numpy as np

from viewer.camera import Camera, look_along

LIGHT = np.array([-0.42, -0.55, 0.95]) / np.linalg.norm([-0.42, -0.55, 0.95])  # towards the key light, world
LEVELS = (1.0, 1.4, 2.0, 3.0, 4.5)  # coarseness of the skins kept, fine to coarse


def light_view(points: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """Fit the key light's view around what casts shadows.

    Args:
        points: [P, 3] m, corners of boxes around all that there is; 0.2 m around each is seen too.
        size: texels of the shadow map's side.

    Returns:
        World to shadow map [4, 4] (x, y and depth in 0..1), and the metres that its side and its depth span.
    """
    points = points if len(points) else np.zeros((1, 3))
    low, high = points.min(axis=0) - 0.2, points.max(axis=0) + 0.2
    low[2] = min(low[2], 0.0)
    center, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low))
    radius = math.ceil(radius * 4.0) / 4.0  # steps, so that the texels do not swim while the character moves
    view = look_along(np.zeros(3), -LIGHT)[:3, :3]
    texel = 2.0 * radius / size
    middle = view @ center
    middle[:2] = np.round(middle[:2] / texel) * texel
    matrix = np.eye(4)
    matrix[:3, :3] = view * [[0.5 / radius], [0.5 / radius], [-0.5 / radius]]
    matrix[:3, 3] = 0.5 - matrix[:3, :3] @ (view.T @ middle)
    return matrix, 2.0 * radius


def shadow_reach(points: np.ndarray) -> np.ndarray:
    """The rectangles of ground that shadows can reach, turned along the light's way: [K, 4] m.

    Args:
        points: [K, P, 3] m, corners around each of K things that cast shadows.

    Returns:
        Along and across the horizontal way of the light: lowest, lowest, highest, highest.
    """
    way = -LIGHT[:2] / np.linalg.norm(LIGHT[:2])
    falls = points[..., :2] - LIGHT[:2] / LIGHT[2] * np.maximum(points[..., 2:], 0.0)
    at = np.stack([falls @ way, falls @ np.array([-way[1], way[0]])], axis=-1)  # [K, P, 2]
    return np.concatenate([at.min(axis=1) - 0.05, at.max(axis=1) + 0.05], axis=-1)  # and the penumbra


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


def level_of_detail(height: int, camera: Camera, place: np.ndarray, allowed: float) -> np.ndarray:
    """For each character the coarsest of `LEVELS` whose facets leave the curve by less than `allowed` pixels: [N].

    A chord of 16 mm × coarseness over a limb of 45 mm radius leaves the curve by 0.7 mm × coarseness². In a crowd
    nobody looks at one of them: with 20 characters twice as much is allowed, with 40 and more three times as much.

    Args:
        height: of the picture, pixels.
        camera: where from.
        place: [N, 3] m, world.
        allowed: pixels, see `Quality.facet_error`.
    """
    distance = np.maximum(np.linalg.norm(place - camera.eye, axis=1) - 0.5, 0.3)  # to the nearest part of the body
    pixels_per_metre = height / (2.0 * distance * math.tan(0.5 * camera.field_of_view))
    crowd = min(1.0 + (len(place) - 1) / 20.0, 3.0)
    coarsest = np.sqrt(allowed * crowd / (0.0007 * pixels_per_metre))
    return np.array(LEVELS)[np.maximum(np.searchsorted(LEVELS, coarsest, side="right") - 1, 0)]

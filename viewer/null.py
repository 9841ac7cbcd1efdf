"""A screen that shows nothing and takes note: for tests of everything behind the window."""

from __future__ import annotations

import numpy as np

from viewer.camera import Camera
from viewer.page import Page
from viewer.scene import Scene


class NullScreen:
    """Stands in for `screen.GlScreen`; needs no OpenGL and no display."""

    def __init__(self, width: int = 1280, height: int = 720) -> None:
        self.width, self.height = width, height
        self.scene: Scene | None = None
        """The last scene that was to be shown."""
        self.page: Page | None = None
        """The last display over it."""
        self.frames = 0

    def show(self, scene: Scene, camera: Camera, page: Page) -> None:
        """Look at every number that a picture is made of, and count it."""
        arrays = [scene.position, scene.rotation, camera.view_projection(self.width / self.height), page.rows()]
        arrays += [np.concatenate([p.position, p.size, p.rotation, p.color]) for p in scene.props]
        arrays += [np.array([*d.start, *d.end, *d.color, d.opacity, d.width]) for d in scene.decals]
        arrays += [np.array([*m.position, m.speed, m.direction, m.facing]) for m in scene.markers]
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("a picture is made of finite numbers")
        self.scene, self.page = scene, page
        self.frames += 1

    def read(self) -> np.ndarray:
        """A grey picture, [height, width, 3] uint8."""
        return np.full((self.height, self.width, 3), 128, np.uint8)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels."""
        self.width, self.height = width, height

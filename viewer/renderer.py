"""Draws a `Scene`: lit characters on a gridded ground under a hazy sky, with soft shadows.

Passes, each one instanced draw call per shape however many characters there are:

1. shadow map: all characters seen from the key light;
2. background into `target`, one sample a pixel, no depth: sky, ground (the patch that shadows can reach, the rest),
   shade of contact and goals. All its edges are antialiased by their shaders;
3. characters, four samples a pixel: the part of the background that they can cover is copied into `_samples`, they are
   drawn over it with depth, what is below the ground is clipped, and the result is averaged back into `target`.

`target` is what the display is drawn over, and what is shown or read. Multisampling only where characters are halves
the cost with Mesa's software renderer.
"""

from __future__ import annotations

import numpy as np
from pyglet import gl

from runtime import character
from viewer.camera import Camera
from viewer.gpu import FRAME_BINDING, Buffer, Geometry, Program, ShadowMap, Target, TextureBuffer, max_samples
from viewer.scene import Scene
from viewer.skin import Skin, build
from viewer.visibility import LEVELS, LIGHT, SHADOW_SIZE, covered_area, level_of_detail, light_view

SAMPLES = 4  # per pixel of a character
HORIZON = (0.7468, 0.7969, 0.8373)  # what sky and ground fade into, as displayed: finish(HORIZON) in frame.glsl
CONTACT_RADIUS = np.array([0.1, 0.11, 0.09, *(0.05, 0.045, 0.04) * 2, *(0.075, 0.06, 0.062) * 2])  # [15] m, by body
_SQUARE = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], np.float32)


class Renderer:
    """The scene's OpenGL side; needs a current OpenGL 3.3 context. `target` holds the last picture."""

    def __init__(self, width: int, height: int) -> None:
        self._program = {
            "shadow": Program("body.vert", "empty.frag", ("SHADOW",), poses=0),
            "body": Program("body.vert", "body.frag", poses=0, shadow_map=1),
            "patch": Program("ground.vert", "ground.frag", ("PATCH",), shadow_map=1),
            "ground": Program("ground.vert", "ground.frag"),
            "contact": Program("contact.vert", "contact.frag"),
            "goal": Program("goal.vert", "goal.frag"),
            "sky": Program("sky.vert", "sky.frag"),
        }
        skins = {level: build(character.model(), level) for level in LEVELS}
        self._bodies = {level: _skin_geometry(skin) for level, skin in skins.items()}
        self._corners = skins[LEVELS[0]].corners()
        self._patch = Geometry({0: np.column_stack([_SQUARE, np.zeros(6, np.float32)])})
        self._ground = Geometry({0: _ring()})
        self._sky = Geometry({0: _SQUARE})
        self._contact = Geometry({0: _SQUARE}, instances={1: 4})
        self._goal = Geometry({0: _SQUARE}, instances={1: 4, 2: 4})
        self._poses = TextureBuffer()
        self._frame = Buffer(gl.GL_UNIFORM_BUFFER)
        self._shadow_map = ShadowMap(SHADOW_SIZE)
        self._make_targets(width, height)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels."""
        for target in (self.target, self._samples):
            target.delete()
        self._make_targets(width, height)

    def _make_targets(self, width: int, height: int) -> None:
        self.width, self.height = max(width, 1), max(height, 1)
        self.target = Target(self.width, self.height)
        self._samples = Target(self.width, self.height, max_samples(SAMPLES), depth=True)

    def draw(self, scene: Scene, camera: Camera) -> None:
        """Draw one picture into `target`, and leave that bound."""
        view_projection = camera.view_projection(self.width / self.height)
        self._upload(scene, camera, view_projection)
        gl.glEnable(gl.GL_CULL_FACE)
        self._draw_shadow_map(scene)
        self._draw_background(scene)
        corners = scene.position[:, :, None] + character.rotate(scene.rotation[:, :, None], self._corners)
        area = covered_area(corners.reshape(-1, 3), view_projection, self.width, self.height)
        if area is not None:
            self._draw_characters(len(scene.position), self._bodies[level_of_detail(self.height, camera)], area)
        self.target.bind()

    def _draw(self, program: str, geometry: Geometry, instances: int = 1) -> None:
        if instances:
            self._program[program].use()
            geometry.draw(instances)

    def _draw_shadow_map(self, scene: Scene) -> None:
        gl.glEnable(gl.GL_DEPTH_TEST)
        self._shadow_map.begin()
        self._draw("shadow", self._bodies[LEVELS[-1]], len(scene.position))
        self._shadow_map.bind(1)

    def _draw_background(self, scene: Scene) -> None:
        self.target.bind()
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glDisable(gl.GL_BLEND)
        gl.glClearColor(*HORIZON, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        self._draw("sky", self._sky)
        self._draw("ground", self._ground)
        self._draw("patch", self._patch)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_ZERO, gl.GL_SRC_COLOR)
        self._draw("contact", self._contact, scene.position.shape[0] * scene.position.shape[1])
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        self._draw("goal", self._goal, len(scene.markers))
        gl.glDisable(gl.GL_BLEND)

    def _draw_characters(self, count: int, body: Geometry, area: tuple[int, int, int, int]) -> None:
        """Draw them into the pixels x, y, width, height (from the bottom left) that they can cover."""
        self.target.copy_to(self._samples.id, area)
        self._samples.bind()
        gl.glEnable(gl.GL_SCISSOR_TEST)
        gl.glScissor(*area)
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glEnable(gl.GL_CLIP_DISTANCE0)
        self._draw("body", body, count)
        gl.glDisable(gl.GL_CLIP_DISTANCE0)
        gl.glDisable(gl.GL_SCISSOR_TEST)
        self._samples.copy_to(self.target.id, area)

    def _upload(self, scene: Scene, camera: Camera, view_projection: np.ndarray) -> None:
        count = len(scene.position)
        texel = np.zeros((count, 31, 4), np.float32)
        texel[:, :15, :3], texel[:, 15:30], texel[:, 30, :3] = scene.position, scene.rotation, scene.color
        self._poses.write(texel)
        self._poses.bind(0)
        shadow_matrix, patch = light_view(scene.position)
        frame = np.concatenate([
            view_projection.T.ravel(), shadow_matrix.T.ravel(),
            [*camera.eye, camera.distance], [*LIGHT, 0.0], patch,
        ])  # fmt: skip
        self._frame.write(frame.astype(np.float32))
        gl.glBindBufferBase(gl.GL_UNIFORM_BUFFER, FRAME_BINDING, self._frame.id)

        radius = np.broadcast_to(CONTACT_RADIUS, (count, 15))
        ball = np.concatenate([scene.position, radius[..., None]], axis=-1).reshape(-1, 4)
        self._contact.instance[1].write(ball.astype(np.float32))
        place = [[*m.position, m.direction, m.facing] for m in scene.markers]
        tint = [[*scene.color[i % max(count, 1)], _arrow_length(m.speed)] for i, m in enumerate(scene.markers)]
        self._goal.instance[1].write(np.array(place or [[0.0] * 4], np.float32))
        self._goal.instance[2].write(np.array(tint or [[0.0] * 4], np.float32))


def _arrow_length(speed: float) -> float:
    """Metres from the character to the arrow's tip; 0 where it should stand still."""
    return 0.0 if speed < 0.05 else 0.85 + 0.4 * speed


def _skin_geometry(skin: Skin) -> Geometry:
    columns = [skin.body, skin.material, np.round(skin.openness * 255.0), np.zeros(len(skin.body))]  # four bytes each
    detail = np.column_stack(columns).astype(np.uint8)
    vertices = {0: skin.position.astype(np.float32), 1: skin.normal.astype(np.float32), 2: detail}
    return Geometry(vertices, skin.triangle)


def _ring() -> np.ndarray:
    """The ground around the patch: four trapezoids between its edge (z = 0) and far out (z = 1), [24, 3]."""
    corner = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    triangles = []
    for (ax, ay), (bx, by) in zip(corner, corner[1:] + corner[:1], strict=True):
        outer_a, outer_b, inner_a, inner_b = (ax, ay, 1), (bx, by, 1), (ax, ay, 0), (bx, by, 0)
        triangles += [outer_a, outer_b, inner_b, outer_a, inner_b, inner_a]
    return np.array(triangles, np.float32)

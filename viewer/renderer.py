"""Draws a `Scene`: lit characters and things on a gridded ground under a hazy sky, with soft shadows.

Passes, each one instanced draw call per shape however many characters there are:

1. shadow map: all that is solid, seen from the key light;
2. background into `target`, one sample a pixel, no depth: sky, ground, the ground that shadows can reach once more with
   them, shade of contact, decals and goals. All its edges are antialiased by their shaders;
3. characters and props, four samples a pixel: the part of the background that they can cover is copied into `_samples`,
   they are drawn over it with depth, what is below the ground is clipped, and the result is averaged into `target`.

`target` is what the display is drawn over, and what is shown or read. Multisampling only where characters are, and
shadows only where they can fall, halve the cost with Mesa's software renderer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pyglet import gl

from runtime import character
from viewer import shapes
from viewer.camera import Camera
from viewer.gpu import FRAME_BINDING, Buffer, Geometry, Program, ShadowMap, Target, TextureBuffer, max_samples
from viewer.quality import HIGH, Quality
from viewer.scene import Decal, Marker, Prop, Scene
from viewer.skin import build
from viewer.visibility import LEVELS, LIGHT, covered_area, level_of_detail, light_view, shadow_reach

SHADOW_LEVEL = LEVELS[-2]  # coarseness of the skin in the shadow map, unless shadows are to be fine
HORIZON = (0.7468, 0.7969, 0.8373)  # what sky and ground fade into, as displayed: finish(HORIZON) in frame.glsl
CONTACT_RADIUS = np.array([0.1, 0.11, 0.09, *(0.05, 0.045, 0.04) * 2, *(0.075, 0.06, 0.062) * 2])  # [15] m, by body


class Renderer:
    """The scene's OpenGL side; needs a current OpenGL 3.3 context. `target` holds the last picture."""

    def __init__(self, width: int, height: int, quality: Quality = HIGH) -> None:
        self.quality = quality
        surface = ("FINE",) if quality.fine_shadows else ()
        self._program = {
            "body_shadow": Program("body.vert", "empty.frag", ("SHADOW",), poses=0),
            "prop_shadow": Program("prop.vert", "empty.frag", ("SHADOW",)),
            "body": Program("body.vert", "body.frag", surface, poses=0, shadow_map=1),
            "prop": Program("prop.vert", "body.frag", surface, shadow_map=1),
            "ground": Program("ground.vert", "ground.frag"),
            "cast": Program("ground.vert", "ground.frag", ("CAST",), shadow_map=1),
            "contact": Program("contact.vert", "contact.frag"),
            "decal": Program("decal.vert", "decal.frag"),
            "goal": Program("goal.vert", "goal.frag"),
            "sky": Program("sky.vert", "sky.frag"),
        }
        self._first = {
            name: gl.glGetUniformLocation(self._program[name].id, b"first") for name in ("body", "body_shadow")
        }
        skins = {level: build(character.model(), level) for level in LEVELS}
        self._bodies = {level: shapes.skin_geometry(skin) for level, skin in skins.items()}
        self._corners = skins[LEVELS[0]].corners()
        self._square = shapes.marks({})
        self._cast, self._contact = shapes.marks({1: 4}), shapes.marks({1: 4})
        self._decal, self._goal = shapes.marks({1: 4, 2: 4, 3: 3}), shapes.marks({1: 4, 2: 4, 3: 1})
        self._props = shapes.props()
        self._poses = TextureBuffer()
        self._frame = Buffer(gl.GL_UNIFORM_BUFFER)
        self._shadow_map = ShadowMap(quality.shadow_size)
        self._make_targets(width, height)

    def use(self, quality: Quality) -> None:
        """Draw with another number of samples and other facets from now on; shadows stay as they are."""
        self.quality = replace(
            self.quality, name=quality.name, samples=quality.samples, facet_error=quality.facet_error
        )
        self.resize(self.width, self.height)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels."""
        for target in (self.target, self._samples):
            target.delete()
        self._make_targets(width, height)

    def _make_targets(self, width: int, height: int) -> None:
        self.width, self.height = max(width, 1), max(height, 1)
        self.target = Target(self.width, self.height)
        self._samples = Target(self.width, self.height, max_samples(self.quality.samples), depth=True)

    def draw(self, scene: Scene, camera: Camera) -> None:
        """Draw one picture into `target`, and leave that bound."""
        view_projection = camera.view_projection(self.width / self.height)
        bodies = scene.position[:, :, None] + character.rotate(scene.rotation[:, :, None], self._corners)
        bodies = bodies.reshape(len(scene.position), 15 * 8, 3)
        solid = shapes.corners([prop for prop in scene.props if prop.solid])
        casters = np.concatenate([bodies.reshape(-1, 3), solid.reshape(-1, 3)])
        level = level_of_detail(self.height, camera, scene.position[:, 0], self.quality.facet_error)
        order = np.argsort(level, kind="stable")
        self._upload_frame(camera, view_projection, *light_view(casters, self.quality.shadow_size))
        self._upload_bodies(scene, order)
        counts = self._upload_props(scene.props)
        self._upload_ground(scene, np.concatenate([shadow_reach(bodies), shadow_reach(solid)]))
        gl.glEnable(gl.GL_CULL_FACE)
        self._draw_shadow_map(len(scene.position), counts)
        self._draw_background(scene, len(bodies) + len(solid))
        seen = np.concatenate([bodies.reshape(-1, 3), shapes.corners(scene.props).reshape(-1, 3)])
        area = covered_area(seen, view_projection, self.width, self.height)
        if area is not None:
            self._draw_solids(level, counts, area)
        self.target.bind()

    def _draw(self, program: str, geometry: Geometry, instances: int = 1) -> None:
        if instances:
            self._program[program].use()
            geometry.draw(instances)

    def _draw_bodies(self, program: str, geometry: Geometry, first: int, count: int) -> None:
        """Draw `count` characters from the `first` in the order of `_upload_bodies` on."""
        if count:
            self._program[program].use()
            gl.glUniform1i(self._first[program], first)
            geometry.draw(count)

    def _draw_shadow_map(self, count: int, props: dict[str, int]) -> None:
        gl.glEnable(gl.GL_DEPTH_TEST)
        self._shadow_map.begin()
        level = LEVELS[1] if self.quality.fine_shadows else SHADOW_LEVEL
        self._draw_bodies("body_shadow", self._bodies[level], 0, count)
        for shape, number in props.items():
            self._draw("prop_shadow", self._props[shape], number)
        self._shadow_map.bind(1)

    def _draw_background(self, scene: Scene, casters: int) -> None:
        self.target.bind()
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glDisable(gl.GL_BLEND)
        gl.glClearColor(*HORIZON, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT)
        self._draw("sky", self._square)
        self._draw("ground", self._square)
        self._draw("cast", self._cast, casters)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_ZERO, gl.GL_SRC_COLOR)
        solid = sum(prop.solid for prop in scene.props)
        self._draw("contact", self._contact, scene.position.shape[0] * scene.position.shape[1] + solid)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        self._draw("decal", self._decal, len(scene.decals))
        self._draw("goal", self._goal, len(scene.markers))
        gl.glDisable(gl.GL_BLEND)

    def _draw_solids(self, level: np.ndarray, props: dict[str, int], area: tuple[int, int, int, int]) -> None:
        """Draw characters, each with its `level` of detail, and props into the pixels that they can cover.

        `area` is x, y, width, height from the bottom left.
        """
        self.target.copy_to(self._samples.id, area)
        self._samples.bind()
        gl.glEnable(gl.GL_SCISSOR_TEST)
        gl.glScissor(*area)
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glEnable(gl.GL_CLIP_DISTANCE0)
        first = 0
        for coarseness, body in self._bodies.items():
            count = int((level == coarseness).sum())
            self._draw_bodies("body", body, first, count)
            first += count
        for shape, number in props.items():
            self._draw("prop", self._props[shape], number)
        gl.glDisable(gl.GL_CLIP_DISTANCE0)
        gl.glDisable(gl.GL_SCISSOR_TEST)
        self._samples.copy_to(self.target.id, area)

    def _upload_frame(self, camera: Camera, view_projection: np.ndarray, shadow: np.ndarray, span: float) -> None:
        frame = np.concatenate([
            view_projection.T.ravel(), shadow.T.ravel(),
            [*camera.eye, camera.distance], [*LIGHT, 0.0], [span, 1.0 / self.quality.shadow_size, 0.0, 0.0],
        ])  # fmt: skip
        self._frame.write(frame.astype(np.float32))
        gl.glBindBufferBase(gl.GL_UNIFORM_BUFFER, FRAME_BINDING, self._frame.id)

    def _upload_bodies(self, scene: Scene, order: np.ndarray) -> None:
        texel = np.zeros((len(scene.position), 31, 4), np.float32)
        texel[:, :15, :3], texel[:, 15:30] = scene.position[order], scene.rotation[order]
        texel[:, 30, :3] = scene.color[order]
        self._poses.write(texel)
        self._poses.bind(0)

    def _upload_props(self, props: list[Prop]) -> dict[str, int]:
        """Write the instances of each shape that there is; returns how many."""
        counts: dict[str, int] = {}
        for shape, geometry in self._props.items():
            own = [prop for prop in props if prop.shape == shape]
            if own:
                counts[shape] = len(own)
                geometry.write({
                    2: [[*prop.position, prop.solid] for prop in own], 3: [prop.rotation for prop in own],
                    4: [prop.size for prop in own], 5: [prop.color for prop in own],
                })  # fmt: skip
        return counts

    def _upload_ground(self, scene: Scene, reach: np.ndarray) -> None:
        """Write where shadows fall, what shades the ground from the sky, and the marks on it."""
        radius = np.broadcast_to(CONTACT_RADIUS, scene.position.shape[:2])
        balls = np.concatenate([scene.position, radius[..., None]], axis=-1).reshape(-1, 4)
        others = [[*prop.position, float(prop.size.max())] for prop in scene.props if prop.solid]
        self._cast.write({1: reach})
        self._contact.write({1: np.concatenate([balls, np.reshape(others, (-1, 4))])})
        self._goal.write(_goal_instances(scene.markers, scene.color))
        self._decal.write(_decal_instances(scene.decals))


def _goal_instances(markers: list[Marker], color: np.ndarray) -> dict[int, list]:
    return {
        1: [[*m.position, m.direction, m.facing] for m in markers],
        2: [[*color[m.owner], _arrow_length(m.speed)] for m in markers],
        3: [[m.strength] for m in markers],
    }


def _decal_instances(decals: list[Decal]) -> dict[int, list]:
    return {
        1: [[*d.start, *d.end] for d in decals],
        2: [[*d.color, d.opacity] for d in decals],
        3: [[d.width if d.round else -d.width, d.ring, d.softness] for d in decals],
    }


def _arrow_length(speed: float) -> float:
    """Metres from the character to the arrow's tip; 0 where it should stand still."""
    return 0.0 if speed < 0.05 else 0.85 + 0.4 * speed

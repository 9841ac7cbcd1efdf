"""Frames of a character for `render_mode="rgb_array"`, drawn by MuJoCo without a window.

OpenGL is first needed by a `Camera`, which environments make on the first frame: without frames none has to be there.
"""

from __future__ import annotations

import mujoco
import numpy as np
from gymnasium.error import DependencyNotInstalled

from runtime.character import BODIES, PREFIX

_DISTANCE, _AZIMUTH, _ELEVATION = 3.2, 135.0, -15.0  # m, degrees
_SKIN = [0.90, 0.62, 0.36, 1.0]
_ADVICE = "set MUJOCO_GL=egl before Python starts; on Debian or Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri"


def decorate(spec: mujoco.MjSpec, size: tuple[int, int]) -> None:
    """Give a scene sky, tiles of 1 m, light and colour, and room for frames of up to width and height pixels."""
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        width=64, height=384, rgb1=[0.70, 0.78, 0.86], rgb2=[0.88, 0.90, 0.92],
    )  # fmt: skip
    spec.add_texture(
        name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        width=256, height=256, rgb1=[0.50, 0.54, 0.58], rgb2=[0.56, 0.60, 0.64],
    )  # fmt: skip
    tiles = spec.add_material(name="tiles", texrepeat=[1.0, 1.0], texuniform=True)
    tiles.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    for geom in spec.geoms:
        if geom.name == "ground":
            geom.material = "tiles"
        else:
            geom.rgba = _SKIN
    light = spec.worldbody.add_light(pos=[0, 0, 10], dir=[0.5, 0.3, -1.0], diffuse=[0.7, 0.7, 0.7], castshadow=False)
    light.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    spec.visual.global_.offwidth, spec.visual.global_.offheight = size


class Camera:
    """Follows the pelvis from the side."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        """Make an OpenGL context.

        Raises:
            DependencyNotInstalled: gymnasium's error, where there is no OpenGL; the message says what to do.
        """
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except Exception as error:  # MuJoCo's, PyOpenGL's, ctypes' and AttributeError alike, all for lack of OpenGL
            raise DependencyNotInstalled(f"render_mode rgb_array needs OpenGL without a display: {_ADVICE}") from error
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        self._view.trackbodyid = model.body(f"{PREFIX}{BODIES[0]}").id
        self._view.distance, self._view.azimuth, self._view.elevation = _DISTANCE, _AZIMUTH, _ELEVATION

    def frame(self, data: mujoco.MjData) -> np.ndarray:
        """Draw a state, whose positions must be up to date: [H, W, 3] uint8."""
        self._renderer.update_scene(data, self._view)
        return self._renderer.render()

    def close(self) -> None:
        """Give the context back."""
        self._renderer.close()

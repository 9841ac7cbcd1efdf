"""The window: pyglet's events in, goals and camera out, sixty pictures a second.

Each frame: real time since the last one goes to the world (which makes up for 0.25 s at most and drops the rest, so a
stall never turns into a burst), held keys become a goal, the camera follows, the scene and its display are drawn.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pyglet
from pyglet import gl
from pyglet.window import key

from runtime import SimulationError
from viewer import hud
from viewer.camera import Camera
from viewer.input import Drive
from viewer.overlay import Overlay
from viewer.renderer import Renderer
from viewer.stage import Stage

KEYS = {
    key.W: "forward", key.UP: "forward", key.S: "back", key.DOWN: "back",
    key.A: "left", key.LEFT: "left", key.D: "right", key.RIGHT: "right",
    key.LSHIFT: "run", key.RSHIFT: "run",
}  # fmt: skip
"""Which action of `input.ACTIONS` a key stands for."""

_ORBIT = 0.006  # rad per pixel dragged
_AVERAGING = 1.0  # s, time constant of the real-time factor shown


class ViewerWindow(pyglet.window.Window):
    """Shows a stage and steers its character."""

    def __init__(self, stage: Stage, camera: Camera, width: int, height: int) -> None:
        self._renderer: Renderer | None = None  # events may come before there is one
        config = gl.Config(major_version=3, minor_version=3, forward_compatible=True, double_buffer=True)
        super().__init__(width, height, caption=f"{stage.status().controller} · viewer", resizable=True, config=config)
        self.set_minimum_size(320, 200)
        self.stage, self.camera = stage, camera
        self.drive = Drive()
        self.held: dict[int, str] = {}
        """Keys that are down, and the action of each."""
        self.paused = False
        self.error: SimulationError | None = None
        """What broke the simulation and closed the window."""
        self._simulated = self._passed = 0.0  # s, fading sums that give the real-time factor
        self._renderer, self._overlay = Renderer(*self.get_framebuffer_size()), Overlay()
        camera.follow(stage.root, math.inf)

    def update(self, elapsed: float) -> None:
        """Let `elapsed` s of real time pass."""
        self.stage.goal = self.drive.goal(self.held.values(), self.camera.yaw)
        if self.paused:
            return
        before = self.stage.world.time
        try:
            self.stage.advance(elapsed)
        except SimulationError as error:
            self.error = error
            self.close()
            return
        fade = math.exp(-elapsed / _AVERAGING)
        self._simulated = fade * self._simulated + self.stage.world.time - before
        self._passed = fade * self._passed + elapsed
        self.camera.follow(self.stage.root, elapsed)

    def on_draw(self) -> None:
        """Draw the picture and its display."""
        if self._renderer is None:
            return
        factor = self._simulated / self._passed if self._passed > 0.0 else math.nan
        notice = "fallen — press R to reset" if self.stage.hero.fallen else ""
        notice = "paused" if self.paused else notice
        status = replace(self.stage.status(), real_time_factor=factor, notice=notice, keys=hud.KEYS)
        self._renderer.draw(self.stage.scene(), self.camera)
        self._renderer.target.copy_to(0)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        hud.draw(self._overlay, status, self._renderer.width, self._renderer.height)

    def on_resize(self, width: int, height: int) -> None:
        """Keep the picture as large as the window."""
        if self._renderer is not None:
            self._renderer.resize(*self.get_framebuffer_size())

    def on_key_press(self, symbol: int, modifiers: int) -> None:
        """Steer, reset, pause or quit."""
        if symbol in KEYS:
            self.held[symbol] = KEYS[symbol]
        elif symbol == key.R:
            self.stage.reset()
            self.camera.follow(self.stage.root, math.inf)
        elif symbol == key.P:
            self.paused = not self.paused
        elif symbol == key.ESCAPE:
            self.close()

    def on_key_release(self, symbol: int, modifiers: int) -> None:
        """Stop doing what the key stands for."""
        self.held.pop(symbol, None)

    def on_deactivate(self) -> None:
        """Let go of all keys: their release goes to another window."""
        self.held.clear()

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, buttons: int, modifiers: int) -> None:
        """Orbit."""
        self.camera.orbit(_ORBIT * dx, _ORBIT * dy)

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Zoom."""
        self.camera.zoom(scroll_y)


def run(stage: Stage, camera: Camera, size: tuple[int, int]) -> None:
    """Open a window on a stage and return when it is closed.

    Raises:
        SimulationError: the simulation broke down.
    """
    window = ViewerWindow(stage, camera, *size)
    pyglet.clock.tick()  # real time starts now, not when the program did
    pyglet.clock.schedule(window.update)
    pyglet.app.run(interval=1.0 / 60.0)
    pyglet.clock.unschedule(window.update)
    if window.error is not None:
        raise window.error

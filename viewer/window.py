"""The window: what pyglet reports goes to the app, the app's pictures come back, sixty a second.

Each frame: real time since the last one goes to the app (the world makes up for 0.25 s at most and drops the rest, so a
stall never turns into a burst), then a picture is drawn. A minimised window is not drawn.
"""

from __future__ import annotations

import time

import pyglet
from pyglet import gl
from pyglet.window import key, mouse

from runtime import SimulationError
from viewer.app import App, Mode
from viewer.camera import Camera
from viewer.context import GraphicsError
from viewer.gamepad import Gamepads
from viewer.live import Live
from viewer.panel import Panel
from viewer.screen import GlScreen

RATE = 1.0 / 60.0  # s between pictures


class ViewerWindow(pyglet.window.Window):
    """Shows a mode and hands on what the user does."""

    def __init__(
        self, mode: Mode, camera: Camera, width: int, height: int, quality: str = "auto", vsync: bool = True
    ) -> None:
        self._app: App | None = None  # events may come before there is one
        config = gl.Config(major_version=3, minor_version=3, forward_compatible=True, double_buffer=True)
        title = f"{mode.title} · viewer"
        super().__init__(width, height, caption=title, resizable=True, config=config, vsync=vsync)
        self.set_minimum_size(320, 200)
        self.error: SimulationError | None = None
        """What broke the simulation and closed the window."""
        self.first_frame: float | None = None
        """`time.time()` when the first picture was shown."""
        self.hidden = False
        """Whether it is minimised or unmapped."""
        screen = GlScreen(*self.get_framebuffer_size(), quality=quality, window=True)
        self.gpu = screen.gpu
        """What OpenGL calls its renderer."""
        self._app = App(mode, camera, screen)
        self._pads = Gamepads(self.app.drive.pad, self.app.command, self.app.say)
        self._panel: Panel | None = None
        self._elapsed = 0.0  # s since the last picture

    @property
    def app(self) -> App:
        """What the window shows."""
        assert self._app is not None
        return self._app

    def watch_gamepads(self) -> None:
        """Listen to gamepads, those plugged in later too."""
        try:
            self._pads.watch(pyglet.input.ControllerManager())  # pyright: ignore[reportArgumentType]
        except FileNotFoundError:
            pass  # no folder of devices, so no gamepad either
        except (ImportError, AttributeError, OSError) as error:  # no library for it, or no rights to look for devices
            self.app.say(f"no gamepads: {error}")

    def open_panel(self) -> None:
        """Show the panel of sliders.

        Raises:
            GraphicsError: imgui-bundle is not installed, or this is a recording, which has nothing to change.
        """
        if not isinstance(self.app.mode, Live):
            raise GraphicsError("--panel changes a live simulation: leave it out with --recording")
        self._panel = Panel(self, self.app.mode)

    def update(self, elapsed: float) -> None:
        """Let `elapsed` s of real time pass."""
        self._elapsed += elapsed
        try:
            self.app.update(elapsed)
        except SimulationError as error:
            self.error = error
            self.close()

    def on_draw(self) -> None:
        """Draw the picture and its display."""
        if self._app is not None and not self.hidden:
            self._app.draw()
            if self._panel is not None:
                self._panel.draw(self._elapsed)
                self._elapsed = 0.0
            self.first_frame = self.first_frame or time.time()

    def on_resize(self, width: int, height: int) -> None:
        """Keep the picture as large as the window."""
        if self._app is not None:
            self._app.resize(*self.get_framebuffer_size())

    def on_hide(self) -> None:
        """Minimised: the world goes on unseen."""
        self.hidden = True

    def on_show(self) -> None:
        """There again."""
        self.hidden = False

    def on_key_press(self, symbol: int, modifiers: int) -> None:
        """Hand it on."""
        if self._panel is not None and self._panel.wants_keys:
            return
        self.app.press(key.symbol_string(symbol))
        if self.app.full_screen != self.fullscreen:
            self.set_fullscreen(self.app.full_screen)
        if self.app.closed:
            self.close()

    def on_key_release(self, symbol: int, modifiers: int) -> None:
        """Hand it on."""
        self.app.release(key.symbol_string(symbol))

    def on_deactivate(self) -> None:
        """Let go of all keys: their release goes to another window."""
        if self._app is not None:
            self._app.let_go()

    def on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> None:
        """Take hold of a body, or begin to turn the view."""
        if self._panel is not None and self._panel.wants_mouse:
            return
        self.app.mouse_press(*self._pixel(x, y), orbit=button != mouse.LEFT)

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, buttons: int, modifiers: int) -> None:
        """Pull, or turn the view."""
        if self._panel is not None and self._panel.wants_mouse:
            return
        self.app.mouse_drag(*self._pixel(x, y), dx, dy)

    def on_mouse_release(self, x: int, y: int, button: int, modifiers: int) -> None:
        """Let go."""
        self.app.mouse_release()

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> None:
        """Zoom."""
        self.app.scroll(scroll_y)

    def _pixel(self, x: int, y: int) -> tuple[float, float]:
        """A place in the window in pixels of the picture, which may be finer."""
        ratio = self.get_pixel_ratio()
        return x * ratio, y * ratio


def run(mode: Mode, camera: Camera, size: tuple[int, int], quality: str = "auto", panel: bool = False) -> None:
    """Open a window on a mode and return when it is closed.

    Raises:
        GraphicsError: there is no OpenGL 3.3 for a window here.
        SimulationError: the simulation broke down.
    """
    try:
        window = ViewerWindow(mode, camera, *size, quality=quality)
    except (pyglet.window.NoSuchConfigException, gl.ContextException) as error:
        raise GraphicsError(f"no window with OpenGL 3.3 can be opened here ({error}); update the graphics driver, or "
                            "add --headless --video out.mp4") from error  # fmt: skip
    if panel:
        window.open_panel()
    window.watch_gamepads()
    pyglet.clock.tick()  # real time starts now, not when the program did
    # At an interval: what is scheduled for every turn of the loop keeps a core spinning, and cores draw without a GPU.
    pyglet.clock.schedule_interval(window.update, RATE)
    pyglet.app.run(interval=RATE)
    pyglet.clock.unschedule(window.update)
    window.app.close()
    if window.error is not None:
        raise window.error

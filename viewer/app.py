"""The viewer without its window: keys, mouse and time in, pictures out.

`window.py` gives it what pyglet reports; tests give it the same and a `NullScreen`. What it shows is a `Mode`: a live
stage (`live.py`) or a recording (`player.py`); view, help, pause, time scale, screenshots and the clocks are the same
for both.

    press, release, mouse_…, command ──┐
    update ── Mode.update, Camera.follow ├─ draw ── Mode.scene, Mode.status → hud.draw → Screen.show
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from viewer import hud
from viewer.actions import held_keys, help_pages
from viewer.camera import Camera
from viewer.files import next_free
from viewer.hud import Status
from viewer.images import OutputError, write_png
from viewer.input import Drive
from viewer.page import Page
from viewer.scene import Scene

TIME_SCALES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_ORBIT = 0.006  # rad per pixel dragged
_TURN = 2.5  # rad/s, the right stick pushed fully
_CLICK = 4.0  # pixels that a click may move
_TOAST = 2.5  # s that a notice stays
_AVERAGING = 1.0  # s, time constant of the clocks shown


class Screen(Protocol):
    """Where pictures go: `screen.GlScreen`, or `null.NullScreen` without OpenGL."""

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        ...

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        ...

    def show(self, scene: Scene, camera: Camera, page: Page) -> None:
        """Draw one picture."""

    def read(self) -> np.ndarray:
        """The last picture, [height, width, 3] uint8."""
        ...

    def resize(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels."""


class Mode(Protocol):
    """What is shown: it has its own time, and its own meaning of most keys."""

    playback: bool
    """Whether this is a recording."""

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        ...

    @paused.setter
    def paused(self, paused: bool) -> None: ...

    @property
    def time_scale(self) -> float:
        """Time shown per real time that is wanted."""
        ...

    @time_scale.setter
    def time_scale(self, scale: float) -> None: ...

    @property
    def title(self) -> str:
        """For the window's frame."""
        ...

    @property
    def time(self) -> float:
        """How much has been shown so far, s; real time at a time scale of 1."""
        ...

    @property
    def focus(self) -> np.ndarray:
        """What the camera follows, [3] m."""
        ...

    @property
    def top(self) -> float:
        """Height of the highest head among what the camera follows, m."""
        ...

    @property
    def keys(self) -> dict[str, str]:
        """Key name → command."""
        ...

    def command(self, name: str, camera: Camera) -> str:
        """Do what a command says; returns a notice, empty for none."""
        ...

    def update(self, elapsed: float, held: set[str], drive: Drive, camera: Camera) -> None:
        """Let `elapsed` s of real time pass."""

    def costs(self) -> tuple[tuple[str, float], ...]:
        """What a step takes in wall time: name, ms."""
        ...

    def scene(self) -> Scene:
        """What to draw now."""
        ...

    def status(self) -> Status:
        """What to tell now."""
        ...

    def take(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> bool:
        """Take hold of what a ray from the camera meets, or of what is at (x, y) of the picture, 0 to 1 from below."""
        ...

    def drag(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> None:
        """Move what is held."""

    def drop(self, clicked: bool) -> str:
        """Let go of it; `clicked`: the mouse has not moved since. Returns a notice."""
        ...

    def point(self, ray: np.ndarray, camera: Camera) -> None:
        """Take note of a click on nothing that can be held: `ray` from the camera."""

    def close(self) -> None:
        """Finish what is being written."""


class App:
    """Shows a mode on a screen and hands on what the user does."""

    def __init__(
        self, mode: Mode, camera: Camera, screen: Screen, folder: Path = Path("out"),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        """Start; `folder` is where screenshots and recordings go, `clock` gives s of real time."""
        self.mode, self.camera, self.screen, self.folder = mode, camera, screen, folder
        self.drive = Drive()
        self.held: dict[str, str] = {}
        """Keys that are down, and the action of each."""
        self.closed = False
        self.full_screen = False
        """Whether the whole screen is wanted."""
        self.help_page = 0
        """Which page of the help is shown, from 1; 0: none."""
        self.notice, self._until = "", 0.0
        self._clock, self._passed = clock, 0.0
        self._simulated = self._real = 0.0  # s, fading sums that give the real-time factor
        self._picture = math.nan  # s that a picture takes, averaged
        self._held_body, self._moved = False, 0.0
        self._pressed: tuple[float, float] | None = None
        self.frames = 0
        """Pictures drawn."""
        camera.follow(mode.focus, math.inf, mode.top)

    def say(self, notice: str) -> None:
        """Show a sentence for a while."""
        if notice:
            self.notice, self._until = notice, self._passed + _TOAST

    def press(self, key: str) -> None:
        """A key of that name went down."""
        if key in held_keys():
            self.held[key] = held_keys()[key]
        if key in self.mode.keys:
            self.command(self.mode.keys[key])

    def release(self, key: str) -> None:
        """A key of that name went up."""
        self.held.pop(key, None)

    def let_go(self) -> None:
        """Release everything: the window lost the keyboard, and releases go to another one."""
        self.held.clear()
        if self._held_body:
            self.mode.drop(clicked=False)
            self._held_body = False

    def close(self) -> None:
        """Finish what is being written."""
        self.mode.close()

    def command(self, name: str) -> None:
        """Do what a command of `actions.COMMANDS` says."""
        if name == "quit":
            self.closed = True
        elif name == "help":
            self.help_page = (self.help_page + 1) % (1 + len(help_pages(self.mode.playback)))
        elif name == "full screen":
            self.full_screen = not self.full_screen
        elif name == "pause":
            self.mode.paused = not self.mode.paused
        elif name in ("slower", "faster"):
            self._scale_time(-1 if name == "slower" else 1)
        elif name == "screenshot":
            self._screenshot()
        else:
            self.say(self.mode.command(name, self.camera))
            if name == "reset":
                self.camera.follow(self.mode.focus, math.inf, self.mode.top)

    def update(self, elapsed: float) -> None:
        """Let `elapsed` s of real time pass.

        Raises:
            SimulationError: the simulation broke down.
        """
        self._passed += elapsed
        right, up = self.drive.look()
        self.camera.orbit(_TURN * right * elapsed, -0.5 * _TURN * up * elapsed)
        before = self.mode.time
        self.mode.update(elapsed, set(self.held.values()), self.drive, self.camera)
        fade = math.exp(-elapsed / _AVERAGING)
        self._simulated = fade * self._simulated + max(self.mode.time - before, 0.0)
        self._real = fade * self._real + elapsed
        self.camera.follow(self.mode.focus, elapsed, self.mode.top)

    def draw(self) -> None:
        """Draw one picture and its display."""
        start = self._clock()
        status = self.status()
        self.screen.show(self.mode.scene(), self.camera, hud.draw(status, self.screen.width, self.screen.height))
        self.frames += 1
        spent = self._clock() - start
        self._picture = spent if math.isnan(self._picture) else 0.95 * self._picture + 0.05 * spent

    def status(self) -> Status:
        """What the display tells now."""
        status = self.mode.status()
        notice = self.notice if self._passed < self._until else ""
        if self.mode.paused:
            notice = notice or "paused"
        title, lines = help_pages(self.mode.playback)[self.help_page - 1] if self.help_page else ("", [])
        return replace(
            status,
            real_time_factor=self._simulated / self._real if self._real > 0.0 else math.nan,
            time_scale=0.0 if self.mode.paused else self.mode.time_scale,
            costs=(*self.mode.costs(), ("picture", 1e3 * self._picture)),
            notice=notice or status.notice,
            hint="" if self._passed > 10.0 or status.progress else "F1 help",
            help_title=title,
            help=tuple(lines),
        )

    def mouse_press(self, x: float, y: float, orbit: bool) -> None:
        """A button went down at a pixel from the bottom left; `orbit`: it is one that turns the view."""
        self._moved, self._pressed = 0.0, None if orbit else (x, y)
        self._held_body = not orbit and self.mode.take(self._ray(x, y), self.camera, self._share(x, y))

    def mouse_drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """The mouse moved by (dx, dy) pixels to (x, y) with a button down: pull what is held, or turn the view."""
        self._moved += math.hypot(dx, dy)
        if self._held_body:
            self.mode.drag(self._ray(x, y), self.camera, self._share(x, y))
        else:
            self.camera.orbit(_ORBIT * dx, _ORBIT * dy)

    def mouse_release(self) -> None:
        """The button went up: let go; if the mouse has hardly moved, it was a click."""
        if self._held_body:
            self.say(self.mode.drop(clicked=self._moved <= _CLICK))
        elif self._pressed is not None and self._moved <= _CLICK:
            self.mode.point(self._ray(*self._pressed), self.camera)
        self._held_body, self._pressed = False, None

    def scroll(self, notches: float) -> None:
        """The wheel was turned."""
        self.camera.zoom(notches)

    def resize(self, width: int, height: int) -> None:
        """The window has another size, pixels; one that is minimised may have none."""
        if width > 0 and height > 0:
            self.screen.resize(width, height)

    def _share(self, x: float, y: float) -> tuple[float, float]:
        return x / max(self.screen.width, 1), y / max(self.screen.height, 1)

    def _ray(self, x: float, y: float) -> np.ndarray:
        return self.camera.ray(*self._share(x, y), self.screen.width / max(self.screen.height, 1))

    def _scale_time(self, by: int) -> None:
        now = min(range(len(TIME_SCALES)), key=lambda i: abs(TIME_SCALES[i] - self.mode.time_scale))
        self.mode.time_scale = TIME_SCALES[min(max(now + by, 0), len(TIME_SCALES) - 1)]
        self.say(f"time ×{self.mode.time_scale:g}")

    def _screenshot(self) -> None:
        try:
            path = next_free(self.folder, "viewer", ".png")
            write_png(path, self.screen.read())
            self.say(f"saved {path}")
        except OSError as error:
            self.say(str(error) if isinstance(error, OutputError) else f"no picture saved: {error.strerror}")

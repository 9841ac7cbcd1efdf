"""Rendering without a display: a goal script or a recording in; a video, a film strip, a picture out.

Time is simulated time: pictures are taken at whole multiples of a frame, goals change when the script says, and the
same command gives the same pixels however slow the machine is.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewer import context, hud, strip
from viewer.app import Mode
from viewer.camera import Camera
from viewer.images import check_writable, video, write_png
from viewer.input import Wish
from viewer.live import Live
from viewer.player import Player
from viewer.scene import Scene
from viewer.script import GoalScript

if TYPE_CHECKING:
    from viewer.app import Screen

_STEP = 1.0 / 30.0  # s, the most that is simulated at once


@dataclass(frozen=True)
class Job:
    """What to render."""

    seconds: float
    """How long to simulate, s."""
    script: GoalScript
    """What the characters should do; a recording does what it does."""
    camera: Camera
    """Where the video is seen from; it follows the characters."""
    size: tuple[int, int] = (1280, 720)
    """Width and height of video and picture, pixels, even."""
    fps: int = 30
    """Frames of the video per simulated second."""
    quality: str = "high"
    """One of `quality.NAMES`."""
    video: Path | None = None
    """Where the video goes (MP4)."""
    video_from: float = 0.0
    """When the video begins, s: what is before is simulated and not shown."""
    screenshot: Path | None = None
    """Where the picture at the end goes (PNG)."""
    strip: Path | None = None
    """Where the film strip goes (PNG)."""
    strip_times: tuple[float, ...] = ()
    """When the poses of the strip are taken, s."""

    @property
    def frame_times(self) -> list[float]:
        """When the frames of the video are taken, s."""
        count = math.ceil((self.seconds - self.video_from) * self.fps - 1e-6) if self.video else 0
        return [self.video_from + frame / self.fps for frame in range(count)]


@dataclass(frozen=True)
class Report:
    """What was rendered."""

    frames: int
    """Frames of video."""
    wall_time: float
    """What it took, s: simulation, drawing and encoding, without starting up."""


def render(mode: Live | Player, job: Job) -> Report:
    """Run the script or the recording and write what the job asks for.

    Raises:
        GraphicsError: there is no OpenGL.
        OutputError: a file cannot be written.
        SimulationError: the simulation broke down.
    """
    for path in filter(None, (job.video, job.strip, job.screenshot)):
        check_writable(path)
    window = context.open_hidden()
    from viewer.screen import GlScreen  # imports OpenGL, which needs the context

    screen = GlScreen(*job.size, quality=job.quality)
    start = clock.perf_counter()
    scenes: list[Scene] = []
    try:
        with video(job.video, *job.size, job.fps) if job.video else nullcontext(print) as append:
            play(
                mode, job,
                on_frame=lambda: append(picture(screen, mode, job.camera)),
                on_pose=lambda: scenes.append(mode.scene()),
            )  # fmt: skip
        if job.screenshot is not None:
            write_png(job.screenshot, picture(screen, mode, job.camera))
        wall_time = clock.perf_counter() - start
        if job.strip is not None:
            heading = job.script.at(job.strip_times[0]).direction
            write_png(job.strip, strip.render(screen, scenes, job.strip_times, heading))
    finally:
        window.close()
    return Report(len(job.frame_times), wall_time)


def play(mode: Live | Player, job: Job, on_frame: Callable[[], None], on_pose: Callable[[], None]) -> None:
    """Simulate the job's time; stop where a goal changes, a frame of video or a pose of the strip is due.

    Raises:
        SimulationError: the simulation broke down.
    """
    events = [(time, "goal", k) for k, time in enumerate(job.script.times) if time <= job.seconds]
    events += [(time, "frame", 0) for time in job.frame_times] + [(time, "pose", 0) for time in job.strip_times]
    order = ("frame", "goal", "pose", "end")
    events.sort(key=lambda event: (round(event[0], 6), order.index(event[1])))
    now, followed = 0.0, -math.inf
    for time, kind, entry in [*events, (job.seconds, "end", 0)]:
        while now < time:
            step = min(_STEP, time - now)
            mode.advance(step)
            now = now + step if step == _STEP else time
        _wish(mode, job.script.at(time))
        if kind == "goal":
            for command in job.script.commands[entry]:
                mode.command(command, job.camera)
        if kind in ("frame", "end"):
            job.camera.follow(mode.focus, time - followed, mode.top)
            followed = time
        if kind == "frame":
            on_frame()
        elif kind == "pose":
            on_pose()


def picture(screen: Screen, mode: Mode, camera: Camera) -> np.ndarray:
    """Draw a mode with its display: [height, width, 3] uint8."""
    screen.show(mode.scene(), camera, hud.draw(mode.status(), screen.width, screen.height))
    return screen.read()


def _wish(mode: Live | Player, wish: Wish) -> None:
    if isinstance(mode, Live):
        mode.stage.wish = wish

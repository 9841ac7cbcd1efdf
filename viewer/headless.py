"""Rendering without a display: a goal script in, a video and a film strip out.

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

from viewer import context, hud, strip
from viewer.camera import Camera
from viewer.images import check_writable, video, write_png
from viewer.scene import Scene
from viewer.script import GoalScript
from viewer.stage import Stage

if TYPE_CHECKING:
    import numpy as np

    from viewer.overlay import Overlay
    from viewer.renderer import Renderer

_STEP = 1.0 / 30.0  # s, the most that is simulated at once


@dataclass(frozen=True)
class Job:
    """What to render."""

    seconds: float
    """How long to simulate, s."""
    script: GoalScript
    """What the character should do."""
    camera: Camera
    """Where the video is seen from; it follows the character."""
    size: tuple[int, int] = (1280, 720)
    """Width and height of the video, pixels, even."""
    fps: int = 30
    """Frames of the video per simulated second."""
    video: Path | None = None
    """Where the video goes (MP4)."""
    strip: Path | None = None
    """Where the film strip goes (PNG)."""
    strip_times: tuple[float, ...] = ()
    """When the poses of the strip are taken, s."""

    @property
    def frame_times(self) -> list[float]:
        """When the frames of the video are taken, s."""
        return [frame / self.fps for frame in range(math.ceil(self.seconds * self.fps - 1e-6))] if self.video else []


@dataclass(frozen=True)
class Report:
    """What was rendered."""

    frames: int
    """Frames of video."""
    wall_time: float
    """What it took, s: simulation, drawing and encoding, without starting up."""


def render(stage: Stage, job: Job) -> Report:
    """Run the script and write what the job asks for.

    Raises:
        GraphicsError: there is no OpenGL.
        OutputError: a file cannot be written.
        SimulationError: the simulation broke down.
    """
    for path in filter(None, (job.video, job.strip)):
        check_writable(path)
    window = context.open_hidden()
    from viewer.overlay import Overlay  # these import OpenGL, which needs the context
    from viewer.renderer import Renderer

    renderer, overlay = Renderer(*job.size), Overlay()
    start = clock.perf_counter()
    scenes: list[Scene] = []
    try:
        with video(job.video, *job.size, job.fps) if job.video else nullcontext(print) as append:
            play(
                stage, job,
                on_frame=lambda: append(picture(renderer, overlay, stage, job.camera)),
                on_pose=lambda: scenes.append(stage.scene()),
            )  # fmt: skip
        wall_time = clock.perf_counter() - start
        if job.strip is not None:
            heading = job.script.at(job.strip_times[0]).direction
            write_png(job.strip, strip.render(renderer, overlay, scenes, job.strip_times, heading))
    finally:
        window.close()
    return Report(len(job.frame_times), wall_time)


def play(stage: Stage, job: Job, on_frame: Callable[[], None], on_pose: Callable[[], None]) -> None:
    """Simulate the job's time; stop where a goal changes, a frame of video or a pose of the strip is due.

    Raises:
        SimulationError: the simulation broke down.
    """
    events = [(time, "goal") for time in job.script.times if time <= job.seconds]
    events += [(time, "frame") for time in job.frame_times] + [(time, "pose") for time in job.strip_times]
    now, followed = 0.0, -math.inf
    for time, kind in sorted(events):
        while now < time:
            step = min(_STEP, time - now)
            stage.advance(step)
            now = now + step if step == _STEP else time
        stage.goal = job.script.at(time)
        if kind == "frame":
            job.camera.follow(stage.root, time - followed)
            followed = time
            on_frame()
        elif kind == "pose":
            on_pose()


def picture(renderer: Renderer, overlay: Overlay, stage: Stage, camera: Camera) -> np.ndarray:
    """Draw the stage with its display: [height, width, 3] uint8."""
    renderer.draw(stage.scene(), camera)
    hud.draw(overlay, stage.status(), renderer.width, renderer.height)
    return renderer.target.read()

r"""`python -m viewer`: steer controllers in a window, play a recording, or render either without a display.

    python -m viewer --controller exported/steering.onnx
    python -m viewer --controller exported/steering.onnx --headless --seconds 8 \
        --goals "0:speed=1.5,dir=0;4:speed=1,dir=90;6:throw" --video out.mp4 --strip strip.png
    python -m viewer --recording out/recording-001.rec

What the user gets wrong is answered with one sentence and exit code 2; a simulation that breaks down with exit code 1.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

import numpy as np

from runtime import ControllerError, GoalError, Prior, PriorError, RecordingError, SimulationError
from runtime.interchange import InterchangeError
from runtime.tasks import TaskError, load
from viewer import context, film, options
from viewer.camera import Camera, starting_distance
from viewer.context import GraphicsError
from viewer.images import OutputError
from viewer.live import Live
from viewer.player import Player, export
from viewer.script import parse
from viewer.stage import Stage

_USER_ERRORS = (
    ControllerError, GoalError, GraphicsError, InterchangeError, OutputError, PriorError, RecordingError,
    TaskError,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    chosen = options.read(arguments)
    try:
        _run(chosen)
    except _USER_ERRORS as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(chosen: argparse.Namespace) -> None:
    if chosen.task:
        load(chosen.task)
    mode = _recording(chosen) if chosen.recording else _simulation(chosen)
    if chosen.export is not None and isinstance(mode, Player):
        _export(mode, chosen)
    camera = Camera(
        math.radians(chosen.yaw),
        math.radians(chosen.pitch),
        chosen.distance or starting_distance(mode.scene().position),
    )
    if chosen.headless:
        _render(mode, camera, chosen)
    elif chosen.export is None:
        context.check_display()
        from viewer import window  # needs a display

        window.run(mode, camera, chosen.size, chosen.quality or "auto", panel=chosen.panel)


def _simulation(chosen: argparse.Namespace) -> Live:
    stage = Stage(chosen.controller or ("steering",), chosen.characters, not chosen.no_getup)
    if not chosen.no_prior:
        stage.judge(Prior.load(chosen.prior) if chosen.prior else None)
    stage.show_trails, stage.show_contacts = chosen.trail, chosen.contacts
    return Live(stage)


def _recording(chosen: argparse.Namespace) -> Player:
    player = Player(film.load(chosen.recording))
    player.show_trails = chosen.trail
    return player


def _export(player: Player, chosen: argparse.Namespace) -> None:
    try:
        export(player.film, chosen.export)
    except OSError as error:
        raise OutputError(f"{chosen.export}: cannot be written: {error.strerror or error}") from error
    print(f"{chosen.export}: {player.film.duration:.2f} s of {', '.join(player.film.motions)}")


def _render(mode: Live | Player, camera: Camera, chosen: argparse.Namespace) -> None:
    from viewer import headless

    if isinstance(mode, Player) and chosen.seconds is None:
        chosen.seconds = max(mode.film.duration, 0.1)
    problem = options.check_times(chosen)
    if problem:
        raise OutputError(problem)
    times = np.linspace(chosen.strip_from, chosen.strip_to, chosen.strip_poses) if chosen.strip else ()
    job = headless.Job(
        chosen.seconds, chosen.goals or parse("0:speed=0"), camera, chosen.size, chosen.fps, chosen.quality,
        chosen.video, chosen.video_from, chosen.screenshot, chosen.strip, tuple(float(time) for time in times),
    )  # fmt: skip
    report = headless.render(mode, job)
    if chosen.video:
        speed, seconds = report.frames / report.wall_time, chosen.seconds - chosen.video_from
        print(f"{chosen.video}: {report.frames} frames, {seconds:g} s, rendered at {speed:.0f} frames/s")
    if chosen.strip:
        print(f"{chosen.strip}: {len(times)} poses from {chosen.strip_from:g} to {chosen.strip_to:g} s")
    if chosen.screenshot:
        print(f"{chosen.screenshot}: the picture at {chosen.seconds:g} s")

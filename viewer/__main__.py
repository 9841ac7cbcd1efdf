r"""`python -m viewer`: steer a controller in a window, or render it without a display.

    python -m viewer --controller exported/steering.onnx
    python -m viewer --controller exported/steering.onnx --headless --seconds 8 \
        --goals "0:speed=1.5,dir=0;4:speed=1,dir=90" --video out.mp4 --strip strip.png

What the user gets wrong is answered with one sentence and exit code 2; a simulation that breaks down with exit code 1.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from runtime import ControllerError, GoalError, SimulationError
from viewer import context
from viewer.camera import Camera
from viewer.context import GraphicsError
from viewer.images import OutputError
from viewer.script import GoalScript, ScriptError, parse
from viewer.stage import Stage

_HEADLESS_ONLY = ("seconds", "goals", "video", "strip", "fps", "strip_from", "strip_to", "strip_poses")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    try:
        stage = Stage(options.controller)
        camera = Camera(math.radians(options.yaw), math.radians(options.pitch), options.distance)
        if options.headless:
            _render(stage, camera, options)
        else:
            context.check_display()
            from viewer import window  # needs a display

            window.run(stage, camera, options.size)
    except (ControllerError, GoalError, GraphicsError, OutputError) as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _render(stage: Stage, camera: Camera, options: argparse.Namespace) -> None:
    from viewer import headless

    times = np.linspace(options.strip_from, options.strip_to, options.strip_poses) if options.strip else ()
    job = headless.Job(
        options.seconds, options.goals, camera, options.size, options.fps, options.video, options.strip,
        tuple(float(time) for time in times),
    )  # fmt: skip
    report = headless.render(stage, job)
    if options.video:
        speed = report.frames / report.wall_time
        print(f"{options.video}: {report.frames} frames, {options.seconds:g} s, rendered at {speed:.0f} frames/s")
    if options.strip:
        print(f"{options.strip}: {len(times)} poses from {options.strip_from:g} to {options.strip_to:g} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m viewer", description="Steer a controller in a window, or render it.")
    add = parser.add_argument
    add("--controller", type=Path, metavar="FILE", help="controller (ONNX); without one the character just stands")
    add("--size", type=_size, default=(1280, 720), metavar="WxH", help="of window or video, pixels; default 1280x720")
    add("--yaw", type=_number, default=-35.0, metavar="DEG", help="camera's direction of view; default -35, world yaw")
    add("--pitch", type=_between(2, 85), default=11.0, metavar="DEG", help="camera's downward angle; default 11")
    add("--distance", type=_between(1.2, 40), default=3.9, metavar="M", help="camera's distance; default 3.9")
    add("--headless", action="store_true", help="render without a display, in simulated time; what follows is for it")
    add("--seconds", type=_between(0.1, 3600), metavar="S", help="how long; default 8")
    add("--goals", type=_goals, metavar="SCRIPT", help='e.g. "0:speed=1.5,dir=0;4:speed=1,dir=90" (s, m/s, degrees)')
    add("--video", type=Path, metavar="FILE.mp4", help="write a video")
    add("--fps", type=_count(1, 240), metavar="N", help="frames per second of the video; default 30")
    add("--strip", type=Path, metavar="FILE.png", help="write a film strip")
    add("--strip-from", type=_number, metavar="S", help="time of its first pose; default 0")
    add("--strip-to", type=_number, metavar="S", help="time of its last pose; default the end")
    add("--strip-poses", type=_count(1, 40), metavar="N", help="how many poses; default 9")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Fill in the defaults of headless rendering and refuse what does not fit together."""
    if not options.headless:
        for name in _HEADLESS_ONLY:
            if getattr(options, name) is not None:
                parser.error(f"--{name.replace('_', '-')} is for rendering without a display: add --headless")
        return
    if not options.video and not options.strip:
        parser.error("--headless has nothing to write: add --video FILE.mp4 or --strip FILE.png")
    defaults = {"seconds": 8.0, "fps": 30, "strip_from": 0.0, "strip_poses": 9}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.goals = options.goals or parse("0:speed=1.3,dir=0")
    options.strip_to = options.seconds if options.strip_to is None else options.strip_to
    for path, suffix in ((options.video, ".mp4"), (options.strip, ".png")):
        if path is not None and path.suffix.lower() != suffix:
            parser.error(f"{path}: expected a name that ends in {suffix}")
    if not 0.0 <= options.strip_from <= options.strip_to <= options.seconds:
        parser.error(
            f"expected 0 <= --strip-from <= --strip-to <= --seconds, "
            f"found {options.strip_from:g}, {options.strip_to:g}, {options.seconds:g}"
        )


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return number


def _between(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = _number(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"expected {low:g} to {high:g}, found {text}")
        return number

    return read


def _count(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = _between(low, high)(text)
        if number != int(number):
            raise argparse.ArgumentTypeError(f"expected a whole number, found {text}")
        return int(number)

    return read


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT like 1280x720, found {text!r}") from None
    if not (64 <= width <= 7680 and 64 <= height <= 4320 and width % 2 == 0 and height % 2 == 0):
        raise argparse.ArgumentTypeError(f"expected even numbers, 64x64 to 7680x4320, found {text}")
    return width, height


def _goals(text: str) -> GoalScript:
    try:
        return parse(text)
    except ScriptError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())

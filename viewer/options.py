"""The command line of `python -m viewer`: its options, their defaults, and what does not fit together."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from viewer.images import VIDEO_SUFFIXES
from viewer.quality import NAMES
from viewer.script import GoalScript, ScriptError, parse

HEADLESS_ONLY = (
    "seconds", "goals", "video", "video_from", "screenshot", "strip", "fps", "strip_from", "strip_to", "strip_poses",
)  # fmt: skip
LIVE_ONLY = ("controller", "characters", "no_getup", "prior", "no_prior", "goals")
MOST = 100
"""Characters at once."""


def read(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse and check; exits with 2 and a sentence where something is wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.recording is not None:
        for name in LIVE_ONLY:
            if getattr(options, name):
                parser.error(f"--{name.replace('_', '-')} is for a live simulation: leave it out with --recording")
    elif options.export is not None:
        parser.error("--export writes a recording for other programs: add --recording FILE")
    if options.headless or options.export is not None:
        _check_headless(parser, options)
    else:
        for name in HEADLESS_ONLY:
            if getattr(options, name) is not None:
                parser.error(f"--{name.replace('_', '-')} is for rendering without a display: add --headless")
    return options


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence instead of all options."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how to see the options; exit with 2."""
        self.exit(2, f"viewer: {message} (--help lists the options)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "python -m viewer", description="Steer controllers in a window, play a recording, or render either."
    )
    _add_what(parser.add_argument_group("what is shown").add_argument)
    _add_how(parser.add_argument_group("how it is shown").add_argument)
    _add_headless(parser.add_argument_group("without a display").add_argument)
    return parser


def _add_what(add: Callable[..., object]) -> None:
    add("--controller", metavar="FILE", action="append", help="controller (ONNX), or the name of a shipped one; once "
        "more for one more character beside it; default steering")  # fmt: skip
    add("--characters", type=_count(1, MOST), metavar="N", help="how many; default one for each controller")
    add(
        "--no-getup",
        action="store_true",
        help="who has fallen stays down until C is pressed; default: it gets up by "
        "itself, where a controller that can is loaded or lies beside a loaded one as getup.onnx",
    )
    add("--prior", type=Path, metavar="FILE", help="judge naturalness by this prior (ONNX); default the controller's "
        "own, where it lies in priors/ beside it")  # fmt: skip
    add("--no-prior", action="store_true", help="judge nothing, show no curve")
    add("--task", metavar="MODULE", help="module of the controller's task, where no installed package has it")
    add("--recording", type=Path, metavar="FILE", help="play a recording or a clip")
    add("--export", type=Path, metavar="FILE", help="write the recording as .glb (glTF) or .bvh, and open no window")


def _add_how(add: Callable[..., object]) -> None:
    add("--size", type=_size, default=(1280, 720), metavar="WxH", help="of window or video, pixels; default 1280x720")
    add("--quality", choices=NAMES, help="of the picture; default auto in a window (low where OpenGL runs on the "
        "processor), high without a display")  # fmt: skip
    add("--yaw", type=_number, default=-35.0, metavar="DEG", help="camera's direction of view; default -35, world yaw")
    add("--pitch", type=_between(2, 85), default=11.0, metavar="DEG", help="camera's downward angle; default 11")
    add("--distance", type=_between(1.2, 60), metavar="M", help="camera's distance; default 3.9, more for many")
    add("--trail", action="store_true", help="show where characters went")
    add("--contacts", action="store_true", help="show where the ground is touched")
    add("--panel", action="store_true", help="a panel to change goals, weights and physics (needs imgui-bundle)")


def _add_headless(add: Callable[..., object]) -> None:
    add("--headless", action="store_true", help="render without a display, in simulated time; what follows is for it")
    add("--seconds", type=_between(0.1, 3600), metavar="S", help="how long; default 8, or the recording's length")
    add("--goals", type=_goals, metavar="SCRIPT", help='e.g. "0:speed=1.5,dir=0;4:dir=90;6:throw" (s, m/s, degrees)')
    add("--video", type=Path, metavar="FILE", help="write a video: .mp4, or .webp, an animated picture")
    add("--video-from", type=_between(0, 3600), metavar="S", help="when the video begins; default 0")
    add("--fps", type=_count(1, 240), metavar="N", help="frames per second of the video; default 30")
    add("--screenshot", type=Path, metavar="FILE.png", help="write the picture at the end")
    add("--strip", type=Path, metavar="FILE.png", help="write a film strip")
    add("--strip-from", type=_number, metavar="S", help="time of its first pose; default 0")
    add("--strip-to", type=_number, metavar="S", help="time of its last pose; default the end")
    add("--strip-poses", type=_count(1, 40), metavar="N", help="how many poses; default 9")


def _check_headless(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Fill in the defaults of headless rendering and refuse what does not fit together; times may depend on a file."""
    wanted = (options.video, options.strip, options.screenshot, options.export)
    if not any(wanted):
        parser.error("--headless has nothing to write: add --video FILE.mp4, --strip FILE.png or --screenshot FILE.png")
    defaults = {"fps": 30, "strip_from": 0.0, "strip_poses": 9, "quality": "high", "video_from": 0.0}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.recording is None:
        options.seconds = options.seconds or 8.0
        options.goals = options.goals or parse("0:speed=1.3,dir=0")
    suffixes = ((options.video, VIDEO_SUFFIXES), (options.strip, (".png",)), (options.screenshot, (".png",)),
                (options.export, (".glb", ".bvh")))  # fmt: skip
    for path, endings in suffixes:
        if path is not None and path.suffix.lower() not in endings:
            parser.error(f"{path}: expected a name that ends in {' or '.join(endings)}")
    if options.seconds is not None:
        problem = check_times(options)
        if problem:
            parser.error(problem)


def check_times(options: argparse.Namespace) -> str:
    """What is wrong with the times once `seconds` is known; empty if nothing. Fills in the strip's last."""
    options.strip_to = options.seconds if options.strip_to is None else options.strip_to
    if not 0.0 <= options.strip_from <= options.strip_to <= options.seconds:
        return (
            f"expected 0 <= --strip-from <= --strip-to <= --seconds, "
            f"found {options.strip_from:g}, {options.strip_to:g}, {options.seconds:g}"
        )
    if not options.video_from < options.seconds:
        return f"expected --video-from before --seconds, found {options.video_from:g} and {options.seconds:g}"
    return ""


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

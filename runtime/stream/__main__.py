"""`python -m runtime.stream --controller FILE`: characters in real time, for other programs to show and to steer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from runtime.contract import ControllerError
from runtime.stream.server import PORT, Stream, StreamError
from runtime.world import World

SPACING = 2.0  # m between characters, side by side


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m runtime.stream", description="Stream poses, take goals.")
    parser.add_argument(
        "--controller",
        default="steering",
        help="a controller's file or a shipped one's name, for every character (default steering)",
    )
    parser.add_argument("--characters", type=int, default=1)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in: whoever comes can steer")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes a free one (default {PORT})")
    parser.add_argument("--origin", action="append", default=[], help="of a web page that may connect; repeatable")
    parser.add_argument("--rate", type=float, default=60.0, help="poses a second (default 60)")
    parser.add_argument("--seconds", type=float, help="end after so long")
    options = parser.parse_args(arguments)
    if not 1 <= options.characters <= 1000 or not 1.0 <= options.rate <= 1000.0:
        parser.error("expected 1 to 1000 characters and a rate of 1 to 1000 Hz")
    world = World()
    try:
        for number in range(options.characters):
            world.add_character(options.controller, position=(0.0, SPACING * number))
        with Stream(world, options.host, options.port, origins=options.origin) as stream:
            print(f"{stream.url}: {', '.join(c.name for c in world.characters)}; Ctrl-C ends", flush=True)
            _run(world, stream, 1.0 / options.rate, options.seconds)
    except (ControllerError, StreamError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _run(world: World, stream: Stream, period: float, seconds: float | None) -> None:
    """Advance the world by the clock, one exchange every `period` s."""
    start = before = time.monotonic()
    frame = 0
    while seconds is None or before - start < seconds:
        stream.exchange()
        frame += 1
        time.sleep(max(0.0, start + frame * period - time.monotonic()))
        now = time.monotonic()
        world.advance(now - before)
        before = now


if __name__ == "__main__":
    sys.exit(main())

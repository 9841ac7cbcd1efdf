r"""`python -m viewer.benchmark`: frames a second for 1, 10 and 100 characters, and the time to the first picture.

    python -m viewer.benchmark --controller exported/steering.onnx
    xvfb-run -s "-screen 0 1280x800x24" taskset -c 0,1 python -m viewer.benchmark     # software rendering, two cores

Everything that a session costs is in it: simulation in real time, networks, the display, drawing and showing pictures
in a window of 1280×720 as fast as they come (without a display: drawing without one). Each count runs for a few seconds
after a warm-up; characters run in a circle so that no picture is like the one before. The machine is named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from viewer import context
from viewer.app import App
from viewer.camera import Camera, starting_distance
from viewer.live import Live
from viewer.quality import NAMES
from viewer.stage import Stage

SIZE = 1280, 720
_WARM_UP = 1.0  # s


@dataclass(frozen=True)
class Figures:
    """What was measured with one number of characters."""

    characters: int
    frames_per_second: float
    best_second: float
    """Frames in the best whole second: what a machine gives that others use too, when they let it."""
    processor_ms: float
    """Processor time for each frame, all threads and everything together: the same however busy the machine is."""
    picture_ms: float
    """Drawing: from the scene to the finished picture, without showing it."""
    physics_ms: float
    """Per control step, that is thirty times a second."""
    networks_ms: float
    real_time_factor: float
    """Simulated time per real time; 1 where the world keeps up."""


def measure(controller: Path, count: int, seconds: float, quality: str) -> tuple[Figures, str]:
    """Run a session for a while; returns what it cost, and what OpenGL calls its renderer."""
    stage = Stage([controller], count)
    stage.judge()
    mode = Live(stage)
    camera = Camera(distance=starting_distance(mode.scene().position))
    app, gpu, flip, close = _open(mode, camera, quality)
    app.press("W")
    for length in (_WARM_UP, seconds):
        frames, simulated, start = 0, mode.time, time.perf_counter()
        last, drawing, seconds_of, processor = start, 0.0, [0] * (int(length) + 1), time.process_time()
        while (now := time.perf_counter()) - start < length:
            camera.orbit(-0.4 * (now - last), 0.0)
            app.update(now - last)
            drawn = time.perf_counter()
            app.draw()
            drawing += time.perf_counter() - drawn
            flip()
            frames, last = frames + 1, now
            seconds_of[int(now - start)] += 1
    passed, costs = time.perf_counter() - start, dict(mode.costs())
    processor = time.process_time() - processor
    close()
    figures = Figures(
        count, frames / passed, max(seconds_of[: max(int(seconds), 1)]), 1e3 * processor / frames,
        1e3 * drawing / frames, costs["physics"], costs["networks"], (mode.time - simulated) / passed,
    )  # fmt: skip
    return figures, gpu


def _open(mode: Live, camera: Camera, quality: str) -> tuple[App, str, Callable[[], None], Callable[[], None]]:
    """An app in a window, or without a display; what OpenGL is called, how to show a picture, how to close."""
    if os.environ.get("DISPLAY") or sys.platform != "linux":
        context.check_display()
        from viewer.window import ViewerWindow

        window = ViewerWindow(mode, camera, *SIZE, quality=quality, vsync=False)

        def show() -> None:
            window.dispatch_events()
            window.flip()

        return window.app, window.gpu, show, window.close
    hidden = context.open_hidden()
    from viewer.screen import GlScreen

    screen = GlScreen(*SIZE, quality=quality)
    return App(mode, camera, screen), screen.gpu, screen.finish, hidden.close


def first_picture(controller: Path) -> float:
    """Seconds from starting `python -m viewer` to its first picture, the best of three."""
    display = os.environ.get("DISPLAY") or sys.platform != "linux"
    shown = "window.ViewerWindow.on_draw" if display else "screen.GlScreen.show"
    code = f"""
import os, sys
from viewer import context
context.check_display() if {bool(display)} else context.open_hidden()
from viewer import {shown.split(".")[0]}
draw = {shown}
def once(self, *arguments):
    draw(self, *arguments)
    os.write(1, b"picture")
    os._exit(0)
{shown} = once
from viewer.__main__ import main
main(sys.argv[1:])
"""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, "--controller", str(controller)]
        command += [] if display else ["--headless", "--seconds", "0.1", "--screenshot", f"{folder}/first.png"]
        for _ in range(3):
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            times.append(time.perf_counter() - start)
            if done.stdout != "picture":
                raise context.GraphicsError(f"the viewer did not start: {done.stderr.strip()[-300:]}")
    return min(times)


def machine() -> str:
    """The processor's name and how many of its cores may be used."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = named[0] if named else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} of {os.cpu_count()} cores of {name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser("python -m viewer.benchmark", description="Frames a second of the viewer.")
    parser.add_argument("--controller", type=Path, default=Path("exported/steering.onnx"), metavar="FILE")
    parser.add_argument("--characters", type=int, nargs="+", default=[1, 10, 100], metavar="N")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="for each number of characters")
    parser.add_argument("--quality", choices=NAMES, default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    chosen = parser.parse_args(arguments)
    start = first_picture(chosen.controller)
    rows, gpu = [], ""
    for count in chosen.characters:
        figures, gpu = measure(chosen.controller, count, chosen.seconds, chosen.quality)
        rows.append(figures)
    place = "in a window" if os.environ.get("DISPLAY") else "without a display"
    print(f"{SIZE[0]}×{SIZE[1]} {place}, quality {chosen.quality}, {gpu}, {machine()}")
    print("| characters | frames/s | best second | processor, ms a frame | physics, ms | networks, ms | real time |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.characters} | {row.frames_per_second:.0f} | {row.best_second:.0f} | {row.processor_ms:.1f} | "
              f"{row.physics_ms:.2f} | {row.networks_ms:.2f} | ×{row.real_time_factor:.2f} |")  # fmt: skip
    print(f"from the command to the first picture: {start:.1f} s")
    if chosen.json:
        record = {"machine": machine(), "gpu": gpu, "size": SIZE, "quality": chosen.quality, "first_picture_s": start}
        chosen.json.write_text(json.dumps(record | {"figures": [asdict(row) for row in rows]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A recording as the app shows it: played, scrubbed by keys or along the bar, frame by frame, slower or faster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from runtime.interchange import save, write_gltf
from viewer.actions import playback_keys
from viewer.camera import Camera, top_of
from viewer.files import next_free
from viewer.film import Film
from viewer.hud import Row, Status
from viewer.input import Drive
from viewer.scene import Prop, Scene
from viewer.scenery import string
from viewer.tracks import Trails

_SCRUB = 2.0  # s of the recording for each s that a key is held
_BAR = 0.12  # of the picture's height that belongs to the bar
_JOINT = np.array([0.02, 0.42, 0.50])  # linear RGB of the source's skeleton


class Player:
    """Shows a film; it ends on its last frame, or starts again where it is a loop."""

    playback = True
    keys = playback_keys()

    def __init__(self, film: Film, folder: Path = Path("out")) -> None:
        """Show a film from its start; `folder` is where exports go."""
        self.film, self.folder = film, folder
        self.paused, self.time_scale = False, 1.0
        self.position = 0.0
        """Time in the film, s."""
        self.time = 0.0
        """s shown so far, forwards; for the real-time factor."""
        self.trails, self.show_trails = Trails(), False
        self._loop = len(film.motions) == 1 and next(iter(film.motions.values())).loop
        self._commands: dict[str, Callable[[], str]] = {
            "step": lambda: self._step(1),
            "step back": lambda: self._step(-1),
            "reset": lambda: self.seek(0.0),
            "trail": self._toggle_trail,
            "export": self._export,
        }

    @property
    def title(self) -> str:
        """The file's name."""
        return self.film.name

    @property
    def focus(self) -> np.ndarray:
        """The middle of all roots, [3] m."""
        return self.film.poses(self.position)[0][:, 0].mean(axis=0)

    @property
    def top(self) -> float:
        """Height of the highest head, m."""
        return top_of(self.film.poses(self.position)[0])

    def command(self, name: str, camera: Camera) -> str:
        """Do what a command says; returns a notice."""
        return self._commands[name]() if name in self._commands else ""

    def seek(self, time: float) -> str:
        """Go to a time of the film, s; returns no notice."""
        self.position = min(max(time, 0.0), self.film.duration)
        self.trails.clear()
        return ""

    def advance(self, seconds: float) -> None:
        """Play for `seconds` of real time."""
        if self.paused or (self.position >= self.film.duration and not self._loop):
            return
        self.time += seconds * self.time_scale
        self.position += seconds * self.time_scale
        if self.position > self.film.duration:
            self.position = self.position % max(self.film.duration, 1e-9) if self._loop else self.film.duration
        if self.show_trails:
            self.trails.add(self.position, self.film.poses(self.position)[0][:, 0])

    def update(self, elapsed: float, held: set[str], drive: Drive, camera: Camera) -> None:
        """Let `elapsed` s of real time pass: play, or scrub while a key is held."""
        way = ("right" in held) - ("left" in held)
        if way:
            self.seek(self.position + _SCRUB * way * elapsed)
        else:
            self.advance(elapsed)

    def costs(self) -> tuple[tuple[str, float], ...]:
        """A film costs nothing but its pictures."""
        return ()

    def scene(self) -> Scene:
        """What to draw now."""
        points, bones = self.film.source_points(self.position)
        joints = [Prop("ball", point, np.full(3, 0.028), _JOINT, solid=False) for point in points]
        rods = [string(points[joint], points[parent], _JOINT)[-1] for joint, parent in bones]
        decals = self.trails.decals(self.position) if self.show_trails else []
        return Scene(*self.film.poses(self.position), props=[*joints, *rods], decals=decals)

    def status(self) -> Status:
        """What to tell now."""
        motion = next(iter(self.film.motions.values()))
        who = f"{len(self.film.motions)} characters" if len(self.film.motions) > 1 else motion.source or "recording"
        frame = round(self.position * self.film.rate)
        rows = (Row(f"{frame}", f"frame of {len(motion) - 1} at {self.film.rate:g} Hz"),)
        progress = self.position, self.film.duration
        return Status(self.film.name, who, self.position, rows, progress=progress)

    def take(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> bool:
        """Take hold of the bar, if the mouse is on it."""
        if at[1] > _BAR:
            return False
        self.drag(ray, camera, at)
        return True

    def drag(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> None:
        """Scrub to where the mouse is along the bar."""
        self.seek((at[0] - 0.03) / 0.94 * self.film.duration)

    def drop(self, clicked: bool) -> str:
        """Let go of the bar."""
        return ""

    def point(self, ray: np.ndarray, camera: Camera) -> None:
        """A film cannot be sent anywhere."""

    def close(self) -> None:
        """Nothing is being written."""

    def _step(self, frames: int) -> str:
        self.paused = True
        return self.seek((round(self.position * self.film.rate) + frames) / self.film.rate)

    def _toggle_trail(self) -> str:
        self.show_trails = not self.show_trails
        self.trails.clear()
        return ""

    def _export(self) -> str:
        """Write the film as glTF, and as BVH where it has one character."""
        path = next_free(self.folder, self.film.name, ".glb")
        export(self.film, path)
        return f"saved {path}"


def export(film: Film, path: Path) -> None:
    """Write a film for other programs: .glb with all characters, .bvh with its first one.

    Raises:
        OSError: the file cannot be written.
        InterchangeError: its name ends in neither.
    """
    if path.suffix.lower() == ".glb":
        write_gltf(path, film.motions)
    else:
        save(path, next(iter(film.motions.values())))

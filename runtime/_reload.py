"""Hot reload: controllers whose files have changed are loaded anew and swapped in. Private.

A look compares size and modification time of every file in use, at most every `reload_every` s of real time and only
between calls that simulate. Loading takes a tenth of a second (the self-test runs), so a thread of its own does it,
and the new controller takes over when a later look finds it ready: no call is held up. A file that cannot be used
leaves the old controller at work and makes an event, and so does one that is gone; the next change of the file is the
next chance. A file of another task is a controller like any other: whom it leaves without a goal is told by an event.
"""

from __future__ import annotations

import threading
import time as clock
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime._shipped import controller_file
from runtime._takeover import replace
from runtime.contract import ControllerError
from runtime.controller import Controller
from runtime.events import Reloaded, ReloadFailed

if TYPE_CHECKING:
    from runtime._simulation import Simulation

Stamp = tuple[int, int]  # modification time in ns, size in bytes


@dataclass
class _Loading:
    """A file being loaded by a thread."""

    thread: threading.Thread
    controller: Controller | None = None
    error: str = ""


class Library:
    """The controllers that a world has loaded, by path: a file is loaded once for as long as it does not change."""

    def __init__(self, every: float | None) -> None:
        """Hold nothing. `every` is the time between looks at the files, s of real time; None never looks."""
        self.every = every
        self._controllers: dict[Path, Controller] = {}
        self._former: list[tuple[Controller, Controller]] = []  # taken the place of since the last look: old, new
        self._stamps: dict[Path, Stamp | None] = {}
        self._missed: dict[Path, int] = {}  # how many looks in a row a file was not there
        self._loading: dict[Path, _Loading] = {}
        self._looked = clock.monotonic()
        self._lock = threading.Lock()

    def load(self, controller: Controller | Path | str | None) -> Controller | None:
        """Return a controller as it is, or the one of a path or of a shipped one's name.

        A file that has changed since it was loaded is loaded anew for whoever asks now.

        Raises:
            ControllerError: the file is no good, or gone.
        """
        if controller is None or isinstance(controller, Controller):
            return controller
        path = controller_file(controller).resolve()
        with self._lock:
            stamp, old = _stamp(path), self._controllers.get(path)
            if old is None or stamp != self._stamps[path]:
                self._controllers[path] = Controller.load(path)
                self._stamps[path] = stamp
                if old is not None and self.every is not None:
                    self._former.append((old, self._controllers[path]))
            return self._controllers[path]

    def look(self, simulation: Simulation) -> None:
        """Look whether files have changed, if it is time to, and swap in what has been loaded since the last look."""
        now = clock.monotonic()
        if self.every is None or now - self._looked < self.every:
            return
        self._looked = now
        for path, loading in list(self._loading.items()):
            if not loading.thread.is_alive():
                del self._loading[path]
                self._finish(simulation, path, loading)
        while self._former:
            self._swap(simulation, *self._former.pop(0))
        for path in list(self._controllers):
            stamp = _stamp(path)
            self._missed[path] = 0 if stamp is not None else self._missed.get(path, 0) + 1
            if self._missed[path] == 2:  # a file that is being replaced may be gone for a moment
                problem = f"{path}: the file is gone; the controller that was loaded from it goes on"
                simulation.happened(ReloadFailed(simulation.time, "", str(path), problem))
            if path not in self._loading and stamp is not None and stamp != self._stamps[path]:
                self._stamps[path] = stamp
                self._begin(path)

    def _begin(self, path: Path) -> None:
        loading = _Loading(threading.Thread(target=lambda: _load(path, loading), name="reload", daemon=True))
        self._loading[path] = loading
        loading.thread.start()

    def _finish(self, simulation: Simulation, path: Path, loading: _Loading) -> None:
        if loading.controller is None:
            simulation.happened(ReloadFailed(simulation.time, "", str(path), loading.error))
            return
        with self._lock:
            old, self._controllers[path] = self._controllers[path], loading.controller
        self._former.append((old, loading.controller))

    def _swap(self, simulation: Simulation, old: Controller, new: Controller) -> None:
        with simulation.lock:
            replace(simulation, old, new)
            simulation.happened(Reloaded(simulation.time, "", str(new.path)))


def _load(path: Path, loading: _Loading) -> None:
    try:
        loading.controller = Controller.load(path)
    except (ControllerError, OSError) as error:
        loading.error = str(error)


def _stamp(path: Path) -> Stamp | None:
    """When a file was last written and how large it is; None where it is gone (it may be on its way back)."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size

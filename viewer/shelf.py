"""Which controllers the keys 1 to 9 and Tab switch to: the loaded ones, then those beside them that fit.

Beside a loaded controller lie the files of its folder. One fits whose task the same keys steer (`wishes.STEERED`), or
which has the very task of a loaded one: from a walk to a runner or a jumper, from one skill to the other skills.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from runtime import Controller
from viewer.wishes import STEERED

_TASK = re.compile(rb'"task": *"([a-z_]+)"')  # in the metadata, which is JSON
_MOST = 64 * 1024 * 1024  # bytes that are looked through


def fits(task: str, other: str) -> bool:
    """Whether who does `task` can go on with a controller of the task `other`."""
    return task == other or (task in STEERED and other in STEERED)


def beside(loaded: Sequence[Controller]) -> list[Path]:
    """The files of other controllers, in the folders of loaded ones, that fit one of them; by name."""
    known = {controller.path.resolve() for controller in loaded}
    tasks = {controller.task for controller in loaded}
    others = [path for folder in dict.fromkeys(path.parent for path in known) for path in sorted(folder.glob("*.onnx"))]
    found = {path: _task(path) for path in others if path not in known}
    return [path for path, task in found.items() if task and any(fits(own, task) for own in tasks)]


def _task(path: Path) -> str:
    """What a file says it is for, empty where it does not: looked up in its metadata, not loaded and not checked yet.

    Loading all files of a folder would hold the picture up for a second; who is switched to is checked then.
    """
    try:
        with path.open("rb") as file:
            said = _TASK.search(file.read(_MOST))
    except OSError:
        return ""
    return said[1].decode() if said else ""

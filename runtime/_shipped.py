"""The controllers and priors that come with the program, by name. Private; `runtime.shipped` is the way to it.

In a checkout they are the files of `exported/`; a wheel carries copies of them inside this package.
"""

from __future__ import annotations

import os
from pathlib import Path

from runtime.contract import ControllerError, Problem

_INSTALLED = Path(__file__).parent / "exported"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "exported"
SUFFIX = ".onnx"


def shipped(name: str) -> Path:
    """Return the file of a shipped controller (`"steering"`) or prior (`"priors/locomotion"`).

    Raises:
        ControllerError: nothing of that name is shipped; it lists what is.
    """
    known = shipped_names()
    if name not in known:
        expected = f"one of {', '.join(known)}"
        raise ControllerError(str(name), [Problem("name", expected, repr(name), "or give the path of a file")])
    return FOLDER / f"{name}{SUFFIX}"


def shipped_names() -> tuple[str, ...]:
    """Return the names of what is shipped: controllers, then priors."""
    files = [*sorted(FOLDER.glob(f"*{SUFFIX}")), *sorted(FOLDER.glob(f"priors/*{SUFFIX}"))]
    return tuple(file.relative_to(FOLDER).with_suffix("").as_posix() for file in files)


def controller_file(given: Path | str) -> Path:
    """Return the file that is meant by a path, or by a bare name without folder and ending: a shipped controller's.

    Raises:
        ControllerError: it is a bare name, and nothing of that name is shipped.
    """
    if isinstance(given, str) and given and not Path(given).suffix and not any(sep in given for sep in ("/", os.sep)):
        return shipped(given)
    return Path(given)

"""Which writer a file's name asks for, and the command's face."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from runtime.interchange.bvh import Unit, write_bvh
from runtime.interchange.gltf import write_gltf
from runtime.recording import Motion

SUFFIXES = (".glb", ".bvh")


class InterchangeError(ValueError):
    """A motion cannot be written as asked; the message says what was expected and found."""


def save(path: str | Path, motion: Motion, unit: Unit = "cm") -> None:
    """Write `motion` in the format that the file's name ends with.

    Args:
        path: a name that ends with .glb or .bvh; an old file is replaced.
        motion: what the character does.
        unit: of a BVH file; a .glb is in metres.

    Raises:
        InterchangeError: another ending or unit, or the folder is missing or closed.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InterchangeError(f"{path}: expected a name that ends with {' or '.join(SUFFIXES)}")
    if unit not in get_args(Unit):
        raise InterchangeError(f"unit: expected one of {', '.join(get_args(Unit))}, found {unit!r}")
    try:
        if path.suffix.lower() == ".glb":
            write_gltf(path, motion)
        else:
            write_bvh(path, motion, unit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InterchangeError(f"{path}: cannot be written: {reason}") from error

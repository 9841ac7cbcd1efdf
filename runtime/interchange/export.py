"""Which reader a file's magic asks for, and which writer a file's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from runtime import character
from runtime.interchange.bvh import Unit, write_bvh
from runtime.interchange.gltf import write_gltf
from runtime.recording import Motion, load_motion
from runtime.replay import MAGIC, Recording

SUFFIXES = (".glb", ".bvh")


class InterchangeError(ValueError):
    """A motion cannot be written as asked; the message says what was expected and found."""


def load(path: str | Path) -> dict[str, Motion]:
    """Read a clip or the recording of a world: what every character in it does, by name.

    A clip's only character has the clip's name.

    Raises:
        RecordingError: it is neither, or is broken.
        OSError: the file cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as stream:
        recorded = stream.read(len(MAGIC)) == MAGIC
    if recorded:
        recording = Recording.load(path)
        return {name: recording.motion(name) for name in recording.characters}
    motion = load_motion(path)
    return {motion.name or path.stem: motion}


def choose(motions: Mapping[str, Motion], name: str | None) -> dict[str, Motion]:
    """Return the motion of one character, or of all where none is named.

    Raises:
        InterchangeError: there is no such character.
    """
    if name is not None and name not in motions:
        raise InterchangeError(f"character: expected one of {', '.join(motions)}, found {name!r}")
    return dict(motions) if name is None else {name: motions[name]}


def save(path: str | Path, motion: Motion | Mapping[str, Motion], unit: Unit = "cm", *, skin: bool = True) -> None:
    """Write motion in the format that the file's name ends with.

    Args:
        path: a name that ends with .glb or .bvh; an old file is replaced.
        motion: what a character does, or what each of several does, by name; BVH holds one alone.
        unit: of a BVH file; a .glb is in metres.
        skin: of a .glb file: one mesh on all joints; False for a rigid mesh on each body.

    Raises:
        InterchangeError: another ending or unit, too many characters, or the folder is missing or closed.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InterchangeError(f"{path}: expected a name that ends with {' or '.join(SUFFIXES)}")
    if unit not in get_args(Unit):
        raise InterchangeError(f"unit: expected one of {', '.join(get_args(Unit))}, found {unit!r}")
    motions = {character.NAME: motion} if isinstance(motion, Motion) else dict(motion)
    if path.suffix.lower() == ".bvh" and len(motions) != 1:
        raise InterchangeError(f"{path}: expected one character for BVH, found {', '.join(motions) or 'none'}")
    try:
        if path.suffix.lower() == ".glb":
            write_gltf(path, motions, skin=skin)
        else:
            write_bvh(path, next(iter(motions.values())), unit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InterchangeError(f"{path}: cannot be written: {reason}") from error

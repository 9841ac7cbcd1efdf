r"""The source of a retargeted clip: its own joints over time, in a file beside the clip (NAME.motion, NAME.skeleton).

A file is the magic `SMPSKEL\n`, then two length-prefixed msgpack records (4-byte little-endian length, then the
bytes) as in recording.py: a header {format, version, rate, frames, names, parents, scale, source, licence}, and
{positions}, the float32 little-endian bytes of [frames, joints, 3] metres: world, z up, scaled to the humanoid's legs
and put on its floor, frame by frame with the clip. Sizes are checked before memory is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from runtime import _records
from runtime.recording import MAX_FRAMES, MAX_RATE, RecordingError, check_types

__all__ = ["Skeleton", "load_skeleton", "save_skeleton"]

MAGIC = b"SMPSKEL\n"
FORMAT, VERSION = "smp-skeleton", 1
MAX_JOINTS = 512
MAX_HEADER_BYTES = 256 * 1024
_TYPES = {
    "format": str, "version": int, "rate": float, "frames": int, "names": list, "parents": list, "scale": float,
    "source": str, "licence": str,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joints of a source over time.

    Raises ValueError when shapes disagree, a position is not finite, or a parent does not come before its child.
    """

    rate: float
    """Frames per second, Hz: the clip's."""
    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent, -1 for a root; draw a bone from every joint to its parent."""
    positions: np.ndarray  # [T, J, 3] m, world, z up
    scale: float = 1.0
    """By what the source was scaled: the humanoid's legs over its own."""
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        with np.errstate(invalid="ignore"):  # a signalling NaN; every kind is refused below
            positions = np.array(self.positions, dtype=np.float64)
        if not 0.0 < self.rate <= MAX_RATE:
            raise ValueError(f"rate {self.rate} Hz is not in (0, {MAX_RATE}]")
        if positions.ndim != 3 or positions.shape[1:] != (len(self.names), 3) or not 0 < len(positions) <= MAX_FRAMES:
            raise ValueError(f"positions have shape {positions.shape}, expected (T > 0, {len(self.names)}, 3)")
        if not np.isfinite(positions).all():
            raise ValueError("positions hold values that are not finite")
        if len(self.parents) != len(self.names) or any(not -1 <= p < j for j, p in enumerate(self.parents)):
            raise ValueError(f"parents {self.parents} are not one earlier joint, or -1, for each of {len(self.names)}")
        object.__setattr__(self, "positions", positions)

    def __len__(self) -> int:
        """Frames."""
        return len(self.positions)


def save_skeleton(path: str | Path, skeleton: Skeleton) -> None:
    """Write `skeleton` to `path` (float32)."""
    header = {
        "format": FORMAT, "version": VERSION, "rate": float(skeleton.rate), "frames": len(skeleton),
        "names": list(skeleton.names), "parents": [int(p) for p in skeleton.parents], "scale": float(skeleton.scale),
        "source": skeleton.source, "licence": skeleton.licence,
    }  # fmt: skip
    with Path(path).open("wb") as stream:
        stream.write(MAGIC)
        for record in (header, {"positions": skeleton.positions.astype("<f4").tobytes()}):
            stream.write(_records.pack(record))


def load_skeleton(path: str | Path) -> Skeleton:
    """Read a skeleton file; raises RecordingError when it is damaged or of another kind, OSError when it is absent."""
    path = Path(path)
    with path.open("rb") as stream:
        if (magic := stream.read(len(MAGIC))) != MAGIC:
            raise RecordingError(path, f"a skeleton file that begins with {MAGIC!r}", f"{magic!r}")
        header = _record(path, stream, "header", MAX_HEADER_BYTES)
        check_types(path, header, _TYPES)
        if (header["format"], header["version"]) != (FORMAT, VERSION):
            raise RecordingError(path, f"{FORMAT} version {VERSION}", f"{header['format']} version {header['version']}")
        frames, joints = header["frames"], len(header["names"])
        if type(frames) is not int or not (0 < frames <= MAX_FRAMES and 0 < joints <= MAX_JOINTS):
            raise RecordingError(path, f"at most {MAX_FRAMES} frames of {MAX_JOINTS} joints", f"{frames} of {joints}")
        data = _record(path, stream, "positions", 12 * frames * joints + 64).get("positions")
    if not isinstance(data, bytes) or len(data) != 12 * frames * joints:
        found = f"{len(data)} bytes" if isinstance(data, bytes) else type(data).__name__
        raise RecordingError(path, f"{12 * frames * joints} bytes of positions", found)
    positions = np.frombuffer(data, dtype="<f4").reshape(frames, joints, 3)
    described = {key: header[key] for key in ("rate", "scale", "source", "licence")}
    try:
        return Skeleton(
            names=tuple(map(str, header["names"])), parents=tuple(map(int, header["parents"])), positions=positions,
            **described,
        )  # fmt: skip
    except (TypeError, ValueError, OverflowError) as error:  # the last: a parent that is infinite
        raise RecordingError(path, "joints with finite positions and earlier parents", str(error)) from error


def _record(path: Path, stream: BinaryIO, what: str, limit: int) -> dict:
    """The next record; raises RecordingError when it is torn, too large or no map."""
    expected = f"{what} of 1 to {limit} bytes, a msgpack map"
    try:
        record = _records.read(stream, limit, entries=MAX_JOINTS)
    except _records.BadRecordError as error:
        raise RecordingError(path, expected, error.found) from error
    if record is None:
        raise RecordingError(path, expected, "the end of the file")
    return record

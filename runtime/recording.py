r"""The one motion file format: recordings, replays and clips alike, read and written here.

A file is the magic `SMPMOTN\n`, then length-prefixed msgpack records (4-byte little-endian length, then the bytes):
first one header, then chunks of 32 frames, appended as they come. A process that is killed while it writes
leaves a readable file: a reader takes every whole chunk and ignores a torn tail, as long as one whole chunk was read.

Header: format, version, rate, joint and body names, loop, name, source, licence. A chunk holds the float32
little-endian bytes of its frames' root positions, root rotations and joint positions. Nothing is unpickled, and every
size is checked against a bound before memory is taken.

    save_motion ── RecordingWriter ── _pack          load_motion ── _read_record ── _check_header, _read_chunk
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from runtime import _records
from runtime.character import BODIES, JOINT_NAMES

__all__ = ["Motion", "RecordingError", "RecordingWriter", "load_motion", "save_motion"]

MAGIC = b"SMPMOTN\n"
FORMAT = "smp-motion"
VERSION = 1
CHUNK_FRAMES = 32  # about a second: what a killed writer may lose
MAX_HEADER_BYTES = 64 * 1024
MAX_CHUNK_BYTES = 1024 * 1024
MAX_FRAMES = 4_000_000  # 9 hours at 120 Hz, 0.5 GB
MAX_TEXT = 4096  # characters in a name, source or licence
MAX_RATE = 1000.0  # Hz

_FIELDS = {"root_position": 3, "root_rotation": 4, "joint_position": len(JOINT_NAMES)}
_TYPES = {
    "format": str, "version": int, "rate": float, "joints": list, "bodies": list, "loop": bool,
    "name": str, "source": str, "licence": str,
}  # fmt: skip


class RecordingError(ValueError):
    """A motion file cannot be written or read; the message names the file, what was expected and what was found."""

    def __init__(self, path: str | Path, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.path = Path(path)


@dataclass(frozen=True, eq=False)
class Motion:
    """Kinematic motion of the character at a constant rate; the arrays are float64.

    Raises ValueError when shapes disagree, a value is not finite, or a rotation is not a unit quaternion.
    """

    rate: float
    """Frames per second, Hz."""
    root_position: np.ndarray  # [T, 3] m, world, z up
    root_rotation: np.ndarray  # [T, 4] wxyz, unit
    joint_position: np.ndarray  # [T, 28] rad, model order
    loop: bool = False
    """The clip repeats: its last frame equals its first, or leads to it in one frame."""
    name: str = ""
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= MAX_RATE:
            raise ValueError(f"motion {self.name!r}: rate {self.rate} Hz is not in (0, {MAX_RATE}]")
        frames = len(self.root_position)
        for field, width in _FIELDS.items():
            values = np.array(getattr(self, field), dtype=np.float64)
            if values.shape != (frames, width) or frames == 0:
                raise ValueError(f"motion {self.name!r}: {field} has shape {values.shape}, expected (T > 0, {width})")
            if not np.isfinite(values).all():
                raise ValueError(f"motion {self.name!r}: {field} has values that are not finite")
            object.__setattr__(self, field, values)
        norm = np.linalg.norm(self.root_rotation, axis=-1, keepdims=True)
        if np.abs(norm - 1.0).max() > 1e-3:
            raise ValueError(
                f"motion {self.name!r}: root_rotation is not unit (norm {norm.min():.4f}..{norm.max():.4f})"
            )
        object.__setattr__(self, "root_rotation", self.root_rotation / norm)

    def __len__(self) -> int:
        """Frames."""
        return len(self.root_position)

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last, s."""
        return (len(self) - 1) / self.rate


class RecordingWriter:
    """Appends frames to a motion file as they come; every `CHUNK_FRAMES` frames reach the disk.

    Use as a context manager; `append` takes one frame or a block of them.
    """

    def __init__(
        self, path: str | Path, rate: float, loop: bool = False, name: str = "", source: str = "", licence: str = ""
    ) -> None:
        self.path = Path(path)
        header = {
            "format": FORMAT, "version": VERSION, "rate": float(rate), "joints": list(JOINT_NAMES),
            "bodies": list(BODIES), "loop": bool(loop), "name": name, "source": source, "licence": licence,
        }  # fmt: skip
        _check_header(self.path, header)
        self._pending: list[dict[str, np.ndarray]] = []
        self._stream: BinaryIO = self.path.open("wb")
        self._stream.write(MAGIC + _records.pack(header))
        self._stream.flush()

    def append(self, root_position: np.ndarray, root_rotation: np.ndarray, joint_position: np.ndarray) -> None:
        """Add frames: `root_position` [3] or [N, 3] m, `root_rotation` [.., 4] wxyz, `joint_position` [.., 28] rad."""
        values = {"root_position": root_position, "root_rotation": root_rotation, "joint_position": joint_position}
        block = {field: np.atleast_2d(np.asarray(value, dtype="<f4")) for field, value in values.items()}
        shapes = {field: (len(block["root_position"]), width) for field, width in _FIELDS.items()}
        found = {field: value.shape for field, value in block.items()}
        if found != shapes:
            raise RecordingError(self.path, f"frames of shapes {shapes}", f"{found}")
        for first in range(0, len(block["root_position"]), CHUNK_FRAMES):
            self._pending.append({field: value[first : first + CHUNK_FRAMES] for field, value in block.items()})
            if sum(len(part["root_position"]) for part in self._pending) >= CHUNK_FRAMES:
                self.flush()

    def flush(self) -> None:
        """Write what is pending as one chunk."""
        if not self._pending:
            return
        joined = {field: np.concatenate([part[field] for part in self._pending]) for field in _FIELDS}
        chunk = {"frames": len(joined["root_position"])} | {field: value.tobytes() for field, value in joined.items()}
        self._stream.write(_records.pack(chunk))
        self._stream.flush()
        self._pending.clear()

    def close(self) -> None:
        """Write the last chunk and close the file."""
        if not self._stream.closed:
            self.flush()
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def save_motion(path: str | Path, motion: Motion) -> None:
    """Write `motion` to `path` (float32); raises RecordingError when its texts or rate are out of bounds."""
    header = {field: getattr(motion, field) for field in ("rate", "loop", "name", "source", "licence")}
    with RecordingWriter(path, **header) as writer:
        writer.append(motion.root_position, motion.root_rotation, motion.joint_position)


def load_motion(path: str | Path) -> Motion:
    """Read a motion file.

    A torn last chunk (a killed writer) is left out. Raises RecordingError when the file is no motion file, is of
    another version or another character, breaks a bound, or holds no whole chunk; OSError when it cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as stream:
        magic = stream.read(len(MAGIC))
        if magic != MAGIC:
            raise RecordingError(path, f"a motion file that begins with {MAGIC!r}", f"{magic!r}")
        header = _read_record(path, stream, "header", MAX_HEADER_BYTES)
        if header is None:
            raise RecordingError(path, "a whole header", "the end of the file")
        _check_header(path, header)
        chunks: list[dict[str, np.ndarray]] = []
        frames = 0
        while (record := _read_record(path, stream, f"chunk {len(chunks)}", MAX_CHUNK_BYTES)) is not None:
            chunks.append(_read_chunk(path, record, len(chunks)))
            frames += len(chunks[-1]["root_position"])
            if frames > MAX_FRAMES:
                raise RecordingError(path, f"at most {MAX_FRAMES} frames", "more")
    if not chunks:
        raise RecordingError(path, "at least one whole chunk of frames", "none")
    arrays = {field: np.concatenate([chunk[field] for chunk in chunks]) for field in _FIELDS}
    described = {field: header[field] for field in ("rate", "loop", "name", "source", "licence")}
    try:
        return Motion(**{**arrays, **described})
    except ValueError as error:
        raise RecordingError(path, "finite frames with unit root rotations", str(error)) from error


def _read_record(path: Path, stream: BinaryIO, what: str, limit: int) -> dict | None:
    """The next record, or None at the end of the file or at a torn tail."""
    try:
        return _records.read(stream, limit)
    except _records.BadRecordError as error:
        raise RecordingError(path, f"{what} {error.expected}", error.found) from error


def check_types(path: Path, header: dict, types: dict[str, type]) -> None:
    """Raise RecordingError naming every field of the header that is missing or of another type."""
    problems = [
        f"{field} ({kind.__name__}) is {type(header.get(field)).__name__}"
        for field, kind in types.items()
        if not isinstance(header.get(field), kind)
    ]
    if problems:
        raise RecordingError(path, "a complete header", "; ".join(problems))


def _check_header(path: Path, header: dict) -> None:
    """Raise RecordingError with every problem of the header at once."""
    check_types(path, header, _TYPES)
    wanted = {"format": FORMAT, "version": VERSION, "joints": list(JOINT_NAMES), "bodies": list(BODIES)}
    problems = [
        f"{field} {header[field]!r} (not {value!r})" for field, value in wanted.items() if header[field] != value
    ]
    problems += [f"{field} of {len(header[field])} characters" for field in ("name", "source", "licence")
                 if len(header[field]) > MAX_TEXT]  # fmt: skip
    if not 0.0 < header["rate"] <= MAX_RATE:
        problems.append(f"rate {header['rate']} Hz (not in (0, {MAX_RATE}])")
    if problems:
        raise RecordingError(path, f"a version {VERSION} motion of this character", "; ".join(problems))


def _read_chunk(path: Path, record: dict, index: int) -> dict[str, np.ndarray]:
    """The arrays of one chunk, their sizes checked against its frame count."""
    frames = record.get("frames")
    if type(frames) is not int or not 0 < frames <= MAX_CHUNK_BYTES // 4:
        raise RecordingError(path, f"chunk {index} with a positive frame count", f"{frames!r}")
    arrays = {}
    for field, width in _FIELDS.items():
        data = record.get(field)
        found = f"{len(data)} bytes" if isinstance(data, bytes) else type(data).__name__
        if not isinstance(data, bytes) or len(data) != 4 * frames * width:
            raise RecordingError(path, f"chunk {index}: {4 * frames * width} bytes of {field}", found)
        with np.errstate(invalid="ignore"):  # a signalling NaN; `Motion` refuses every kind
            arrays[field] = np.frombuffer(data, dtype="<f4").reshape(frames, width).astype(np.float64)
    return arrays

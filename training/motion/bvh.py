"""BVH files of any skeleton: parsed with the line of every fault, posed to world positions and rotations.

Our own reader, for two reasons measured on the captures at hand: pybvh 0.9 refuses position channels on joints below
the root (all of Bandai-Namco and ReActIdle: 116 of 264 files) and says of a damaged frame only how many lines there
are. What both read, both pose alike (tests/training/test_bvh.py).

    read ── _Parser.hierarchy (joints, offsets, channels) ── frames ── Bvh.pose ── positions, rotations
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from runtime.character import rotate
from training.motion import rotation
from training.motion.capture import Posed

MAX_JOINTS = 512
MAX_FRAMES = 2_000_000
_AXES = {"x": 0, "y": 1, "z": 2}


class DamagedFileError(ValueError):
    """A motion capture file that cannot be read; the message is `file:line: cause`."""

    def __init__(self, path: Path | str, line: int | None, cause: str) -> None:
        super().__init__(f"{path}:{line}: {cause}" if line else f"{path}: {cause}")
        self.path, self.line, self.cause = Path(path), line, cause


@dataclass(frozen=True, eq=False)
class Bvh:
    """A parsed file, in its own units and axes; end sites are joints without channels, named `<parent>.end`."""

    names: tuple[str, ...]
    parents: np.ndarray
    """[J] int, -1 for the root; a parent comes before its children."""
    offsets: np.ndarray
    """[J, 3], from the parent, in the parent's frame."""
    channels: tuple[tuple[tuple[str, int], ...], ...]
    """Per joint its channels in the file's order: ("p" | "r", axis)."""
    frames: np.ndarray
    """[T, C], angles in degrees."""
    rate: float
    """Frames per second."""

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """World positions [T, J, 3] (file units) and rotations [T, J, 4] wxyz.

        Position channels of a joint stand in for its offset, as in every writer of such files.
        """
        count = len(self.frames)
        positions, rotations = np.empty((count, len(self.names), 3)), np.empty((count, len(self.names), 4))
        column = 0
        for j, channels in enumerate(self.channels):
            local, turn = np.tile(self.offsets[j], (count, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
            for kind, axis in channels:
                values = self.frames[:, column]
                column += 1
                if kind == "p":
                    local[:, axis] = values
                else:
                    turn = rotation.multiply(turn, rotation.about(axis, np.radians(values)))
            parent = self.parents[j]
            if parent < 0:
                positions[:, j], rotations[:, j] = local, turn
            else:
                positions[:, j] = positions[:, parent] + rotate(rotations[:, parent], local)
                rotations[:, j] = rotation.multiply(rotations[:, parent], turn)
        return positions, rotations

    def rest(self) -> np.ndarray:
        """Joint positions [J, 3] of the zero pose, root at its offset, file units."""
        positions = np.empty((len(self.names), 3))
        for j, parent in enumerate(self.parents):
            positions[j] = self.offsets[j] + (positions[parent] if parent >= 0 else 0.0)
        return positions


def posed(path: Path) -> Posed:
    """A BVH file's joints over time; raises DamagedFileError with file, line and cause."""
    found = read(path)
    positions, rotations = found.pose()
    return Posed(found.names, found.parents, found.offsets, positions, rotations, found.rate)


def read(path: Path) -> Bvh:
    """Parse a BVH file; raises DamagedFileError with file, line and cause."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DamagedFileError(path, None, f"cannot be read: {error.strerror}") from error
    return _Parser(path, lines).parse()


@dataclass
class _Parser:
    path: Path
    lines: list[str]
    at: int = 0
    """Lines consumed so far, which is the number of the current line."""
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[np.ndarray | None] = field(default_factory=list)
    channels: list[tuple[tuple[str, int], ...]] = field(default_factory=list)

    def fail(self, cause: str) -> DamagedFileError:
        return DamagedFileError(self.path, self.at, cause)

    def words(self, wanted: str) -> list[str]:
        """The next line that is not blank."""
        while self.at < len(self.lines):
            self.at += 1
            words = self.lines[self.at - 1].split()
            if words:
                return words
        raise self.fail(f"the file ends where {wanted} was expected")

    def parse(self) -> Bvh:
        if self.words("HIERARCHY") != ["HIERARCHY"]:
            raise self.fail("expected HIERARCHY, this is no BVH file")
        self.hierarchy()
        count, rate = self.header()
        width = sum(len(channels) for channels in self.channels)
        frames = self.frames(count, width)
        offsets = np.array([np.zeros(3) if offset is None else offset for offset in self.offsets])
        return Bvh(tuple(self.names), np.array(self.parents), offsets, tuple(self.channels), frames, rate)

    def hierarchy(self) -> None:
        """Everything up to MOTION."""
        stack: list[int] = []
        while True:
            words = self.words("MOTION")
            match words[0]:
                case "ROOT" | "JOINT" | "End":
                    self.open(words, stack)
                case "OFFSET" if stack:
                    self.offsets[stack[-1]] = np.array(self.numbers(words[1:], 3, "OFFSET"))
                case "CHANNELS" if stack:
                    self.channels[stack[-1]] = self.read_channels(words)
                case "}" if stack:
                    joint = stack.pop()
                    if self.offsets[joint] is None:
                        raise self.fail(f"joint {self.names[joint]!r} has no OFFSET")
                case "MOTION":
                    if stack:
                        raise self.fail(f"MOTION begins before joint {self.names[stack[-1]]!r} is closed")
                    if not self.names:
                        raise self.fail("MOTION begins before any ROOT")
                    return
                case _:
                    raise self.fail(f"unexpected {words[0]!r} in the hierarchy")

    def open(self, words: list[str], stack: list[int]) -> None:
        """A joint's or end site's first line and its brace."""
        if words[0] == "ROOT" and self.names:
            raise self.fail("a second ROOT: one skeleton a file can be read")
        if words[0] != "ROOT" and not stack:
            raise self.fail(f"{words[0]} outside any ROOT")
        if words[0] != "End" and len(words) < 2:
            raise self.fail(f"{words[0]} without a name")
        name = f"{self.names[stack[-1]]}.end" if words[0] == "End" else " ".join(words[1:])
        if name in self.names and words[0] != "End":
            raise self.fail(f"joint {name!r} is there twice")
        if len(self.names) == MAX_JOINTS:
            raise self.fail(f"more than {MAX_JOINTS} joints")
        self.names.append(name)
        self.parents.append(stack[-1] if stack else -1)
        self.offsets.append(None)
        self.channels.append(())
        stack.append(len(self.names) - 1)
        if self.words("'{'") != ["{"]:
            raise self.fail(f"expected '{{' after {' '.join(words)!r}")

    def read_channels(self, words: list[str]) -> tuple[tuple[str, int], ...]:
        listed = words[2:]
        if len(words) < 2 or not words[1].isdigit() or int(words[1]) != len(listed):
            raise self.fail(f"CHANNELS says {' '.join(words[1:2]) or 'nothing'} and lists {len(listed)}")
        found = []
        for word in listed:
            axis, kind = word[:1].lower(), word[1:].lower()
            if axis not in _AXES or kind not in ("position", "rotation"):
                raise self.fail(f"unknown channel {word!r}, expected Xposition .. Zrotation")
            found.append((kind[0], _AXES[axis]))
        return tuple(found)

    def header(self) -> tuple[int, float]:
        """Frame count and rate."""
        words = self.words("Frames:")
        if words[0] != "Frames:" or len(words) != 2 or not words[1].isdigit():
            raise self.fail(f"expected 'Frames: N', found {' '.join(words)!r}")
        count = int(words[1])
        if not 2 <= count <= MAX_FRAMES:
            raise self.fail(f"{count} frames, expected 2 to {MAX_FRAMES}")
        words = self.words("Frame Time:")
        if words[:2] != ["Frame", "Time:"] or len(words) != 3:
            raise self.fail(f"expected 'Frame Time: S', found {' '.join(words)!r}")
        (seconds,) = self.numbers(words[2:], 1, "Frame Time")
        if not 1e-3 <= seconds <= 1.0:
            raise self.fail(f"a frame time of {seconds} s, expected .001 to 1")
        whole = round(1.0 / seconds)  # .0333333, .0166667, .041667: written short
        return count, float(whole) if abs(whole * seconds - 1.0) < 1e-3 else 1.0 / seconds

    def frames(self, count: int, width: int) -> np.ndarray:
        """The motion, [count, width]; every line is one frame."""
        values = np.empty((count, width))
        for index in range(count):
            try:
                words = self.words(f"frame {index + 1} of {count}")
            except DamagedFileError as error:
                raise self.fail(f"the file ends after {index} of {count} frames") from error
            values[index] = self.numbers(words, width, f"frame {index + 1}")
        for line in self.lines[self.at :]:
            self.at += 1
            if line.strip():
                raise self.fail(f"more lines than the {count} frames that the header says")
        return values

    def numbers(self, words: list[str], count: int, what: str) -> np.ndarray:
        if len(words) != count:
            raise self.fail(f"{what} has {len(words)} numbers, expected {count}")
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError as error:
            bad = next(word for word in words if not _is_number(word))
            raise self.fail(f"{what}: {bad!r} is not a number") from error
        if not np.isfinite(values).all():
            raise self.fail(f"{what} holds a value that is not finite")
        return values


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

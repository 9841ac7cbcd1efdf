"""Acclaim's ASF skeletons and AMC motions, CMU's own format: parsed with the line of every fault, posed to places.

An AMC file lists, frame by frame, the angles of each bone's degrees of freedom; its skeleton is the ASF file beside it
(`07_02.amc`: `07.asf`). A bone lies along `direction` where its parent ends, and turns by C·M·C⁻¹: C are the angles of
its `axis`, M those of the frame, both about fixed axes, the first listed first (XYZ: Rz·Ry·Rx). So all axes are the
world's in the zero pose. Lengths, and the root's place, are inches divided by the `length` of `:units`.

    read ── _Asf.parse (units, root, bones, hierarchy) ── _Amc.parse (frames) ── _pose ── Posed, in metres
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from runtime.character import rotate
from training.motion import rotation
from training.motion.bvh import DamagedFileError
from training.motion.capture import Posed

RATE = 120.0  # Hz, of CMU's captures; the files don't say
INCH = 0.0254  # m
MAX_BONES = 512


@dataclass
class Bone:
    """A bone, or the root; lengths in the file's units."""

    name: str
    line: int
    """Where it begins in the file."""
    parent: int = -1
    way: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """[3] from its start to its end in the zero pose; the root's is zero."""
    axis: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))
    """[4] wxyz, C."""
    dof: tuple[str, ...] = ()
    """rx, ry, rz in the order in which an AMC file lists them; the root's also tx, ty, tz."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A parsed ASF file; the first bone is the root and a parent comes before its children."""

    bones: list[Bone]
    place: np.ndarray
    """[3] the root's `position`, to which its translation is added."""
    unit: float
    """Metres in a unit of length."""


def read(path: Path) -> Posed:
    """The motion of an AMC file on the skeleton beside it, in metres; raises DamagedFileError with file, line, cause.

    A joint is named after the bone that begins there; where nothing hangs on a bone its end is `<bone>.end`.
    """
    beside = path.with_name(f"{path.stem.partition('_')[0]}.asf")
    if not beside.is_file():
        raise DamagedFileError(path, None, f"its skeleton {beside.name} is not beside it")
    skeleton = _Asf(beside, _lines(beside)).parse()
    return _pose(skeleton, _Amc(path, _lines(path)).parse(skeleton.bones))


def _pose(skeleton: Skeleton, frames: list[np.ndarray]) -> Posed:
    """Forward kinematics of `frames`: per bone the values [T, D] of its degrees of freedom, rad and units."""
    bones, count = skeleton.bones, len(frames[0])
    leaves = sorted(set(range(1, len(bones))) - {bone.parent for bone in bones})
    joints = len(bones) + len(leaves)
    positions, rotations = np.empty((count, joints, 3)), np.empty((count, joints, 4))
    ends = np.empty((count, len(bones), 3))
    for b, (bone, values) in enumerate(zip(bones, frames, strict=True)):
        local = rotation.multiply(rotation.multiply(bone.axis, _turn(bone.dof, values)), rotation.conjugate(bone.axis))
        if b == 0:
            moved = np.stack([values[:, bone.dof.index(f"t{a}")] for a in "xyz"], axis=-1)
            positions[:, 0], rotations[:, 0] = skeleton.place + moved, local
        else:
            positions[:, b] = ends[:, bone.parent]
            rotations[:, b] = rotation.multiply(rotations[:, bone.parent], local)
        ends[:, b] = positions[:, b] + rotate(rotations[:, b], np.broadcast_to(bone.way, (count, 3)))
    positions[:, len(bones) :], rotations[:, len(bones) :] = ends[:, leaves], rotations[:, leaves]
    parents = [bone.parent for bone in bones] + leaves
    offsets = [np.zeros(3) if parent < 0 else bones[parent].way for parent in parents]
    return Posed(
        names=(*(bone.name for bone in bones), *(f"{bones[b].name}.end" for b in leaves)),
        parents=np.array(parents),
        offsets=np.array(offsets) * skeleton.unit,
        positions=positions * skeleton.unit,
        rotations=rotations,
        rate=RATE,
    )


def _turn(dof: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    """The rotation [T, 4] by the angles among `values` [T, D], rad, about fixed axes, the first first."""
    turn = np.tile([1.0, 0, 0, 0], (len(values), 1))
    for kind, angles in zip(dof, values.T, strict=True):
        if kind[0] == "r":
            turn = rotation.multiply(rotation.about("xyz".index(kind[1]), angles), turn)
    return turn


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DamagedFileError(path, None, f"cannot be read: {error.strerror}") from error


@dataclass
class _Parser:
    """What both kinds of file have in common: words of a line, and faults with its number."""

    path: Path
    lines: list[str]
    at: int = 0
    """Lines consumed so far, which is the number of the current line."""

    def fail(self, cause: str, line: int | None = None) -> DamagedFileError:
        return DamagedFileError(self.path, self.at if line is None else line, cause)

    def words(self) -> list[str]:
        """The next line that is neither blank nor a comment; [] where the file ends."""
        while self.at < len(self.lines):
            self.at += 1
            if words := self.lines[self.at - 1].partition("#")[0].split():
                return words
        return []

    def numbers(self, words: list[str], count: int, what: str) -> np.ndarray:
        if len(words) != count:
            raise self.fail(f"{what} has {len(words)} numbers, expected {count}")
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError as error:
            raise self.fail(f"{what}: {' '.join(words)!r} is not numbers") from error
        if not np.isfinite(values).all():
            raise self.fail(f"{what} holds a value that is not finite")
        return values


@dataclass
class _Asf(_Parser):
    length: float = 1.0
    radians: float = np.pi / 180.0
    """In a unit of angle."""
    place: np.ndarray = field(default_factory=lambda: np.zeros(3))
    bones: list[Bone] = field(default_factory=list)

    def parse(self) -> Skeleton:
        sections = {":units": self.units, ":root": self.root, ":bonedata": self.bonedata, ":hierarchy": self.hierarchy}
        words = self.words()
        if not words or not words[0].startswith(":"):
            raise self.fail("expected :version, this is no ASF file")
        while words:
            words = sections.pop(words[0], self.skip)()
        if sections:
            raise self.fail(f"the file ends without {', '.join(sections)}")
        return Skeleton(self.ordered(), self.place, INCH / self.length)

    def skip(self) -> list[str]:
        """Pass over a section; the first line of the next, [] where there is none."""
        while (words := self.words()) and not words[0].startswith(":"):
            pass
        return words

    def units(self) -> list[str]:
        while (words := self.words()) and not words[0].startswith(":"):
            if words[0] == "length":
                (self.length,) = self.numbers(words[1:], 1, "length")
                if self.length <= 0.0:
                    raise self.fail(f"a unit of length of {self.length}")
            elif words[0] == "angle":
                if words[1:] not in (["deg"], ["rad"]):
                    raise self.fail(f"angle {' '.join(words[1:])!r}, expected deg or rad")
                self.radians = 1.0 if words[1] == "rad" else np.pi / 180.0
        return words

    def root(self) -> list[str]:
        bone, order, angles = Bone("root", self.at), "XYZ", np.zeros(3)
        while (words := self.words()) and not words[0].startswith(":"):
            match words[0]:
                case "order":
                    bone.dof = self.dof(words[1:], "tx ty tz rx ry rz")
                case "axis":
                    order = " ".join(words[1:])
                case "position":
                    self.place = self.numbers(words[1:], 3, "position")
                case "orientation":
                    angles = self.numbers(words[1:], 3, "orientation")
        if len(bone.dof) != 6:
            raise self.fail("the root's order lacks one of TX TY TZ RX RY RZ", bone.line)
        bone.axis = self.turn(angles, order)
        self.bones.insert(0, bone)
        return words

    def bonedata(self) -> list[str]:
        while (words := self.words()) and not words[0].startswith(":"):
            if words != ["begin"]:
                raise self.fail(f"expected begin or a section, found {' '.join(words)!r}")
            bone = self.bone()
            if bone.name in [other.name for other in self.bones]:
                raise self.fail(f"bone {bone.name!r} is there twice", bone.line)
            if len(self.bones) == MAX_BONES:
                raise self.fail(f"more than {MAX_BONES} bones")
            self.bones.append(bone)
        return words

    def bone(self) -> Bone:
        """The lines between begin and end; limits, masses and the like are passed over."""
        bone, length = Bone("", self.at), None
        while (words := self.words()) != ["end"]:
            if not words or words[0].startswith(":") or words == ["begin"]:
                raise self.fail(f"bone {bone.name!r} has no end")
            match words[0]:
                case "name":
                    bone.name = " ".join(words[1:])
                case "direction":
                    bone.way = self.numbers(words[1:], 3, "direction")
                case "length":
                    (length,) = self.numbers(words[1:], 1, "length")
                case "axis":
                    bone.axis = self.turn(self.numbers(words[1:4], 3, "axis"), " ".join(words[4:]))
                case "dof":
                    bone.dof = self.dof(words[1:], "rx ry rz")
        if not bone.name or length is None or not bone.way.any():
            raise self.fail(f"bone {bone.name!r} lacks a name, a length or a direction")
        bone.way *= length / np.linalg.norm(bone.way)
        return bone

    def dof(self, words: list[str], known: str) -> tuple[str, ...]:
        """Degrees of freedom in their order."""
        found = tuple(word.lower() for word in words)
        if len(set(found)) < len(found) or not set(found) <= set(known.split()):
            raise self.fail(f"degrees of freedom {' '.join(words)!r}, expected some of {known}, each once")
        return found

    def turn(self, angles: np.ndarray, order: str) -> np.ndarray:
        """The rotation [4] by `angles` [3] about the axes that `order` lists, as in XYZ."""
        if sorted(order) != ["X", "Y", "Z"]:
            raise self.fail(f"axis order {order!r}, expected X, Y and Z in some order, as in XYZ")
        return _turn(tuple(f"r{axis.lower()}" for axis in order), self.radians * angles[None])[0]

    def hierarchy(self) -> list[str]:
        index = {bone.name: b for b, bone in enumerate(self.bones)}
        while (words := self.words()) and not words[0].startswith(":"):
            if words in (["begin"], ["end"]):
                continue
            if unknown := [word for word in words if word not in index]:
                raise self.fail(f"hierarchy: no bone is called {unknown[0]!r}")
            for child in words[1:]:
                if child == "root" or self.bones[index[child]].parent >= 0:
                    raise self.fail(f"hierarchy: {child!r} hangs on two bones")
                self.bones[index[child]].parent = index[words[0]]
        return words

    def ordered(self) -> list[Bone]:
        """The bones with parents before their children, as the hierarchy reaches them from the root."""
        order = [0]
        for b in order:  # grows while it is walked
            order += [child for child, bone in enumerate(self.bones) if bone.parent == b]
        if missing := [bone for b, bone in enumerate(self.bones) if b not in order]:
            raise self.fail(f"bone {missing[0].name!r} does not hang on the root", missing[0].line)
        return [replace(bone, parent=order.index(bone.parent) if b else -1)
                for b, bone in enumerate(self.bones[i] for i in order)]  # fmt: skip


@dataclass
class _Amc(_Parser):
    def parse(self, bones: list[Bone]) -> list[np.ndarray]:
        """Per bone its values [T, D], angles in rad."""
        radians, words = self.header()
        wanted = {bone.name: bone for bone in bones if bone.dof}
        frames: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        first, count = int(words[0]), 0
        while words:
            if words != [str(first + count)]:
                raise self.fail(f"expected frame {first + count}, found {' '.join(words)!r}")
            count, missing = count + 1, dict(wanted)
            while (words := self.words()) and not (len(words) == 1 and words[0].isdigit()):
                bone = missing.pop(words[0], None)
                if bone is None:
                    known = words[0] in wanted
                    raise self.fail(f"{words[0]!r} {'is there twice' if known else 'is no bone that turns'}")
                frames[bone.name].append(self.numbers(words[1:], len(bone.dof), words[0]))
            if missing:
                raise self.fail(f"frame {first + count - 1} lacks {', '.join(missing)}")
        if count < 2:
            raise self.fail("one frame, expected two or more")
        found = []
        for bone in bones:
            scale = np.array([radians if d[0] == "r" else 1.0 for d in bone.dof])
            found.append(np.array(frames[bone.name]) * scale if bone.dof else np.zeros((count, 0)))
        return found

    def header(self) -> tuple[float, list[str]]:
        """Radians in a unit of angle, and the line that numbers the first frame."""
        radians = None
        while (words := self.words()) and words[0].startswith(":"):
            match words[0]:
                case ":DEGREES":
                    radians = np.pi / 180.0
                case ":RADIANS":
                    radians = 1.0
                case ":FULLY-SPECIFIED":
                    pass
                case _:
                    raise self.fail(f"unknown {words[0]}, expected :FULLY-SPECIFIED, :DEGREES or :RADIANS")
        if radians is None:
            raise self.fail("neither :DEGREES nor :RADIANS before the first frame")
        if len(words) != 1 or not words[0].isdigit():
            raise self.fail(f"expected the first frame's number, found {' '.join(words) or 'nothing'!r}")
        return radians, words

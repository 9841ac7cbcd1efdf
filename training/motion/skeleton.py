"""Which joint of a source is which: maps of skeleton families, found by exact names or given as a file.

A map (skeletons/*.yaml) lists a family's joints, says which of them are the body's landmarks, and which local axes of
pelvis, torso and head point forward, left and up when the person stands upright. With these no rest pose is needed:
captures come with T-poses, A-poses, hanging arms, and zero poses that are no posture at all (Bandai-Namco, LaFAN1).

A file belongs to the one family whose joints are its own, every one, but for end sites and what `ignore` names
(fingers, eyes). None or several: SkeletonError lists the joints and says how to write a map. Nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml

FOLDER = Path(__file__).parent / "skeletons"
CENTRE = ("pelvis", "waist", "torso", "neck", "head")
LIMBS = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
SIDES = ("left", "right")
LANDMARKS = (*CENTRE, *(f"{side}_{limb}" for side in SIDES for limb in LIMBS))
"""What a map names: 5 joints of the trunk and 7 of each side. Hips, knees, ... are the joints that bend there."""
FRAMES = ("pelvis", "torso", "head")
_AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
HELP = (
    "To import another skeleton write a map and give it as skeleton=PATH.yaml (docs/own-motion.md shows one): "
    "family, joints (which joint is pelvis, waist, torso, neck, head, and of each side hip, knee, ankle, toe, "
    "shoulder, elbow, wrist; NAME.end is an end site), frames (local axes forward, left, up)."
)


class SkeletonError(ValueError):
    """A skeleton that no map fits, or a map that is not as it should be."""


@dataclass(frozen=True)
class SkeletonMap:
    """Landmarks of one family of skeletons."""

    family: str
    names: frozenset[str]
    """Every joint of the family; empty in a map that was given, which fits any skeleton with its landmarks."""
    ignore: tuple[str, ...]
    """Patterns of joints that may be there or not."""
    joints: dict[str, str]
    """Joint of every landmark."""
    frames: dict[str, np.ndarray]
    """Per body of `FRAMES` a matrix [3, 3]: its columns are forward, left and up in the joint's local axes."""
    prefix: str = ""
    """Pattern of what may stand before every name (mixamorig:)."""

    def fits(self, joints: tuple[str, ...]) -> bool:
        """Whether `joints`, all joints of a file, are those of this family."""
        own = {name for name in joints if not name.endswith(".end") and not self.ignores(name)}
        return own == self.names and set(self.joints.values()) <= set(joints)

    def worded(self, joints: tuple[str, ...]) -> SkeletonMap:
        """The map with the prefix that `joints` carry written before its names."""
        found = re.match(self.prefix, joints[0])
        before = found.group() if found else ""
        if not before or not all(name.startswith(before) for name in joints):
            return self
        return replace(
            self,
            names=frozenset(before + name for name in self.names),
            ignore=tuple(re.escape(before) + pattern for pattern in self.ignore),
            joints={landmark: before + name for landmark, name in self.joints.items()},
        )

    def ignores(self, name: str) -> bool:
        """Whether `name` is a joint that does not matter (a finger)."""
        return any(re.fullmatch(pattern, name) for pattern in self.ignore)


def load_map(path: Path) -> SkeletonMap:
    """Read a map; raises SkeletonError with everything that is wrong with it."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SkeletonError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("joints"), dict):
        raise SkeletonError(f"{path}: expected a mapping with `joints`. {HELP}")
    given = content["joints"]
    joints = {name: given.get(name) for name in CENTRE}
    joints |= {f"{side}_{limb}": (given.get(side) or {}).get(limb) for side in SIDES for limb in LIMBS}
    problems = [f"joints: {name} is missing" for name, joint in joints.items() if not isinstance(joint, str)]
    frames = {}
    for body in FRAMES:
        try:
            frames[body] = parse_axes(str((content.get("frames") or {}).get(body, "")))
        except ValueError as error:
            problems.append(f"frames: {body} {error}")
    if problems:
        raise SkeletonError(f"{path}: " + "; ".join(problems))
    names = frozenset(str(name) for name in content.get("names", []))
    ignore = tuple(str(pattern) for pattern in content.get("ignore", []))
    prefix = str(content.get("prefix", ""))
    return SkeletonMap(str(content.get("family", path.stem)), names, ignore, joints, frames, prefix)


@cache
def known_maps() -> tuple[SkeletonMap, ...]:
    """The families that come with the project."""
    return tuple(load_map(path) for path in sorted(FOLDER.glob("*.yaml")))


def find_maps(joints: tuple[str, ...], given: Path | None = None) -> list[SkeletonMap]:
    """Maps of a file with `joints`: the one given, else every family they are; raises SkeletonError when there is none.

    Two families may share all names (Rokoko's, and Mixamo's without its prefix): their axes tell them apart, see
    `capture.import_posed`.
    """
    if given is not None:
        chosen = load_map(given).worded(joints)
        missing = sorted(set(chosen.joints.values()) - set(joints))
        if missing:
            raise SkeletonError(f"map {given} names {', '.join(missing)}; the joints here are {', '.join(joints)}")
        return [chosen]
    fitting = [worded for known in known_maps() if (worded := known.worded(joints)).fits(joints)]
    if not fitting:
        raise SkeletonError(
            f"the skeleton is of no known family ({', '.join(known.family for known in known_maps())}); "
            f"its joints: {', '.join(joints)}. {HELP}"
        )
    return fitting


def parse_axes(text: str) -> np.ndarray:
    """'z -y x' as a matrix [3, 3] with these columns; raises ValueError when it is not a right-handed frame."""
    words = text.split()
    if len(words) == 3 and all(re.fullmatch("-?[xyz]", word) for word in words):
        matrix = np.array([np.array(_AXES[word[-1]]) * (-1.0 if word[0] == "-" else 1.0) for word in words]).T
        if np.isclose(np.linalg.det(matrix), 1.0):
            return matrix
    raise ValueError(f"needs three different axes forward, left, up, right-handed, as in 'z x y', not {text!r}")

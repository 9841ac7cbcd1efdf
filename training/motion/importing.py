"""Files of any skeleton to motions of the humanoid: everything between a file and `cleaning`.

import_file ── read: bvh | asf | smpl ── skeleton.find_maps ── capture.import_posed
├─ person_leg, over every take of that person
└─ per stretch without jumps: smoothing ── targets.aim ── retarget ── Take
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from runtime.character import BODIES, FEET
from runtime.recording import Motion
from runtime.skeleton import Skeleton
from training.motion import asf, bvh, footing, rotation, smoothing, smpl, targets
from training.motion.capture import Capture, CaptureError, import_posed
from training.motion.clips import kinematics
from training.motion.retarget import retarget
from training.motion.skeleton import SkeletonError, find_maps

LOW_PASS = 8.0  # Hz
READERS = {"bvh": bvh.posed, "asfamc": asf.read, "amass": smpl.read}
FORMATS = tuple(READERS)


@dataclass(frozen=True)
class Given:
    """What is said of a file rather than found in it."""

    licence: str
    source: str
    """Set and file, as in "cmu/02_01"."""
    flat: bool = True
    unit_to_m: float | None = None
    up: str | None = None
    skeleton: Path | None = None
    low_pass_hz: float = LOW_PASS
    level_head: bool = False
    takes: tuple[Path, ...] = ()
    """Files of the same person, from all of which the length of the leg is told; none: the bones say it."""
    min_seconds: float = 1.0


@dataclass(eq=False)
class Take:
    """One stretch of a file on the humanoid, and what tells how good it is."""

    motion: Motion
    skeleton: Skeleton
    contact: np.ndarray
    """[T, 4] bool: heel and toe edge of the left foot, then of the right, standing in the source."""
    raw_soles: np.ndarray
    """[T, 4, 3] m: where they were before filter and contacts."""
    errors: dict[str, float]
    """Distance from the limb-wise scaled source, m, mean over time: by body."""
    unfitted: float
    """The same from the source scaled by the legs alone, pelvis on pelvis, mean over bodies, m."""
    found: dict[str, str | float]
    """What was found out about the file, and the floor's drift."""
    remarks: list[str] = field(default_factory=list)


def import_file(path: Path, kind: str, given: Given) -> list[Take]:
    """Every stretch of at least `given.min_seconds` between jumps of the root.

    Raises bvh.DamagedFileError, SkeletonError or CaptureError: what is wrong with the file, or what must be given.
    """
    capture = _capture(path, kind, given)
    leg = person_leg(kind, replace(given, source="")) if given.takes else None
    spans = list(smoothing.pieces(capture, given.min_seconds))
    takes = []
    for number, (first, last) in enumerate(spans):
        name = given.source if len(spans) == 1 else f"{given.source}_{number}"
        takes.append(_take(smoothing.cut(capture, first, last), given, name, leg))
    if sum(last - first for first, last in spans) < len(capture.points):
        kept = [f"{first / capture.rate:.2f}..{last / capture.rate:.2f} s" for first, last in spans]
        remark = f"cut at jumps of the root, kept {', '.join(kept) or 'nothing'}"
        if not takes:
            raise bvh.DamagedFileError(path, None, f"no stretch of {given.min_seconds} s: {remark}")
        takes[0].remarks.append(remark)
    return takes


def _capture(path: Path, kind: str, given: Given) -> Capture:
    posed = READERS[kind](path)
    maps = [smpl.MAP] if kind == "amass" else find_maps(posed.names, given.skeleton)
    return import_posed(posed, maps, given.unit_to_m, given.up)


@cache
def person_leg(kind: str, given: Given) -> float:
    """Length of the leg of the person in `given.takes`, m, see targets.person_leg; damaged files are left out."""
    captures = []
    for path in given.takes:
        try:
            captures.append(_capture(path, kind, given))
        except (bvh.DamagedFileError, SkeletonError, CaptureError):
            continue  # whoever reads that file says so
    return targets.person_leg([smoothing.thin(smoothing.low_pass(c, given.low_pass_hz)) for c in captures], given.flat)


def _take(capture: Capture, given: Given, name: str, leg: float | None) -> Take:
    """Retarget one stretch."""
    raw = targets.aim(smoothing.thin(capture), given.flat)
    smooth = smoothing.thin(smoothing.low_pass(capture, given.low_pass_hz))
    aimed = targets.aim(smooth, given.flat, given.level_head, leg)
    root, turn, angles = retarget(aimed)
    motion = Motion(aimed.rate, root, turn, angles, False, name.rpartition("/")[2], name, given.licence)
    places, _ = kinematics(root, turn, angles)
    reached = places[:, [BODIES.index(body) for body in targets.BODIES]]
    unfitted = np.linalg.norm(reached - root[:, None] - (aimed.unfitted - aimed.pelvis[:, None]), axis=-1)
    return Take(
        motion=motion,
        skeleton=Skeleton(
            aimed.rate, capture.names, capture.parents, aimed.source, aimed.scale, given.source, given.licence
        ),
        contact=aimed.contact,
        raw_soles=raw.soles,
        errors=dict(zip(targets.BODIES, np.linalg.norm(reached - aimed.points, axis=-1).mean(axis=0), strict=True)),
        unfitted=float(unfitted.mean()),
        found=capture.found | {"floor_drift_m": round(aimed.drift, 3), "scale": round(aimed.scale, 3)},
        remarks=aimed.remarks,
    )


def soles(motion: Motion) -> np.ndarray:
    """Heel and toe edge of the left foot, then of the right, [T, 4, 3] m."""
    places, turns = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    feet = [BODIES.index(name) for name in reversed(FEET)]
    axes = rotation.to_matrix(turns[:, feet])
    return footing.edges(places[:, feet], axes)


def slip(points: np.ndarray, contact: np.ndarray, rate: float) -> np.ndarray:
    """Horizontal speeds [N], m/s, of sole edges [T, 4, 3] over every step between two frames in contact."""
    speed = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) * rate
    return speed[contact[1:] & contact[:-1]]

"""A source's motion in our terms: landmarks in metres, z up, and where pelvis, torso, head and feet face.

Units, up-axis and facing are found or given, and reported in `Capture.found`. The unit is the one that makes the legs
(hip to ankle) .62 to 1.05 m long; up is the axis along which heads are above feet, within 30° on average; facing
follows from the hips, and must agree with toes and map. What is ambiguous raises CaptureError saying what to give.

    Posed (bvh.py, smpl.py) ── import_posed ── find_unit, find_up ── Capture ── smoothing.prepare ── targets.aim
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.motion import rotation
from training.motion.skeleton import LANDMARKS, SkeletonMap

UNITS = {"m": 1.0, "ft": 0.3048, "dm": 0.1, "CMU ASF unit": 0.0254 / 0.45, "inch": 0.0254, "cm": 0.01, "mm": 0.001}
LEG = (0.62, 1.05)  # m, hip to ankle; neighbouring units differ by more than the ratio of these two
UPRIGHT = 0.87  # cosine of 30°
L = {name: index for index, name in enumerate(LANDMARKS)}


class CaptureError(ValueError):
    """A capture whose units, axes or skeleton cannot be told; says what to give."""


@dataclass(frozen=True, eq=False)
class Posed:
    """Joints of a source over time, in its own units and axes."""

    names: tuple[str, ...]
    parents: np.ndarray  # [J] int, -1 for the root
    offsets: np.ndarray  # [J, 3], from the parent, in the parent's frame
    positions: np.ndarray  # [T, J, 3]
    rotations: np.ndarray  # [T, J, 4] wxyz
    rate: float  # Hz


@dataclass(frozen=True, eq=False)
class Capture:
    """A source's motion, z up, metres, its own size."""

    rate: float
    """Hz."""
    points: np.ndarray
    """[T, 19, 3] m, in the order of `LANDMARKS`."""
    trunk: np.ndarray
    """[T, 3, 3, 3] axes (columns forward, left, up) of pelvis, torso and head in the world."""
    ankles: np.ndarray
    """[T, 2, 3, 3] axes of the left and right ankle joint as the source has them; what they mean is found later."""
    spine: np.ndarray
    """[3] m, from waist to neck in the torso's axes, standing upright."""
    joints: np.ndarray
    """[T, J, 3] m, the source's own joints, for show."""
    names: tuple[str, ...]
    """Names of `joints`."""
    parents: tuple[int, ...]
    """Of `joints`, -1 for the root."""
    found: dict[str, str | float] = field(default_factory=dict)
    """family, unit_to_m, up, and how each was told."""

    def point(self, name: str) -> np.ndarray:
        """One landmark over time, [T, 3] m."""
        return self.points[:, L[name]]

    @property
    def leg(self) -> float:
        """Length of thigh and shin, m: the mean of both sides over all frames."""
        return leg_length(self.points)


def import_posed(posed: Posed, maps: list[SkeletonMap], unit_to_m: float | None, up: str | None) -> Capture:
    """Landmarks and body axes of a posed source under the one map of `maps` whose axes agree with the joints' places.

    Raises CaptureError where units or axes cannot be told, and when no map or several agree.
    """
    captures = [_under(posed, chosen, unit_to_m, up) for chosen in maps]
    wrong = [_disagreements(capture) for capture in captures]
    right = [capture for capture, lines in zip(captures, wrong, strict=True) if not lines]
    if len(right) == 1:
        return right[0]
    if right:
        families = ", ".join(str(capture.found["family"]) for capture in right)
        raise CaptureError(f"the skeleton may be of {families}: give skeleton=MAP.yaml")
    lines = [f"as {c.found['family']}: {', '.join(w)}" for c, w in zip(captures, wrong, strict=True)]
    raise CaptureError(
        f"the map's axes and the joints' places disagree ({'; '.join(lines)}): "
        "are left and right swapped, or the frames?"
    )


def _under(posed: Posed, chosen: SkeletonMap, unit_to_m: float | None, up: str | None) -> Capture:
    """The capture as `chosen` says."""
    index = [posed.names.index(chosen.joints[name]) for name in LANDMARKS]
    raw = posed.positions[:, index]
    unit, how_unit = find_unit(leg_length(raw), unit_to_m)
    axis, how_up = find_up(raw, up)
    turn = _to_z_up(axis)
    axes = turn @ rotation.to_matrix(posed.rotations)  # [T, J, 3, 3]
    of = {name: posed.names.index(chosen.joints[name]) for name in ("pelvis", "torso", "head")}
    trunk = np.stack([axes[:, of[name]] @ chosen.frames[name] for name in of], axis=1)
    ankles = np.stack([axes[:, posed.names.index(chosen.joints[f"{s}_ankle"])] for s in ("left", "right")], axis=1)
    shown = _shown(posed, chosen)
    return Capture(
        rate=posed.rate,
        points=raw @ turn.T * unit,
        trunk=trunk,
        ankles=ankles,
        spine=_spine(posed, chosen) * unit,
        joints=posed.positions[:, shown] @ turn.T * unit,
        names=tuple(posed.names[j] for j in shown),
        parents=_new_parents(posed.parents, shown),
        found={"family": chosen.family, "unit_to_m": round(unit, 6), "unit": how_unit, "up": axis, "up_from": how_up},
    )


def leg_length(points: np.ndarray) -> float:
    """Thigh and shin of [T, 19, 3], mean over frames and sides."""
    lengths = [
        np.linalg.norm(points[:, L[f"{side}_{a}"]] - points[:, L[f"{side}_{b}"]], axis=-1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(np.mean(lengths) * 2.0)


def find_unit(leg: float, given: float | None) -> tuple[float, str]:
    """Metres in a unit of the file and how that is known, from the leg's length in units."""
    if given is not None:
        return given, "given"
    fitting = [(name, unit) for name, unit in UNITS.items() if LEG[0] <= leg * unit <= LEG[1]]
    if len(fitting) != 1:
        raise CaptureError(
            f"the legs are {leg:.3g} units long, which makes {LEG[0]} to {LEG[1]} m in "
            f"{' and '.join(n for n, _ in fitting) or 'no unit known'}; give unit_to_m (about {0.83 / leg:.3g})"
        )
    name, unit = fitting[0]
    return unit, f"{name}: legs of {leg * unit:.2f} m"


def find_up(points: np.ndarray, given: str | None) -> tuple[str, str]:
    """Up-axis ("+y", ...) and how it is known, from landmarks [T, 19, 3] in the file's axes."""
    if given is not None:
        text = given.strip().lower()
        text = text if text[:1] in "+-" else f"+{text}"
        if len(text) != 2 or text[1] not in "xyz":
            raise CaptureError(f"up={given!r}: expected x, y or z, with a minus sign where it points down")
        return text, "given"
    body = points[:, L["neck"]] - 0.5 * (points[:, L["left_ankle"]] + points[:, L["right_ankle"]])
    mean = (body / np.linalg.norm(body, axis=1, keepdims=True)).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) < UPRIGHT:
        raise CaptureError(
            f"the body lies on average along ({mean[0]:.2f}, {mean[1]:.2f}, {mean[2]:.2f}), which is no axis: "
            "give up=y or up=z"
        )
    return (
        f"{'-' if mean[axis] < 0 else '+'}{'xyz'[axis]}",
        f"heads above feet, {abs(mean[axis]):.2f} of the time's mean",
    )


def _to_z_up(axis: str) -> np.ndarray:
    """The rotation [3, 3] that takes the file's axes to ours: up to z, the others in their order."""
    k = "xyz".index(axis[1])
    turn = np.eye(3)[[(k + 1) % 3, (k + 2) % 3, k]]
    return turn * np.array([[-1.0], [1.0], [-1.0]]) if axis[0] == "-" else turn


def _spine(posed: Posed, chosen: SkeletonMap) -> np.ndarray:
    """From waist to neck in the torso's axes when every joint between stands upright, [3] file units."""
    waist, joint = posed.names.index(chosen.joints["waist"]), posed.names.index(chosen.joints["neck"])
    way = np.zeros(3)
    while joint != waist and joint >= 0:
        way += chosen.frames["torso"].T @ posed.offsets[joint]
        joint = int(posed.parents[joint])
    if joint < 0 or np.linalg.norm(way) == 0.0:
        raise CaptureError(f"map {chosen.family}: the neck does not hang on the waist")
    return way


def _shown(posed: Posed, chosen: SkeletonMap) -> list[int]:
    """Joints to show: all but what the map ignores, and end sites only where they are landmarks."""
    landmarks = set(chosen.joints.values())
    return [
        j
        for j, name in enumerate(posed.names)
        if name in landmarks or not (name.endswith(".end") or chosen.ignores(name))
    ]


def _new_parents(parents: np.ndarray, shown: list[int]) -> tuple[int, ...]:
    """Parents among the shown joints."""
    found = []
    for j in shown:
        parent = int(parents[j])
        while parent >= 0 and parent not in shown:
            parent = int(parents[parent])
        found.append(shown.index(parent) if parent >= 0 else -1)
    return tuple(found)


def _disagreements(capture: Capture) -> list[str]:
    """What the map says of the body's axes and the joints' places deny, in the median over time.

    Toes count while their ankle is low: behind a runner they point backwards.
    """
    left = capture.point("left_hip") - capture.point("right_hip")
    forward = np.cross(left, [0.0, 0.0, 1.0])
    pelvis, torso, head = np.moveaxis(capture.trunk, 1, 0)
    spine = capture.point("neck") - capture.point("waist")
    checks = {
        "the pelvis does not face forward": np.sum(forward * pelvis[..., 0], axis=1),
        "the torso's left is not the hips'": np.sum(left * torso[..., 1], axis=1),
        "the torso's up is not from waist to neck": _cosine(spine, torso[..., 2]) - 0.5,
        "the head's up is far from the torso's": _cosine(head[..., 2], torso[..., 2]) - 0.2,
        "the head does not face forward": _cosine(head[..., 0], torso[..., 0]) - 0.2,
    }
    for side in ("left", "right"):
        ankle = capture.point(f"{side}_ankle")
        low = ankle[:, 2] <= np.percentile(ankle[:, 2], 30)
        checks[f"{side} toes point backwards"] = np.sum(forward * (capture.point(f"{side}_toe") - ankle), axis=1)[low]
    return [what for what, agreement in checks.items() if np.median(agreement) <= 0.0]


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))

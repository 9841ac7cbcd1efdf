"""What the humanoid should reach: a capture brought to its size, its feet on the ground.

Root and feet are scaled by the ratio of the legs, so that steps stay steps; trunk and arms keep the source's
directions at our lengths. Knees follow from hips and ankles, and a straight leg forgives nothing: 2 % of its length are
23° at the knee. So how long a person's leg is can be told from how far they stretch it (`person_leg`), and the pelvis
sinks where it is yet too far from standing feet. What the feet do is found in the motion itself: how they lie flat,
where the floor is (footing.py), and which stands when (contacts.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from runtime.character import PREFIX, model
from training.motion import contacts, footing, limbs
from training.motion.capture import Capture

SIDES = ("left", "right")
BODIES = (
    "head", "left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm", "left_hand", "right_hand",
    "left_thigh", "right_thigh", "left_shin", "right_shin", "left_foot", "right_foot",
)  # fmt: skip
"""Bodies whose origins (neck, shoulders, elbows, wrists, hips, knees, ankles) have places to reach."""
JOINTS = ("neck", *(f"{side}_{j}" for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES))
"""The source's landmarks that stand for `BODIES`."""
ELBOW, MAX_STRAIGHTENED = np.radians(15.0), np.radians(25.0)
KNEE = np.radians(4.0)  # how much the straightest leg is bent
STRAIGHTEST = 0.75  # of the time with a foot flat on the ground legs are shorter: late in it, heels are about to rise
TRUSTED = (0.95, 1.0)  # of thigh and shin: a leg shorter than that was never stretched
SINK = 0.05  # s, over which the pelvis sinks


def _place(body: str) -> np.ndarray:
    """Where a body hangs on its parent, [3] m."""
    return model().body(f"{PREFIX}{body}").pos


def _length(body: str) -> float:
    return float(np.linalg.norm(_place(body)))


_THIGH, _SHIN = _length("left_shin"), _length("left_foot")
LEG = _THIGH + _SHIN  # m, of the humanoid
STRAIGHT = float(np.sqrt(_THIGH**2 + _SHIN**2 + 2.0 * _THIGH * _SHIN * np.cos(KNEE)))  # m, from hip to ankle


@dataclass(eq=False)
class Targets:
    """Where the humanoid's bodies should be, [T, ...], m, world; rotations are matrices, z up."""

    rate: float
    scale: float
    """Our legs over the source's."""
    pelvis: np.ndarray  # [T, 3]
    trunk: np.ndarray  # [T, 3, 3, 3] of pelvis, torso, head
    points: np.ndarray  # [T, 13, 3] in the order of BODIES
    limbs: np.ndarray  # [T, 4, 3, 3] axes of limbs.LIMBS
    bends: np.ndarray  # [T, 4] rad, of their elbows and knees
    unfitted: np.ndarray  # [T, 13, 3] the source's own places, scaled by the legs alone
    feet: np.ndarray  # [T, 2, 3, 3] left, right
    soles: np.ndarray  # [T, 4, 3] heel and toe edge of the left foot, then of the right, as captured
    held: np.ndarray  # [T, 4, 3] the same with contacts held still on the ground
    contact: np.ndarray  # [T, 4] bool
    source: np.ndarray  # [T, J, 3] the source's joints, scaled and on the same floor
    drift: float = 0.0
    """By how much the floor rose and fell and was levelled, m."""
    remarks: list[str] = field(default_factory=list)


def aim(capture: Capture, flat: bool, level_head: bool = False, leg: float | None = None) -> Targets:
    """Targets of a (smoothed) capture.

    `flat` says that it was captured on one floor, which may be levelled; `level_head` that the head looks ahead on
    average (some CMU subjects look 15 to 25° up by their markers, walking); `leg` says how long the person's leg is, m,
    where that is known better than by its bones (`person_leg`): the pelvis is as much higher as our leg is longer than
    theirs would be, and the straightest arm of the clip as straight as a walker's.
    """
    remarks: list[str] = []
    scale = LEG / capture.leg
    pelvis = 0.5 * scale * (capture.point("left_hip") + capture.point("right_hip"))
    trunk = capture.trunk.copy()
    trunk[:, 1] = _torso(capture)
    if level_head:
        trunk[:, 2] = _levelled(trunk[:, 2], remarks)
    feet = np.stack([footing.axes(capture, i, scale, remarks) for i in range(2)], axis=1)
    ankles = np.stack([_ankle(capture, side, scale, trunk[:, 0]) for side in SIDES], axis=1)
    soles = footing.edges(ankles, feet)
    floor = footing.floor(soles, capture.rate, flat, remarks)
    lower = floor[:, None] * np.array([0.0, 0.0, 1.0])  # [T, 3]
    pelvis, soles = pelvis - lower, soles - lower[:, None]
    if leg is not None:
        pelvis[:, 2] += (capture.leg / leg - 1.0) * (pelvis[:, 2] + footing.HEEL[2])
    contact = contacts.find(soles, capture.rate)
    held = contacts.hold(soles, contact, capture.rate)
    ankles = footing.ankles(held, feet)
    hips = _hips(pelvis, trunk[:, 0])
    sunk = sink(hips - ankles, contact, capture.rate)[:, None] * np.array([0.0, 0.0, 1.0])
    pelvis, hips = pelvis - sunk, hips - sunk[:, None]
    knees = np.stack([_knee(capture, i, hips[:, i], trunk[:, 0], ankles[:, i]) for i in range(2)], axis=1)
    points = np.concatenate((_upper_body(capture, pelvis, trunk, leg is not None), hips, knees, ankles), axis=1)
    places = {body: points[:, index] for index, body in enumerate(BODIES)}
    unfitted = np.stack([capture.point(name) for name in JOINTS], axis=1) * scale - lower[:, None]
    return Targets(
        capture.rate, scale, pelvis, trunk, points, limbs.axes(places, trunk), limbs.bends(places), unfitted,
        feet, soles, held, contact,
        source=capture.joints * scale - lower[:, None], drift=float(np.ptp(floor)), remarks=remarks,
    )  # fmt: skip


def person_leg(captures: list[Capture], flat: bool) -> float:
    """How long a person's leg is, m: our knee is bent by 4° when theirs is straightest over a foot that stands flat.

    Thigh and shin of a solved skeleton are longer than from hip to ankle over a standing foot. Only flat feet count,
    of all `captures`: those that land and leave have their ankles where the shape of the foot brings them, not ours.
    """
    leg = float(np.mean([capture.leg for capture in captures]))
    aimed = [aim(capture, flat, leg=leg) for capture in captures]
    ways = np.concatenate([_legs(t) for t in aimed])
    flat_feet = np.concatenate([t.contact[:, ::2] & t.contact[:, 1::2] for t in aimed])
    straightest = [np.quantile(way[on], STRAIGHTEST) for way, on in zip(ways.T, flat_feet.T, strict=True) if on.any()]
    return leg * float(np.clip(np.mean(straightest) / STRAIGHT, *TRUSTED)) if straightest else leg


def _hips(pelvis: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Our hips [T, 2, 3] on a pelvis at [T, 3] with axes [T, 3, 3]."""
    return np.stack([pelvis + axes @ _place(f"{side}_thigh") for side in SIDES], axis=1)


def sink(legs: np.ndarray, contact: np.ndarray, rate: float) -> np.ndarray:
    """By how much the pelvis must be lower [T] m for our legs to reach, knees bent by 4°, from hips to standing feet.

    `legs` are the ways [T, 2, 3] from ankles to hips, `contact` [T, 4] those of heels and toe edges. Smooth: the
    greatest need within .05 s, under a bell of that width.
    """
    across = np.sum(legs[..., :2] ** 2, axis=-1)
    high = legs[..., 2] - np.sqrt(np.maximum(STRAIGHT**2 - across, 0.0))
    high[~(contact[:, ::2] | contact[:, 1::2])] = 0.0
    need = maximum_filter1d(high.max(axis=1).clip(0.0), 2 * round(SINK * rate) + 1, mode="nearest")
    return gaussian_filter1d(need, SINK * rate, mode="nearest")


def _legs(targets: Targets) -> np.ndarray:
    """From hips to ankles, [T, 2] m."""
    hips, feet = ([BODIES.index(f"{side}_{body}") for side in SIDES] for body in ("thigh", "foot"))
    return np.linalg.norm(targets.points[:, hips] - targets.points[:, feet], axis=-1)


def _torso(capture: Capture) -> np.ndarray:
    """Axes [T, 3, 3] of the torso: turned as the chest is, along the line from waist to neck.

    The humanoid has one joint in its back; the chest alone would bend it too far, the line alone knows no twist.
    """
    chest = capture.trunk[:, 1]
    line = capture.point("neck") - capture.point("waist")
    return _shortest(chest @ (capture.spine / np.linalg.norm(capture.spine)), line) @ chest


def _levelled(head: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Axes [T, 3, 3] of the head turned about its left axis until it looks neither up nor down in the median."""
    up = float(np.median(np.arcsin(np.clip(head[:, 2, 0], -1.0, 1.0))))
    remarks.append(f"the head looked {np.degrees(up):.0f}° up in the median: levelled")
    c, s = np.cos(up), np.sin(up)
    return head @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _shortest(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The least rotation [T, 3, 3] that takes directions `start` [T, 3] to those of `end` [T, 3]."""
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (start, end))
    axis, cosine = np.cross(a, b), np.sum(a * b, axis=-1)
    x, y, z = axis.T
    zero = np.zeros_like(x)
    skew = np.stack((zero, -z, y, z, zero, -x, -y, x, zero), axis=-1).reshape(-1, 3, 3)
    return np.eye(3) + skew + skew @ skew / np.maximum(1.0 + cosine, 1e-3)[:, None, None]


def _side_step(capture: Capture, side: str, scale: float) -> float:
    """How much farther out our hip is than the scaled source's, m, left positive."""
    wide = 0.5 * scale * float(np.linalg.norm(capture.point("left_hip") - capture.point("right_hip"), axis=1).mean())
    return (_length("left_thigh") - wide) * (1.0 if side == "left" else -1.0)


def _knee(capture: Capture, index: int, hip: np.ndarray, axes: np.ndarray, ankle: np.ndarray) -> np.ndarray:
    """Knees [T, 3] of our thigh and shin between `hip` and `ankle`, bent to the side to which the source's bends.

    A source's thigh may be 5 cm shorter than its shin, where ours is longer: its knee's place is not ours to take.
    """
    side = SIDES[index]
    thigh, shin = _length(f"{side}_shin"), _length(f"{side}_foot")
    line = ankle - hip
    span = np.linalg.norm(line, axis=1, keepdims=True)
    along = line / span
    span = np.minimum(span, 0.999 * (thigh + shin))
    bend = capture.point(f"{side}_knee") - 0.5 * (capture.point(f"{side}_hip") + capture.point(f"{side}_ankle"))
    bend = bend + 0.02 * axes[:, :, 0]  # a straight leg bends forward
    bend = bend - np.sum(bend * along, axis=1, keepdims=True) * along
    bend /= np.linalg.norm(bend, axis=1, keepdims=True)
    share = (thigh**2 - shin**2 + span**2) / (2.0 * span)  # law of cosines
    return hip + share * along + np.sqrt(np.maximum(thigh**2 - share**2, 0.0)) * bend


def _ankle(capture: Capture, side: str, scale: float, pelvis: np.ndarray) -> np.ndarray:
    return capture.point(f"{side}_ankle") * scale + pelvis[:, :, 1] * _side_step(capture, side, scale)


def _upper_body(capture: Capture, pelvis: np.ndarray, trunk: np.ndarray, straighten: bool) -> np.ndarray:
    """Neck, shoulders, elbows and wrists [T, 7, 3]: the source's directions at our lengths, from our pelvis up."""
    waist = pelvis + trunk[:, 0] @ _place("torso")
    shoulders = [waist + trunk[:, 1] @ _place(f"{side}_upper_arm") for side in SIDES]
    elbows = [
        shoulder + _length(f"{side}_lower_arm") * _direction(capture, f"{side}_shoulder", f"{side}_elbow")
        for side, shoulder in zip(SIDES, shoulders, strict=True)
    ]
    wrists = [
        elbow + _length(f"{side}_hand") * _forearm(capture, side, straighten)
        for side, elbow in zip(SIDES, elbows, strict=True)
    ]
    return np.stack([waist + trunk[:, 1] @ _place("head"), *shoulders, *elbows, *wrists], axis=1)


def _unit(way: np.ndarray) -> np.ndarray:
    return way / np.linalg.norm(way, axis=1, keepdims=True)


def _forearm(capture: Capture, side: str, straighten: bool) -> np.ndarray:
    """Direction [T, 3] of the forearm, with `straighten` turned so that the straightest elbow is bent by 10°."""
    upper = _direction(capture, f"{side}_shoulder", f"{side}_elbow")
    lower = _direction(capture, f"{side}_elbow", f"{side}_wrist")
    if not straighten:
        return lower
    bend = np.arccos(np.clip(np.sum(upper * lower, axis=1), -1.0, 1.0))
    less = np.clip(np.percentile(bend, 5) - ELBOW, 0.0, MAX_STRAIGHTENED)
    side_step = lower - np.cos(bend)[:, None] * upper
    side_step /= np.maximum(np.linalg.norm(side_step, axis=1, keepdims=True), 1e-6)
    return np.cos(bend - less)[:, None] * upper + np.sin(bend - less)[:, None] * side_step


def _direction(capture: Capture, start: str, end: str) -> np.ndarray:
    return _unit(capture.point(end) - capture.point(start))

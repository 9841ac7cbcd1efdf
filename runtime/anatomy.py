"""The pieces that the humanoid's visible body is made of, grown from its MuJoCo model.

Every body starts from its collision geoms (spheres, capsules, boxes) and its joints; flesh fills the gaps between
them: limbs taper from joint to joint, the chest spans the clavicles, the foot's box becomes a shoe with the same sole.
What touches the ground in physics therefore touches it in the picture. The right side is mirrored to the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from runtime import character
from runtime.surface import (
    Shape,
    blend,
    ellipsoid,
    grow,
    intersect,
    mirror,
    round_cone,
    rounded_box,
    sphere,
    subtract,
)

SHELL, JOINT, ACCENT = 0, 1, 2
"""Materials: the light shell, the dark joints, the character's colour."""

_ACROSS = np.array([1.0, -1.0, 1.0])  # right to left


@dataclass(frozen=True)
class Part:
    """One solid piece, rigid with its body."""

    body: str
    material: int
    shape: Shape
    """In the frame of the body."""
    cell: float = 0.016
    """Size of its facets, m: small where it curves or has edges."""


class Anatomy:
    """Where the model's joints and geoms lie, each in the frame of its body."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model

    def joint(self, body: str) -> np.ndarray:
        """Where a body hangs on its parent: [3] m in the parent's frame."""
        return self._model.body(character.PREFIX + body).pos.copy()

    def center(self, geom: str) -> np.ndarray:
        """The centre of a collision geom, [3] m."""
        return self._model.geom(character.PREFIX + geom).pos.copy()

    def geom(self, name: str) -> Shape:
        """The shape of a collision geom.

        Raises:
            ValueError: a geom type that the skin does not know.
        """
        geom = self._model.geom(character.PREFIX + name)
        kind, size, center = int(geom.type[0]), geom.size, geom.pos
        if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
            return sphere(center, size[0])
        if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
            along = character.rotate(geom.quat, np.array([0.0, 0.0, size[1]]))
            return round_cone(center - along, center + along, size[0])
        if kind == mujoco.mjtGeom.mjGEOM_BOX:
            return rounded_box(center, size, 0.6 * size.min())
        raise ValueError(f"geom {name}: a skin is made of spheres, capsules and boxes, found type {kind}")


def parts(model: mujoco.MjModel) -> list[Part]:
    """All pieces of the skin of the character that `model` holds."""
    anatomy = Anatomy(model)
    right = [*_arm(anatomy), *_hand(anatomy), *_leg(anatomy), *_foot(anatomy)]
    left = [Part(p.body.replace("right", "left"), p.material, mirror(p.shape), p.cell) for p in right]
    return [*_hips(anatomy), *_chest(anatomy), *_head(anatomy), *right, *left]


def _hips(anatomy: Anatomy) -> list[Part]:
    hip, waist = anatomy.joint("right_thigh"), anatomy.joint("torso")
    socket = hip * [1.0, 0.62, 1.0] + [-0.012, 0.0, 0.045]
    hips = blend([
        anatomy.geom("pelvis"),
        round_cone(socket, socket * _ACROSS, 0.088),
        round_cone([0.0, 0.0, 0.0], [0.0, 0.0, 0.06], 0.062, 0.085),
        round_cone(hip + [0.0, 0.01, 0.015], (hip + [0.0, 0.01, 0.015]) * _ACROSS, 0.07),
    ], 0.07)  # fmt: skip
    hips = intersect(hips, rounded_box([0.0, 0.0, -0.16], [0.3, 0.3, 0.28], 0.0), 0.04)  # flat on top: the waistband
    side = np.array([0.0, 0.032, 0.0])
    belly = blend([
        anatomy.geom("waist"), round_cone([0.0, -0.032, 0.08], waist - side + [0.0, 0.0, 0.06], 0.074, 0.07),
        round_cone([0.0, 0.032, 0.08], waist + side + [0.0, 0.0, 0.06], 0.074, 0.07),
    ], 0.05)  # fmt: skip
    return [Part("pelvis", JOINT, belly), Part("pelvis", SHELL, hips)]


def _chest(anatomy: Anatomy) -> list[Part]:
    neck, shoulder = anatomy.joint("head"), anatomy.joint("right_upper_arm")
    flank = [round_cone([-0.02, y * 0.085, 0.185], [-0.005, y * 0.035, 0.06], 0.075) for y in (-1.0, 1.0)]
    chest = blend([
        anatomy.geom("torso"), anatomy.geom("right_clavicle"), anatomy.geom("left_clavicle"), *flank,
        round_cone([0.014, -0.062, 0.174], [0.014, 0.062, 0.174], 0.088),
        round_cone([-0.015, 0.0, 0.2], neck + [-0.005, 0.0, 0.02], 0.06, 0.05),
    ], 0.07)  # fmt: skip
    chest = subtract(chest, blend([sphere(shoulder, 0.07), sphere(shoulder * _ACROSS, 0.07)]), 0.03)
    chest = subtract(chest, sphere([0.0, 0.0, -0.055], 0.1), 0.03)  # hollow below, so that the waist can bend
    girdle = round_cone(shoulder, shoulder * _ACROSS, 0.05)
    core = ellipsoid([0.106, 0.0, 0.178], [0.014, 0.026, 0.026])
    return [Part("torso", SHELL, chest, 0.014), Part("torso", JOINT, girdle), Part("torso", ACCENT, core, 0.007)]


def _head(anatomy: Anatomy) -> list[Part]:
    center = anatomy.center("head")
    skull = blend([
        ellipsoid(center + [-0.01, 0.0, 0.014], [0.1, 0.082, 0.094]),
        ellipsoid(center + [0.024, 0.0, -0.046], [0.064, 0.056, 0.06]),
    ], 0.06)  # fmt: skip
    face = rounded_box(center + [0.1, 0.0, 0.018], [0.1, 0.072, 0.034], 0.032)
    visor = intersect(grow(skull, 0.005), face, 0.016)
    neck = round_cone([-0.012, 0.0, -0.03], [-0.004, 0.0, 0.1], 0.05, 0.046)
    return [Part("head", SHELL, skull, 0.014), Part("head", JOINT, visor, 0.008), Part("head", JOINT, neck)]


def _arm(anatomy: Anatomy) -> list[Part]:
    elbow, wrist = anatomy.joint("right_lower_arm"), anatomy.joint("right_hand")
    upper = blend([
        anatomy.geom("right_upper_arm"), round_cone([0.0, 0.004, 0.0], [0.0, -0.06, 0.0], 0.059, 0.055),
        round_cone([0.0, -0.06, 0.0], elbow + [0.0, 0.06, 0.0], 0.054, 0.042),
    ], 0.03)  # fmt: skip
    lower = blend([
        round_cone([0.0, -0.064, 0.0], wrist + [0.0, 0.055, 0.0], 0.045, 0.033),
        round_cone([0.002, -0.075, 0.0], [0.002, -0.12, 0.0], 0.046, 0.042),
    ], 0.03)  # fmt: skip
    return [
        Part("right_upper_arm", SHELL, upper),
        Part("right_lower_arm", JOINT, sphere([0.0, 0.0, 0.0], 0.041), 0.014),
        Part("right_lower_arm", SHELL, lower, 0.014),
    ]


def _hand(anatomy: Anatomy) -> list[Part]:
    """A glove, palm towards −z, thumb towards +x; the fist of the model's sphere is inside."""
    wide = round_cone([0.004, -0.018, 0.0], [0.005, -0.056, -0.003], 0.036, 0.037)
    slab = rounded_box([0.0, -0.05, -0.002], [0.1, 0.2, 0.021], 0.018)
    palm = intersect(blend([anatomy.geom("right_hand"), wide], 0.02), slab, 0.012)
    fingers = [
        blend([
            round_cone([x, -0.065, -0.003], [1.06 * x, -0.065 - 0.6 * long, -0.006], 0.0105, 0.0098),
            round_cone([1.06 * x, -0.065 - 0.6 * long, -0.006], [1.06 * x, -0.065 - long, -0.016], 0.0098, 0.0085),
        ])
        for x, long in ((-0.026, 0.046), (-0.0065, 0.06), (0.0135, 0.064), (0.0335, 0.056))
    ]  # fmt: skip
    thumb = round_cone([0.03, -0.022, -0.006], [0.064, -0.062, -0.014], 0.0145, 0.0105)
    glove = blend([blend([palm, thumb], 0.02), *fingers], 0.007)
    return [
        Part("right_hand", JOINT, sphere([0.0, 0.006, 0.0], 0.034), 0.012),
        Part("right_hand", ACCENT, glove, 0.0065),
    ]


def _leg(anatomy: Anatomy) -> list[Part]:
    knee, ankle = anatomy.joint("right_shin"), anatomy.joint("right_foot")
    thigh = blend([
        anatomy.geom("right_thigh"),
        round_cone([0.0, 0.0, -0.075], knee + [0.0, 0.0, 0.075], 0.08, 0.056),
        round_cone([0.012, 0.0, -0.12], [0.012, 0.0, -0.24], 0.071, 0.063),
    ], 0.04)  # fmt: skip
    shin = blend([
        round_cone([0.0, 0.0, -0.075], ankle + [0.0, 0.0, 0.07], 0.053, 0.037),
        round_cone([-0.018, 0.0, -0.1], [-0.014, 0.0, -0.2], 0.052, 0.042),
    ], 0.04)  # fmt: skip
    return [
        Part("right_thigh", JOINT, sphere([0.0, 0.0, 0.0], 0.08)),
        Part("right_thigh", SHELL, thigh, 0.018),
        Part("right_shin", JOINT, sphere([0.0, 0.0, 0.0], 0.053), 0.014),
        Part("right_shin", SHELL, shin),
    ]


def _foot(anatomy: Anatomy) -> list[Part]:
    box = anatomy.geom("right_foot")
    heel, toe, ground = box.low[0], box.high[0], box.low[2]
    middle, half = 0.5 * (box.low + box.high), 0.5 * (box.high - box.low)
    upper = blend([
        box,
        round_cone([0.0, 0.0, 0.004], [toe - 0.045, 0.0, -0.02], 0.042, 0.03),
        round_cone([heel + 0.036, 0.0, -0.01], [heel + 0.034, 0.0, 0.02], 0.039, 0.037),
    ], 0.03)  # fmt: skip
    above = rounded_box([0.0, 0.0, ground + 0.213], [0.5, 0.5, 0.2], 0.0)
    sole = rounded_box([middle[0], middle[1], ground + 0.011], [half[0] + 0.004, half[1] + 0.003, 0.011], 0.0095)
    return [
        Part("right_foot", JOINT, sphere([0.0, 0.0, 0.012], 0.04), 0.012),
        Part("right_foot", ACCENT, intersect(upper, above, 0.006), 0.010),
        Part("right_foot", JOINT, sole, 0.0065),
    ]

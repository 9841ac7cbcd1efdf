"""What is in a scene, as plain values, and the MuJoCo model made of it. Private.

A `Layout` names what must be compiled: characters, static obstacles, how many bodies stand by for props. The same
layout always gives the same model, so that a snapshot or a recording need only carry the layout. Bodies come in its
order: characters, then props; obstacles are geoms of the world.

Who touches whom. Characters touch each other, the ground, obstacles and props, but never themselves: no policy has
trained with that. MuJoCo lets two geoms touch when one's `contype` shares a bit with the other's `conaffinity`, and
has 32 bits, yet there may be a thousand characters. The way out: character i has the code i, written in 20 bits; its
contype holds the code's bits and its conaffinity all the other bits. Two codes then share no bit exactly where they
are equal (a & ~b and b & ~a are both 0 only for a = b): a million characters, no list of excluded pairs, and the broad
phase drops a character's own pairs by the same two numbers. Bit 0 stands apart: ground, obstacles and props have it on
both sides, characters in their contype only.

Props are thrown often and compiling a scene of a hundred characters takes 0.3 s, so bodies stand by: parked far below
the ground, touching nothing, weightless. `PropShape.write` turns such a body into a ball or a box by copying what the
compiler makes of that shape alone (0.3 ms) into the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import mujoco

from runtime.character import ASSET, BODIES, DEFAULT_POSE, PHYSICS_HZ, Slots, find_slots, scene_spec

CODE_BITS = 20
MAX_CHARACTERS = 1 << CODE_BITS
_CODES = (MAX_CHARACTERS - 1) << 1  # the bits of a character's code, above bit 0
PARKED_DEPTH = -100.0  # m, where props stand by
_FRICTION = [1.0, 0.05, 0.05]  # as the ground's and the characters'

_PROP_BODY = ("mass", "inertia", "ipos", "iquat", "invweight0", "subtreemass", "sameframe")
_PROP_GEOM = ("type", "size", "rbound", "aabb", "sameframe")
_PROP_DOF = ("M0", "invweight0", "length")


@dataclass(frozen=True)
class Box:
    """A static obstacle: a box in the world."""

    name: str
    size: tuple[float, float, float]
    """Edges, m."""
    position: tuple[float, float, float]
    """Of its centre, m."""
    heading: float
    """Yaw, rad."""


@dataclass(frozen=True)
class Layout:
    """What is compiled into a scene."""

    characters: tuple[str, ...] = ()
    """Their names, in order."""
    obstacles: tuple[Box, ...] = ()
    props: int = 0
    """Bodies for props."""

    def compile(self) -> mujoco.MjModel:
        """Make the model."""
        spec = scene_spec()
        # MuJoCo would silently start over when a number is not finite; here that is a SimulationError.
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        for box in self.obstacles:
            spec.worldbody.add_geom(
                name=f"{box.name}/box", type=mujoco.mjtGeom.mjGEOM_BOX, size=[edge / 2 for edge in box.size],
                pos=box.position, quat=_yaw(box.heading), contype=1, conaffinity=1, friction=_FRICTION,
            )  # fmt: skip
        for code, name in enumerate(self.characters):
            _attach_character(spec, f"{name}/", code)
        for number in range(self.props):
            _attach_prop(spec, number)
        return spec.compile()


@dataclass(frozen=True)
class PropSlots:
    """Where a prop's numbers lie in a model's arrays."""

    qpos: int
    """First of 3 position and 4 quaternion."""
    dof: int
    """First of 3 linear and 3 angular velocity."""
    body: int
    geom: int


@dataclass(frozen=True)
class PropShape:
    """A ball or a box that can be moved."""

    kind: str
    """`ball` or `box`."""
    size: tuple[float, ...]
    """Radius (one number) or edges (three), m."""
    mass: float
    """kg"""

    def __post_init__(self) -> None:
        """Check the numbers."""
        wanted = {"ball": 1, "box": 3}.get(self.kind)
        if wanted is None or len(self.size) != wanted:
            raise ValueError(f"prop: expected a ball of one or a box of three sizes, found {self.kind} {self.size}")
        for name, value in (("size", min(self.size)), ("mass", self.mass)):
            if not (math.isfinite(value) and value > 0.0 and math.isfinite(sum(self.size))):
                raise ValueError(f"{name}: expected more than 0 and finite, found {value!r}")

    def write(self, model: mujoco.MjModel, slots: PropSlots) -> None:
        """Give a prop's body this shape, weight and touch."""
        alone = _compiled_alone(self)
        b, g, d = slots.body, slots.geom, slice(slots.dof, slots.dof + 6)
        for field in _PROP_BODY:
            getattr(model, f"body_{field}")[b] = getattr(alone, f"body_{field}")[1]
        for field in _PROP_GEOM:
            getattr(model, f"geom_{field}")[g] = getattr(alone, f"geom_{field}")[0]
        for field in _PROP_DOF:
            getattr(model, f"dof_{field}")[d] = getattr(alone, f"dof_{field}")[:6]
        model.bvh_aabb[model.body_bvhadr[b]] = alone.bvh_aabb[alone.body_bvhadr[1]]
        set_touching(model, slots, True)


def set_touching(model: mujoco.MjModel, slots: PropSlots, touching: bool) -> None:
    """Let a prop fall and touch things, or make it weightless and untouchable."""
    model.body_gravcomp[slots.body] = 0.0 if touching else 1.0
    for field in ("contype", "conaffinity"):
        getattr(model, f"geom_{field}")[slots.geom] = int(touching)
        getattr(model, f"body_{field}")[slots.body] = int(touching)


def find_props(model: mujoco.MjModel, count: int) -> tuple[PropSlots, ...]:
    """Locate the bodies that stand by for props."""
    found = []
    for number in range(count):
        joint = model.joint(f"prop{number}")
        body = int(model.body(f"prop{number}").id)
        found.append(PropSlots(int(joint.qposadr[0]), int(joint.dofadr[0]), body, int(model.body_geomadr[body])))
    return tuple(found)


def find_characters(model: mujoco.MjModel, names: Sequence[str]) -> dict[str, Slots]:
    """Locate all characters."""
    return {name: find_slots(model, f"{name}/") for name in names}


def copy_character(old: mujoco.MjData, was: Slots, new: mujoco.MjData, now: Slots) -> None:
    """Copy a character from one scene's state to another's."""
    joints = len(DEFAULT_POSE)
    for field, start, to, count in (
        ("qpos", was.qpos, now.qpos, 7 + joints),
        ("qvel", was.dof, now.dof, 6 + joints),
        ("qacc_warmstart", was.dof, now.dof, 6 + joints),
        ("ctrl", was.ctrl, now.ctrl, joints),
        ("xfrc_applied", was.body, now.body, len(BODIES)),
    ):
        getattr(new, field)[to : to + count] = getattr(old, field)[start : start + count]


def copy_prop(old: mujoco.MjData, was: PropSlots, new: mujoco.MjData, now: PropSlots) -> None:
    """Copy a prop from one scene's state to another's."""
    for field, start, to, count in (
        ("qpos", was.qpos, now.qpos, 7),
        ("qvel", was.dof, now.dof, 6),
        ("qacc_warmstart", was.dof, now.dof, 6),
        ("xfrc_applied", was.body, now.body, 1),
    ):
        getattr(new, field)[to : to + count] = getattr(old, field)[start : start + count]


def _attach_character(spec: mujoco.MjSpec, prefix: str, code: int) -> None:
    """Attach one humanoid whose names get `prefix` and whose geoms touch everybody's but those of its own code."""
    if code >= MAX_CHARACTERS:
        raise ValueError(f"at most {MAX_CHARACTERS} characters, found {code + 1}")
    child = mujoco.MjSpec.from_file(str(ASSET))
    for geom in child.geoms:
        geom.contype = 1 | code << 1
        geom.conaffinity = _CODES & ~(code << 1)
    spec.worldbody.add_frame().attach_body(child.body("pelvis"), prefix, "")


def _attach_prop(spec: mujoco.MjSpec, number: int) -> None:
    """Add a body that stands by for a prop."""
    body = spec.worldbody.add_body(name=f"prop{number}", pos=[float(number), 0.0, PARKED_DEPTH], gravcomp=1.0)
    body.add_freejoint(name=f"prop{number}")
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0], mass=1.0, contype=0, conaffinity=0, friction=_FRICTION
    )


@lru_cache(maxsize=64)
def _compiled_alone(shape: PropShape) -> mujoco.MjModel:
    """What the compiler makes of a shape: body 1, geom 0, dofs 0 to 5."""
    spec = mujoco.MjSpec()
    spec.option.timestep = 1.0 / PHYSICS_HZ
    body = spec.worldbody.add_body()
    body.add_freejoint()
    if shape.kind == "ball":
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[*shape.size, 0, 0], mass=shape.mass)
    else:
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[edge / 2 for edge in shape.size], mass=shape.mass)
    return spec.compile()


def _yaw(heading: float) -> list[float]:
    """Quaternion wxyz of a turn about z."""
    return [math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)]

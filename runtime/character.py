"""The character: its MuJoCo model, its joints and bodies, and what a state of it is.

There is one humanoid (`assets/humanoid.xml`) and one way to put it on the ground (`scene_spec`): training, runtime
and viewer all compile the model through this module, so what a policy was trained on is what it runs on.

A `State` is everything a controller or a prior may see: raw simulator quantities in the world frame, SI units,
quaternions wxyz, with any number of leading axes. `read_state` gathers it from MuJoCo arrays of one or many
simulations; it is the one place where MuJoCo's conventions (body-frame angular velocity of a free joint) end.

Clocks: physics steps at 120 Hz, control at 30 Hz; a controller's joint targets are held over one control period.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mujoco
import numpy as np

ASSET = Path(__file__).parent / "assets" / "humanoid.xml"
NAME = "humanoid"
PREFIX = f"{NAME}/"
"""What the names of a lone character carry in a compiled scene (`humanoid/pelvis`, ...)."""

PHYSICS_HZ = 120
CONTROL_HZ = 30

BODIES = (
    "pelvis", "torso", "head",
    "right_upper_arm", "right_lower_arm", "right_hand",
    "left_upper_arm", "left_lower_arm", "left_hand",
    "right_thigh", "right_shin", "right_foot",
    "left_thigh", "left_shin", "left_foot",
)  # fmt: skip
"""The 15 bodies in model order; the pelvis is the root."""

KEY_BODIES = ("head", "right_hand", "left_hand", "right_foot", "left_foot")
"""The end effectors whose positions observations and motion windows carry."""

FEET = ("right_foot", "left_foot")


@dataclass(frozen=True)
class Joint:
    """One hinge and its servo, as declared; `tests/runtime/test_character.py` holds the compiled model to it."""

    name: str
    kp: float
    """Servo gain, N·m/rad."""
    kd: float
    """Damping, N·m·s/rad, implicit at the joint (see assets/humanoid.xml)."""
    effort: float
    """Largest servo torque, N·m."""
    armature: float
    """Reflected rotor inertia, kg·m²."""
    range: tuple[float, float]
    """Joint limits, rad."""
    default: float = 0.0
    """Angle in the default pose (arms down), rad."""

    @property
    def target_range(self) -> tuple[float, float]:
        """Servo targets allowed, rad: the joint range and, at each end, what full effort needs beyond it."""
        reach = self.effort / self.kp
        return self.range[0] - reach, self.range[1] + reach


_SERVO = {  # kp, kd, effort, armature
    "abdomen": (1000.0, 25.0, 200.0, 0.02),
    "neck": (100.0, 4.0, 50.0, 0.01),
    "shoulder": (400.0, 6.0, 100.0, 0.02),
    "elbow": (300.0, 4.0, 70.0, 0.01),
    "hip": (500.0, 10.0, 200.0, 0.02),
    "knee": (500.0, 6.0, 150.0, 0.02),
    "ankle": (400.0, 4.0, 90.0, 0.01),
}

_RANGE = {  # rad; the left side mirrors the right: x and z axes change sign
    "abdomen_x": (-1.047, 1.047), "abdomen_y": (-1.047, 1.571), "abdomen_z": (-1.222, 1.222),
    "neck_x": (-0.873, 0.873), "neck_y": (-0.698, 1.047), "neck_z": (-0.785, 0.785),
    "right_shoulder_x": (-1.920, 2.444), "right_shoulder_y": (-1.571, 1.571), "right_shoulder_z": (-1.047, 2.793),
    "right_elbow": (0.0, 2.793),
    "right_hip_x": (-1.047, 0.524), "right_hip_y": (-2.444, 1.047), "right_hip_z": (-1.047, 1.047),
    "right_knee": (0.0, 2.793),
    "right_ankle_x": (-0.524, 0.524), "right_ankle_y": (-0.960, 0.960), "right_ankle_z": (-0.698, 0.698),
}  # fmt: skip

_ARM, _LEG = ("shoulder_x", "shoulder_y", "shoulder_z", "elbow"), ("hip_x", "hip_y", "hip_z", "knee")
_FOOT = ("ankle_x", "ankle_y", "ankle_z")
JOINT_NAMES = (
    *("abdomen_x", "abdomen_y", "abdomen_z", "neck_x", "neck_y", "neck_z"),
    *(f"{side}_{part}" for side in ("right", "left") for part in _ARM),
    *(f"{side}_{part}" for side in ("right", "left") for part in _LEG + _FOOT),
)
"""The 28 hinges in model order. A ball joint is three hinges x, y, z: its rotation is Rx·Ry·Rz."""


def _joint(name: str) -> Joint:
    side, _, part = name.partition("_")
    part = part if side in ("right", "left") else name
    axis = part.rpartition("_")[2]
    kind = part.rpartition("_")[0] or part
    default = {"right_shoulder_x": np.pi / 2, "left_shoulder_x": -np.pi / 2}.get(name, 0.0)
    if side == "left":
        low, high = _RANGE[f"right_{part}"]
        mirrored = part in ("elbow",) or axis in ("x", "z")
        limits = (-high, -low) if mirrored else (low, high)
    else:
        limits = _RANGE[name]
    return Joint(name, *_SERVO[kind], range=limits, default=default)


JOINTS = tuple(_joint(name) for name in JOINT_NAMES)
DEFAULT_POSE = np.array([joint.default for joint in JOINTS])  # [28] rad
FALLEN_ROOT, FALLEN_HEAD = 0.55, 0.95
"""m: a pelvis or a head lower than this has fallen; heights tell a fall sooner than contact forces do."""
DEFAULT_HEIGHT = 0.8824  # m, pelvis above the ground in the default pose, soles on the ground


@cache
def asset_sha256() -> str:
    """SHA-256 (hex) of the character's XML: what a controller file is bound to."""
    return hashlib.sha256(ASSET.read_bytes()).hexdigest()


def scene_spec() -> mujoco.MjSpec:
    """An empty scene: ground plane, light and physics settings, no character yet.

    Physics: 120 Hz, `implicitfast`, Newton solver. Friction is 1.0 on both sides of every contact.
    """
    spec = mujoco.MjSpec()
    spec.modelname = "scene"
    spec.option.timestep = 1.0 / PHYSICS_HZ
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.iterations = 6
    spec.option.ls_iterations = 10
    spec.worldbody.add_geom(
        name="ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], contype=1, conaffinity=1,
        friction=[1.0, 0.05, 0.05],
    )  # fmt: skip
    return spec


def add_character(spec: mujoco.MjSpec, prefix: str = PREFIX) -> None:
    """Attach one humanoid to a scene; its names (bodies, joints, actuators, geoms) get `prefix`."""
    frame = spec.worldbody.add_frame()
    child = mujoco.MjSpec.from_file(str(ASSET))
    frame.attach_body(child.body("pelvis"), prefix, "")


@cache
def model() -> mujoco.MjModel:
    """The compiled model of one humanoid on flat ground: the model policies train on. Treat it as read-only."""
    spec = scene_spec()
    add_character(spec)
    return spec.compile()


@dataclass
class State:
    """Raw state of characters in the world frame; any leading axes, here [...].

    The field order is the input order of the ONNX contract.
    """

    root_position: np.ndarray  # [..., 3] m
    root_rotation: np.ndarray  # [..., 4] wxyz
    root_linear_velocity: np.ndarray  # [..., 3] m/s, of the root body's origin, world frame
    root_angular_velocity: np.ndarray  # [..., 3] rad/s, world frame
    joint_position: np.ndarray  # [..., 28] rad, model order
    joint_velocity: np.ndarray  # [..., 28] rad/s
    body_position: np.ndarray  # [..., 15, 3] m
    body_rotation: np.ndarray  # [..., 15, 4] wxyz


STATE_SHAPES: dict[str, tuple[int, ...]] = {
    "root_position": (3,), "root_rotation": (4,), "root_linear_velocity": (3,), "root_angular_velocity": (3,),
    "joint_position": (28,), "joint_velocity": (28,), "body_position": (15, 3), "body_rotation": (15, 4),
}  # fmt: skip
"""Trailing shape of every `State` field, in contract order."""


@dataclass(frozen=True)
class Slots:
    """Where one character's numbers lie in a model's arrays (the model may hold several characters)."""

    qpos: int
    """First index in qpos: 3 position, 4 quaternion, 28 joint angles follow."""
    dof: int
    """First index in qvel: 3 linear, 3 angular, 28 joint velocities follow."""
    ctrl: int
    """First of 28 actuators."""
    body: int
    """First of 15 bodies."""


def find_slots(compiled: mujoco.MjModel, prefix: str = PREFIX) -> Slots:
    """Locate the character attached with `prefix`; raises KeyError (MuJoCo's) when there is none."""
    root = compiled.joint(f"{prefix}root")
    return Slots(
        qpos=int(root.qposadr[0]),
        dof=int(root.dofadr[0]),
        ctrl=int(compiled.actuator(f"{prefix}{JOINT_NAMES[0]}").id),
        body=int(compiled.body(f"{prefix}{BODIES[0]}").id),
    )


def rotate(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Rotate `vector` [..., 3] by unit `quaternion` [..., 4] wxyz."""
    w, u = quaternion[..., :1], quaternion[..., 1:]
    a, b = u[..., [1, 2, 0]], u[..., [2, 0, 1]]  # cross products written out: np.cross takes three times as long
    t = 2.0 * (a * vector[..., [2, 0, 1]] - b * vector[..., [1, 2, 0]])
    return vector + w * t + a * t[..., [2, 0, 1]] - b * t[..., [1, 2, 0]]


def read_state(qpos: np.ndarray, qvel: np.ndarray, xpos: np.ndarray, xquat: np.ndarray, slots: Slots) -> State:
    """Gather a character's `State` from MuJoCo arrays with any leading axes.

    `xpos` [..., nbody, 3] and `xquat` [..., nbody, 4] must belong to the same instant as `qpos` and `qvel`
    (after `mj_step` they are one physics step old: run `mj_forward` or `mj_step1` stages first).
    """
    q, d, b = slots.qpos, slots.dof, slots.body
    rotation = qpos[..., q + 3 : q + 7]
    return State(
        root_position=qpos[..., q : q + 3],
        root_rotation=rotation,
        root_linear_velocity=qvel[..., d : d + 3],
        root_angular_velocity=rotate(rotation, qvel[..., d + 3 : d + 6]),  # MuJoCo's is in the body frame
        joint_position=qpos[..., q + 7 : q + 35],
        joint_velocity=qvel[..., d + 6 : d + 34],
        body_position=xpos[..., b : b + 15, :],
        body_rotation=xquat[..., b : b + 15, :],
    )

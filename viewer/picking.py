"""What is under the mouse, and the spring that pulls it.

A ray from the camera is cast against the collision geoms of the simulation (not the skin, which follows them to a
centimetre or two). A grabbed body is pulled by a damped spring towards the point under the mouse, in the plane through
the grabbed point that faces the camera, so that it can be lifted, dragged and swung.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from runtime import character
from viewer.camera import Camera

FREQUENCY = 15.0  # rad/s of the spring, critically damped: stable where it is looked at thirty times a second
STIFFEST = 60.0  # kg; what the spring feels of heavier bodies
MAX_FORCE = 700.0  # N: more than the weight of the character, so that it can be lifted


@dataclass(frozen=True)
class Pick:
    """What a ray met."""

    body: int
    """Index of the body in the model; 0 is the world: the ground, or an obstacle."""
    point: np.ndarray
    """Where, [3] m, world."""


def pick(model: mujoco.MjModel, data: mujoco.MjData, eye: np.ndarray, direction: np.ndarray) -> Pick | None:
    """The first geom along a ray, None if there is none: `eye` [3] m, `direction` [3] unit, world."""
    geom = np.full(1, -1, np.int32)
    far = mujoco.mj_ray(model, data, eye, direction, None, 1, -1, geom)
    if far < 0.0:
        return None
    return Pick(int(model.geom_bodyid[geom[0]]), eye + far * direction)


@dataclass
class Grab:
    """A body held by the mouse."""

    body: int
    """Its index in the model."""
    local: np.ndarray
    """The point that is held, [3] m in the frame of the body."""
    target: np.ndarray
    """Where it is pulled to, [3] m, world."""

    @classmethod
    def start(cls, picked: Pick, data: mujoco.MjData) -> Grab:
        """Take hold of a body where a ray met it."""
        rotation = data.xmat[picked.body].reshape(3, 3)
        return cls(picked.body, rotation.T @ (picked.point - data.xpos[picked.body]), picked.point.copy())

    def point(self, data: mujoco.MjData) -> np.ndarray:
        """Where the held point is now, [3] m, world."""
        return data.xpos[self.body] + data.xmat[self.body].reshape(3, 3) @ self.local

    def drag(self, camera: Camera, direction: np.ndarray) -> None:
        """Move the target to where a ray [3] meets the plane through it that faces the camera; never underground."""
        depth = float((self.target - camera.eye) @ camera.forward)
        along = max(float(direction @ camera.forward), 1e-3)
        self.target = camera.eye + direction * (depth / along)
        self.target[2] = max(self.target[2], 0.02)

    def force(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """What the spring pulls with, [3] N, world; it acts on the body's centre of mass.

        It is as stiff as suits the mass that is felt where it pulls: a hand gives way sooner than a hip.
        """
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, self.body, velocity, 0)
        mass = min(1.0 / max(float(model.body_invweight0[self.body, 0]), 1e-9), STIFFEST)
        force = mass * (FREQUENCY**2 * (self.target - self.point(data)) - 2.0 * FREQUENCY * velocity[3:])
        size = float(np.linalg.norm(force))
        return force * min(1.0, MAX_FORCE / max(size, 1e-9))


def ground_point(eye: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
    """Where a ray meets the ground, [2] m; None above the horizon."""
    if direction[2] >= -1e-3:
        return None
    return (eye - direction * (eye[2] / direction[2]))[:2]


def owner(body: int, slots: list[character.Slots]) -> tuple[int, int] | None:
    """Which character a body belongs to, and which of its bodies it is; None if to none.

    Args:
        body: index in the model.
        slots: where the characters lie.
    """
    for index, slot in enumerate(slots):
        if slot.body <= body < slot.body + len(character.BODIES):
            return index, body - slot.body
    return None

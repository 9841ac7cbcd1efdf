"""The character as a tree of bodies: parents, offsets, and each body's rotation against its parent.

Read from the compiled model once. A body hangs on its parent by no hinge (the hands), one (elbows, knees) or three at
one point, x then y then z, which are one ball joint: its rotation is Rx(a)·Ry(b)·Rz(c).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from runtime import character
from runtime.recording import Motion


@dataclass(frozen=True)
class Skeleton:
    """The 15 bodies in model order, parents before children; the first is the root."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of the parent body, -1 for the root."""
    offsets: np.ndarray
    """[15, 3] m: a body's origin in its parent's frame; zeros for the root, whose place is its motion."""
    hinges: tuple[dict[str, int], ...]
    """Per body: axis ("x", "y", "z", in the order in which they turn) → index of the joint."""

    def children(self, body: int) -> list[int]:
        """Indices of the bodies that hang on `body`."""
        return [child for child, parent in enumerate(self.parents) if parent == body]


@cache
def skeleton() -> Skeleton:
    """Return the humanoid's tree.

    Raises:
        ValueError: the model has a body that these formats could not show exactly: turned against its parent at rest,
            with a hinge off its origin, or about an axis that is none of its own.
    """
    model = character.model()
    slots = character.find_slots(model)
    bodies = range(slots.body, slots.body + len(character.BODIES))
    if not np.array_equal(model.body_quat[bodies.start + 1 : bodies.stop], np.eye(4)[[0] * (len(bodies) - 1)]):
        raise ValueError("a body of the character is turned against its parent at rest")
    hinges: list[dict[str, int]] = []
    for body in bodies:
        joints = range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body])
        found = [joint for joint in joints if model.jnt_type[joint] == 3]  # mjJNT_HINGE; the root's free joint is 0
        axes = ["xyz"[int(np.argmax(model.jnt_axis[joint]))] for joint in found]
        units = np.eye(3)[["xyz".index(axis) for axis in axes]]
        if axes != sorted(axes) or not np.array_equal(model.jnt_axis[found], units) or model.jnt_pos[found].any():
            raise ValueError(f"the hinges of {character.BODIES[body - slots.body]} are no x, y, z at its origin")
        first = slots.qpos + 7
        hinges.append({a: int(model.jnt_qposadr[j]) - first for a, j in zip(axes, found, strict=True)})
    offsets = model.body_pos[bodies.start : bodies.stop].copy()
    offsets[0] = 0.0
    parents = tuple(int(model.body_parentid[body]) - slots.body for body in bodies)
    return Skeleton(character.BODIES, (-1, *parents[1:]), offsets, tuple(hinges))


def local_rotations(motion: Motion) -> np.ndarray:
    """Rotation of every body against its parent, the root's against the world: [T, 15, 4] wxyz, z up.

    Signs are such that neighbouring frames lie in one half of the sphere: any interpolation takes the short way.
    """
    tree = skeleton()
    rotation = np.zeros((len(motion), len(tree.names), 4))
    rotation[:, 0] = motion.root_rotation
    for body, hinges in enumerate(tree.hinges[1:], start=1):
        rotation[:, body, 0] = 1.0
        for axis, joint in hinges.items():
            half = 0.5 * motion.joint_position[:, joint]
            rotation[:, body] = _turned(rotation[:, body], np.cos(half), np.sin(half), "xyz".index(axis))
    opposite = (rotation[1:] * rotation[:-1]).sum(axis=-1, keepdims=True) < 0.0
    rotation[1:] *= np.where(np.cumsum(opposite, axis=0) % 2 == 1, -1.0, 1.0)
    return rotation


def _turned(q: np.ndarray, cos: np.ndarray, sin: np.ndarray, axis: int) -> np.ndarray:
    """Turn quaternions [T, 4] wxyz about one of their own axes: q · (cos, sin·axis), half angles given."""
    one, two, three = 1 + axis, 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
    turned = np.empty_like(q)
    turned[:, 0] = q[:, 0] * cos - q[:, one] * sin
    turned[:, one] = q[:, one] * cos + q[:, 0] * sin
    turned[:, two] = q[:, two] * cos + q[:, three] * sin
    turned[:, three] = q[:, three] * cos - q[:, two] * sin
    return turned

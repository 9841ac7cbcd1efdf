"""BVH: one text file with the skeleton's offsets, then one line of channels a frame.

The rest pose is the T-pose of all angles zero, facing +z, y up. Every body is one joint with three rotation channels
in the order Z, X, Y: those are our x, y, z (axes.py), so the channels of a ball joint are its three hinge angles
themselves, in degrees, exact. A joint of one hinge has zeros in the other two; readers that expect three channels
everywhere are common. BVH knows no unit: centimetres are the custom.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TextIO

import numpy as np

from runtime import character
from runtime.interchange import axes
from runtime.interchange._euler import xyz_angles
from runtime.interchange.skeleton import Skeleton, skeleton
from runtime.recording import Motion

Unit = Literal["cm", "m"]
_PER_METRE = {"cm": 100.0, "m": 1.0}
_ROTATIONS = " ".join(f"{axes.RENAMED[axis]}rotation" for axis in "xyz")
_BLOCK = 4096  # frames formatted at once


def write_bvh(path: str | Path, motion: Motion, unit: Unit = "cm") -> None:
    """Write `motion` as BVH.

    Args:
        path: the file; an old one is replaced.
        motion: what the character does.
        unit: of offsets and root positions.

    Raises:
        ValueError: the unit is unknown.
        OSError: the file cannot be written.
    """
    if unit not in _PER_METRE:
        raise ValueError(f"unit: expected one of {', '.join(_PER_METRE)}, found {unit!r}")
    tree, scale = skeleton(), _PER_METRE[unit]
    with Path(path).open("w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n")
        _write_joint(stream, tree, 0, scale, "")
        stream.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {1.0 / motion.rate:.9f}\n")
        channels = _channels(motion, tree, scale)
        for first in range(0, len(channels), _BLOCK):
            np.savetxt(stream, channels[first : first + _BLOCK], fmt="%.6f")


def _channels(motion: Motion, tree: Skeleton, scale: float) -> np.ndarray:
    """All frames: root position, then (Z, X, Y) of every body in the file's order; [T, 3 + 15 · 3], degrees."""
    angles = np.zeros((len(motion), len(tree.names), 3))  # rad, about our x, y, z
    angles[:, 0] = xyz_angles(motion.root_rotation)
    for body, hinges in enumerate(tree.hinges):
        for axis, joint in hinges.items():
            angles[:, body, "xyz".index(axis)] = motion.joint_position[:, joint]
    ordered = np.degrees(angles[:, _order(tree, 0)]).reshape(len(motion), -1)
    return np.concatenate((scale * axes.vectors(motion.root_position), ordered), axis=1)


def _order(tree: Skeleton, body: int) -> list[int]:
    """Return bodies as the hierarchy lists them: depth first."""
    return [body, *(below for child in tree.children(body) for below in _order(tree, child))]


def _write_joint(stream: TextIO, tree: Skeleton, body: int, scale: float, indent: str) -> None:
    kind, position = ("JOINT", "") if body else ("ROOT", "Xposition Yposition Zposition ")
    stream.write(f"{indent}{kind} {tree.names[body]}\n{indent}{{\n")
    stream.write(f"{indent}\tOFFSET {_triple(tree.offsets[body], scale)}\n")
    stream.write(f"{indent}\tCHANNELS {len((position + _ROTATIONS).split())} {position}{_ROTATIONS}\n")
    for child in tree.children(body):
        _write_joint(stream, tree, child, scale, indent + "\t")
    if not tree.children(body):
        stream.write(f"{indent}\tEnd Site\n{indent}\t{{\n")
        stream.write(f"{indent}\t\tOFFSET {_triple(_tip(tree, body), scale)}\n{indent}\t}}\n")
    stream.write(f"{indent}}}\n")


def _triple(offset: np.ndarray, scale: float) -> str:
    return " ".join(f"{value:.6f}" for value in scale * axes.vectors(offset) + 0.0)  # + 0.0: no -0


def _tip(tree: Skeleton, body: int) -> np.ndarray:
    """Where a last body ends, [3] m in its frame: the top of the head, the finger tips, the toes."""
    model = character.model()
    geom = int(model.body_geomadr[character.find_slots(model).body + body])
    place, size = model.geom_pos[geom], model.geom_size[geom]
    if model.geom_type[geom] == 6:  # mjGEOM_BOX: a foot points along x
        return place + [size[0], 0.0, 0.0]
    along = place if place.any() else tree.offsets[body]
    return place + size[0] * along / np.linalg.norm(along)

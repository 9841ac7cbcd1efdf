"""What a program that knows only glTF reads in a file."""

from __future__ import annotations

import numpy as np
import pygltflib
from scipy.spatial.transform import Rotation

WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
DTYPE = {5126: "<f4", 5123: "<u2"}


def values(glb: pygltflib.GLTF2, accessor: int) -> np.ndarray:
    """What an accessor points to, [N, width]."""
    found = glb.accessors[accessor]
    view = glb.bufferViews[found.bufferView]
    blob = glb.binary_blob()
    part = blob[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(part, dtype=DTYPE[found.componentType]).reshape(found.count, WIDTH[found.type])


def world(glb: pygltflib.GLTF2) -> tuple[dict[str, np.ndarray], dict[str, Rotation], np.ndarray]:
    """Positions [T, 3] and rotations [T] of every node by name, by the file's own hierarchy, and its times [T]."""
    (animation,) = glb.animations
    tracks, times = {}, np.empty(0)
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        assert sampler.interpolation == "LINEAR"
        times = values(glb, sampler.input)[:, 0]
        tracks[channel.target.node, channel.target.path] = values(glb, sampler.output).astype(float)
    place: dict[str, np.ndarray] = {}
    turned: dict[str, Rotation] = {}

    def descend(index: int, parent_place: np.ndarray, parent_turn: Rotation) -> None:
        node = glb.nodes[index]
        shift = tracks.get((index, "translation"), np.tile(node.translation or [0.0, 0, 0], (len(times), 1)))
        turn = tracks.get((index, "rotation"), np.tile(node.rotation or [0.0, 0, 0, 1], (len(times), 1)))
        place[node.name] = parent_place + parent_turn.apply(shift)
        turned[node.name] = parent_turn * Rotation.from_quat(turn)
        for child in node.children or []:
            descend(child, place[node.name], turned[node.name])

    for root in glb.scenes[glb.scene].nodes:
        descend(root, np.zeros((len(times), 3)), Rotation.from_quat(np.tile([0.0, 0, 0, 1], (len(times), 1))))
    return place, turned, times

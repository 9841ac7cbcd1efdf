"""glTF 2.0 as one .glb file: nodes for bodies, a mesh on each, one animation.

A character is a node with its name; below it hang its 15 bodies as they hang on each other, each with the triangles of
its shapes. The animation moves the pelvis (translation and rotation) and turns every body that has a joint, linearly
between the recording's own frames: nothing is resampled. Metres, y up, facing +z (axes.py). Where the motion comes
from goes with it: `asset.copyright` is its licence, the animation's `extras` hold rate, loop, source and licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime import character
from runtime.interchange import axes
from runtime.interchange._glb import Glb
from runtime.interchange.meshes import body_mesh
from runtime.interchange.skeleton import local_rotations, skeleton
from runtime.recording import Motion

_VERTICES, _INDICES = 34962, 34963
_COLOURS = ((0.80, 0.78, 0.74, 1.0), (0.30, 0.42, 0.58, 1.0), (0.62, 0.38, 0.30, 1.0))  # linear RGB, by turns


def write_gltf(path: str | Path, motion: Motion | Mapping[str, Motion]) -> None:
    """Write one character or several as .glb.

    Args:
        path: the file; an old one is replaced.
        motion: what a character does, or what each of several does, by its name.

    Raises:
        ValueError: there is no character, or the file would be longer than a .glb can be.
        OSError: the file cannot be written.
    """
    motions = {character.NAME: motion} if isinstance(motion, Motion) else dict(motion)
    if not motions:
        raise ValueError("expected at least one character, found none")
    glb = Glb()
    licences = dict.fromkeys(m.licence for m in motions.values() if m.licence)
    glb.json |= {
        "asset": {"version": "2.0", "generator": "smp-runtime", **_filled("copyright", "; ".join(licences))},
        "scene": 0, "scenes": [{"nodes": []}], "nodes": [], "meshes": [], "materials": [],
    }  # fmt: skip
    tracks: dict[str, list] = {"samplers": [], "channels": []}
    shapes = [_add_shape(glb, body) for body in range(len(skeleton().names))]
    for index, (name, moved) in enumerate(motions.items()):
        meshes = _add_meshes(glb, shapes, index)
        first = _add_nodes(glb, name, meshes, alone=len(motions) == 1)
        _add_tracks(glb, tracks, first, moved)
    extras = {
        name: {"rate": m.rate, "loop": m.loop, "name": m.name, "source": m.source, "licence": m.licence}
        for name, m in motions.items()
    }
    title = next((m.name for m in motions.values() if m.name), "motion")
    glb.json["animations"] = [{"name": title, **tracks, "extras": extras}]
    Path(path).write_bytes(glb.content())


def _add_shape(glb: Glb, body: int) -> dict[str, Any]:
    """Store the triangles of one body; returns a mesh primitive without a material."""
    mesh = body_mesh(body)
    attributes = {
        "POSITION": glb.add(axes.vectors(mesh.position), target=_VERTICES, bounds=True),
        "NORMAL": glb.add(axes.vectors(mesh.normal), target=_VERTICES),
    }
    return {"attributes": attributes, "indices": glb.add(mesh.triangle.reshape(-1), target=_INDICES)}


def _add_meshes(glb: Glb, shapes: list[dict[str, Any]], index: int) -> int:
    """Add the bodies' meshes in the colour of character `index`; returns the first one's index."""
    colour = _COLOURS[index % len(_COLOURS)]
    if index < len(_COLOURS):
        surface = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.6}
        glb.json["materials"].append({"name": f"character {index + 1}", "pbrMetallicRoughness": surface})
        names = skeleton().names
        glb.json["meshes"] += [
            {"name": name, "primitives": [shape | {"material": index}]}
            for name, shape in zip(names, shapes, strict=True)
        ]
    return (index % len(_COLOURS)) * len(shapes)


def _add_nodes(glb: Glb, name: str, meshes: int, *, alone: bool) -> int:
    """Add a character's nodes in the T-pose; returns the index of its pelvis."""
    tree, nodes = skeleton(), glb.json["nodes"]
    root = len(nodes)
    glb.json["scenes"][0]["nodes"].append(root)
    nodes.append({"name": name, "children": [root + 1]})
    for body, part in enumerate(tree.names):
        node: dict[str, Any] = {"name": part if alone else f"{name}/{part}", "mesh": meshes + body}
        offset = tree.offsets[body] if body else np.array([0.0, 0.0, character.DEFAULT_HEIGHT])
        node["translation"] = axes.vectors(offset).tolist()
        node |= _filled("children", [root + 1 + child for child in tree.children(body)])
        nodes.append(node)
    return root + 1


def _add_tracks(glb: Glb, tracks: dict[str, list], pelvis: int, motion: Motion) -> None:
    """Add the samplers and channels of one character."""
    times = glb.add(np.arange(len(motion)) / motion.rate, bounds=True)
    rotation = axes.quaternions(local_rotations(motion))
    jointed = [body for body, hinges in enumerate(skeleton().hinges) if hinges or body == 0]
    moved = [(0, "translation", axes.vectors(motion.root_position))]
    moved += [(body, "rotation", rotation[:, body]) for body in jointed]
    for body, path, values in moved:
        tracks["channels"].append({"sampler": len(tracks["samplers"]), "target": {"node": pelvis + body, "path": path}})
        tracks["samplers"].append({"input": times, "output": glb.add(values), "interpolation": "LINEAR"})


def _filled(key: str, value: list | str) -> dict[str, Any]:
    """Return {key: value}, or nothing for an empty value, which glTF forbids."""
    return {key: value} if value else {}

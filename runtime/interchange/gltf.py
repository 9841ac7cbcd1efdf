"""glTF 2.0 as one .glb file: a skinned character, or its bodies as rigid parts, and one animation.

A character is a node with its name; below it hang its 15 bodies as they hang on each other. They are the joints of one
mesh (skin.py), which hangs beside them; or, without a skin, each has the triangles of its own shapes on it. The
animation moves the pelvis (translation and rotation) and turns every body that has a joint, linearly between the
recording's own frames: nothing is resampled. Metres, y up, facing +z (axes.py). Where the motion comes from goes with
it: `asset.copyright` is its licence, the animation's `extras` hold rate, loop, source and licence.
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
from runtime.interchange.skin import bind_positions, build
from runtime.recording import Motion
from runtime.surface import Mesh

_VERTICES, _INDICES = 34962, 34963
_COLOURS = ((0.80, 0.78, 0.74, 1.0), (0.30, 0.42, 0.58, 1.0), (0.62, 0.38, 0.30, 1.0))  # linear RGB, by turns


def write_gltf(path: str | Path, motion: Motion | Mapping[str, Motion], *, skin: bool = True) -> None:
    """Write one character or several as .glb.

    Args:
        path: the file; an old one is replaced.
        motion: what a character does, or what each of several does, by its name.
        skin: one mesh on all joints; False for a rigid mesh on each body.

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
    figure = _Skinned(glb) if skin else _Rigid(glb)
    for index, (name, moved) in enumerate(motions.items()):
        if index < len(_COLOURS):
            _add_material(glb, index)
        pelvis = _add_nodes(glb, name, alone=len(motions) == 1)
        figure.dress(pelvis, index % len(_COLOURS))
        _add_tracks(glb, tracks, pelvis, moved)
    extras = {
        name: {"rate": m.rate, "loop": m.loop, "name": m.name, "source": m.source, "licence": m.licence}
        for name, m in motions.items()
    }
    title = next((m.name for m in motions.values() if m.name), "motion")
    glb.json["animations"] = [{"name": title, **tracks, "extras": extras}]
    Path(path).write_bytes(glb.content())


class _Rigid:
    """Figures of which every body carries its own mesh; triangles are stored once, meshes once a colour."""

    def __init__(self, glb: Glb) -> None:
        self._glb = glb
        self._shapes = [_add_shape(glb, body_mesh(body)) for body in range(len(character.BODIES))]

    def dress(self, pelvis: int, colour: int) -> None:
        """Put the meshes on the bodies of a character whose first is node `pelvis`."""
        meshes = self._glb.json["meshes"]
        if len(meshes) == colour * len(self._shapes):
            meshes += [
                {"name": body, "primitives": [shape | {"material": colour}]}
                for body, shape in zip(character.BODIES, self._shapes, strict=True)
            ]
        for body in range(len(self._shapes)):
            self._glb.json["nodes"][pelvis + body]["mesh"] = colour * len(self._shapes) + body


class _Skinned:
    """Figures of one mesh each, carried by their bodies; triangles are stored once, a mesh once a colour."""

    def __init__(self, glb: Glb) -> None:
        self._glb = glb
        worn = build()
        self._shape = _add_shape(glb, worn.mesh)
        self._shape["attributes"] |= {
            "JOINTS_0": glb.add(worn.joint, target=_VERTICES), "WEIGHTS_0": glb.add(worn.weight, target=_VERTICES),
        }  # fmt: skip
        inverse = np.tile(np.eye(4), (len(character.BODIES), 1, 1))
        inverse[:, 3, :3] = -axes.vectors(bind_positions())  # column by column: the translation comes last
        self._inverse = glb.add(inverse.reshape(-1, 16))
        glb.json["skins"] = []

    def dress(self, pelvis: int, colour: int) -> None:
        """Hang a mesh beside the bodies of a character whose first is node `pelvis`."""
        content = self._glb.json
        if len(content["meshes"]) == colour:
            content["meshes"].append({"name": character.NAME, "primitives": [self._shape | {"material": colour}]})
        above = content["nodes"][pelvis - 1]  # the character's own node
        above["children"].append(len(content["nodes"]))
        content["nodes"].append({"name": f"{above['name']}/skin", "mesh": colour, "skin": len(content["skins"])})
        joints = list(range(pelvis, pelvis + len(character.BODIES)))
        content["skins"].append(
            {"name": above["name"], "joints": joints, "skeleton": pelvis, "inverseBindMatrices": self._inverse}
        )


def _add_shape(glb: Glb, mesh: Mesh) -> dict[str, Any]:
    """Store triangles; returns a mesh primitive without a material."""
    attributes = {
        "POSITION": glb.add(axes.vectors(mesh.position), target=_VERTICES, bounds=True),
        "NORMAL": glb.add(axes.vectors(mesh.normal), target=_VERTICES),
    }
    return {"attributes": attributes, "indices": glb.add(mesh.triangle.reshape(-1), target=_INDICES)}


def _add_material(glb: Glb, index: int) -> None:
    surface = {"baseColorFactor": _COLOURS[index], "metallicFactor": 0.0, "roughnessFactor": 0.6}
    glb.json["materials"].append({"name": f"character {index + 1}", "pbrMetallicRoughness": surface})


def _add_nodes(glb: Glb, name: str, *, alone: bool) -> int:
    """Add a character's nodes in the T-pose; returns the index of its pelvis."""
    tree, nodes = skeleton(), glb.json["nodes"]
    root = len(nodes)
    glb.json["scenes"][0]["nodes"].append(root)
    nodes.append({"name": name, "children": [root + 1]})
    for body, part in enumerate(tree.names):
        node: dict[str, Any] = {"name": part if alone else f"{name}/{part}"}
        offset = tree.offsets[body] if body else bind_positions()[0]
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

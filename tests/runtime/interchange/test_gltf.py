from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib
import pytest

from runtime.character import BODIES, DEFAULT_POSE
from runtime.interchange import write_gltf
from runtime.recording import Motion
from tests.runtime.interchange.gltf_reader import values, world
from tests.runtime.interchange.motions import body_positions, tumbling, y_up


def test_bodies_are_where_mujoco_puts_them(tmp_path: Path) -> None:
    """The file's own hierarchy, read by pygltflib, gives MuJoCo's body positions to 1e-4 m, y up, metres."""
    motion = tumbling()
    write_gltf(tmp_path / "a.glb", motion)
    place, _, times = world(pygltflib.GLTF2().load(tmp_path / "a.glb"))
    found = np.stack([place[name] for name in BODIES], axis=1)
    np.testing.assert_allclose(found, y_up(body_positions(motion)), rtol=0, atol=1e-4)
    np.testing.assert_allclose(times, np.arange(90) / 30, atol=1e-6)


def test_the_character_faces_z(tmp_path: Path) -> None:
    """Turned by 90° to the left (our +y), it faces +x of the file; its left hand is then at -z."""
    turned = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    motion = Motion(30.0, np.array([[0.0, 0, 1]] * 2), np.array([turned] * 2), np.zeros((2, 28)))
    write_gltf(tmp_path / "a.glb", motion)
    place, rotation, _ = world(pygltflib.GLTF2().load(tmp_path / "a.glb"))
    np.testing.assert_allclose(rotation["pelvis"].apply([0.0, 0.0, 1.0])[0], [1.0, 0.0, 0.0], atol=1e-6)
    assert place["left_hand"][0, 2] == pytest.approx(-(0.18311 + 0.274788 + 0.258947), abs=1e-6)
    assert place["pelvis"][0] == pytest.approx([0.0, 1.0, 0.0])


def test_neighbouring_rotations_take_the_short_way(tmp_path: Path) -> None:
    """The motion's quaternions change sign at random; the file's do not."""
    write_gltf(tmp_path / "a.glb", tumbling())
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    for sampler in glb.animations[0].samplers:
        output = values(glb, sampler.output)
        if output.shape[1] == 4:
            assert (output[1:] * output[:-1]).sum(axis=1).min() > 0.0
            np.testing.assert_allclose(np.linalg.norm(output, axis=1), 1.0, atol=1e-6)


def test_without_a_skin_every_body_has_a_mesh_on_it(tmp_path: Path) -> None:
    """Standing in the default pose the figure reaches from the ground to 1.61 m, is at most 40 cm deep, all indexed."""
    pose = np.array([DEFAULT_POSE] * 2)
    motion = Motion(30.0, np.array([[0.0, 0, 0.8824]] * 2), np.array([[1.0, 0, 0, 0]] * 2), pose)
    write_gltf(tmp_path / "a.glb", motion, skin=False)
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    place, rotation, _ = world(glb)
    points = []
    for node in glb.nodes:
        if node.mesh is None:
            continue
        (primitive,) = glb.meshes[node.mesh].primitives
        position = values(glb, primitive.attributes.POSITION)
        index = values(glb, primitive.indices)[:, 0]
        assert index.max() < len(position) and len(index) % 3 == 0
        accessor = glb.accessors[primitive.attributes.POSITION]
        np.testing.assert_array_equal(accessor.min, position.min(axis=0))
        np.testing.assert_array_equal(accessor.max, position.max(axis=0))
        points.append(rotation[node.name][0].apply(position) + place[node.name][0])
    assert len(points) == 15 and not glb.skins
    low, high = np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)
    assert low[1] == pytest.approx(0.0, abs=0.002)  # soles on the ground
    assert high[1] == pytest.approx(0.8824 + 0.236151 + 0.223894 + 0.175 + 0.095, abs=1e-4)  # top of the head
    assert high[2] - low[2] < 0.4


def test_where_it_comes_from_goes_with_it(tmp_path: Path) -> None:
    """Licence and source are in the file."""
    write_gltf(tmp_path / "a.glb", tumbling())
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    assert glb.asset.version == "2.0" and glb.asset.copyright == "CC0"
    assert glb.animations[0].name == "tumbling"
    assert glb.animations[0].extras["humanoid"]["source"] == "made up"


def test_several_characters_of_rigid_parts(tmp_path: Path) -> None:
    """Four characters, one at 60 Hz, each with its own nodes and track; meshes in three colours, shapes stored once."""
    one, other = tumbling(), tumbling(frames=30, rate=60.0, seed=1)
    write_gltf(tmp_path / "a.glb", {"a": one, "b": other, "c": one, "d": one}, skin=False)
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    assert [glb.nodes[root].name for root in glb.scenes[0].nodes] == ["a", "b", "c", "d"]
    assert len(glb.nodes) == 4 * 16 and len({node.name for node in glb.nodes}) == 64
    assert len(glb.materials) == 3 and len(glb.meshes) == 45
    shapes = {mesh.primitives[0].attributes.POSITION for mesh in glb.meshes}
    assert len(shapes) == 15
    ends = {glb.accessors[sampler.input].max[0] for sampler in glb.animations[0].samplers}
    assert sorted(ends) == pytest.approx([29 / 60, 89 / 30])
    with pytest.raises(ValueError, match="at least one character"):
        write_gltf(tmp_path / "none.glb", {})

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pygltflib
import pytest

from runtime import character
from runtime.anatomy import parts
from runtime.interchange import write_gltf
from runtime.recording import Motion
from tests.runtime.interchange.gltf_reader import values, world
from tests.runtime.interchange.motions import tumbling, y_up

FRAMES = (0, 13, 44, 89)


def posed(root: np.ndarray, turn: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where MuJoCo puts the bodies: origins [15, 3] m and matrices [15, 3, 3], world, z up."""
    model = character.model()
    data, slots = mujoco.MjData(model), character.find_slots(model)
    data.qpos[:] = np.concatenate((root, turn, joints))
    mujoco.mj_kinematics(model, data)
    bodies = slice(slots.body, slots.body + 15)
    return data.xpos[bodies].copy(), data.xmat[bodies].reshape(-1, 3, 3).copy()


def z_up(position: np.ndarray) -> np.ndarray:
    """Back from the file's axes, written out: x is its z, y its x, z its y."""
    x, y, z = np.moveaxis(position, -1, 0)
    return np.stack((z, x, y), axis=-1)


class Worn:
    """What a program that knows only glTF makes of a file's first skin."""

    def __init__(self, path: Path) -> None:
        self.glb = glb = pygltflib.GLTF2().load(path)
        (self.node,) = [node for node in glb.nodes if node.skin == 0]
        (primitive,) = glb.meshes[self.node.mesh].primitives
        self.primitive, self.skin = primitive, glb.skins[0]
        self.position = values(glb, primitive.attributes.POSITION).astype(float)
        self.joint = values(glb, primitive.attributes.JOINTS_0)
        self.weight = values(glb, primitive.attributes.WEIGHTS_0).astype(float)
        self.triangle = values(glb, primitive.indices).reshape(-1, 3).astype(int)
        columns = values(glb, self.skin.inverseBindMatrices).astype(float)
        self.inverse_bind = columns.reshape(-1, 4, 4).transpose(0, 2, 1)  # stored column by column
        self.names = [glb.nodes[index].name for index in self.skin.joints]

    def skinned(self, frame: int) -> np.ndarray:
        """Σ weight · joint's world matrix · inverse bind matrix · vertex: [V, 3] m, y up."""
        place, turned, _ = world(self.glb)
        matrix = np.tile(np.eye(4), (len(self.names), 1, 1))
        matrix[:, :3, :3] = [turned[name][frame].as_matrix() for name in self.names]
        matrix[:, :3, 3] = [place[name][frame] for name in self.names]
        matrix = matrix @ self.inverse_bind
        mixed = (self.weight[..., None, None] * matrix[self.joint]).sum(axis=1)  # [V, 4, 4]
        return np.einsum("vij,vj->vi", mixed, np.pad(self.position, ((0, 0), (0, 1)), constant_values=1.0))[:, :3]


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Worn:
    """A tumbling character as a skinned file, read back."""
    path = tmp_path_factory.mktemp("skin") / "a.glb"
    write_gltf(path, tumbling())
    return Worn(path)


def test_vertices_of_one_body_are_where_mujoco_puts_that_body(worn: Worn) -> None:
    """Over four frames, to 0.1 mm; every body has such vertices and they lie on its own pieces, to 1 mm.

    (Where the thighs would meet, 11 mm from the middle, both are cut.)
    """
    bind, _ = posed(np.array([0.0, 0.0, character.DEFAULT_HEIGHT]), np.eye(4)[0], np.zeros(28))
    whole = worn.weight[:, 0] == 1.0
    body = worn.joint[whole, 0]
    assert 0.5 < whole.mean() < 0.95
    assert set(body.tolist()) == set(range(15))
    local = z_up(worn.position[whole]) - bind[body]
    pieces = parts(character.model())
    for index, name in enumerate(character.BODIES):
        here = (body == index) & (np.abs(worn.position[whole, 0]) > 0.0115)
        own = [piece.shape(local[here]) for piece in pieces if piece.body == name]
        assert np.abs(np.min(own, axis=0)).max() < 0.001
    motion = tumbling()
    for frame in FRAMES:
        origin, matrix = posed(motion.root_position[frame], motion.root_rotation[frame], motion.joint_position[frame])
        expected = origin[body] + np.einsum("vij,vj->vi", matrix[body], local)
        np.testing.assert_allclose(worn.skinned(frame)[whole], y_up(expected), rtol=0, atol=1e-4)


def test_shared_vertices_are_the_mean_of_what_their_bodies_say(worn: Worn) -> None:
    """By weight, from MuJoCo's own frames; only bodies that are joined share one."""
    bind, _ = posed(np.array([0.0, 0.0, character.DEFAULT_HEIGHT]), np.eye(4)[0], np.zeros(28))
    motion, frame = tumbling(), 44
    origin, matrix = posed(motion.root_position[frame], motion.root_rotation[frame], motion.joint_position[frame])
    local = z_up(worn.position)[:, None] - bind[worn.joint]  # [V, 4, 3]
    each = origin[worn.joint] + np.einsum("vkij,vkj->vki", matrix[worn.joint], local)
    expected = (worn.weight[..., None] * each).sum(axis=1)
    np.testing.assert_allclose(worn.skinned(frame), y_up(expected), rtol=0, atol=1e-4)
    model = character.model()
    parent = model.body_parentid[character.find_slots(model).body :] - character.find_slots(model).body
    for other in range(1, 4):
        first, second = worn.joint[:, 0], worn.joint[:, other]
        used = worn.weight[:, other] > 0.0
        assert ((parent[first] == second) | (parent[second] == first))[used].all()


def test_weights_sum_to_one_and_are_smooth(worn: Worn) -> None:
    """Largest first, unused ones 0 of joint 0; from one end of an edge to the other none changes by half."""
    assert worn.weight.min() >= 0.0 and (np.diff(worn.weight, axis=1) <= 0.0).all()
    np.testing.assert_allclose(worn.weight.sum(axis=1), 1.0, atol=2e-7)
    assert not worn.joint[worn.weight == 0.0].any()
    dense = np.zeros((len(worn.position), 15))
    np.add.at(dense, (np.arange(len(dense))[:, None], worn.joint), worn.weight)
    assert np.abs(dense[worn.triangle] - dense[np.roll(worn.triangle, 1, axis=1)]).max() < 0.5


def test_the_skin_is_one_closed_surface(worn: Worn) -> None:
    """Every edge has two triangles that run along it in opposite ways; all hang together; people's volume."""
    edges = np.concatenate([worn.triangle[:, [0, 1]], worn.triangle[:, [1, 2]], worn.triangle[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(e) for e in edges.tolist()} == {tuple(e) for e in edges[:, ::-1].tolist()}
    label = np.arange(len(worn.position))
    while True:
        lower = label.copy()
        np.minimum.at(lower, edges[:, 0], label[edges[:, 1]])
        if (lower == label).all():
            break
        label = lower[lower]
    assert not label.any()
    a, b, c = np.moveaxis(worn.position[worn.triangle], 1, 0)
    assert (a * np.cross(b, c)).sum() / 6.0 == pytest.approx(0.0626, rel=0.02)  # m³


def test_the_file_says_what_gltf_asks_of_a_skin(worn: Worn) -> None:
    """Joints in order under their pelvis, a matrix each, types as in the specification, all aligned and bounded."""
    glb, attributes = worn.glb, worn.primitive.attributes
    assert tuple(worn.names) == character.BODIES and worn.names[0] == glb.nodes[worn.skin.skeleton].name
    root = glb.nodes[glb.scenes[0].nodes[0]]
    assert root.name == "humanoid" and [glb.nodes[child].name for child in root.children] == [
        "pelvis", "humanoid/skin",
    ]  # fmt: skip
    assert all(node.mesh is None for node in glb.nodes if node is not worn.node)
    kinds = {attributes.JOINTS_0: ("VEC4", 5123), attributes.WEIGHTS_0: ("VEC4", 5126)}
    kinds |= {worn.skin.inverseBindMatrices: ("MAT4", 5126), attributes.POSITION: ("VEC3", 5126)}
    for accessor, kind in kinds.items():
        assert (glb.accessors[accessor].type, glb.accessors[accessor].componentType) == kind
    assert glb.accessors[worn.skin.inverseBindMatrices].count == 15
    assert len({glb.accessors[a].count for a in vars(attributes).values() if isinstance(a, int)}) == 1
    bounds = glb.accessors[attributes.POSITION]
    np.testing.assert_array_equal(bounds.min, worn.position.min(axis=0))
    np.testing.assert_array_equal(bounds.max, worn.position.max(axis=0))
    assert all(view.byteOffset % 4 == 0 for view in glb.bufferViews)
    last = glb.bufferViews[-1]
    assert last.byteOffset + last.byteLength <= glb.buffers[0].byteLength == len(glb.binary_blob())
    np.testing.assert_allclose(worn.inverse_bind[:, 3], [[0.0, 0.0, 0.0, 1.0]] * 15)


def test_standing_it_touches_the_ground(tmp_path: Path) -> None:
    """In the default pose: soles within 2 mm of it, head at 1.63 m, arms down, so narrower than 60 cm."""
    pose = np.array([character.DEFAULT_POSE] * 2)
    motion = Motion(30.0, np.array([[0.0, 0, character.DEFAULT_HEIGHT]] * 2), np.array([[1.0, 0, 0, 0]] * 2), pose)
    write_gltf(tmp_path / "a.glb", motion)
    low, high = (f(Worn(tmp_path / "a.glb").skinned(0), axis=0) for f in (np.min, np.max))
    assert low[1] == pytest.approx(0.0, abs=0.002)
    assert high[1] == pytest.approx(1.625, abs=0.005)
    assert high[0] - low[0] < 0.6


def test_characters_share_the_mesh_and_have_their_own_skin(tmp_path: Path) -> None:
    """Four of them: three colours, so three meshes of the same arrays; each skin's joints are its own nodes."""
    write_gltf(tmp_path / "a.glb", dict.fromkeys("abcd", tumbling(frames=2)))
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    assert [glb.nodes[root].name for root in glb.scenes[0].nodes] == list("abcd")
    assert len(glb.skins) == 4 and len(glb.meshes) == 3 and len(glb.materials) == 3
    assert len({mesh.primitives[0].attributes.WEIGHTS_0 for mesh in glb.meshes}) == 1
    for name, skin in zip("abcd", glb.skins, strict=True):
        assert [glb.nodes[joint].name for joint in skin.joints] == [f"{name}/{body}" for body in character.BODIES]
    assert [node.mesh for node in glb.nodes if node.skin is not None] == [0, 1, 2, 0]

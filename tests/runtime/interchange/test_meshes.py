from __future__ import annotations

import numpy as np
import pytest

from runtime.interchange.meshes import Mesh, body_mesh, box, capsule


def volume(mesh: Mesh) -> float:
    """Signed volume, m³: positive when the triangles are counter-clockwise seen from outside and nothing is open."""
    a, b, c = np.moveaxis(mesh.position[mesh.triangle], 1, 0)
    return float((a * np.cross(b, c)).sum() / 6.0)


@pytest.mark.parametrize(
    ("mesh", "exact"),
    [
        (box(np.array([0.1, 0.2, 0.3])), 8 * 0.1 * 0.2 * 0.3),
        (capsule(0.5, 0.0), 4 / 3 * np.pi * 0.125),
        (capsule(0.5, 1.0), 4 / 3 * np.pi * 0.125 + np.pi * 0.25 * 2.0),
    ],
)
def test_shapes_are_closed_and_face_outwards(mesh: Mesh, exact: float) -> None:
    """The volume inside is the shape's, less what the facets cut off; normals are unit and point out."""
    assert 0.88 * exact < volume(mesh) <= exact * (1 + 1e-9)
    np.testing.assert_allclose(np.linalg.norm(mesh.normal, axis=1), 1.0, atol=1e-12)
    a, b, c = np.moveaxis(mesh.position[mesh.triangle], 1, 0)
    face = np.cross(b - a, c - a)
    assert np.linalg.norm(face, axis=1).min() > 1e-6  # no triangle without an area
    assert (face * mesh.normal[mesh.triangle].mean(axis=1)).sum(axis=1).min() > 0.0


def test_a_box_has_its_volume_exactly() -> None:
    """Six faces of two triangles, four corners each."""
    mesh = box(np.array([0.1, 0.2, 0.3]))
    assert volume(mesh) == pytest.approx(0.048)
    assert mesh.position.shape == (24, 3) and mesh.triangle.shape == (12, 3)


def test_the_whole_humanoid_is_small() -> None:
    """Fifteen meshes of fewer than 4,000 triangles in all; no index needs more than 16 bits."""
    meshes = [body_mesh(body) for body in range(15)]
    assert sum(len(mesh.triangle) for mesh in meshes) < 4000
    assert max(len(mesh.position) for mesh in meshes) < 65536

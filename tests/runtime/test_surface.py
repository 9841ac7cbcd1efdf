import numpy as np
import pytest

from runtime.surface import Mesh, blend, intersect, mesh, mirror, round_cone, rounded_box, sphere, subtract


def volume(solid: Mesh) -> float:
    """By the divergence theorem: positive if the triangles wind counter-clockwise seen from outside."""
    a, b, c = (solid.position[solid.triangle[:, i]] for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6.0)


def test_a_sphere_is_a_closed_surface_at_its_radius():
    """Vertices within 1 um of the surface, normals radial, volume 4/3 pi r^3 within 2 %, Euler's number 2."""
    ball = mesh(sphere([0.3, -0.2, 1.0], 0.1), cell=0.02)
    away = ball.position - [0.3, -0.2, 1.0]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 0.1, atol=1e-6)
    np.testing.assert_allclose(ball.normal, away / 0.1, atol=1e-4)
    assert volume(ball) == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=0.02)
    edges = len(ball.triangle) * 3 / 2
    assert len(ball.position) - edges + len(ball.triangle) == 2


@pytest.mark.parametrize(
    ("shape", "point", "expected"),
    [
        (sphere([0, 0, 0], 1.0), [3, 0, 0], 2.0),
        (round_cone([0, 0, 0], [0, 0, 2], 0.5), [2, 0, 1], 1.5),
        (round_cone([0, 0, 0], [0, 0, 2], 0.5, 0.25), [0, 0, 3], 0.75),
        (rounded_box([0, 0, 0], [1, 1, 1], 0.2), [3, 0, 0], 2.0),
        (rounded_box([0, 0, 0], [1, 1, 1], 0.2), [0, 0, 0], -1.0),
        (blend([sphere([0, 0, 0], 1), sphere([4, 0, 0], 1)]), [5.5, 0, 0], 0.5),
        (intersect(sphere([0, 0, 0], 2), sphere([1, 0, 0], 2)), [-1.5, 0, 0], 0.5),
        (subtract(sphere([0, 0, 0], 2), sphere([0, 0, 0], 1)), [0.5, 0, 0], 0.5),
        (mirror(sphere([0, 2, 0], 1)), [0, -5, 0], 2.0),
    ],
)
def test_distances_are_what_a_ruler_says(shape, point, expected):
    """Signed, metres."""
    assert shape(np.array([point], float))[0] == pytest.approx(expected)


def test_a_blend_fills_the_crease_and_nothing_else():
    """Midway between two touching balls the blend reaches a quarter of its width further; away from there none."""
    balls = [sphere([-1, 0, 0], 1.0), sphere([1, 0, 0], 1.0)]
    plain, soft = blend(balls), blend(balls, 0.4)
    middle, far = np.array([[0.0, 0.5, 0.0]]), np.array([[-3.0, 0.0, 0.0]])
    assert plain(middle)[0] - soft(middle)[0] == pytest.approx(0.1)
    assert soft(far)[0] == plain(far)[0]


def test_the_box_of_a_shape_holds_its_surface():
    """Also of a mirrored, blended one."""
    shape = mirror(blend([round_cone([0, 0.1, 0], [0.3, 0.4, 0.1], 0.1, 0.05), sphere([0, 0, 0.2], 0.1)], 0.1))
    solid = mesh(shape, cell=0.02)
    assert (solid.position >= shape.low - 1e-6).all()
    assert (solid.position <= shape.high + 1e-6).all()


def test_a_shape_between_the_grid_points_is_refused():
    """A ball of 1 mm cannot be meshed with cells of 50 mm."""
    with pytest.raises(ValueError, match="no grid point inside"):
        mesh(sphere([0.0, 0.0, 0.0], 0.001), cell=0.05)


def test_a_flat_box_needs_fewer_facets_where_cells_may_be_longer():
    """0.4 x 0.4 x 0.02 m: cells 13 mm long instead of 8; its faces stay where they are, its rim within half a cell."""
    slab = rounded_box(np.zeros(3), [0.2, 0.2, 0.01], 0.004)
    fine, longer = mesh(slab, 0.008), mesh(slab, [0.013, 0.013, 0.008])
    assert len(longer.triangle) < len(fine.triangle) / 2
    np.testing.assert_allclose(np.abs(longer.position[:, 2]).max(), 0.01, atol=1e-4)
    assert np.abs(slab(longer.position)).max() < 0.0065
    assert np.abs(longer.position[:, :2]).max() == pytest.approx(0.2, abs=0.0065)

import math

import numpy as np
import pytest

from tests.viewer.poses import posed
from viewer.camera import Camera
from viewer.visibility import LEVELS, LIGHT, covered_area, level_of_detail, light_view, shadow_reach


def box_around(scene) -> np.ndarray:
    """The corners of a box of 0.5 m around each body, [120, 3] m."""
    corner = 0.25 * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return (scene.position[0][:, None] + corner).reshape(-1, 3)


def test_the_light_sees_the_whole_character_and_its_depth_grows_away_from_it():
    """All of it lies in the shadow map; half a metre towards the light is nearer to it."""
    points = box_around(posed(x=3.0, y=-7.0))
    matrix, span = light_view(points, 1024)
    at = points @ matrix[:3, :3].T + matrix[:3, 3]
    assert (at > 0.0).all()
    assert (at < 1.0).all()
    towards = matrix[:3, :3] @ (0.5 * LIGHT)
    np.testing.assert_allclose(towards, [0.0, 0.0, -0.5 / span], atol=1e-9)


def test_shadows_are_looked_for_where_they_fall():
    """From 0.95 m up a shadow falls hypot(.42, .55) = 0.692 m along the light's way, from the ground nowhere."""
    way = -LIGHT[:2] / np.linalg.norm(LIGHT[:2])
    low_along, low_across, high_along, high_across = shadow_reach(np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.95]]]))[0]
    assert (low_along, high_along) == pytest.approx((-0.05, math.hypot(0.42, 0.55) + 0.05))
    assert (low_across, high_across) == pytest.approx((-0.05, 0.05))
    aside = np.array([[[*(2.0 * way), 0.0], [*(3.0 * np.array([-way[1], way[0]])), 0.0]]])
    np.testing.assert_allclose(shadow_reach(aside), [[-0.05, -0.05, 2.05, 3.05]], atol=1e-9)


def test_each_of_many_has_its_own_shadow():
    """Rectangles do not grow together, and nobody has none."""
    points = np.zeros((3, 4, 3)) + np.arange(3)[:, None, None] * [10.0, 0.0, 0.0]
    reach = shadow_reach(points)
    np.testing.assert_allclose(reach[:, 2:] - reach[:, :2], 0.1)
    assert shadow_reach(np.zeros((0, 8, 3))).shape == (0, 4)


def test_the_shadow_map_moves_by_whole_texels():
    """A character that moves 1 cm does not make its shadow's edge crawl."""
    offsets = []
    for step in range(5):
        matrix, _ = light_view(box_around(posed(x=0.01 * step)), 1024)
        offsets.append((matrix @ [0.0, 0.0, 0.0, 1.0])[:2] * 1024)
    moved = np.diff(offsets, axis=0)
    np.testing.assert_allclose(moved, np.round(moved), atol=1e-6)
    assert np.abs(moved).max() >= 1.0


def test_the_covered_area_is_the_box_around_the_points():
    """At 90 degrees of view and 4 m, a point 1 m aside is 62.5 pixels from the middle of 1000 x 500."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=4.0, focus=np.zeros(3), field_of_view=math.pi / 2)
    points = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.5]])
    assert covered_area(points, camera.view_projection(2.0), 1000, 500) == (437, 250, 126, 32)


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.array([[-50.0, 0.0, 0.0]]), np.array([[0.0, 90.0, 0.0]])])
def test_nothing_is_covered_by_nobody_or_what_is_out_of_sight(points):
    """No points, one behind the camera, one far to the left."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=4.0, focus=np.zeros(3))
    assert covered_area(points, camera.view_projection(2.0), 1000, 500) is None


def level(distance: float, allowed: float = 0.5, count: int = 1) -> float:
    """The level of the first of some characters that a camera at the origin sees from a distance, at 720 rows."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=1.0, focus=np.array([1.0, 0.0, 0.0]))
    return float(level_of_detail(720, camera, np.tile([distance, 0.0, 0.0], (count, 1)), allowed)[0])


def test_the_skin_is_finer_the_nearer_the_camera():
    """A close-up gets the finest level, the whole figure one between, a far one the coarsest."""
    levels = [level(distance) for distance in (0.2, 1.2, 4.5, 60.0)]
    assert levels == [LEVELS[0], LEVELS[0], LEVELS[1], LEVELS[-1]]


def test_the_skin_is_coarser_where_more_error_is_allowed():
    """At 720 rows, 4 m off and 38 degrees a metre is 261 pixels: one pixel allows sqrt(1 / (.0007 * 261)) = 2.3."""
    assert level(4.5, 1.0) == max(level for level in LEVELS if level < 2.3)


def test_each_character_of_a_crowd_has_its_own_level():
    """Those near are finer than those far; the many are coarser than one alone; nobody is a crowd of none."""
    camera = Camera(yaw=0.0, pitch=0.0, distance=1.0, focus=np.array([1.0, 0.0, 0.0]))
    near, far = level_of_detail(720, camera, np.array([[2.0, 0.0, 0.0], [40.0, 0.0, 0.0]]), 0.5)
    assert near < far
    assert level(4.5, count=100) > level(4.5)
    assert level_of_detail(720, camera, np.zeros((0, 3)), 0.5).shape == (0,)

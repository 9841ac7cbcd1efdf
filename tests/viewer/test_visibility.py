import math

import numpy as np
import pytest

from tests.viewer.poses import posed
from viewer.camera import Camera
from viewer.visibility import LIGHT, SHADOW_SIZE, covered_area, level_of_detail, light_view


def test_the_light_sees_the_whole_character_and_its_depth_grows_away_from_it():
    """All bodies, padded by 25 cm, lie in the shadow map; half a metre towards the light is nearer to it."""
    scene = posed(x=3.0, y=-7.0)
    matrix, patch = light_view(scene.position)
    corner = 0.25 * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    point = (scene.position[0][:, None] + corner).reshape(-1, 3)
    at = point @ matrix[:3, :3].T + matrix[:3, 3]
    assert (at > 0.0).all()
    assert (at < 1.0).all()
    towards = matrix[:3, :3] @ (0.5 * LIGHT)
    np.testing.assert_allclose(towards, [0.0, 0.0, -0.5 / patch[3]], atol=1e-9)


def test_the_shadow_of_the_head_falls_into_the_patch():
    """The patch of ground that is tested for shadow holds where the light carries each body to."""
    scene = posed(x=-2.0, y=5.0)
    _, patch = light_view(scene.position)
    body = scene.position[0]
    shadow = body[:, :2] - LIGHT[:2] / LIGHT[2] * body[:, 2:]
    assert (np.abs(shadow - patch[:2]) < patch[2] - 0.1).all()


def test_the_shadow_map_moves_by_whole_texels():
    """A character that moves 1 cm does not make its shadow's edge crawl."""
    offsets = []
    for step in range(5):
        matrix, _ = light_view(posed(x=0.01 * step).position)
        offsets.append((matrix @ [0.0, 0.0, 0.0, 1.0])[:2] * SHADOW_SIZE)
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


def test_the_skin_is_finer_the_nearer_the_camera():
    """A close-up gets the finest level, the whole figure the middle one, a far one the coarsest."""
    levels = [level_of_detail(720, Camera(distance=distance)) for distance in (1.2, 3.9, 12.0)]
    assert levels == [1.0, 1.6, 2.4]

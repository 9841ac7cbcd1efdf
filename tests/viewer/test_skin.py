import numpy as np
import pytest

from runtime import character
from tests.viewer.poses import posed
from viewer.skin import build


@pytest.fixture(scope="module")
def skin():
    """The character's skin, at the fineness of the coarsest level."""
    return build(character.model(), 2.4)


def world(skin, scene):
    """The skin's vertices in the world, [V, 3] m."""
    rotated = character.rotate(scene.rotation[0][skin.body], skin.position)
    return scene.position[0][skin.body] + rotated


def test_the_soles_stand_on_the_ground(skin):
    """What the eye sees touch the ground is what touches it in physics, to 1 mm, under both feet."""
    point = world(skin, posed())
    for foot in character.FEET:
        assert point[skin.body == character.BODIES.index(foot), 2].min() == pytest.approx(0.0, abs=1e-3)
    assert point[:, 2].min() > -1e-3


def test_the_body_is_as_tall_as_the_model(skin):
    """The head's sphere ends at 1.612 m, where the skin may be up to 2 cm higher."""
    assert 1.600 < world(skin, posed())[:, 2].max() < 1.635


def test_left_mirrors_right(skin):
    """Vertices have a mirror image, y negated; all but a few where buried triangles were cut away."""
    point = world(skin, posed())
    limbs = [i for i, name in enumerate(character.BODIES) if name.startswith(("left", "right"))]
    for side in zip(limbs[:3] + limbs[6:9], limbs[3:6] + limbs[9:], strict=True):
        right, left = (point[skin.body == body] for body in side)
        assert len(right) == len(left) > 0
        nearest = np.linalg.norm((right * [1, -1, 1])[:, None] - left[None], axis=-1).min(axis=1)
        assert (nearest < 1e-6).mean() > 0.99


def test_all_bodies_have_skin_and_three_materials(skin):
    """15 bodies, none forgotten; triangles name vertices that exist; normals are unit vectors."""
    assert set(skin.body) == set(range(15))
    assert set(skin.material) == {0, 1, 2}
    assert skin.triangle.min() == 0
    assert skin.triangle.max() == len(skin.position) - 1
    np.testing.assert_allclose(np.linalg.norm(skin.normal, axis=1), 1.0, atol=1e-6)


def test_creases_are_darker_than_open_surfaces(skin):
    """The crown sees the whole sky; the neck under the chin does not."""
    point = world(skin, posed())
    crown = point[:, 2] > 1.58
    neck = (skin.body == character.BODIES.index("head")) & (point[:, 2] < 1.36)
    assert skin.openness[crown].min() > 0.9
    assert np.median(skin.openness[neck]) < 0.6
    assert 0.0 <= skin.openness.min() <= skin.openness.max() <= 1.0


def test_no_gap_opens_at_the_waist_or_a_knee(skin):
    """Bent by 60 degrees, neighbouring bodies still overlap: some vertex of one is within 2 cm of the other's."""
    scene = posed(abdomen_y=1.0, right_knee=1.0, left_elbow=-1.0, right_hip_y=-1.0)
    point = world(skin, scene)
    for pair in (("pelvis", "torso"), ("right_thigh", "right_shin"), ("left_upper_arm", "left_lower_arm"),
                 ("pelvis", "right_thigh"), ("torso", "head"), ("right_lower_arm", "right_hand")):  # fmt: skip
        a, b = (point[skin.body == character.BODIES.index(name)] for name in pair)
        assert np.linalg.norm(a[:, None] - b[None], axis=-1).min() < 0.02, pair

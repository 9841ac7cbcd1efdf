import math

import mujoco
import numpy as np
import pytest

from runtime import character
from viewer import picking
from viewer.camera import Camera
from viewer.picking import Grab, Pick


@pytest.fixture(scope="module")
def scene():
    """A character that stands at the origin, on the ground."""
    spec = character.scene_spec()
    character.add_character(spec, "one/")
    model = spec.compile()
    data = mujoco.MjData(model)
    slots = character.find_slots(model, "one/")
    data.qpos[slots.qpos + 2] = character.DEFAULT_HEIGHT
    data.qpos[slots.qpos + 7 : slots.qpos + 35] = character.DEFAULT_POSE
    mujoco.mj_forward(model, data)
    return model, data, slots


def test_a_ray_through_the_middle_of_the_picture_meets_the_character(scene):
    """The camera looks at the pelvis from behind: the body met is there, and on the camera's side of it."""
    model, data, slots = scene
    camera = Camera(yaw=0.0, pitch=0.1, distance=4.0, focus=np.array([0.0, 0.0, 0.97]))
    picked = picking.pick(model, data, camera.eye, camera.ray(0.5, 0.5, 16 / 9))
    assert picking.owner(picked.body, [slots]) == (0, character.BODIES.index("pelvis"))
    assert -0.2 < picked.point[0] < 0.0
    assert abs(picked.point[1]) < 0.01


def test_beside_the_character_there_is_the_ground_and_above_it_nothing(scene):
    """The ground is body 0 and nobody's; the sky is nothing."""
    model, data, slots = scene
    camera = Camera(yaw=0.0, pitch=0.2, distance=4.0)
    ground = picking.pick(model, data, camera.eye, camera.ray(0.1, 0.2, 16 / 9))
    assert ground.body == 0
    assert picking.owner(ground.body, [slots]) is None
    assert ground.point[2] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(
        ground.point[:2], picking.ground_point(camera.eye, camera.ray(0.1, 0.2, 16 / 9)), atol=1e-6
    )
    assert picking.pick(model, data, camera.eye, camera.ray(0.1, 0.99, 16 / 9)) is None
    assert picking.ground_point(camera.eye, camera.ray(0.1, 0.99, 16 / 9)) is None


def test_a_ray_and_the_picture_agree():
    """What a pixel's ray meets is drawn at that pixel."""
    camera = Camera(yaw=0.7, pitch=0.3, distance=5.0, focus=np.array([1.0, 2.0, 0.8]))
    point = camera.eye + 3.0 * camera.ray(0.2, 0.7, 1.5)
    clip = camera.view_projection(1.5) @ [*point, 1.0]
    np.testing.assert_allclose(0.5 + 0.5 * clip[:2] / clip[3], [0.2, 0.7], atol=1e-9)


def felt(model, body: int) -> float:
    """The mass that is felt at a body, kg."""
    return 1.0 / model.body_invweight0[body, 0]


def test_the_spring_pulls_towards_the_mouse(scene):
    """At rest and 5 cm off: 225 per s² times the mass felt times 5 cm; far off no more than 700 N."""
    model, data, slots = scene
    grab = Grab.start(Pick(slots.body, data.xpos[slots.body].copy()), data)
    np.testing.assert_allclose(grab.force(model, data), 0.0, atol=1e-9)
    grab.target = grab.target + [0.0, 0.0, 0.05]
    np.testing.assert_allclose(grab.force(model, data), [0.0, 0.0, 225.0 * 0.05 * felt(model, slots.body)], rtol=1e-6)
    grab.target = grab.target + [30.0, 0.0, 0.0]
    assert np.linalg.norm(grab.force(model, data)) == pytest.approx(700.0)


def test_the_spring_brakes_what_comes_along(scene):
    """At 0.5 m/s and no distance it holds back with twice 15 per s times the mass felt."""
    model, data, slots = scene
    grab = Grab.start(Pick(slots.body, data.xpos[slots.body].copy()), data)
    data.qvel[slots.dof] = 0.5
    mujoco.mj_forward(model, data)
    force = grab.force(model, data)
    data.qvel[slots.dof] = 0.0
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(force, [-15.0 * felt(model, slots.body), 0.0, 0.0], atol=1e-6)


def test_a_hand_is_pulled_softer_than_a_hip(scene):
    """What is felt of them differs, and both are between a finger's and the whole body's mass."""
    model, _, slots = scene
    hand = slots.body + character.BODIES.index("right_hand")
    assert 0.3 < felt(model, hand) < felt(model, slots.body) < 60.0


def test_what_is_dragged_stays_in_the_plane_that_faces_the_camera():
    """As far ahead as it was taken, under the mouse, and never below the ground."""
    camera = Camera(yaw=0.0, pitch=math.radians(10), distance=4.0)
    grab = Grab(1, np.zeros(3), np.array([0.0, 0.0, 0.9]))
    depth = (grab.target - camera.eye) @ camera.forward
    grab.drag(camera, camera.ray(0.3, 0.6, 16 / 9))
    assert (grab.target - camera.eye) @ camera.forward == pytest.approx(depth)
    clip = camera.view_projection(16 / 9) @ [*grab.target, 1.0]
    np.testing.assert_allclose(0.5 + 0.5 * clip[:2] / clip[3], [0.3, 0.6], atol=1e-9)
    grab.drag(camera, camera.ray(0.3, 0.0, 16 / 9))
    assert grab.target[2] == pytest.approx(0.02)


def test_a_held_point_moves_with_its_body(scene):
    """5 cm ahead of the pelvis's origin, also after the pelvis has turned by 90 degrees."""
    model, data, slots = scene
    grab = Grab.start(Pick(slots.body, data.xpos[slots.body] + [0.05, 0.0, 0.0]), data)
    before = data.qpos.copy()
    data.qpos[slots.qpos + 3 : slots.qpos + 7] = [math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]
    mujoco.mj_forward(model, data)
    at = grab.point(data) - data.xpos[slots.body]
    data.qpos[:] = before
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(at, [0.0, 0.05, 0.0], atol=1e-9)

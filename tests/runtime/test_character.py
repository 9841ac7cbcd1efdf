from __future__ import annotations

import mujoco
import numpy as np
import pytest

from runtime import character
from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE, FEET, JOINT_NAMES, JOINTS, PREFIX


def standing(model: mujoco.MjModel) -> mujoco.MjData:
    """Return the character in its default pose at its default height, servos holding the pose."""
    data = mujoco.MjData(model)
    data.qpos[:7] = 0.0, 0.0, DEFAULT_HEIGHT, 1.0, 0.0, 0.0, 0.0
    data.qpos[7:] = DEFAULT_POSE
    data.ctrl[:] = DEFAULT_POSE
    mujoco.mj_forward(model, data)
    return data


def test_mass_and_degrees_of_freedom() -> None:
    """The humanoid weighs 50.05 kg within half a percent and has 28 servos on 28 hinges and a free root."""
    model = character.model()
    assert model.body_mass.sum() == pytest.approx(50.05, rel=0.005)
    assert (model.nu, model.nv, model.nq) == (28, 34, 35)


def test_rates() -> None:
    """Control at 30 Hz is a whole number of the model's physics steps."""
    assert character.PHYSICS_HZ % character.CONTROL_HZ == 0
    assert character.model().opt.timestep == pytest.approx(1 / 120)


def test_names_are_in_model_order() -> None:
    """Bodies, joints and actuators of the compiled model are those declared, in that order."""
    model = character.model()
    assert [model.body(1 + i).name for i in range(15)] == [PREFIX + name for name in BODIES]
    assert [model.joint(1 + i).name for i in range(28)] == [PREFIX + name for name in JOINT_NAMES]
    assert [model.actuator(i).name for i in range(28)] == [PREFIX + name for name in JOINT_NAMES]
    assert model.actuator_trnid[:, 0].tolist() == list(range(1, 29))


@pytest.mark.parametrize("joint", JOINTS, ids=lambda joint: joint.name)
def test_compiled_servo_equals_declaration(joint: character.Joint) -> None:
    """Gain, effort limit, damping, armature and range of a joint are compiled as declared; nothing is added."""
    model = character.model()
    servo, hinge = model.actuator(PREFIX + joint.name), model.joint(PREFIX + joint.name)
    assert servo.gainprm[0] == joint.kp
    assert servo.biasprm[:3].tolist() == [0.0, -joint.kp, 0.0]
    assert servo.gear[0] == 1.0
    assert not servo.ctrllimited[0]  # targets may lie beyond the range: controllers clip to target_range
    assert servo.forcelimited[0]
    assert servo.forcerange.tolist() == [-joint.effort, joint.effort]
    assert hinge.damping[0] == joint.kd
    assert hinge.armature[0] == joint.armature
    assert hinge.stiffness[0] == 0.0
    assert hinge.frictionloss[0] == 0.0
    assert hinge.limited[0]
    assert hinge.range.tolist() == list(joint.range)
    assert joint.range[0] <= joint.default <= joint.range[1]


def test_left_mirrors_right() -> None:
    """A left joint's range is the right one's, negated and swapped unless it turns about y."""
    ranges = {joint.name: joint.range for joint in JOINTS}
    assert ranges["left_knee"] == ranges["right_knee"] == (0.0, 2.793)
    assert ranges["right_elbow"] == (0.0, 2.793)
    assert ranges["left_elbow"] == (-2.793, 0.0)
    assert ranges["right_hip_x"] == (-1.047, 0.524)
    assert ranges["left_hip_x"] == (-0.524, 1.047)
    assert ranges["left_hip_y"] == ranges["right_hip_y"] == (-2.444, 1.047)


def test_target_range_is_full_effort_beyond_the_joint_range() -> None:
    """At a knee's limit 2.793 rad a target 150 N·m / 500 N·m/rad = 0.3 rad beyond it asks for full effort."""
    knee = JOINTS[JOINT_NAMES.index("right_knee")]
    assert knee.target_range == pytest.approx((-0.3, 3.093))


def test_soles_touch_the_ground_at_default_height() -> None:
    """With the root at 0.8824 m the lowest corner of either foot is within 1 mm of the ground."""
    model = character.model()
    data = standing(model)
    for foot in FEET:
        geom = model.geom(PREFIX + foot).id
        rotation = data.geom_xmat[geom].reshape(3, 3)
        lowest = data.geom_xpos[geom, 2] - np.abs(rotation[2]) @ model.geom_size[geom]
        assert abs(lowest) < 1e-3


def test_drops_stay_finite() -> None:
    """Dropped from 1 m in 12 random orientations the character comes to lie: no NaN, nothing flung about, 3 s long."""
    model = character.model()
    rng = np.random.default_rng(0)
    for _ in range(12):
        data = standing(model)
        data.qpos[2] = 1.0
        quaternion = rng.standard_normal(4)
        data.qpos[3:7] = quaternion / np.linalg.norm(quaternion)
        mujoco.mj_step(model, data, nstep=3 * character.PHYSICS_HZ)
        assert data.time == pytest.approx(3.0)  # a bad number would have made MuJoCo start over
        assert data.warning.number.sum() == 0
        assert np.isfinite(data.qpos).all()
        assert 0.0 < data.qpos[2] < 1.0
        assert np.linalg.norm(data.qvel[:3]) < 1.5  # m/s


def test_servos_hold_the_default_pose() -> None:
    """For 1 s the servos keep the character standing: joints within 0.1 rad of the pose, root within 2 cm of height."""
    model = character.model()
    data = standing(model)
    for _ in range(character.PHYSICS_HZ):
        mujoco.mj_step(model, data)
        assert np.abs(data.qpos[7:] - DEFAULT_POSE).max() < 0.1
        assert abs(data.qpos[2] - DEFAULT_HEIGHT) < 0.02


def test_rotate_quarter_turn() -> None:
    """A quarter turn about z takes x to y, for any leading axes."""
    quaternion = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])
    vectors = np.array([[[1.0, 0.0, 0.0]], [[0.0, 2.0, 3.0]]])
    expected = np.array([[[0.0, 1.0, 0.0]], [[-2.0, 0.0, 3.0]]])
    np.testing.assert_allclose(character.rotate(np.broadcast_to(quaternion, (2, 1, 4)), vectors), expected, atol=1e-15)


def test_read_state_matches_mujoco_velocities() -> None:
    """Root velocities of a state are the pelvis's in the world frame, as MuJoCo itself computes them."""
    model = character.model()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(1)
    data.qpos[:] += rng.uniform(-0.4, 0.4, model.nq)
    data.qpos[3:7] = rng.standard_normal(4)
    data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
    data.qvel[:] = rng.standard_normal(model.nv)
    mujoco.mj_forward(model, data)
    slots = character.find_slots(model)
    state = character.read_state(data.qpos, data.qvel, data.xpos, data.xquat, slots)
    velocity = np.zeros(6)  # angular, linear
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, slots.body, velocity, 0)
    np.testing.assert_allclose(state.root_angular_velocity, velocity[:3], atol=1e-12)
    np.testing.assert_allclose(state.root_linear_velocity, velocity[3:], atol=1e-12)
    np.testing.assert_allclose(state.body_position[0], state.root_position, atol=1e-12)
    for name, shape in character.STATE_SHAPES.items():
        assert getattr(state, name).shape == shape, name


def test_second_character_has_its_own_slots() -> None:
    """Two characters in one scene: the second one's numbers follow the first one's."""
    spec = character.scene_spec()
    character.add_character(spec)
    character.add_character(spec, "other/")
    slots = character.find_slots(spec.compile(), "other/")
    assert slots == character.Slots(qpos=35, dof=34, ctrl=28, body=16)

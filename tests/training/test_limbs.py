"""How limbs are turned about their length, and that hinges follow the branch that can bend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.character import BODIES, JOINT_NAMES
from tests.training.motions import standing
from tests.training.skeletons import write_bvh
from training.motion import limbs, rotation, skeleton
from training.motion.clips import kinematics
from training.motion.importing import Given, import_file
from training.motion.report import by_family

TRUNK = np.tile(np.eye(3), (10, 3, 1, 1))


def places(motion):
    """World places of the bodies by name, [T, 3] each."""
    position, _ = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    return {body: position[:, index] for index, body in enumerate(BODIES)}


def test_bent_limbs_are_turned_as_the_humanoids_own():
    """Of the humanoid with bent elbows and knees the axes are those of its own upper arms and thighs."""
    motion = standing(10)
    joints = motion.joint_position.copy()
    for name, angle in (("right_elbow", 0.8), ("left_elbow", -0.6), ("right_knee", 0.7), ("left_knee", 0.5),
                        ("right_hip_y", -0.4), ("left_hip_z", 0.3), ("right_shoulder_y", 0.5)):  # fmt: skip
        joints[:, JOINT_NAMES.index(name)] = angle
    bent = replace(motion, joint_position=joints)
    _, turns = kinematics(bent.root_position, bent.root_rotation, bent.joint_position)
    own = rotation.to_matrix(turns[:, [BODIES.index(name) for name in limbs.LIMBS]])
    np.testing.assert_allclose(limbs.axes(places(bent), TRUNK), own, atol=1e-6)


def test_straight_limb_is_carried_from_bend_to_bend():
    """An elbow bends forward, straightens, and bends a quarter turn aside: the turn is spread over the straight."""
    motion = standing(10)
    joints = motion.joint_position.copy()
    elbow, turn = JOINT_NAMES.index("right_elbow"), JOINT_NAMES.index("right_shoulder_y")
    joints[:, JOINT_NAMES.index("right_shoulder_x")] = 0.0  # a T-pose: y turns the arm about its length
    joints[:3, elbow] = joints[7:, elbow] = 0.5
    joints[7:, turn] = np.pi / 2
    found = limbs.axes(places(replace(motion, joint_position=joints)), TRUNK)[:, 1]
    angles = np.arctan2(-found[:, 2, 0], found[:, 0, 0])  # of the x axis about y
    np.testing.assert_allclose(angles[2:8], np.linspace(0.0, np.pi / 2, 6), atol=1e-6)
    straight = limbs.axes(places(motion), TRUNK)[:, 0]  # the left arm hangs straight all the time
    np.testing.assert_allclose(straight[:, :, 0], np.tile([1.0, 0, 0], (10, 1)), atol=1e-6)


@pytest.mark.parametrize("angles", [(-1.59, -1.06, 1.46, 1.77), (0.72, -0.33, 2.59, 2.61), (-1.64, 1.03, 2.54, 2.55)])
def test_arms_far_from_the_default_pose_do_not_get_stuck(tmp_path, angles):
    """Clips that begin with an arm behind the head or across the chest: within 1 cm; steps alone stay 20 off."""
    motion = standing(40)
    joints = motion.joint_position.copy()
    first = JOINT_NAMES.index("right_shoulder_x")
    joints[:, first : first + 4] = angles
    (family,) = (known for known in skeleton.known_maps() if known.family == "cmu_daz")
    write_bvh(tmp_path / "clip.bvh", family, replace(motion, joint_position=joints))
    (take,) = import_file(tmp_path / "clip.bvh", "bvh", Given("none", "made/clip", low_pass_hz=np.inf))
    assert take.errors["right_hand"] < 0.01 and take.errors["right_lower_arm"] < 0.01


def test_families_are_weighted_by_time_and_stance():
    """10 s at 1 cm and 30 s at 3 cm are 2.5 cm; .2 m/s over 100 frames and none over 300 are .05."""
    one = {"found": {"family": "f", "unit_to_m": 1.0, "unit": "m: legs", "up": "+z"}, "seconds": 10.0,
           "error_cm": {"head": 1.0}, "mean_error_cm": 1.0, "leg_scaled_error_cm": 4.0, "skate_before_m_s": None,
           "skate_after_m_s": 0.2, "stance_frames": 100}  # fmt: skip
    two = one | {"seconds": 30.0, "error_cm": {"head": 3.0}, "mean_error_cm": 3.0, "skate_after_m_s": 0.0,
                 "stance_frames": 300}  # fmt: skip
    found = by_family({"a": one, "b": two})["f"]
    assert (found["files"], found["minutes"], found["mean_error_cm"], found["error_cm"]) == (
        2,
        0.67,
        2.5,
        {"head": 2.5},
    )
    assert found["skate_after_m_s"] == 0.05 and found["skate_before_m_s"] is None
    assert found["units"] == ["1.0 m (m), up +z"]

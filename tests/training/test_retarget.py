"""From a file of any skeleton to the humanoid: places, limits, feet that stand, floors that drift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.character import JOINTS
from tests.training.motions import standing
from tests.training.skeletons import walking, write_bvh
from training.motion import bvh, importing, skeleton, smpl, soles, targets
from training.motion.clips import motion_states
from training.motion.importing import Given, import_file

FAMILIES = {known.family: known for known in skeleton.known_maps()}
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
LIMITS = np.array([joint.range for joint in JOINTS])
GIVEN = Given(licence="none", source="made/clip", low_pass_hz=np.inf)


def imported(tmp_path, motion, family="cmu_daz", given=GIVEN, **written):
    """The take of a motion that went through a BVH file."""
    write_bvh(tmp_path / "clip.bvh", FAMILIES[family], motion, **written)
    (take,) = import_file(tmp_path / "clip.bvh", "bvh", given)
    return take


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_comes_back_upright(tmp_path, family):
    """A walk written under a family's names and axes returns within 1 cm a joint, in either up-axis, inside limits."""
    motion = walking(36)
    take = imported(tmp_path, motion, family, up="+z" if family in ("cmu_asf", "fair") else "+y")
    assert take.found["family"] == family
    assert np.mean(list(take.errors.values())) < 0.01
    assert take.unfitted < 0.03  # heel and toe are held or lifted where this walk slides
    joints = take.motion.joint_position
    assert (joints >= LIMITS[:, 0] - 1e-3).all() and (joints <= LIMITS[:, 1] + 1e-3).all()
    assert np.abs(take.motion.root_rotation[:, 0]).min() > 0.99  # facing along x, upright
    assert take.skeleton.positions.shape == (36, len(take.skeleton.names), 3)


def test_drifting_floor_is_levelled_and_feet_stand(tmp_path):
    """Standing whose floor sinks by 6 cm in 3 s while the feet creep at 10 cm/s: flat, and not a millimetre of slip."""
    still = standing(90)
    position = still.root_position + np.linspace(0, 1, 90)[:, None] * [0.3, 0.0, -0.06]
    take = imported(tmp_path, replace(still, root_position=position))
    assert take.found["floor_drift_m"] == pytest.approx(0.05, abs=0.015)
    assert take.contact.all()
    after = importing.slip(importing.soles(take.motion), take.contact, 30.0)
    before = importing.slip(take.raw_soles, take.contact, 30.0)
    assert before.mean() > 0.09 and after.mean() < 0.005
    assert np.abs(soles.heights(motion_states(take.motion))).max() < 0.006


def crouching(path: Path, degrees: float) -> None:
    """A file of somebody standing with knees bent by so much, feet flat under the hips."""
    still = standing(60)
    knee = np.radians(degrees)
    thigh, shin = 0.421546, 0.409870
    reach = np.sqrt(thigh**2 + shin**2 + 2.0 * thigh * shin * np.cos(knee))
    lean = np.arcsin(shin * np.sin(knee) / reach)  # of the thigh, forwards
    joints, names = still.joint_position.copy(), [joint.name for joint in JOINTS]
    for side in ("left", "right"):
        for name, angle in (("hip_y", -lean), ("knee", knee), ("ankle_y", lean - knee)):
            joints[:, names.index(f"{side}_{name}")] = angle
    position = still.root_position - [0.0, 0.0, thigh + shin - reach]
    write_bvh(path, FAMILIES["cmu_daz"], replace(still, root_position=position, joint_position=joints))


def test_legs_are_as_long_as_their_person_ever_stretches_them(tmp_path):
    """Bones 2 % longer than from hip to ankle: a take's knees of 23°, the person's straightest, come out at 4°.

    In another take the same share of the leg is kept: 40° become 33.0° by the law of cosines.
    """
    knees = [[joint.name for joint in JOINTS].index(f"{side}_knee") for side in ("left", "right")]
    takes = tmp_path / "7_1.bvh", tmp_path / "7_2.bvh"
    for path, degrees in zip(takes, (23.0, 40.0), strict=True):
        crouching(path, degrees)
    for takes_of, expected in (((), (23.0, 40.0)), (takes, (4.0, 33.0))):
        for path, degrees in zip(takes, expected, strict=True):
            (take,) = import_file(path, "bvh", replace(GIVEN, takes=takes_of))
            found = np.degrees(take.motion.joint_position[5:, knees])
            np.testing.assert_allclose(found, degrees, atol=1.5)  # 1° is .3 mm of a straight leg
            assert np.abs(soles.heights(motion_states(take.motion))).max() < 0.005


def test_damaged_takes_of_a_person_are_left_out(tmp_path):
    """The length of the leg is told from the takes that can be read."""
    crouching(tmp_path / "7_1.bvh", 23.0)
    (tmp_path / "7_2.bvh").write_text("HIERARCHY\n")
    given = replace(GIVEN, takes=(tmp_path / "7_1.bvh", tmp_path / "7_2.bvh"))
    assert importing.person_leg("bvh", given) == pytest.approx(0.98 * (0.421546 + 0.409870), abs=0.002)


def test_pelvis_sinks_where_standing_legs_are_too_short():
    """A foot that stands 4 cm beyond our leg for half a second: the pelvis is 4 cm lower there, and only there.

    For a foot in the air it does not sink.
    """
    legs = np.zeros((60, 2, 3))
    legs[..., 2] = targets.STRAIGHT - 0.01
    legs[20:35, 0, 2] = targets.STRAIGHT + 0.04
    contact = np.zeros((60, 4), dtype=bool)
    assert not targets.sink(legs, contact, 30.0).any()
    contact[:, 1] = True
    found = targets.sink(legs, contact, 30.0)
    assert found[20:35] == pytest.approx(0.04, abs=0.004) and np.abs(found[[10, 45]]).max() < 1e-6
    assert np.abs(np.diff(found)).max() < 0.015


def test_trunk_head_and_arms_take_the_source_pose(tmp_path):
    """Bent 40° at the waist, looking down 20°, one elbow at 60°: hinges within 3° of what they were."""
    still = standing(40)
    joints = still.joint_position.copy()
    names = [joint.name for joint in JOINTS]
    for name, angle in (("abdomen_y", 0.7), ("neck_y", 0.35), ("right_elbow", 1.05)):
        joints[:, names.index(name)] = angle
    take = imported(tmp_path, replace(still, joint_position=joints), "bandai_namco")
    found = take.motion.joint_position[5:].mean(axis=0)
    for name, angle in (("abdomen_y", 0.7), ("neck_y", 0.35), ("right_elbow", 1.05)):
        assert found[names.index(name)] == pytest.approx(angle, abs=0.05)


def test_head_is_levelled_when_asked(tmp_path):
    """A head that looks 20° up all the time looks ahead afterwards."""
    still = standing(40)
    joints = still.joint_position.copy()
    neck = [joint.name for joint in JOINTS].index("neck_y")
    joints[:, neck] = -0.35
    take = imported(tmp_path, replace(still, joint_position=joints), given=replace(GIVEN, level_head=True))
    assert take.motion.joint_position[5:, neck].mean() == pytest.approx(0.0, abs=0.03)
    assert any("looked 20° up" in remark for remark in take.remarks)


def amass(path: Path, frames: int = 80, **changed: np.ndarray) -> Path:
    """A file as AMASS writes them: somebody standing in a T-pose, z up, facing -y, turning their head."""
    poses = np.zeros((frames, 156))
    poses[:, 0] = np.pi / 2
    poses[:, 3 * 15 + 1] = 0.3 * np.sin(np.arange(frames) / 8)
    content = {"poses": poses, "trans": np.tile([0.1, 0.2, 0.95], (frames, 1)), "betas": np.zeros(16),
               "mocap_framerate": np.array(60.0)}  # fmt: skip
    np.savez(path, allow_pickle=False, **(content | changed))
    return path


def test_amass_file_is_read(tmp_path):
    """A T-pose stays one: shoulders and elbows near zero, facing -y, on the ground; the head turns as it did."""
    (take,) = import_file(amass(tmp_path / "pose.npz"), "amass", GIVEN)
    assert take.found["family"] == "smpl" and take.found["unit_to_m"] == 1.0
    names = [joint.name for joint in JOINTS]
    angles = take.motion.joint_position[5:]
    for name in ("right_shoulder_x", "right_shoulder_z", "left_shoulder_x", "left_elbow", "right_hip_y", "left_knee"):
        assert np.abs(angles[:, names.index(name)]).max() < 0.35, name
    assert np.ptp(angles[:, names.index("neck_z")]) > 0.3
    facing = 2.0 * np.degrees(np.arctan2(*take.motion.root_rotation[0, [3, 0]]))
    assert facing == pytest.approx(-90.0, abs=3.0)
    assert np.abs(soles.heights(motion_states(take.motion))).max() < 0.02


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"poses": np.zeros((80, 60))}, r"expected poses \[T > 1, 66 or more\]"),
        ({"mocap_framerate": np.array(0.0)}, "a frame rate of 0.0 Hz"),
        ({"trans": np.full((80, 3), np.nan)}, "frame 1 holds a value that is not finite"),
    ],
)
def test_damaged_amass_files_are_named(tmp_path, change, cause):
    """File and cause in one message."""
    path = amass(tmp_path / "pose.npz", **change)
    with pytest.raises(bvh.DamagedFileError, match=rf"pose\.npz: .*{cause}"):
        smpl.read(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(bvh.DamagedFileError, match=r"pose\.npz: cannot be read as npz"):
        smpl.read(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no motion capture beside the project")
@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("cmu/07_02.bvh", "cmu_daz"),
        ("bandai_namco_nc/dataset-1_walk_normal_002.bvh", "bandai_namco"),
        ("animated_drawings/custom_avatar_animations/walking_2.bvh", "animated_drawings"),
        ("cmu/135_04_frontkick001.bvh", "cmu_asf"),
    ],
)
def test_captures_keep_to_the_marks(file, family):
    """Mean joint-position error of at most 3 cm, standing feet that slip by at most .1 m/s."""
    (take, *_) = import_file(SHARED / file, "bvh", replace(GIVEN, low_pass_hz=8.0))
    assert take.found["family"] == family
    assert np.mean(list(take.errors.values())) <= 0.03
    assert importing.slip(importing.soles(take.motion), take.contact, take.motion.rate).mean() <= 0.1

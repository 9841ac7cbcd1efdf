from __future__ import annotations

from pathlib import Path

import numpy as np
import pybvh
import pytest

from runtime.character import BODIES, JOINT_NAMES
from runtime.interchange import write_bvh
from runtime.interchange._euler import xyz_angles
from runtime.recording import Motion
from tests.runtime.interchange.motions import body_positions, tumbling, y_up


def standing(frames: int = 2, **joints: float) -> Motion:
    """One metre above the origin, unturned, the named joints at the given angles [rad], the others at 0."""
    angles = np.zeros((frames, 28))
    for name, angle in joints.items():
        angles[:, JOINT_NAMES.index(name)] = angle
    return Motion(30.0, np.full((frames, 3), [0.0, 0.0, 1.0]), np.full((frames, 4), [1.0, 0, 0, 0]), angles)


@pytest.mark.parametrize(("unit", "per_metre"), [("cm", 100.0), ("m", 1.0)])
def test_joints_are_where_mujoco_puts_them(tmp_path: Path, unit, per_metre: float) -> None:
    """Pybvh's own kinematics of the file gives MuJoCo's body positions to 1e-4 m, y up; the unit is the asked one."""
    motion = tumbling()
    write_bvh(tmp_path / "a.bvh", motion, unit)
    bvh = pybvh.read_bvh_file(tmp_path / "a.bvh")
    found = bvh.joint_positions()[:, [bvh.joint_names.index(name) for name in BODIES]] / per_metre
    np.testing.assert_allclose(found, y_up(body_positions(motion)), rtol=0, atol=1e-4)


def test_timing(tmp_path: Path) -> None:
    """90 frames at 30 Hz: as many frames, 1/30 s each."""
    write_bvh(tmp_path / "a.bvh", tumbling())
    bvh = pybvh.read_bvh_file(tmp_path / "a.bvh")
    assert bvh.frame_count == 90
    assert bvh.frame_time == pytest.approx(1 / 30, abs=1e-8)


def test_a_ball_joint_is_one_joint_with_its_three_hinge_angles(tmp_path: Path) -> None:
    """A hip at x .1, y .2, z .3 rad is Z 5.73°, X 11.46°, Y 17.19°; a knee of .5 rad is X 28.65° and nothing else."""
    motion = standing(right_hip_x=0.1, right_hip_y=0.2, right_hip_z=0.3, right_knee=0.5, right_elbow=0.7)
    write_bvh(tmp_path / "a.bvh", motion)
    bvh = pybvh.read_bvh_file(tmp_path / "a.bvh")
    assert set(bvh.joint_names) == set(BODIES)
    assert set(bvh.euler_orders) == {"ZXY"}
    angles = dict(zip(bvh.joint_names, np.degrees(bvh.joint_angles[0]), strict=True))  # pybvh gives radians
    np.testing.assert_allclose(angles["right_thigh"], [5.729578, 11.459156, 17.188734], atol=1e-5)
    np.testing.assert_allclose(angles["right_shin"], [0.0, 28.647890, 0.0], atol=1e-5)
    np.testing.assert_allclose(angles["right_lower_arm"], [0.0, 0.0, 40.107046], atol=1e-5)


def test_the_rest_pose_faces_z_with_the_left_hand_at_x(tmp_path: Path) -> None:
    """Unturned and straight: the head above the pelvis along y, the left hand along x, the toes along z."""
    write_bvh(tmp_path / "a.bvh", standing())
    bvh = pybvh.read_bvh_file(tmp_path / "a.bvh")
    nodes = dict(zip([node.name for node in bvh.nodes], bvh.node_positions()[0], strict=True))
    np.testing.assert_allclose(nodes["pelvis"], [0, 100, 0], atol=1e-4)
    np.testing.assert_allclose(nodes["head"], [0, 146.0045, 0], atol=1e-4)  # 100 + 23.6151 + 22.3894
    assert nodes["left_hand"][0] == pytest.approx(18.311 + 27.4788 + 25.8947)
    tips = {name: position for name, position in nodes.items() if name not in BODIES}
    assert len(tips) == 5  # head, hands, feet
    assert max(position[1] for position in tips.values()) == pytest.approx(146.0045 + 17.5 + 9.5)  # top of the head
    assert max(position[2] for position in tips.values()) == pytest.approx(4.5 + 8.85)  # toes


def test_root_angles_are_continuous() -> None:
    """A turn of four rounds about each axis: angles never jump by more than the motion does, and give it back."""
    from scipy.spatial.transform import Rotation

    for axis in np.eye(3):
        whole = np.linspace(0.0, 8 * np.pi, 400)[:, None]
        turns = Rotation.from_rotvec(whole * axis) * Rotation.from_euler("XYZ", [0.3, 0.1, 0.2])
        angles = xyz_angles(turns.as_quat()[:, [3, 0, 1, 2]])
        assert (Rotation.from_euler("XYZ", angles).inv() * turns).magnitude().max() < 1e-6
        steps = np.abs(np.diff(angles, axis=0))
        assert steps[:, [0, 2]].max() < 1.0  # near b = 90° the outer axes share a fast turn; a flip would be 3.1
        assert steps[:, 1].max() < 0.1


def test_root_angles_straight_up_and_down() -> None:
    """Exactly at b = ±90°, where a and c are one, the rotation still comes back."""
    from scipy.spatial.transform import Rotation

    for b in (0.5 * np.pi, -0.5 * np.pi):
        turns = Rotation.from_euler("XYZ", [[0.4, b, 0.3], [0.5, b, 0.3]])
        angles = xyz_angles(turns.as_quat()[:, [3, 0, 1, 2]])
        assert (Rotation.from_euler("XYZ", angles).inv() * turns).magnitude().max() < 1e-6


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    """Inches are no unit here; nothing is written."""
    with pytest.raises(ValueError, match="unit: expected one of cm, m, found 'inch'"):
        write_bvh(tmp_path / "a.bvh", standing(), "inch")  # pyright: ignore
    assert not (tmp_path / "a.bvh").exists()

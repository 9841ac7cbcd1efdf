"""ASF and AMC files: poses by hand, and every fault with its file and line."""

from __future__ import annotations

import numpy as np
import pytest

from training.motion import asf
from training.motion.bvh import DamagedFileError

ASF = """# made up
:version 1.10
:units
  mass 1.0
  length 0.5
  angle deg
:documentation
  a thigh that points down, a shin that goes on, a foot ahead
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 1 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name thigh
    direction 0 -1 0
    length 4
    axis 0 0 0 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
    id 2
    name shin
    direction 0 -1 0
    length 2
    axis 0 90 0 XYZ
    dof rx
  end
  begin
    id 3
    name foot
    direction 0 0 1
    length 1
    axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root thigh
    thigh shin
    shin foot
  end
"""
AMC = """#!OML:ASF made up
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
thigh 0 0 0
shin 0
2
root 3 0 0 0 90 0
thigh 90 0 90
shin 90
"""
UNIT = 0.0254 / 0.5  # m


def written(tmp_path, skeleton=ASF, motion=AMC):
    """The AMC file of a pair."""
    (tmp_path / "07.asf").write_text(skeleton)
    (tmp_path / "07_02.amc").write_text(motion)
    return tmp_path / "07_02.amc"


def places(tmp_path, **texts):
    """World places [2, 5, 3] of root, hip, knee, ankle and toes, in the file's units."""
    found = asf.read(written(tmp_path, **texts))
    assert found.names == ("root", "thigh", "shin", "foot", "foot.end") and found.rate == 120.0
    return found.positions / UNIT


def test_zero_pose_in_metres(tmp_path):
    """Bones lie along their directions; a length of 4 with `length 0.5` is 8 inches; the root's position counts."""
    expected = [[0, 1, 0], [0, 1, 0], [0, -3, 0], [0, -5, 0], [0, -5, 1]]
    np.testing.assert_allclose(places(tmp_path)[0], expected, atol=1e-9)
    assert asf.read(written(tmp_path)).offsets[2] == pytest.approx([0.0, -4 * UNIT, 0.0])


def test_pose_by_hand(tmp_path):
    """Quarter turns; the shin's axis takes x to -z, so that it turns about -z: from -y to -x, its foot along z stays.

    The thigh turns about x, y to z and z to -y, then about z, x to y and y to -x: itself from -y to -z, the shin to -y,
    the foot to x. The root turns z to x and x to -z: the thigh to -x, the shin stays, the foot to -z.
    """
    expected = [[3, 1, 0], [3, 1, 0], [-1, 1, 0], [-1, -1, 0], [-1, -1, -1]]
    np.testing.assert_allclose(places(tmp_path)[1], expected, atol=1e-9)


def test_order_of_axes_is_the_files(tmp_path):
    """Listed rz rx, the thigh turns about z first, down to x, and then about x, where it stays; in the root to -z."""
    skeleton = ASF.replace("dof rx ry rz", "dof rz rx")
    motion = AMC.replace("thigh 0 0 0", "thigh 0 0").replace("thigh 90 0 90", "thigh 90 90")
    np.testing.assert_allclose(places(tmp_path, skeleton=skeleton, motion=motion)[1, 2], [3, 1, -4], atol=1e-9)


def test_axis_order_is_the_files(tmp_path):
    """An axis of 90 0 90 turns x by XYZ to y, by ZYX to z: so does the axis about which the shin turns."""
    for order, ankle in (("XYZ", [0, -2, 0]), ("ZYX", [2, 0, 0])):
        skeleton = ASF.replace("axis 0 90 0 XYZ", f"axis 90 0 90 {order}")
        found = places(tmp_path, skeleton=skeleton, motion=AMC.replace("shin 0", "shin 90"))[0]
        np.testing.assert_allclose(found[3] - found[2], ankle, atol=1e-9)


def test_radians_are_the_same_pose(tmp_path):
    """:RADIANS in the motion, and `angle rad` in the skeleton."""
    quarter = str(np.pi / 2)
    radians = AMC.replace(":DEGREES", ":RADIANS").replace("90", quarter)
    skeleton = ASF.replace("angle deg", "angle rad").replace("axis 0 90 0", f"axis 0 {quarter} 0")
    np.testing.assert_allclose(places(tmp_path, skeleton=skeleton, motion=radians), places(tmp_path), atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("# made up\n:version", "version", 1, "this is no ASF file"),
        ("length 0.5", "length none", 5, "length: 'none' is not numbers"),
        ("length 0.5", "length 0", 5, "a unit of length of 0.0"),
        ("angle deg", "angle grad", 6, "angle 'grad', expected deg or rad"),
        ("TX TY TZ RX RY RZ", "TX TY TZ RX RY", 9, "order lacks one of TX TY TZ RX RY RZ"),
        ("direction 0 -1 0\n    length 4", "direction 0 -1\n    length 4", 18, "direction has 2 numbers, expected 3"),
        ("    length 4\n", "", 24, "'thigh' lacks a name, a length or a direction"),
        ("axis 0 90 0 XYZ", "axis 0 90 0 XXZ", 31, "axis order 'XXZ'"),
        ("dof rx\n", "dof rx l\n", 32, "degrees of freedom 'rx l'"),
        ("    dof rx\n  end\n", "    dof rx\n", 33, "bone 'shin' has no end"),
        ("name shin", "name thigh", 26, "bone 'thigh' is there twice"),
        ("    thigh shin\n", "    thigh shank\n", 44, "no bone is called 'shank'"),
        ("    thigh shin\n", "", 26, "bone 'shin' does not hang on the root"),
        ("    shin foot\n", "    shin foot\n    root foot\n", 46, "'foot' hangs on two bones"),
        (":hierarchy", ":tree", 46, "the file ends without :hierarchy"),
    ],
)
def test_faults_of_a_skeleton_are_named(tmp_path, old, new, line, cause):
    """One message: the ASF file, line, cause."""
    assert old in ASF
    fault(written(tmp_path, skeleton=ASF.replace(old, new, 1)), tmp_path / "07.asf", line, cause)


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        (":DEGREES\n", "", 3, "neither :DEGREES nor :RADIANS"),
        (":DEGREES", ":GRADS", 3, "unknown :GRADS"),
        ("1\nroot", "root", 4, "expected the first frame's number, found 'root 0 0 0 0 0 0'"),
        ("2\nroot", "3\nroot", 8, "expected frame 2, found '3'"),
        ("shin 90", "", 11, "frame 2 lacks shin"),
        ("shin 90", "shin 90 1", 11, "shin has 2 numbers, expected 1"),
        ("shin 90", "shin x", 11, "shin: 'x' is not numbers"),
        ("shin 90", "shin nan", 11, "shin holds a value that is not finite"),
        ("shin 90", "thigh 0 0 0", 11, "'thigh' is there twice"),
        ("shin 90", "foot 1", 11, "'foot' is no bone that turns"),
        (AMC[AMC.index("2\nroot") :], "", 7, "one frame, expected two or more"),
        (AMC[AMC.index("1\n") :], "", 3, "expected the first frame's number, found 'nothing'"),
    ],
)
def test_faults_of_a_motion_are_named(tmp_path, old, new, line, cause):
    """One message: the AMC file, line, cause."""
    assert old in AMC
    path = written(tmp_path, motion=AMC.replace(old, new, 1))
    fault(path, path, line, cause)


def fault(path, where, line, cause):
    """Reading `path` fails in one line that names file, line and cause."""
    with pytest.raises(DamagedFileError) as caught:
        asf.read(path)
    message = str(caught.value)
    assert message.startswith(f"{where}:{line}: ") and cause in message and "\n" not in message, message


def test_absent_files_are_named(tmp_path):
    """A motion without its skeleton beside it, a skeleton without the motion."""
    path = written(tmp_path)
    path.unlink()
    with pytest.raises(DamagedFileError, match=r"07_02\.amc: cannot be read: No such file"):
        asf.read(path)
    (tmp_path / "07.asf").unlink()
    with pytest.raises(DamagedFileError, match=r"07_02\.amc: its skeleton 07\.asf is not beside it"):
        asf.read(path)

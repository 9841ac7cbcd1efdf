"""BVH files: poses by hand, and every fault with its line."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.skeletons import walking, write_bvh
from training.motion import bvh, skeleton

TEXT = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -2 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 5 0 0 0 0 0 0 0
1 5 0 90 0 0 0 90 0
"""


def written(tmp_path, text):
    """A file with `text`."""
    path = tmp_path / "clip.bvh"
    path.write_text(text)
    return path


def test_pose_by_hand(tmp_path):
    """A quarter turn about z takes the knee from below to the side, one about x then bends the shin off the plane."""
    found = bvh.read(written(tmp_path, TEXT))
    assert found.names == ("hip", "knee", "knee.end") and found.rate == 30.0
    positions, _ = found.pose()
    np.testing.assert_allclose(positions[0], [[0, 5, 0], [0, 3, 0], [0, 2, 0]], atol=1e-9)
    np.testing.assert_allclose(positions[1], [[1, 5, 0], [3, 5, 0], [3, 5, -1]], atol=1e-9)


def test_position_channels_of_a_joint_replace_its_offset(tmp_path):
    """As Bandai-Namco and ReActIdle write it: six channels below the root."""
    text = TEXT.replace("CHANNELS 3 Z", "CHANNELS 6 Xposition Yposition Zposition Z")
    text = text.replace("0 5 0 0 0 0 0 0 0", "0 5 0 0 0 0 0 -3 0 0 0 0").replace(
        "1 5 0 90 0 0 0 90 0", "1 5 0 0 0 0 1 1 1 0 0 0"
    )
    positions, _ = bvh.read(written(tmp_path, text)).pose()
    np.testing.assert_allclose(positions[:, 1], [[0, 2, 0], [2, 6, 1]])


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("HIERARCHY", "HIER", 1, "no BVH file"),
        ("OFFSET 0 -2 0", "OFFSET 0 -2", 8, "OFFSET has 2 numbers, expected 3"),
        ("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 3 Zrotation Xrotation", 9, "says 3 and lists 2"),
        ("Xrotation Yrotation\n    End", "Wrotation Yrotation\n    End", 9, "unknown channel 'Wrotation'"),
        ("}\nMOTION", "MOTION", 15, "before joint 'hip' is closed"),
        ("JOINT knee", "JOINT hip", 6, "'hip' is there twice"),
        ("Frames: 2", "Frames: two", 17, "expected 'Frames: N'"),
        ("Frame Time: 0.0333333", "Frame Time: 0", 18, "a frame time of 0.0 s"),
        ("1 5 0 90 0 0 0 90 0", "1 5 0 90 0 0 0 90", 20, "frame 2 has 8 numbers, expected 9"),
        ("1 5 0 90 0 0 0 90 0", "1 5 0 90 x 0 0 90 0", 20, "frame 2: 'x' is not a number"),
        ("1 5 0 90 0 0 0 90 0", "1 5 0 nan 0 0 0 90 0", 20, "not finite"),
        ("1 5 0 90 0 0 0 90 0\n", "", 19, "the file ends after 1 of 2 frames"),
        ("0 90 0\n", "0 90 0\n1 5 0 90 0 0 0 90 0\n", 21, "more lines than the 2 frames"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path, old, new, line, cause):
    """One message: file, line, cause."""
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(bvh.DamagedFileError) as caught:
        bvh.read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and cause in str(caught.value)


def test_absent_file_is_named(tmp_path):
    """A file that is not there is a damaged file without a line."""
    with pytest.raises(bvh.DamagedFileError, match=r"none\.bvh: cannot be read: No such file"):
        bvh.read(tmp_path / "none.bvh")


def test_another_reader_poses_alike(tmp_path):
    """pybvh, where it reads a file, finds every joint at the same place within a micrometre."""
    pybvh = pytest.importorskip("pybvh")
    chosen = next(known for known in skeleton.known_maps() if known.family == "cmu_daz")
    write_bvh(tmp_path / "clip.bvh", chosen, walking(20))
    ours = bvh.read(tmp_path / "clip.bvh")
    theirs = pybvh.read_bvh_file(tmp_path / "clip.bvh", world_up="+y")
    positions, _ = ours.pose()
    found = theirs.node_positions() if hasattr(theirs, "node_positions") else theirs.get_spatial_coord()
    np.testing.assert_allclose(positions, found, atol=1e-4)  # cm

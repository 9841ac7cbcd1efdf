"""Maps of skeletons: found by exact names, or an error that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from training.motion import skeleton
from training.motion.skeleton import SkeletonError

FAMILIES = {known.family: known for known in skeleton.known_maps()}


def test_every_family_has_its_own_names():
    """Only Rokoko and Mixamo without its prefix share names; the others are found alone, by their own joints."""
    for family, known in FAMILIES.items():
        fitting = {found.family for found in skeleton.find_maps((*known.names, *known.joints.values()))}
        assert fitting == ({"rokoko", "mixamo"} if family in ("rokoko", "mixamo") else {family})
        for axes in known.frames.values():
            np.testing.assert_allclose(axes @ axes.T, np.eye(3))


def test_axes_by_hand():
    """'z -y x': forward is local z, left the other way of local y, up is local x."""
    forward, left, up = FAMILIES["bandai_namco"].frames["pelvis"].T
    np.testing.assert_array_equal(forward, [0, 0, 1])
    np.testing.assert_array_equal(left, [0, -1, 0])
    np.testing.assert_array_equal(up, [1, 0, 0])


def test_fingers_and_prefix_do_not_matter():
    """Mixamo's joints with their prefix and fingers are Mixamo's; its landmarks carry the prefix."""
    mixamo = FAMILIES["mixamo"]
    names = [f"mixamorig:{name}" for name in (*sorted(mixamo.names), "LeftHandThumb1", "HeadTop_End")]
    names.sort(key=lambda name: not name.endswith("Hips"))  # the root comes first
    (found,) = skeleton.find_maps(tuple(names))
    assert found.joints["left_knee"] == "mixamorig:LeftLeg"


def test_unknown_skeleton_is_told_with_its_joints():
    """One joint more than a family has: no family, and the message says how to write a map."""
    names = (*FAMILIES["cmu_daz"].names, "rFoot.end", "lFoot.end", "tail")
    with pytest.raises(SkeletonError, match=r"no known family .*tail.* write a map .*skeleton=PATH\.yaml"):
        skeleton.find_maps(names)


def test_given_map_is_taken_and_checked(tmp_path):
    """A map that was given fits any skeleton that has its landmarks; what it names and the file lacks is listed."""
    source = skeleton.FOLDER / "cmu_daz.yaml"
    names = (*FAMILIES["cmu_daz"].joints.values(), "tail")
    assert skeleton.find_maps(names, source)[0].family == "cmu_daz"
    with pytest.raises(SkeletonError, match=r"names lHand, .*the joints here are hip"):
        skeleton.find_maps(tuple(name for name in names if name not in ("lHand", "lShin")), source)
    wrong = tmp_path / "map.yaml"
    wrong.write_text(source.read_text().replace("neck: neck", "").replace("torso: z x y", "torso: z y x"))
    with pytest.raises(SkeletonError, match=r"neck is missing; frames: torso needs"):
        skeleton.load_map(wrong)
    wrong.write_text("just text")
    with pytest.raises(SkeletonError, match="expected a mapping"):
        skeleton.load_map(wrong)

"""Units, axes and facing: found or given, never guessed; and filters that do not delay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.skeletons import walking, write_bvh
from training.motion import bvh, capture, skeleton, smoothing
from training.motion.capture import CaptureError

FAMILIES = {known.family: known for known in skeleton.known_maps()}


def posed(path):
    """A file's joints over time."""
    found = bvh.read(path)
    positions, rotations = found.pose()
    return capture.Posed(found.names, found.parents, found.offsets, positions, rotations, found.rate)


@pytest.fixture(scope="module")
def daz(tmp_path_factory):
    """Three seconds of walking as a CMU file, centimetres, y up."""
    path = tmp_path_factory.mktemp("daz") / "clip.bvh"
    write_bvh(path, FAMILIES["cmu_daz"], walking())
    return posed(path)


def imported(source, **given):
    """The capture of a posed CMU file."""
    return capture.import_posed(source, [FAMILIES["cmu_daz"]], given.get("unit_to_m"), given.get("up"))


def test_unit_and_up_are_found(daz):
    """Centimetres and y up; a neck a metre and more above the ankles along z; facing along x."""
    found = imported(daz)
    assert (found.found["unit_to_m"], found.found["up"]) == (0.01, "+y")
    assert found.leg == pytest.approx(0.421546 + 0.409870, abs=1e-4)
    assert 1.1 < (found.point("neck") - found.point("left_ankle"))[:, 2].mean() < 1.4
    np.testing.assert_allclose(found.trunk[:, 0], np.tile(np.eye(3), (90, 1, 1)), atol=1e-4)
    np.testing.assert_allclose(found.spine, [0, 0, 0.223894], atol=1e-4)


@pytest.mark.parametrize(("scale", "unit"), [(0.01, 1.0), (0.1, 0.1), (10.0, 0.001), (1 / 2.54, 0.0254)])
def test_units_by_the_length_of_the_legs(daz, scale, unit):
    """The same walk in metres, decimetres, millimetres and inches."""
    found = imported(replace(daz, positions=daz.positions * scale, offsets=daz.offsets * scale))
    assert found.found["unit_to_m"] == pytest.approx(unit)


def test_ambiguous_unit_asks(daz):
    """Legs of 21 units are no length of legs in any unit: the message says which number to give; given, it is taken."""
    strange = replace(daz, positions=daz.positions * 0.25, offsets=daz.offsets * 0.25)
    with pytest.raises(CaptureError, match=r"20\.8 units .*give unit_to_m \(about 0\.0399\)"):
        imported(strange)
    assert imported(strange, unit_to_m=0.04).leg == pytest.approx(0.8314, abs=1e-3)


def test_lying_body_asks_for_up(daz):
    """A body that lies at 45° between two axes has no up-axis; given, it is taken; nonsense is refused."""
    turn = np.array([[1.0, 0, 0], [0, 0.7071, -0.7071], [0, 0.7071, 0.7071]])
    lying = replace(daz, positions=daz.positions @ turn.T)
    with pytest.raises(CaptureError, match="give up=y or up=z"):
        imported(lying)
    assert capture.find_up(lying.positions[:, :19], "-Y") == ("-y", "given")
    with pytest.raises(CaptureError, match="expected x, y or z"):
        capture.find_up(lying.positions, "w")


def test_swapped_sides_are_refused(daz):
    """Left joints named right: hips that face away from the toes."""
    joints = FAMILIES["cmu_daz"].joints
    swapped = {name: joints[name.translate(str.maketrans({})).replace("left", "#").replace("right", "left")
                            .replace("#", "right")] for name in joints}  # fmt: skip
    with pytest.raises(CaptureError, match=r"as cmu_daz: .*toes point backwards.*left and right swapped"):
        capture.import_posed(daz, [replace(FAMILIES["cmu_daz"], joints=swapped)], None, None)


@pytest.mark.parametrize("family", ["mixamo", "rokoko"])
def test_families_of_the_same_names_are_told_by_their_axes(tmp_path, family):
    """Mixamo without its prefix has Rokoko's names; the torso's axes decide."""
    write_bvh(tmp_path / "clip.bvh", FAMILIES[family], walking(30))
    source = posed(tmp_path / "clip.bvh")
    maps = skeleton.find_maps(source.names)
    assert {known.family for known in maps} == {"mixamo", "rokoko"}
    assert capture.import_posed(source, maps, None, None).found["family"] == family


def test_low_pass_delays_nothing(daz):
    """Of 1 Hz and 12 Hz shaking, 6 Hz leave the first as it is in time and height and a twentieth of the second."""
    t = np.arange(300) / 60.0
    slow, fast = np.sin(2 * np.pi * t), np.sin(2 * np.pi * 12 * t)
    base = imported(daz)
    points = np.zeros((300, 19, 3))
    points[..., 2] = (slow + 0.1 * fast)[:, None]
    wide = replace(
        base, rate=60.0, points=points, joints=points, trunk=np.tile(np.eye(3), (300, 3, 1, 1)),
        ankles=np.tile(np.eye(3), (300, 2, 1, 1)),
    )  # fmt: skip
    found = smoothing.low_pass(wide, 6.0).points[:, 0, 2]
    assert np.abs(found - slow)[30:-30].max() < 0.1 / 20 + 0.002


def test_jumps_cut_and_short_pieces_go(daz):
    """A hip that jumps by a metre after 20 and after 80 of 90 frames at 30 Hz leaves frames 20 to 79."""
    base = imported(daz)
    points = base.points.copy()
    points[20:, :, 0] += 1.0
    points[80:, :, 0] += 1.0
    assert list(smoothing.pieces(replace(base, points=points), 1.0)) == [(20, 80)]
    assert smoothing.thin(replace(base, rate=120.0)).rate == 60.0

"""Skeleton files beside clips: round trip, and damage that is named."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.recording import RecordingError
from runtime.skeleton import MAGIC, Skeleton, load_skeleton, save_skeleton


def two_bones(frames=4):
    """A root, a child and its child that climb by a metre a frame."""
    positions = np.zeros((frames, 3, 3)) + np.arange(3)[:, None] * [0.0, 0.0, 0.5]
    positions[..., 2] += np.arange(frames)[:, None]
    return Skeleton(60.0, ("root", "spine", "head"), (-1, 0, 1), positions, 1.1, "made/it", "none")


def test_round_trip(tmp_path):
    """What is saved is loaded, positions as float32."""
    save_skeleton(tmp_path / "a.skeleton", two_bones())
    found = load_skeleton(tmp_path / "a.skeleton")
    assert len(found) == 4 and (found.rate, found.names, found.parents) == (60.0, ("root", "spine", "head"), (-1, 0, 1))
    assert (found.scale, found.source, found.licence) == (1.1, "made/it", "none")
    np.testing.assert_allclose(found.positions, two_bones().positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((4, 2, 3))}, r"expected \(T > 0, 3, 3\)"),
        ({"positions": np.full((4, 3, 3), np.nan)}, "not finite"),
        ({"parents": (-1, 0, 2)}, "one earlier joint"),
        ({"rate": 0.0}, "rate 0.0 Hz"),
    ],
)
def test_nonsense_is_refused(change, message):
    """Shapes, finiteness, the order of joints, the rate."""
    with pytest.raises(ValueError, match=message):
        Skeleton(**{**vars(two_bones()), **change})


def test_damaged_files_are_named(tmp_path):
    """Another magic, a torn tail, bytes that are no msgpack, a size beyond its bound."""
    path = tmp_path / "a.skeleton"
    save_skeleton(path, two_bones())
    whole = path.read_bytes()
    for content, message in (
        (b"NOTASKEL" + whole[8:], "begins with"),
        (whole[:-5], r"positions"),
        (whole[:40], r"header"),
        (MAGIC + b"\xff\xff\xff\x7f" + whole[12:], "header of 1 to"),
        (whole.replace(b"smp-skeleton", b"smp-skeletor"), "smp-skeleton version 1"),
    ):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=message) as caught:
            load_skeleton(path)
        assert str(path) in str(caught.value)

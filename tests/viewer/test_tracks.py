import itertools

import numpy as np
import pytest

from viewer.files import next_free
from viewer.scene import COLORS
from viewer.tracks import TRAIL_SECONDS, Trails


def walked(trails: Trails, seconds: float, start: float = 0.0) -> None:
    """Two characters that walk along x at 1 and 2 m/s, seen sixty times a second."""
    for step in range(round(seconds * 60)):
        time = start + step / 60
        trails.add(time, np.array([[time, 0.0, 0.9], [2.0 * time, 1.0, 0.9]]))


def test_a_trail_joins_where_its_character_was():
    """Stroke by stroke, in the character's colour, on the ground."""
    trails = Trails()
    walked(trails, 1.0)
    strokes = trails.decals(1.0)
    assert len(strokes) == 18  # ten points each, every tenth of a second
    first, second = strokes[:9], strokes[9:]
    for one, other in itertools.pairwise(first):
        np.testing.assert_array_equal(one.end, other.start)
    assert first[-1].end[0] == pytest.approx(0.9, abs=0.03)
    assert second[-1].end[0] == pytest.approx(1.8, abs=0.06)
    np.testing.assert_array_equal(first[0].color, COLORS[0])
    np.testing.assert_array_equal(second[0].color, COLORS[1])


def test_a_trail_fades_and_ends():
    """The newest stroke is the strongest, and after six seconds it is gone."""
    trails = Trails()
    walked(trails, 20.0)
    strokes = trails.decals(20.0)[: len(trails.decals(20.0)) // 2]
    opacity = [stroke.opacity for stroke in strokes]
    assert opacity == sorted(opacity)
    assert 0.0 <= opacity[0] < 0.02 < 0.5 < opacity[-1]
    assert strokes[0].start[0] >= 20.0 - TRAIL_SECONDS - 0.2


def test_a_reset_starts_a_new_trail():
    """Time that goes back does not draw a stroke across the world."""
    trails = Trails()
    walked(trails, 3.0)
    walked(trails, 0.5)
    assert max(stroke.end[0] for stroke in trails.decals(0.5)) < 1.0


def test_files_get_the_next_free_name(tmp_path):
    """The folder is made, nothing is overwritten."""
    folder = tmp_path / "a" / "b"
    assert next_free(folder, "viewer", ".png") == folder / "viewer-001.png"
    (folder / "viewer-001.png").touch()
    (folder / "viewer-002.png").touch()
    assert next_free(folder, "viewer", ".png") == folder / "viewer-003.png"
    assert next_free(folder, "viewer", ".mp4") == folder / "viewer-001.mp4"

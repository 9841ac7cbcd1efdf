"""The two sides of a prior's data: other performances, or the same ones at other speeds."""

from __future__ import annotations

import pytest

from tests.training.conftest import sliding
from training.config import ConfigError, PriorConfig
from training.motion.dataset import Clip
from training.prior.data import sides

CLIP = Clip(sliding(0, 1.0), "walk", "train", "g", 1.0)


def test_a_single_performance_is_judged_between():
    """Learned as it is, judged at .97 and 1.03 of its speed under two other names."""
    known, unknown = sides([CLIP], "between", "made")
    assert known == [CLIP]
    assert [clip.motion.rate for clip in unknown] == pytest.approx([29.1, 30.9])
    assert [clip.group for clip in unknown] == ["g × 0.97", "g × 1.03"]
    assert unknown[1].speed == pytest.approx(1.03)


def test_without_a_second_side_clips_are_refused():
    """The remedy is named; an unknown rule is refused with those there are."""
    with pytest.raises(ConfigError, match=r"made: .* found none held_out \(prior\.held_out=between"):
        sides([CLIP], "clips", "made")
    with pytest.raises(ConfigError, match="made: expected clips, found none"):
        sides([], "between", "made")
    with pytest.raises(ConfigError, match=r"prior\.held_out is 'some': expected one of clips, between"):
        PriorConfig(name="x", held_out="some")

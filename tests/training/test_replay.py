"""The ring of a policy's latest windows."""

from __future__ import annotations

import pytest
import torch

from training.prior.replay import Replay


def rows(*numbers: int) -> torch.Tensor:
    """One row of one number each."""
    return torch.tensor(numbers).float().unsqueeze(1)


def test_the_oldest_go():
    """Of 5 + 3 + 9 rows a ring of six keeps the last six."""
    replay = Replay(6, 1)
    for first, last in ((0, 5), (5, 8), (8, 17)):
        replay.add(rows(*range(first, last)))
    assert sorted(replay.rows.flatten().tolist()) == [11, 12, 13, 14, 15, 16]


def test_half_of_a_draw_is_fresh():
    """Of 400 drawn, 200 are of the two rows added since `settle`, and the others of all six that are kept."""
    replay, generator = Replay(6, 1), torch.Generator().manual_seed(0)
    replay.add(rows(0, 1, 2, 3, 4, 5))
    replay.settle()
    replay.add(rows(6, 7))
    drawn = replay.draw(400, generator).flatten()
    assert set(drawn[:200].tolist()) == {6.0, 7.0} and set(drawn[200:].tolist()) == {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}
    assert len(replay.draw(5, generator)) == 5


def test_a_ring_that_is_not_full_gives_what_it_has():
    """Two rows of room for six: nothing that was never added comes out."""
    replay = Replay(6, 1)
    replay.add(rows(8, 9))
    assert set(replay.draw(100, torch.Generator().manual_seed(0)).flatten().tolist()) == {8.0, 9.0}
    with pytest.raises(ValueError, match="no windows of the policy yet"):
        Replay(6, 1).draw(1, torch.Generator())


def test_state_and_restore():
    """Another ring given the state draws the same; the state is a copy."""
    one, other = Replay(6, 1), Replay(6, 1)
    one.add(rows(*range(5)))
    one.add(rows(5, 6, 7))
    kept = one.state()
    one.settle()
    one.add(rows(99))
    other.restore(kept)
    assert (other.count, other.fresh) == (8, 8)
    assert sorted(other.rows.flatten().tolist()) == [2, 3, 4, 5, 6, 7]

"""Rows chosen by gathering (CPU) and by masking (GPU) come to the same."""

from __future__ import annotations

import pytest
import torch

from training.rows import Rows

MASK = torch.tensor([False, True, False, True])


@pytest.mark.parametrize("gathered", [True, False])
def test_take_and_put_touch_the_chosen_alone(gathered):
    """Rows 1 and 3 of four are doubled, of numbers, of vectors and of a transposed view; the others stay."""
    rows = Rows(MASK, gathered)
    for shape in ((4,), (4, 2), (4, 2, 3)):
        target = torch.arange(24.0)[: torch.Size(shape).numel()].view(shape)
        expected = torch.where(MASK.view(-1, *[1] * (len(shape) - 1)), 2 * target, target)
        rows.put(target, 2 * rows.take(target))
        assert torch.equal(target, expected)
    ring = torch.zeros(3, 4)
    rows.put(ring.transpose(0, 1), torch.ones(len(rows), 3))
    assert torch.equal(ring, MASK.float().expand(3, 4))


def test_the_work_is_for_the_chosen_or_for_all():
    """Two of four rows are two to work for when gathered, four under a mask, whose number nobody asked for."""
    assert (len(Rows(MASK, True)), Rows(MASK, True).where.tolist()) == (2, [1, 3])
    assert (len(Rows(MASK, False)), Rows(MASK, False).where.tolist()) == (4, MASK.tolist())
    assert len(Rows(torch.zeros(4, dtype=torch.bool), True)) == 0


def test_a_cpu_gathers():
    """On the CPU the rows are gathered: a task there draws random numbers for the chosen alone."""
    assert len(Rows.of(MASK)) == 2


@pytest.mark.parametrize("gathered", [True, False])
def test_numbers_become_what_the_target_holds(gathered):
    """Float rows go into an integer target by truncation, as assignment does."""
    target = torch.zeros(4, dtype=torch.int64)
    rows = Rows(MASK, gathered)
    rows.put(target, torch.full((len(rows),), 2.7))
    assert target.tolist() == [0, 2, 0, 2]

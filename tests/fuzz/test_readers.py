"""A little of the fuzzing in every run of the tests; `make fuzz` does much more."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.campaign import outcome
from tests.fuzz.mutate import spoil_bytes, spoil_tree
from tests.fuzz.readers import READERS, make_input, seeds

SLOW = {"shipped", "replay", "snapshot"}


def check(name: str, content: bytes, folder: Path) -> None:
    """Read an input: it must be accepted or refused."""
    path = folder / "input"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        assert outcome(READERS[name], path)[0] in ("accepted", "refused"), outcome(READERS[name], path)


@pytest.mark.parametrize("name", sorted(READERS))
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(number=st.integers(0, 2**32))
def test_spoiled_inputs_are_accepted_or_refused(name: str, tmp_path: Path, number: int) -> None:
    """A hundred inputs for every reader (ten for slow ones): nothing but the reader's own error comes out."""
    if name not in SLOW or number % 10 == 0:
        check(name, make_input(name, 1234, number), tmp_path)


@pytest.mark.parametrize("name", sorted(set(READERS) - SLOW))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300), keep=st.integers(0, 64))
def test_noise_is_refused(name: str, tmp_path: Path, noise: bytes, keep: int) -> None:
    """Random bytes, and random bytes behind a good beginning."""
    check(name, seeds(name)[0][:keep] + noise, tmp_path)


@pytest.mark.parametrize("name", sorted(set(READERS) - SLOW))
def test_every_truncation_is_accepted_or_refused(name: str, tmp_path: Path) -> None:
    """A good input cut after each of its first 200 bytes, and at 50 places further on."""
    content = seeds(name)[0]
    for end in {*range(min(200, len(content))), *range(200, len(content), max(1, len(content) // 50))}:
        check(name, content[:end], tmp_path)


def test_an_input_can_be_made_again() -> None:
    """The same name, seed and number are the same bytes; another number others."""
    assert make_input("motion", 1, 2) == make_input("motion", 1, 2)
    assert len({make_input("motion", 1, number) for number in range(50)}) > 45


def test_spoiling_leaves_the_good_input_alone() -> None:
    """Trees and bytes are copied before they are changed."""
    rng, tree, content = random.Random(0), {"a": [1, {"b": 2.0}]}, b"abcdef"
    for _ in range(100):
        spoil_tree(tree, rng)
        spoil_bytes(content, rng, [content])
    assert tree == {"a": [1, {"b": 2.0}]} and content == b"abcdef"

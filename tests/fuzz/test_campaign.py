"""The fuzzer itself: it must see what it is there to see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import campaign
from tests.fuzz.readers import READERS, Reader, make_input

ROOT = Path(__file__).parents[2]


def reader(read: Callable[[Path], object]) -> Reader:
    """The motion reader's inputs for another function."""
    return Reader(read, (KeyError,), READERS["motion"].seeds, READERS["motion"].spoil)


def numbered(number: int) -> bytes:
    """What input `number` looks like."""
    return make_input("motion", 0, number)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> None:
    """Faulty inputs are kept below the working folder."""
    monkeypatch.chdir(tmp_path)


def test_outcomes_are_told_apart() -> None:
    """Of ten inputs number 2 is refused and number 5 raises something else: 8 accepted, 1 refused, 1 fault, kept."""

    def read(path: Path) -> None:
        if path.read_bytes() == numbered(2):
            raise KeyError("no")
        if path.read_bytes() == numbered(5):
            raise RuntimeError("oh")

    report = campaign.run("motion", 10, reader=reader(read))
    assert dict(report.counts) == {"accepted": 8, "refused": 1, "fault": 1} and not report.clean
    assert [numbers for what, numbers in report.faults.items() if "RuntimeError at test_campaign.py" in what] == [[5]]
    assert Path("out/fuzz/motion/0-5").read_bytes() == numbered(5)


def test_a_crash_costs_one_input() -> None:
    """Number 3 kills the process: it is counted and kept, and the other nine are read all the same."""

    def read(path: Path) -> None:
        if path.read_bytes() == numbered(3):
            os.kill(os.getpid(), signal.SIGSEGV)

    report = campaign.run("motion", 10, reader=reader(read))
    assert dict(report.counts) == {"accepted": 9, "crash": 1}
    assert report.faults == {"crash: exit code -11": [3]}
    assert Path("out/fuzz/motion/0-3").read_bytes() == numbered(3)


def test_a_hang_costs_one_input(monkeypatch) -> None:
    """Number 4 never ends: it is given up, and the other five are read all the same."""
    monkeypatch.setattr(campaign, "HANG_SECONDS", 1.0)

    def read(path: Path) -> None:
        if path.read_bytes() == numbered(4):
            time.sleep(1000)

    report = campaign.run("motion", 6, reader=reader(read))
    assert dict(report.counts) == {"accepted": 5, "hang": 1}


def test_hunger_for_memory_is_a_fault(monkeypatch) -> None:
    """An input that makes the reader ask for a terabyte meets the worker's bound."""
    report = campaign.run("motion", 1, reader=reader(lambda path: bytearray(10**12)))
    assert any("MemoryError" in what for what in report.faults)


def test_warnings_and_unprintable_messages_are_faults() -> None:
    """A numpy warning fails a host that runs with -W error; a lone surrogate fails whoever prints the message."""
    import numpy as np

    report = campaign.run("motion", 1, reader=reader(lambda path: np.float64(1.0) / np.float64(0.0)))
    assert any("RuntimeWarning" in what for what in report.faults)

    def read(path: Path) -> None:
        raise UnprintableError("\ud800")

    report = campaign.run("motion", 1, reader=Reader(read, (UnprintableError,), READERS["motion"].seeds, numb))
    assert report.faults == {"fault: a message that cannot be printed": [0]}


class UnprintableError(Exception):
    """Prints its argument as it is."""


def numb(content: bytes, *_: object) -> bytes:
    """Spoil nothing."""
    return content


def test_the_command_reports_counts() -> None:
    """`python -m tests.fuzz motion --inputs 200 --workers 2`: one line with the counts, status 0."""
    command = [sys.executable, "-m", "tests.fuzz", "motion", "--inputs", "200", "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "motion: 200 inputs" in done.stdout and "refused" in done.stdout
    done = subprocess.run([*command[:3], "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "unknown reader nothing" in done.stderr

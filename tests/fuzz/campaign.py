"""Runs a reader on many spoiled inputs in a process of its own, and counts what becomes of each.

    accepted   the change did no harm
    refused    the reader's own error, one that can be printed and is short
    fault      any other exception: to be fixed
    crash      the process died (a segmentation fault, say)
    hang       one input took more than `HANG_SECONDS`

A worker writes the number of the input it is at into shared memory before it reads it. When it dies or hangs, the
parent notes that number and starts another worker behind it, so that one crash does not end the run. Inputs that did
any of the last three are kept in `out/fuzz/READER/`, named by their number.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing as mp
import resource
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.readers import READERS, Reader, make_input, seeds

HANG_SECONDS = 60.0
MEMORY_BYTES = 8 * 1024**3  # a worker's address space: what stands between a fault and the machine
MAX_MESSAGE = 100_000  # characters


@dataclass
class Report:
    """What became of the inputs of one reader."""

    reader: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    """Input numbers by error and place; crashes and hangs are here, too."""
    seconds: float = 0.0
    slowest: float = 0.0
    """s, the longest that one input took."""
    memory: float = 0.0
    """MB, the most that a worker held more than before its first input."""

    @property
    def inputs(self) -> int:
        """How many were read."""
        return sum(self.counts.values())

    @property
    def clean(self) -> bool:
        """Whether every input was accepted or refused."""
        return not self.faults

    def add(self, kind: str, number: int, what: str = "") -> None:
        """Count one input."""
        self.counts[kind] += 1
        if what:
            self.faults.setdefault(f"{kind}: {what}", []).append(number)


def run(name: str, inputs: int, seed: int = 0, first: int = 0, reader: Reader | None = None) -> Report:
    """Read inputs `first` to `first + inputs - 1`; `reader` stands in for the one of that name."""
    report, start = Report(name), time.perf_counter()
    seeds(name)  # made once, here: workers are forked
    at, end = first, first + inputs
    while at < end:
        at = _run_worker(report, (name, seed, at, end, reader or READERS[name]))
    report.seconds = time.perf_counter() - start
    return report


def _run_worker(report: Report, job: tuple[str, int, int, int, Reader]) -> int:
    """Run one worker until it is through or is lost; returns the number of the next input."""
    context = mp.get_context("fork")
    progress: Any = context.Array(ctypes.c_double, 2, lock=False)  # input number, time it began
    progress[:] = (job[2], time.monotonic())
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(*job, progress, theirs))
    worker.start()
    theirs.close()
    while True:
        if ours.poll(0.5):
            try:
                done = ours.recv()
            except EOFError:
                worker.join()
                return _lost(report, "crash", f"exit code {worker.exitcode}", int(progress[0]), job)
            report.slowest, report.memory = max(report.slowest, done["slowest"]), max(report.memory, done["memory"])
            for kind, number, what in done["outcomes"]:
                report.add(kind, number, what)
            if done["last"]:
                worker.join()
                return job[3]
        if time.monotonic() - progress[1] > HANG_SECONDS:
            worker.kill()
            worker.join()
            return _lost(report, "hang", f"more than {HANG_SECONDS:g} s", int(progress[0]), job)


def _lost(report: Report, kind: str, what: str, number: int, job: tuple[str, int, int, int, Reader]) -> int:
    """Count and keep the input that a worker was lost at; returns the number of the next one."""
    report.add(kind, number, what)
    _keep(job[0], job[1], number)
    return min(number + 1, job[3])


def _keep(name: str, seed: int, number: int) -> None:
    folder = Path("out/fuzz") / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{seed}-{number}").write_bytes(make_input(name, seed, number))


def _work(
    name: str,
    seed: int,
    first: int,
    end: int,
    reader: Reader,
    progress: Any,
    pipe: Connection,
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # the parent reports crashes
    warnings.simplefilter("error")  # a host program may run with -W error
    warnings.simplefilter("ignore", UserWarning)  # a goal clamped to its range: meant to be seen, not a fault
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes, slowest = [], 0.0
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        path = Path(folder) / "input"
        for number in range(first, end):
            content = make_input(name, seed, number)
            path.write_bytes(content)
            began = time.monotonic()
            progress[:] = (number, began)
            kind, what = outcome(reader, path)
            slowest = max(slowest, time.monotonic() - began)
            if what:
                _keep(name, seed, number)
            outcomes.append((kind, number, what))
            last = number == end - 1
            # One by one while nothing is known; a crash loses at most what has not been sent.
            pipe.send(
                {"outcomes": outcomes, "slowest": slowest, "last": last,
                 "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}
            )  # fmt: skip
            outcomes = []


def outcome(reader: Reader, path: Path) -> tuple[str, str]:
    """Read one input: what became of it, and for a fault the error and its place."""
    try:
        reader.read(path)
    except reader.refusal as refused:
        message = str(refused)
        try:
            message.encode()
        except UnicodeEncodeError:
            return "fault", "a message that cannot be printed"
        return ("refused", "") if 0 < len(message) < MAX_MESSAGE else ("fault", f"a message of {len(message)} letters")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "fault", f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    return "accepted", ""

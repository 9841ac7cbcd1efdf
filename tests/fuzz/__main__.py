"""`python -m tests.fuzz [READER ...] [--inputs N]`: spoiled inputs for every reader, counts of what became of them.

Status 0 when every input was accepted or refused. `--workers 2` shares each reader's inputs between two processes.
An input that did worse is named by its number: `--only NUMBER` reads that one in this process, with its traceback.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.campaign import Report, run
from tests.fuzz.readers import READERS, make_input


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the readers of foreign bytes.")
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; default all")
    parser.add_argument("--inputs", type=int, default=100_000, help="for each reader (default 100000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="read this input alone, here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    options = parser.parse_args()
    if unknown := set(options.readers) - set(READERS):
        parser.error(f"unknown reader {', '.join(sorted(unknown))}; expected some of {', '.join(READERS)}")
    names = options.readers or list(READERS)
    if options.only is not None:
        return _read_one(names[0], options.seed, options.only)
    reports = []
    for name in names:
        reports.append(_shared(name, options.inputs, options.seed, options.workers))
        _print(reports[-1])
    if options.json:
        options.json.write_text(json.dumps([vars(report) for report in reports], indent=1) + "\n")
    return 0 if all(report.clean for report in reports) else 1


def _shared(name: str, inputs: int, seed: int, workers: int) -> Report:
    """Share the inputs of a reader among processes, each watched by a thread."""
    bounds = [inputs * part // workers for part in range(workers + 1)]
    jobs = [(first, last - first) for first, last in itertools.pairwise(bounds)]
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(lambda job: run(name, job[1], seed, job[0]), jobs))
    total = Report(name, sum((part.counts for part in parts), Counter()))
    for part in parts:
        for what, numbers in part.faults.items():
            total.faults.setdefault(what, []).extend(numbers)
    for figure in ("seconds", "slowest", "memory"):
        setattr(total, figure, max(getattr(part, figure) for part in parts))
    return total


def _print(report: Report) -> None:
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.most_common())
    print(
        f"{report.reader}: {report.inputs} inputs in {report.seconds:.0f} s: {counts}; "
        f"slowest {1e3 * report.slowest:.0f} ms, {report.memory:.0f} MB more",
        flush=True,
    )
    for what, numbers in sorted(report.faults.items(), key=lambda item: -len(item[1])):
        print(f"  {len(numbers)} × {what}; --only {numbers[0]}", flush=True)


def _read_one(name: str, seed: int, number: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input"
        path.write_bytes(make_input(name, seed, number))
        try:
            print(READERS[name].read(path))
        except READERS[name].refusal as refused:
            print(f"refused: {refused}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

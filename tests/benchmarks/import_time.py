"""CPU time of `import runtime` in fresh processes.

    python tests/benchmarks/import_time.py

Prints JSON: the CPU seconds (user and system, all threads) that `import runtime` takes on top of starting Python,
of ten processes after one that warms the file cache.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = "import time; start = time.process_time(); import runtime; print(time.process_time() - start)"
RUNS = 10


def main() -> None:
    """Measure and print."""
    command = [sys.executable, "-c", PROGRAM]
    seconds = [
        float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for _ in range(RUNS + 1)
    ][1:]
    median, worst = round(statistics.median(seconds), 3), round(max(seconds), 3)
    print(json.dumps({"import runtime": {"median_cpu_s": median, "max_cpu_s": worst, "runs": RUNS}}))


if __name__ == "__main__":
    main()

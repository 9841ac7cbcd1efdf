"""`python -m tests.fuzz.guided READER [-max_total_time=60] [-runs=N]`: fuzzing that follows the reader's own branches.

Needs the extra `fuzz` (atheris, which wraps libFuzzer): it watches which Python code an input reaches and keeps inputs
that reach more. The arguments after the reader's name are libFuzzer's; inputs found interesting are kept in
`out/fuzz/corpus/READER`. An exception that is not the reader's own ends the run with the input in a file.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import atheris


def main() -> None:
    """Run the command."""
    with atheris.instrument_imports(include=["runtime", "training.motion.bvh", "msgpack", "json"]):
        from tests.fuzz.campaign import outcome
        from tests.fuzz.readers import READERS, seeds
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        sys.exit(f"expected a reader: {', '.join(READERS)}")
    name = sys.argv.pop(1)
    corpus = Path("out/fuzz/corpus") / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(name)):
        (corpus / f"seed{number}").write_bytes(content)
    longest = max(2 * len(content) for content in seeds(name))
    path = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)) / "input"
    warnings.simplefilter("ignore", UserWarning)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        kind, what = outcome(READERS[name], path)
        if kind == "fault":
            raise AssertionError(what)

    atheris.Setup([*sys.argv, f"-max_len={longest}", str(corpus)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

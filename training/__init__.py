"""Offline: motion capture to a frozen score-matching motion prior, and task policies trained against it.

Each step is a module to run, configured by Hydra: `prepare` (clips), `pretrain` (a prior), `audit` (its figures),
`run` (a task policy), `evaluate` (an exported controller's figures). What comes out are ONNX files that
`runtime` loads; nothing here is imported there.
"""

import sys
from importlib.util import find_spec

NEEDED = ("torch", "hydra", "omegaconf", "rsl_rl", "onnx", "onnxscript", "tensorboard", "rich", "mink", "scipy")
"""Modules of the extra `train`, without which no command starts."""


def missing() -> str:
    """Say in one sentence what is not installed and how to install it; empty where all is there."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    return f'training needs {", ".join(absent)}: pip install "smp-runtime[train]"' if absent else ""


if sys.argv[0] == "-m" and (lacking := missing()):  # python -m training.COMMAND, before the command's own imports
    print(lacking, file=sys.stderr)
    raise SystemExit(2)

"""The runtime is light to import and its public names are those of docs/api.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import runtime

ROOT = Path(__file__).parents[1]
HEAVY = {
    "torch", "hydra", "omegaconf", "rsl_rl", "pyglet", "training", "viewer", "scipy", "onnx", "onnxscript",
    "tensorboard", "rich", "matplotlib", "PIL", "imageio_ffmpeg", "mink", "pybvh", "websockets", "gymnasium",
}  # fmt: skip


def test_import_runtime_is_light() -> None:
    """A fresh process that imports `runtime` has loaded nothing of training, viewer or their libraries."""
    program = "import json, sys, runtime; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"runtime", "mujoco", "onnxruntime", "msgpack"} <= loaded  # the check looks at the right process
    assert not loaded & HEAVY


def test_public_names_are_those_of_the_page() -> None:
    """`runtime.__all__` is the list in docs/api.md under its marker, and every name is there."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    section = re.search(r"<!-- runtime\.__all__ -->\n\n((?:[-*] .*\n|[ ]+.*\n)+)", text)
    assert section, "docs/api.md has no list after <!-- runtime.__all__ -->"
    names = re.findall(r"^[-*] `(\w+)`", section[1], flags=re.MULTILINE)
    assert sorted(names) == sorted(runtime.__all__)
    assert all(hasattr(runtime, name) for name in runtime.__all__)

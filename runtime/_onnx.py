"""Opening an ONNX file of ours: one file of bounded size, with our metadata in it and the graph its contract asks for.

Shared by controllers and priors. `open_file` raises when there is no graph or no metadata to look at; every other
check returns the `Problem`s it saw, so that a loader can report all of them at once.

ONNX Runtime gets one thread and never spins: with its defaults a controller of a few hundred kFLOP keeps a core busy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from runtime.contract import ContractError, Problem

MAX_FILE_BYTES = 256 * 1024 * 1024
CPU = ("CPUExecutionProvider",)

_REEXPORT = "export it again with this version of the program"


def open_file(
    path: Path, key: str, providers: Sequence[str], error: type[ContractError]
) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """Open the graph in `path` and parse the metadata under `key`, or raise `error`."""
    content, problems = _read(path)
    session = None
    if not problems:
        session, problems = _open_session(content, providers)
    if session is None:
        raise error(path, problems)
    metadata, problems = _read_metadata(session, key)
    if problems:
        raise error(path, problems)
    return session, metadata


def _read(path: Path) -> tuple[bytes, list[Problem]]:
    """Read a whole file, unless it is missing or larger than `MAX_FILE_BYTES`."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return b"", [Problem("file", f"at most {MAX_FILE_BYTES} bytes", f"{size} bytes", "give an exported file")]
        return path.read_bytes(), []
    except OSError as error:
        return b"", [Problem("file", "an ONNX file", error.strerror or str(error), "check the path")]


def _open_session(
    content: bytes, providers: Sequence[str]
) -> tuple[onnxruntime.InferenceSession | None, list[Problem]]:
    """Open a graph, which must hold its weights itself, on the given ONNX Runtime providers."""
    available = onnxruntime.get_available_providers()
    missing = [provider for provider in providers if provider not in available]
    if missing or not providers:
        remedy = "install onnxruntime-gpu (the extra `gpu`) for CUDA, or leave `providers` out"
        return None, [Problem("providers", f"some of {available}", str(list(providers)), remedy)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; the log would print it a second time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A folder that cannot exist: weights outside the file are never found, so never read.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        return onnxruntime.InferenceSession(content, options, providers=list(providers)), []
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        if "xternal data" in str(error):
            found, remedy = "weights in external files", "save the model without external data"
            return None, [Problem("graph", "one file that holds its weights", found, remedy)]
        return None, [Problem("graph", "an ONNX graph", str(error), _REEXPORT)]


def _read_metadata(session: onnxruntime.InferenceSession, key: str) -> tuple[dict[str, Any], list[Problem]]:
    """Parse the JSON object under `key` of a graph's metadata."""
    text = session.get_modelmeta().custom_metadata_map.get(key)
    field = f"metadata {key!r}"
    if text is None:
        return {}, [Problem(field, "a JSON object", "no such entry", f"give an exported {key} file")]
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, [Problem(field, "a JSON object", f"no JSON: {error}", _REEXPORT)]
    if not isinstance(metadata, dict):
        return {}, [Problem(field, "a JSON object", type(metadata).__name__, _REEXPORT)]
    return metadata, []


def check_tensors(
    kind: str, found: Sequence[onnxruntime.NodeArg], expected: Mapping[str, tuple[int, ...]], *, ordered: bool = True
) -> list[Problem]:
    """Check a graph's inputs or outputs: names in order, float32, a free batch axis and then the expected shape.

    Args:
        kind: "input" or "output", for the messages.
        found: what the session reports.
        expected: trailing shape by name; -1 allows any fixed size.
        ordered: whether the order counts.
    """
    names = [tensor.name for tensor in found]
    wanted = list(expected)
    if (names if ordered else sorted(names)) != (wanted if ordered else sorted(wanted)):
        return [Problem(f"graph {kind}s", str(wanted), str(names), _REEXPORT)]
    problems = []
    for tensor in found:
        field, shape = f"graph {kind} {tensor.name}", expected[tensor.name]
        if tensor.type != "tensor(float)":
            problems.append(Problem(field, "float32", tensor.type, _REEXPORT))
        batch, rest = tensor.shape[:1], tensor.shape[1:]
        fits = len(rest) == len(shape) and all(
            have == want or (want == -1 and isinstance(have, int)) for have, want in zip(rest, shape, strict=True)
        )
        if not batch or isinstance(batch[0], int) or not fits:
            wanted_shape = ", ".join(["batch", *(str(size) if size >= 0 else "any" for size in shape)])
            problems.append(Problem(field, f"shape [{wanted_shape}]", str(tensor.shape), _REEXPORT))
    return problems


def run(
    session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Run a graph once; outputs by name, or the problem that ONNX Runtime had with it."""
    names = [tensor.name for tensor in session.get_outputs()]
    try:
        outputs = session.run(names, dict(inputs))
    except Exception as error:  # see _open_session
        return {}, [Problem("graph", "one that runs", str(error), _REEXPORT)]
    return {name: np.asarray(output) for name, output in zip(names, outputs, strict=True)}, []

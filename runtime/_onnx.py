"""Opening an ONNX file of ours: one file of bounded size, with our metadata in it and the graph its contract asks for.

Shared by controllers and priors. `open_file` raises when there is no graph or no metadata to look at; every other
check returns the `Problem`s it saw, so that a loader can report all of them at once.

A file from somebody else may be hostile, and ONNX Runtime by itself would let it take all memory or run for ever. So:

1. size, structure and operators are checked by our own reader (_graph.py) before ONNX Runtime gets a byte: no loops,
   no custom operators, no files beside it, no weights shorter than their shape;
2. the tensors of all our sessions lie in one arena of at most `MAX_TENSOR_BYTES`; a graph that wants more fails with
   an error (without it, a graph of 300 bytes takes 4 GB). Results that ONNX Runtime computes while it loads lie
   outside; each is at most `MAX_FOLDED_BYTES`, and their number is that of the nodes (_graph.py);
3. loading and trying out are each called off after `MAX_SECONDS`, between two nodes of the graph; what one node may
   still take is bounded by the arena.

ONNX Runtime gets one thread and never spins: with its defaults a controller of a few hundred kFLOP keeps a core busy.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from runtime import _graph
from runtime.contract import ContractError, Problem

MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_TENSOR_BYTES = 1024 * 1024 * 1024
MAX_FOLDED_BYTES = 256 * 1024
MAX_SECONDS = 20.0
CPU = ("CPUExecutionProvider",)

_REEXPORT = "export it again with this version of the program"


def open_file(
    path: Path, key: str, providers: Sequence[str], error: type[ContractError]
) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """Open the graph in `path` and parse the metadata under `key`, or raise `error`."""
    content, problems = _read(path)
    if problems:
        raise error(path, problems)
    summary, problems = _graph.inspect(content)
    metadata, metadata_problems = _parse_metadata(summary, key)
    if problems + metadata_problems:
        raise error(path, problems or metadata_problems)
    session, problems = _open_session(content, providers)
    if session is None:
        raise error(path, problems)
    return session, metadata


def _read(path: Path) -> tuple[bytes, list[Problem]]:
    """Read a whole file, unless it is missing, no regular file, or larger than `MAX_FILE_BYTES`."""
    try:
        if not path.is_file() and path.exists():
            return b"", [Problem("file", "an ONNX file", "no regular file", "check the path")]
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return b"", [Problem("file", "an ONNX file", reason, "check the path")]
    if len(content) > MAX_FILE_BYTES:
        found = f"{path.stat().st_size} bytes"
        return b"", [Problem("file", f"at most {MAX_FILE_BYTES} bytes", found, "give an exported file")]
    return content, []


def _open_session(
    content: bytes, providers: Sequence[str]
) -> tuple[onnxruntime.InferenceSession | None, list[Problem]]:
    """Open a graph, which must hold its weights itself, on the given ONNX Runtime providers."""
    available = onnxruntime.get_available_providers()
    missing = [provider for provider in providers if provider not in available]
    if missing or not providers:
        remedy = "install onnxruntime-gpu (the extra `gpu`) for CUDA, or leave `providers` out"
        return None, [Problem("providers", f"some of {available}", str(list(providers)), remedy)]
    _bound_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; the log would print it a second time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never ORT's own, which nobody has checked
    options.add_session_config_entry("session.use_env_allocators", "1")  # see _bound_memory
    # What loading computes in advance is kept outside the arena: small results only.
    options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(MAX_FOLDED_BYTES))
    # A folder that cannot exist: weights outside the file are never found, so never read.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        with _called_off(lambda: options.set_load_cancellation_flag(True)):
            # Without fallback: it would print, and try again on another provider than the one asked for.
            session = onnxruntime.InferenceSession(content, options, providers=list(providers), enable_fallback=0)
            return session, []
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        return None, [Problem("graph", "an ONNX graph", str(error), _REEXPORT)]


@cache
def _bound_memory() -> None:
    """Give ONNX Runtime, once in this process, the arena that `session.use_env_allocators` asks for.

    Sessions that the host program makes without asking for it are not touched.
    """
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    same_as_requested = 1  # grow by what is asked for; doubling would reach the bound at half of it
    limits = {"max_mem": MAX_TENSOR_BYTES, "arena_extend_strategy": same_as_requested}
    onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(limits))


@contextmanager
def _called_off(call_off: Callable[[], object]) -> Iterator[None]:
    """Call `call_off` from another thread if the block takes longer than `MAX_SECONDS`."""
    timer = threading.Timer(MAX_SECONDS, call_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _parse_metadata(summary: _graph.Summary, key: str) -> tuple[dict[str, Any], list[Problem]]:
    """Parse the JSON object under `key` of a graph's metadata."""
    content = summary.metadata.get(key)
    field = f"metadata {key!r}"
    if content is None:
        return {}, [Problem(field, "a JSON object", "no such entry", f"give an exported {key} file")]
    try:
        metadata = json.loads(bytes(content), parse_int=_whole)
    except (ValueError, RecursionError) as error:
        return {}, [Problem(field, "a JSON object", f"no JSON: {error}", _REEXPORT)]
    if not isinstance(metadata, dict):
        return {}, [Problem(field, "a JSON object", type(metadata).__name__, _REEXPORT)]
    return metadata, []


def _whole(digits: str) -> int:
    """Read a whole number of a size that any array can hold."""
    if len(digits) > 18:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


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
    try:
        names = [tensor.name for tensor in found]
        shapes = [tensor.shape for tensor in found]
    except UnicodeDecodeError as error:  # a name or the name of an axis
        return [Problem(f"graph {kind}s", "names in UTF-8", str(error), _REEXPORT)]
    wanted = list(expected)
    if (names if ordered else sorted(names)) != (wanted if ordered else sorted(wanted)):
        return [Problem(f"graph {kind}s", str(wanted), str(names), _REEXPORT)]
    problems = []
    for tensor, have_shape in zip(found, shapes, strict=True):
        field, shape = f"graph {kind} {tensor.name}", expected[tensor.name]
        if tensor.type != "tensor(float)":
            problems.append(Problem(field, "float32", tensor.type, _REEXPORT))
        batch, rest = have_shape[:1], have_shape[1:]
        fits = len(rest) == len(shape) and all(
            have == want or (want == -1 and isinstance(have, int)) for have, want in zip(rest, shape, strict=True)
        )
        if not batch or isinstance(batch[0], int) or not fits:
            wanted_shape = ", ".join(["batch", *(str(size) if size >= 0 else "any" for size in shape)])
            problems.append(Problem(field, f"shape [{wanted_shape}]", str(have_shape), _REEXPORT))
    return problems


def run(
    session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Try a graph out; outputs by name, or the problem that ONNX Runtime had with it."""
    names = [tensor.name for tensor in session.get_outputs()]
    options = onnxruntime.RunOptions()
    try:
        with _called_off(lambda: setattr(options, "terminate", True)):
            outputs = session.run(names, dict(inputs), options)
    except Exception as error:  # see _open_session
        return {}, [Problem("graph", "one that runs", str(error), _REEXPORT)]
    return {name: np.asarray(output) for name, output in zip(names, outputs, strict=True)}, []

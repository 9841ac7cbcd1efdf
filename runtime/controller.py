"""A controller: one ONNX file that turns the raw state of characters and their goals into joint targets.

Observation features, normalisation and the action transform are inside the graph (see contract.py), so nothing here
knows how a policy was trained. `Controller.load` trusts nothing: it checks the file's metadata, the graph's inputs and
outputs, and replays the self-test vectors that its exporter computed, before anyone may act with it.

    load ── _onnx.open_file ── contract.check_metadata ── _check_graph ── _check_self_test
    act ── Batch: float32 arrays of one batch size, bound to the session; nothing is allocated but the result
    World ── batch(size) ── Batch.inputs filled in place, Batch.run: nothing is allocated at all
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from runtime import _onnx
from runtime._shipped import controller_file
from runtime.character import JOINTS, STATE_SHAPES, State
from runtime.contract import (
    METADATA_KEY,
    OUTPUT,
    SELF_TEST_TOLERANCE,
    ControllerError,
    Problem,
    check_metadata,
    input_shapes,
)
from runtime.goals import SCHEMAS, GoalEntry

_LOW = np.array([joint.target_range[0] for joint in JOINTS])  # [28] rad
_HIGH = np.array([joint.target_range[1] for joint in JOINTS])  # [28] rad
_REEXPORT = "export the policy again; if that does not help, report which versions made and read the file"


class Controller:
    """A loaded controller, ready to act for any number of characters at once. Made by `load`."""

    path: Path
    """The file it was loaded from."""
    metadata: dict[str, Any]
    """The file's metadata, see `contract.controller_metadata`."""
    task: str
    """What it was trained to do; goals of this task may be given."""
    goal_schema: tuple[GoalEntry, ...]
    """The columns of the goal."""
    sha256: str
    """SHA-256 (hex) of the file it was loaded from."""
    start: tuple[np.ndarray, np.ndarray] | None
    """qpos [35] and qvel [34] in which a character begins, at the origin and looking along x; None: standing."""

    def __init__(
        self, path: Path, metadata: dict[str, Any], session: onnxruntime.InferenceSession, sha256: str = ""
    ) -> None:
        """Wrap a session whose contract has been checked: call `load` instead."""
        self.path = path
        self.sha256 = sha256
        self.metadata = metadata
        self.task = metadata["task"]
        self.goal_schema = SCHEMAS[self.task]
        start = metadata.get("start")
        self.start = None if start is None else (np.array(start["qpos"]), np.array(start["qvel"]))
        self._session = session
        self._batch = Batch(session, 1, self.task)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | str, providers: Sequence[str] = _onnx.CPU) -> Self:
        """Load and check a controller file.

        Args:
            path: the ONNX file, or the bare name of a shipped controller, such as `steering`.
            providers: ONNX Runtime execution providers, best first, e.g. ("CUDAExecutionProvider",).

        Raises:
            ControllerError: listing everything that is wrong with the file.
        """
        path = controller_file(path)
        session, metadata = _onnx.open_file(path, METADATA_KEY, providers, ControllerError)
        problems = check_metadata(metadata) + _check_graph(session, metadata)
        if problems:
            raise ControllerError(path, problems)
        return cls(path, metadata, session, hashlib.sha256(path.read_bytes()).hexdigest())

    def act(self, state: State, goal: np.ndarray) -> np.ndarray:
        """Return the joint targets of B characters: [B, 28] float32, rad, model order.

        Args:
            state: raw states, leading axes [B]; any float type.
            goal: [B, G] goals as `goal_schema` orders them.

        May be called from several threads; calls of one controller then run one after the other.

        Raises:
            ValueError: a shape is wrong.
        """
        batch = len(goal)
        with self._lock:
            if self._batch.size != batch:
                self._batch = self.batch(batch)
            self._batch.fill(state, goal)
            self._batch.run()
            return self._batch.output.copy()

    def batch(self, size: int) -> Batch:
        """Return inputs and output of its own for `size` characters, to be filled and run again and again."""
        return Batch(self._session, size, self.task)

    @property
    def session(self) -> onnxruntime.InferenceSession:
        """The ONNX Runtime session, for those who measure or inspect it."""
        return self._session

    def __repr__(self) -> str:
        """Name the file and the task."""
        return f"Controller({str(self.path)!r}, task={self.task!r})"


class Batch:
    """The float32 inputs and the output of one batch size, bound to a session once. For one thread at a time."""

    size: int
    """Characters in the batch, B."""
    inputs: dict[str, np.ndarray]
    """The fields of `State`, then `goal`, [B, ...] float32: write into them, then `run`."""
    output: np.ndarray
    """Joint targets [B, 28] float32, rad, of the last `run`."""

    def __init__(self, session: onnxruntime.InferenceSession, size: int, task: str) -> None:
        """Allocate and bind the arrays: call `Controller.batch` instead."""
        self.size = size
        self.inputs = {name: np.zeros((size, *shape), dtype=np.float32) for name, shape in input_shapes(task).items()}
        self.output = np.zeros((size, len(JOINTS)), dtype=np.float32)
        self._binding = session.io_binding()
        bind = onnxruntime.OrtValue.ortvalue_from_numpy  # shares the array's memory
        self._values = {name: bind(array) for name, array in self.inputs.items()}
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._values[OUTPUT] = bind(self.output)
        self._binding.bind_ortvalue_output(OUTPUT, self._values[OUTPUT])
        self._run = session.run_with_iobinding

    def run(self) -> None:
        """Run the network on `inputs`, into `output`."""
        self._run(self._binding)

    def fill(self, state: State, goal: np.ndarray) -> None:
        """Copy states and goals into the inputs; raises ValueError where a shape is wrong."""
        for name in STATE_SHAPES:
            self._fill(name, getattr(state, name))
        self._fill("goal", goal)

    def _fill(self, name: str, value: np.ndarray) -> None:
        target = self.inputs[name]
        if value.shape != target.shape:  # no broadcasting: a lone state must not pass for a batch
            raise ValueError(f"{name}: expected shape {target.shape}, found {value.shape}")
        target[...] = value


def _check_graph(session: onnxruntime.InferenceSession, metadata: Mapping[str, Any]) -> list[Problem]:
    """Check inputs, outputs and, where those fit, the self-test; skip what a missing task leaves unknown."""
    output = {OUTPUT: (len(JOINTS),)}
    problems = _onnx.check_tensors("output", session.get_outputs(), output)
    task = metadata.get("task")
    if not isinstance(task, str) or task not in SCHEMAS:
        return problems  # check_metadata has said so
    problems += _onnx.check_tensors("input", session.get_inputs(), input_shapes(task))
    return problems or _check_self_test(session, metadata.get("self_test"), task)


def _check_self_test(session: onnxruntime.InferenceSession, vectors: object, task: str) -> list[Problem]:
    """Replay the exporter's vectors one by one and as one batch: the same joint targets must come out."""
    try:
        inputs, expected = _self_test_arrays(vectors, task)
    except (TypeError, ValueError, KeyError) as error:
        remedy = "export the policy again"
        return [Problem("metadata.self_test", "numbers in the shapes of the graph", f"{error!r}", remedy)]
    problems = []
    rows = [slice(row, row + 1) for row in range(len(expected))]
    for rows_run in (*rows, slice(None)):
        outputs, failed = _onnx.run(session, {name: array[rows_run] for name, array in inputs.items()})
        if failed:
            return failed
        name = f"self-test vector {rows_run.start}" if rows_run.start is not None else "self-test as one batch"
        problems += _compare(name, outputs[OUTPUT], expected[rows_run])
    return problems


def _self_test_arrays(vectors: Any, task: str) -> tuple[dict[str, np.ndarray], np.ndarray]:  # noqa: ANN401
    inputs = {}
    for name, shape in input_shapes(task).items():
        with np.errstate(over="ignore"):  # becomes infinite, and the joint targets with it
            array = np.array([vector["inputs"][name] for vector in vectors], dtype=np.float32)
        if array.shape[1:] != shape:
            raise ValueError(f"{name} has shape {array.shape[1:]} instead of {shape}")
        inputs[name] = array
    expected = np.array([vector[OUTPUT] for vector in vectors], dtype=np.float64)
    if expected.shape[1:] != _LOW.shape:
        raise ValueError(f"{OUTPUT} has shape {expected.shape[1:]} instead of {_LOW.shape}")
    return inputs, expected


def _compare(name: str, found: np.ndarray, expected: np.ndarray) -> list[Problem]:
    """Compare joint targets [B, 28] rad: finite, inside the target ranges and as the exporter had them."""
    if found.shape != expected.shape:
        return [Problem(name, f"shape {expected.shape}", str(found.shape), _REEXPORT)]
    if not np.isfinite(found).all():
        return [Problem(name, "finite joint targets", "NaN or infinity", _REEXPORT)]
    problems = []
    difference = float(np.abs(found - expected).max())
    if not difference <= SELF_TEST_TOLERANCE:  # also true for a NaN in the file
        within = f"joint targets within {SELF_TEST_TOLERANCE:g} rad of the exporter's"
        problems.append(Problem(name, within, f"a difference of {difference:g} rad", _REEXPORT))
    beyond = float(np.maximum(_LOW - found, found - _HIGH).max())
    if beyond > SELF_TEST_TOLERANCE:
        problems.append(Problem(name, "joint targets in their ranges", f"one {beyond:g} rad outside", _REEXPORT))
    return problems

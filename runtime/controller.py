"""A controller: one ONNX file that turns the raw state of characters and their goals into joint targets.

Observation features, normalisation and the action transform are inside the graph (see contract.py), so nothing here
knows how a policy was trained. `Controller.load` trusts nothing: it checks the file's metadata, the graph's inputs and
outputs, and replays the self-test vectors that its exporter computed, before anyone may act with it.

    load ── _onnx.open_file ── contract.check_metadata ── _check_graph ── _check_self_test
    act ── _Buffers: float32 arrays of one batch size, bound to the session; nothing is allocated but the result
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from runtime import _onnx
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

    def __init__(self, path: Path, metadata: dict[str, Any], session: onnxruntime.InferenceSession) -> None:
        """Wrap a session whose contract has been checked: call `load` instead."""
        self.path = path
        self.metadata = metadata
        self.task = metadata["task"]
        self.goal_schema = SCHEMAS[self.task]
        self._session = session
        self._buffers = _Buffers(session, 1, self.task)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | str, providers: Sequence[str] = _onnx.CPU) -> Self:
        """Load and check a controller file.

        Args:
            path: the ONNX file.
            providers: ONNX Runtime execution providers, best first, e.g. ("CUDAExecutionProvider",).

        Raises:
            ControllerError: listing everything that is wrong with the file.
        """
        path = Path(path)
        session, metadata = _onnx.open_file(path, METADATA_KEY, providers, ControllerError)
        problems = check_metadata(metadata) + _check_graph(session, metadata)
        if problems:
            raise ControllerError(path, problems)
        return cls(path, metadata, session)

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
            if self._buffers.batch != batch:
                self._buffers = _Buffers(self._session, batch, self.task)
            return self._buffers.run(state, goal)

    def __repr__(self) -> str:
        """Name the file and the task."""
        return f"Controller({str(self.path)!r}, task={self.task!r})"


class _Buffers:
    """The float32 inputs and the output of one batch size, bound to a session once."""

    def __init__(self, session: onnxruntime.InferenceSession, batch: int, task: str) -> None:
        self.batch = batch
        self._session = session
        self._inputs = {name: np.zeros((batch, *shape), dtype=np.float32) for name, shape in input_shapes(task).items()}
        self._output = np.zeros((batch, len(JOINTS)), dtype=np.float32)
        self._binding = session.io_binding()
        bind = onnxruntime.OrtValue.ortvalue_from_numpy  # shares the array's memory
        self._values = {name: bind(array) for name, array in self._inputs.items()}
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._values[OUTPUT] = bind(self._output)
        self._binding.bind_ortvalue_output(OUTPUT, self._values[OUTPUT])

    def run(self, state: State, goal: np.ndarray) -> np.ndarray:
        for name in STATE_SHAPES:
            self._fill(name, getattr(state, name))
        self._fill("goal", goal)
        self._session.run_with_iobinding(self._binding)
        return self._output.copy()

    def _fill(self, name: str, value: np.ndarray) -> None:
        target = self._inputs[name]
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

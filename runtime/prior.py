"""A motion prior: one ONNX file that tells how natural a short window of motion is.

The graph takes a window of raw states (the fields of `State` with a time axis; the file says how many control steps
back each lies, the current one last) and noise. It adds the noise to the window at K fixed levels, lets a denoiser that
was trained on motion capture guess it, and gives the mean error of that guess per level, its ratio to the error on real
motion as fast, and exp(-ratio). All maths is in the graph; here are only its checks and its calling.

    load ── _onnx.open_file ── check_metadata ── _check_graph ── _check_run
    naturalness ── score
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import mujoco
import numpy as np
import onnxruntime

from runtime import _onnx
from runtime.character import (
    CONTROL_HZ,
    DEFAULT_HEIGHT,
    DEFAULT_POSE,
    STATE_SHAPES,
    State,
    find_slots,
    model,
    read_state,
)
from runtime.contract import PriorError, Problem, check_character

METADATA_KEY = "prior"
SCHEMA_VERSION = 2
NOISE, STYLE = "noise", "style"
_OUTPUTS = ("error", "ratio", "reward")
MAX_BATCH = 512
"""Windows given to the network at once: more take more memory (.18 MB each) and no less time."""
MAX_WINDOW, MAX_LEVELS, MAX_NOISE = 1000, 100, 1_000_000

_REEXPORT = "export the prior again with this version of the program"
_RETRAIN = "train the prior for this character and control rate"


@dataclass(frozen=True)
class PriorScore:
    """What a prior says of B windows."""

    error: np.ndarray
    """[B, K] float32: mean squared error of the guessed noise per level, in the order of `Prior.levels`."""
    ratio: np.ndarray
    """[B] float32: error over that of real motion as fast, mean over levels and body groups; 1 is as usual as it."""
    reward: np.ndarray
    """[B] float32: exp(-ratio)."""


class Prior:
    """A loaded prior. Made by `load`."""

    path: Path
    """The file it was loaded from."""
    metadata: dict[str, Any]
    """The file's metadata."""
    offsets: tuple[int, ...]
    """Control steps that the states of a window lie back, newest last."""
    levels: tuple[int, ...]
    """The K noise levels, steps of the diffusion schedule."""
    noise_shape: tuple[int, ...]
    """Shape of the noise for one window: levels, states, channels."""
    styles: tuple[str, ...]
    """Names of the S styles that it can be asked for; empty where it knows none."""

    def __init__(self, path: Path, metadata: dict[str, Any], session: onnxruntime.InferenceSession) -> None:
        """Wrap a session whose contract has been checked: call `load` instead."""
        self.path = path
        self.metadata = metadata
        self.offsets = tuple(metadata["offsets"])
        self.levels = tuple(metadata["levels"])
        self.styles = tuple(metadata.get("styles", ()))
        self._session = session
        self.noise_shape = _noise_shape(session)

    @property
    def window(self) -> int:
        """States in a window."""
        return len(self.offsets)

    @classmethod
    def load(cls, path: Path | str, providers: Sequence[str] = _onnx.CPU) -> Self:
        """Load and check a prior file.

        Args:
            path: the ONNX file.
            providers: ONNX Runtime execution providers, best first.

        Raises:
            PriorError: listing everything that is wrong with the file.
        """
        path = Path(path)
        session, metadata = _onnx.open_file(path, METADATA_KEY, providers, PriorError)
        problems = check_metadata(metadata) or _check_graph(session, metadata)
        if problems:
            raise PriorError(path, problems)
        return cls(path, metadata, session)

    def score(
        self, states: State, noise: np.ndarray | None = None, seed: int = 0, style: np.ndarray | None = None
    ) -> PriorScore:
        """Score B windows of motion.

        Args:
            states: leading axes [B, window], oldest first, as many control steps back as `offsets` says; B may be
                anything.
            noise: [B, K, window, C] standard normal, C channels, `noise_shape` for each window; None draws it.
            seed: of the noise drawn. A window's noise depends on the seed and its place in the batch alone.
            style: [B, 2S] weights of `styles` for the upper body, then for the lower: 1 is that style, 0 none, more
                exaggerates. None judges without a style.

        Raises:
            ValueError: a shape is wrong, or a style was given to a prior that has none.
        """
        batch = len(states.root_position)
        if noise is None:
            noise = np.random.default_rng(seed).standard_normal((batch, *self.noise_shape), dtype=np.float32)
        inputs = {name: np.asarray(getattr(states, name), dtype=np.float32) for name in STATE_SHAPES}
        inputs[NOISE] = np.asarray(noise, dtype=np.float32)
        if self.styles:
            blank = np.zeros((batch, 2 * len(self.styles)))
            inputs[STYLE] = np.asarray(blank if style is None else style, dtype=np.float32)
        elif style is not None:
            raise ValueError(f"style: {self.path} has no styles")
        for name, shape in _input_shapes(self.window, self.noise_shape, len(self.styles)).items():
            if inputs[name].shape != (batch, *shape):
                raise ValueError(f"{name}: expected shape {(batch, *shape)}, found {inputs[name].shape}")
        parts = []
        for first in range(0, batch, MAX_BATCH):
            part = {name: value[first : first + MAX_BATCH] for name, value in inputs.items()}
            parts.append(self._session.run(_OUTPUTS, part))
        if not parts:
            return PriorScore(np.zeros((0, len(self.levels)), np.float32), *np.zeros((2, 0), np.float32))
        return PriorScore(
            *(np.concatenate([np.asarray(value) for value in values]) for values in zip(*parts, strict=True))
        )

    def naturalness(self, states: State, noise: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        """Return `PriorScore.ratio` [B]: 1 is as usual as the real motion that the prior learned from.

        Above 1 the prior knows the motion less well; far below 1 the motion is calmer than real motion, not better.
        Arguments and errors as for `score`.
        """
        return self.score(states, noise, seed).ratio

    def __repr__(self) -> str:
        """Name the file."""
        return f"Prior({str(self.path)!r})"


def check_metadata(metadata: Mapping[str, Any]) -> list[Problem]:
    """Check a prior's parsed metadata: the keys that the runtime needs; a prior's exporter may add others."""
    version = metadata.get("schema_version")
    if version != SCHEMA_VERSION:
        return [Problem("metadata.schema_version", str(SCHEMA_VERSION), repr(version), _REEXPORT)]
    record = metadata.get("character")
    problems = list(check_character(record if isinstance(record, dict) else {}))
    if metadata.get("control_hz") != CONTROL_HZ:
        problems.append(Problem("metadata.control_hz", str(CONTROL_HZ), repr(metadata.get("control_hz")), _RETRAIN))
    styles = metadata.get("styles", [])
    if not (isinstance(styles, list) and all(isinstance(name, str) for name in styles)):
        problems.append(Problem("metadata.styles", "a list of names", repr(styles), _REEXPORT))
    offsets, levels = metadata.get("offsets"), metadata.get("levels")
    if not _falling(offsets):
        expected = f"whole numbers of control steps, falling from at most {MAX_WINDOW} to 0"
        problems.append(Problem("metadata.offsets", expected, repr(offsets), _REEXPORT))
    if not (isinstance(levels, list) and 1 <= len(levels) <= MAX_LEVELS and all(type(n) is int for n in levels)):
        problems.append(Problem("metadata.levels", f"1 to {MAX_LEVELS} whole numbers", repr(levels), _REEXPORT))
    return problems


def _falling(offsets: object) -> bool:
    """Whether these are the offsets of a window."""
    if not (isinstance(offsets, list) and offsets and all(type(n) is int for n in offsets)):
        return False
    return offsets[0] <= MAX_WINDOW and offsets[-1] == 0 and all(a > b for a, b in pairwise(offsets))


def _input_shapes(window: int, noise: tuple[int, ...], styles: int) -> dict[str, tuple[int, ...]]:
    """Return the trailing shapes of the graph's inputs, in order."""
    style = {STYLE: (2 * styles,)} if styles else {}
    return {**{name: (window, *shape) for name, shape in STATE_SHAPES.items()}, NOISE: noise, **style}


def _noise_shape(session: onnxruntime.InferenceSession) -> tuple[int, ...]:
    return next(tuple(tensor.shape[1:]) for tensor in session.get_inputs() if tensor.name == NOISE)


def _check_graph(session: onnxruntime.InferenceSession, metadata: Mapping[str, Any]) -> list[Problem]:
    """Check inputs and outputs and, where those fit, that the graph runs."""
    window, levels, styles = len(metadata["offsets"]), len(metadata["levels"]), len(metadata.get("styles", ()))
    inputs = _input_shapes(window, (levels, window, -1), styles)
    problems = _onnx.check_tensors("input", session.get_inputs(), inputs)
    outputs = {"error": (levels,), "ratio": (), "reward": ()}
    problems += _onnx.check_tensors("output", session.get_outputs(), outputs, ordered=False)
    if not problems and math.prod(_noise_shape(session)) > MAX_NOISE:
        found = f"shape {_noise_shape(session)}"
        problems.append(Problem(f"graph input {NOISE}", f"at most {MAX_NOISE} numbers a window", found, _REEXPORT))
    return problems or _check_run(session, window, levels, styles)


def _check_run(session: onnxruntime.InferenceSession, window: int, levels: int, styles: int) -> list[Problem]:
    """Score two windows of standing still: finite numbers in the right shapes must come out."""
    inputs = {}
    for name, value in vars(_standing()).items():
        inputs[name] = np.broadcast_to(value, (2, window, *value.shape)).astype(np.float32)
    inputs[NOISE] = np.zeros((2, *_noise_shape(session)), dtype=np.float32)
    if styles:
        inputs[STYLE] = np.zeros((2, 2 * styles), dtype=np.float32)
    outputs, problems = _onnx.run(session, inputs)
    for name, shape in {"error": (2, levels), "ratio": (2,), "reward": (2,)}.items():
        if problems:
            break
        if outputs[name].shape != shape or not np.isfinite(outputs[name]).all():
            found = f"shape {outputs[name].shape}" if outputs[name].shape != shape else "NaN or infinity"
            problems = [Problem(f"graph output {name}", f"finite numbers of shape {shape}", found, _REEXPORT)]
    return problems


def _standing() -> State:
    """Return the state of a character that stands in the default pose, no leading axes."""
    scene = model()
    data = mujoco.MjData(scene)
    slots = find_slots(scene)
    data.qpos[slots.qpos + 2] = DEFAULT_HEIGHT
    data.qpos[slots.qpos + 7 :] = DEFAULT_POSE
    mujoco.mj_kinematics(scene, data)
    return read_state(data.qpos, data.qvel, data.xpos, data.xquat, slots)

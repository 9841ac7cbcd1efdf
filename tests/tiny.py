"""Tiny controllers and priors with a valid contract, ways to spoil them, and states compared. For tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from runtime.character import DEFAULT_POSE, JOINT_NAMES, STATE_SHAPES, State
from runtime.contract import METADATA_KEY, controller_metadata, input_shapes, joints_metadata

INPUT_SIZE = sum(int(np.prod(shape)) for shape in input_shapes("steering").values())  # 178
GOAL = INPUT_SIZE - 4
"""First of the goal's four numbers among the inputs laid end to end."""
CHANNELS = 3
LEVELS = (22, 15, 8)
OFFSETS = (6, 3, 1, 0)


def linear(**gains: float) -> np.ndarray:
    """Return weights [INPUT_SIZE, 28] by which the named joints follow the goal: target += gain · velocity_x."""
    weights = np.zeros((INPUT_SIZE, len(JOINT_NAMES)), dtype=np.float32)
    for joint, gain in gains.items():
        weights[GOAL, JOINT_NAMES.index(joint)] = gain
    return weights


def write_controller(
    path: Path,
    weights: np.ndarray | None = None,
    *,
    task: str = "steering",
    nan_above: float | None = None,
    edit_metadata: Callable[[dict], object] = lambda metadata: None,
    edit_model: Callable[[onnx.ModelProto], object] = lambda model: None,
) -> Path:
    """Write a controller whose joint targets are clip(default pose + inputs laid end to end @ weights).

    Args:
        path: where to.
        weights: [INPUT_SIZE, 28] (another task's goal: as many rows as it has inputs); None is zeros: the default pose.
        task: what it is for; with another one than steering, `nan_above` cannot be given.
        nan_above: goal velocity_x [m/s] above which the targets are NaN.
        edit_metadata: spoils the metadata before it is written.
        edit_model: spoils the finished model before it is written.
    """
    shapes = input_shapes(task)
    size = sum(int(np.prod(shape)) for shape in shapes.values())
    weights = np.zeros((size, len(JOINT_NAMES)), np.float32) if weights is None else weights.astype(np.float32)
    joints = joints_metadata()
    low, high = (np.array([joint[key] for joint in joints], dtype=np.float32) for key in ("target_low", "target_high"))
    constants = {"weights": weights, "pose": DEFAULT_POSE.astype(np.float32), "low": low, "high": high}
    nodes = [make_node("Flatten", [name], [f"flat_{name}"], axis=1) for name in shapes]
    nodes += [
        make_node("Concat", [f"flat_{name}" for name in shapes], ["x"], axis=1),
        make_node("MatMul", ["x", "weights"], ["y"]),
        make_node("Add", ["y", "pose"], ["z"]),
        make_node("Max", ["z", "low"], ["above"]),
        make_node("Min", ["above", "high"], ["clipped" if nan_above is not None else "joint_target"]),
    ]
    if nan_above is not None:  # joint_target = clipped + 0 · sqrt(nan_above - velocity_x)
        select = np.zeros((4, 1), dtype=np.float32)
        select[0] = 1.0
        constants |= {"select": select, "limit": np.float32([nan_above]), "zero": np.float32([0.0])}
        nodes += [
            make_node("MatMul", ["goal", "select"], ["velocity_x"]),
            make_node("Sub", ["limit", "velocity_x"], ["room"]),
            make_node("Sqrt", ["room"], ["root"]),
            make_node("Mul", ["root", "zero"], ["nothing"]),
            make_node("Add", ["clipped", "nothing"], ["joint_target"]),
        ]
    model = _model(nodes, shapes, {"joint_target": (len(JOINT_NAMES),)}, constants)
    metadata = controller_metadata(
        task=task,
        prior=None,
        datasets=[],
        training={"seed": 0, "samples": 0, "hours": 0.0, "hardware": "", "code_version": "", "configuration": {}},
        evaluation={},
        self_test=[_self_test_vector(seed, weights, low, high, shapes) for seed in range(3)],
    )
    edit_metadata(metadata)
    return _write(model, path, METADATA_KEY, metadata, edit_model)


def write_prior(
    path: Path,
    *,
    edit_metadata: Callable[[dict], object] = lambda metadata: None,
    edit_model: Callable[[onnx.ModelProto], object] = lambda model: None,
) -> Path:
    """Write a prior with error_k = mean(noise_k²) + mean(root_linear_velocity²), ratio = mean_k error_k / 2.

    Its window is of four states at OFFSETS, its levels are LEVELS, its noise has CHANNELS channels.
    """
    count = len(OFFSETS)
    shapes = {name: (count, *shape) for name, shape in STATE_SHAPES.items()} | {"noise": (len(LEVELS), count, CHANNELS)}
    constants = {"within": np.array([2, 3]), "window": np.array([1, 2]), "level": np.array([1])}
    constants |= {"reference": np.float32(2.0)}
    nodes = [
        make_node("Mul", ["noise", "noise"], ["noise2"]),
        make_node("ReduceMean", ["noise2", "within"], ["a"], keepdims=0),
        make_node("Mul", ["root_linear_velocity", "root_linear_velocity"], ["speed2"]),
        make_node("ReduceMean", ["speed2", "window"], ["b"], keepdims=1),
        make_node("Flatten", ["b"], ["c"], axis=1),
        make_node("Add", ["a", "c"], ["error"]),
        make_node("ReduceMean", ["error", "level"], ["d"], keepdims=0),
        make_node("Div", ["d", "reference"], ["ratio"]),
        make_node("Neg", ["ratio"], ["e"]),
        make_node("Exp", ["e"], ["reward"]),
    ]
    model = _model(nodes, shapes, {"error": (len(LEVELS),), "ratio": (), "reward": ()}, constants)
    own = controller_metadata(task="steering", prior=None, datasets=[], training={}, evaluation={}, self_test=[])
    metadata = {key: own[key] for key in ("character", "control_hz")}
    metadata |= {"schema_version": 2, "offsets": list(OFFSETS), "levels": list(LEVELS)}
    edit_metadata(metadata)
    return _write(model, path, "prior", metadata, edit_model)


def assert_states_equal(one: State, other: State, atol: float = 0.0) -> None:
    """Compare two states field by field."""
    for name, value in vars(one).items():
        np.testing.assert_allclose(value, getattr(other, name), rtol=0.0, atol=atol, err_msg=name)


def _self_test_vector(seed: int, weights: np.ndarray, low: np.ndarray, high: np.ndarray, shapes: dict) -> dict:
    """Return what the graph should give for random inputs, computed by numpy."""
    rng = np.random.default_rng(seed)
    inputs = {name: rng.standard_normal(shape) * 0.1 for name, shape in shapes.items()}
    x = np.concatenate([array.ravel() for array in inputs.values()])
    target = np.clip(DEFAULT_POSE + x @ weights.astype(np.float64), low, high)
    return {"inputs": {name: array.tolist() for name, array in inputs.items()}, "joint_target": target.tolist()}


def _model(nodes: list, inputs: dict, outputs: dict, constants: dict) -> onnx.ModelProto:
    tensors = [
        [make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]) for name, shape in group.items()]
        for group in (inputs, outputs)
    ]
    weights = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    return make_model(make_graph(nodes, "tiny", *tensors, weights), opset_imports=[make_opsetid("", 18)], ir_version=10)


def _write(model: onnx.ModelProto, path: Path, key: str, metadata: dict, edit: Callable) -> Path:
    model.metadata_props.add(key=key, value=json.dumps(metadata))
    onnx.checker.check_model(model)
    edit(model)
    path.write_bytes(model.SerializeToString())
    return path

"""Writing ONNX: one traced graph with JSON metadata in one self-contained file."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

OPSET = 18
HALF_FROM = 4096
"""Numbers in a weight from which on a file may keep it in half precision."""


def write(
    path: Path, graph: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...], outputs: tuple[str, ...],
    metadata: dict[str, dict[str, Any]], half: bool = False,
) -> None:  # fmt: skip
    """Trace `graph` with a dynamic first axis, attach JSON metadata, and write one file.

    With `half`, weights that are exact in half precision are kept so, at half the size, and cast when the file is
    loaded. Initialisers keep the names of the module's parameters and buffers (nothing is folded away), so that
    training can rebuild the module from the file. The file appears whole or not at all.
    """
    batch = torch.export.Dim("batch", min=1, max=2**20)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(), inputs, dynamo=True, opset_version=OPSET, input_names=list(names), output_names=list(outputs),
            dynamic_shapes=[{0: batch} for _ in inputs], optimize=False, verbose=False,
        )  # fmt: skip
    if program is None:
        raise RuntimeError(f"{path}: torch.onnx.export gave no program")
    model = program.model_proto
    for node in model.graph.node:  # where in torch's own code each came from: a megabyte that says nothing
        del node.metadata_props[:]
    if half:
        _halve(model.graph)
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(path)


def _halve(graph: onnx.GraphProto) -> None:
    """Keep large initialisers that lose nothing by it in half precision, each behind a cast under its old name."""
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if (
            values.dtype != np.float32
            or values.size < HALF_FROM
            or not np.array_equal(values, values.astype(np.float16))
        ):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    for number, cast in enumerate(casts):
        graph.node.insert(number, cast)

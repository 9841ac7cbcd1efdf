"""Writing ONNX: one traced graph with JSON metadata in one self-contained file."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 18


def write(
    path: Path, graph: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...], outputs: tuple[str, ...],
    metadata: dict[str, dict[str, Any]],
) -> None:  # fmt: skip
    """Trace `graph` with a dynamic first axis, attach JSON metadata, and write one file.

    Initialisers keep the names of the module's parameters and buffers (nothing is folded away), so that training can
    rebuild the module from the file. The file appears whole or not at all.
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
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(path)

"""What an ONNX file holds, looked at before ONNX Runtime sees it.

A controller or a prior is a plain graph: tensors in, arithmetic, tensors out. So it needs no loop, no branch, no
function, no operator of another domain, no random number and no file beside it, and a file that has one is refused by
name. That leaves ONNX Runtime a graph whose every node runs once; how much memory its tensors take is bounded when it
runs (_onnx.py). Weights must be as long as their shape says: a hostile shape costs nothing.

    inspect ── _read_model ── _read_graph ─┬─ _read_node ── _read_attribute ── _read_tensor
                                           ├─ _read_tensor
                                           └─ Extents (_extents.py): no shape of unbounded length
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from runtime._extents import Extents
from runtime._protobuf import Budget, WireError, message, read_fields, text, varints
from runtime.contract import Problem

MAX_NODES = 5_000
MAX_METADATA_BYTES = 4 * 1024 * 1024
MAX_DIMENSIONS = 16
_DOMAINS = ("", "ai.onnx")
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Bytes of an element by TensorProto.DataType: float, (u)int8/16/32/64, bool, float16, double, bfloat16."""
_STRING = 8
_FLAT_FIELDS = {4: 4, 5: 0, 7: 0, 10: 8, 11: 0}  # float_data, int32_data, int64_data, double_data, uint64_data

OPERATORS = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast
    CastLike Ceil Celu Clip Compress Concat Constant ConstantOfShape Cos Cosh CumSum DepthToSpace Div Einsum Elu Equal
    Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm Greater GreaterOrEqual
    GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow
    RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round ScatterElements ScatterND Selu SequenceAt
    SequenceConstruct SequenceLength Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign Split
    SplitToSequence Sqrt Squeeze Sub Sum Swish Tan Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor
    """.split()
)
"""Operators of the default domain that a graph may use: deterministic, one pass, no subgraph."""
_OPTIONAL_FROM = {
    "Clip": 1, "Gemm": 2, "LayerNormalization": 2, "Pad": 2, "Slice": 3, "Split": 1, "SplitToSequence": 1, "Squeeze": 1,
    "Trilu": 1, **{operator: 1 for operator in OPERATORS if operator.startswith("Reduce")},
}  # fmt: skip
"""The first input that may be left out by an empty name; ONNX Runtime 1.31 does not look and reads address 0."""


@dataclass
class Summary:
    """What was found in a file."""

    metadata: dict[str, memoryview] = field(default_factory=dict)
    """UTF-8 text by key."""
    nodes: int = 0
    graphs: int = 0
    foreign: set[str] = field(default_factory=set)
    """Operators that are not in `OPERATORS`, with their domain."""
    extents: Extents = field(default_factory=Extents)
    external: bool = False
    """Some weights lie in other files."""
    faults: list[str] = field(default_factory=list)
    """Further things that no graph of ours has."""


def inspect(content: bytes) -> tuple[Summary, list[Problem]]:
    """Look into an ONNX file: what it holds, and everything about it that forbids handing it on."""
    summary, reexport = Summary(), "export it again with this version of the program"
    try:
        _read_model(memoryview(content), summary, Budget())
    except WireError as error:
        return summary, [Problem("graph", "an ONNX graph", f"{error}", reexport)]
    problems = []
    if summary.graphs != 1:
        problems.append(Problem("graph", "an ONNX graph", f"{summary.graphs} graphs", reexport))
    if summary.external:
        remedy = "save the model without external data"
        problems.append(Problem("graph", "one file that holds its weights", "weights in external files", remedy))
    if summary.foreign:
        found, remedy = ", ".join(sorted(summary.foreign)), "export a network of plain tensor operators"
        problems.append(Problem("graph operators", "none but those of runtime/_graph.py", found, remedy))
    if summary.nodes > MAX_NODES:
        problems.append(Problem("graph nodes", f"at most {MAX_NODES}", str(summary.nodes), reexport))
    problems += [Problem("graph", "a plain graph", fault, reexport) for fault in dict.fromkeys(summary.faults)]
    size = sum(len(value) for value in summary.metadata.values())
    if size > MAX_METADATA_BYTES:
        problems.append(Problem("metadata", f"at most {MAX_METADATA_BYTES} bytes", f"{size} bytes", reexport))
    return summary, problems


def _read_model(model: memoryview, summary: Summary, budget: Budget) -> None:
    for number, value in read_fields(model, budget):
        if number == 7:  # graph
            summary.graphs += 1
            _read_graph(message(value), summary, budget)
        elif number == 14:  # metadata_props
            entry = {key: message(part) for key, part in read_fields(message(value), budget) if key in (1, 2)}
            summary.metadata[text(entry.get(1, memoryview(b"")))] = entry.get(2, memoryview(b""))
        elif number in (20, 25):
            summary.faults.append("training information" if number == 20 else "functions")


def _read_graph(graph: memoryview, summary: Summary, budget: Budget) -> None:
    nodes: list[memoryview] = []
    for number, value in read_fields(graph, budget):
        if number == 1:
            nodes.append(message(value))
        elif number == 5:
            summary.extents.add_weight(*_read_tensor(message(value), summary, budget))
        elif number in (11, 12, 13):  # inputs, outputs, and what is said of tensors between them
            name, shape = _read_declaration(message(value), budget)
            if (shape is None and number == 11) or (shape is not None and len(shape) > MAX_DIMENSIONS):
                summary.faults.append(f"{name[:100]!r} without a shape, or of more than {MAX_DIMENSIONS} dimensions")
            elif shape is not None:
                summary.extents.declare(name, shape, is_input=number == 11)
        elif number == 15:
            summary.faults.append("sparse weights")
    summary.nodes += len(nodes)
    for node in nodes[: MAX_NODES + 1]:  # when weights and inputs are known
        _read_node(node, summary, budget)


def _read_declaration(declared: memoryview, budget: Budget) -> tuple[str, list[float] | None]:
    """Return the name and the shape, if any, that a ValueInfoProto gives; a size without a number is inf."""
    name = ""
    shape: list[float] | None = None
    for number, value in read_fields(declared, budget):
        if number == 1:
            name = text(value)
        elif number == 2:
            for kind, tensor in read_fields(message(value), budget):
                for key, dimensions in read_fields(message(tensor), budget) if kind == 1 else ():
                    if key == 2:
                        sizes = read_fields(message(dimensions), budget)
                        shape = [_read_size(message(size), budget) for part, size in sizes if part == 1]
    return name, shape


def _read_size(dimension: memoryview, budget: Budget) -> float:
    size = math.inf
    for number, value in read_fields(dimension, budget):
        if number == 1:
            size = float(varints(value)[-1]) if value != b"" else 0.0
    return size


def _read_node(node: memoryview, summary: Summary, budget: Budget) -> None:
    operator, domain = "", ""
    attributes: dict[str, str | int] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    constant = None
    for number, value in read_fields(node, budget):
        if number == 5:
            name, single, shape = _read_attribute(message(value), summary, budget)
            if name in attributes:
                summary.faults.append(f"an operator with two attributes {name[:100]!r}")
            attributes[name] = single
            if shape and name == "split":
                attributes[name] = shape[0]
            constant = shape if name.startswith("value") else constant
            continue
        word = text(value) if number in (1, 2, 3, 4, 7) else ""  # ONNX Runtime trips over names that are no text
        if number in (1, 2):
            (inputs if number == 1 else outputs).append(word)
        operator = word if number == 4 else operator
        domain = word if number == 7 else domain
    if domain not in _DOMAINS or operator not in OPERATORS:
        summary.foreign.add(f"{domain}.{operator}"[:100] if domain else operator[:100] or "one without a name")
        return
    if operator == "Constant":
        if len(attributes) != 1:
            summary.faults.append(f"a Constant of {len(attributes)} values")
        for name in outputs:
            summary.extents.add_weight(name, constant or ())
        return
    if "" in inputs[: _OPTIONAL_FROM.get(operator, len(inputs))]:
        summary.faults.append(f"an operator {operator} without one of its inputs")
    if operator == "Einsum" and len(inputs) > 2:  # of two it is a matrix product; of more its cost has no bound
        summary.faults.append("an Einsum of more than two tensors")
    if fault := summary.extents.add_node(operator, inputs, outputs, attributes):
        summary.faults.append(fault)


def _read_attribute(attribute: memoryview, summary: Summary, budget: Budget) -> tuple[str, str | int, list[int]]:
    """Check one attribute; returns its name, its text or whole number, and the shape of its value as a constant."""
    name, listed = "", 0
    single: str | int = 0
    shape: list[int] | None = None
    for number, value in read_fields(attribute, budget):
        if number == 1:
            name = text(value)
        elif number == 3:
            single = varints(value)[-1] if value != b"" else 0
        elif number == 4:
            single = text(value)
        elif number in (5, 10):
            _, shape = _read_tensor(message(value), summary, budget)
        elif number in (6, 11):
            summary.faults.append("a graph within a graph")
        elif number in (7, 8):  # floats, ints: one or packed
            listed += len(varints(value)) if number == 8 else 1 if isinstance(value, int) else len(value) // 4
        elif number in (22, 23):
            summary.faults.append("sparse weights")
    if name in ("value_string", "value_strings") or (name == "to" and single == _STRING):
        summary.faults.append("texts")
    return name, single, shape if shape is not None else [listed] if listed else []


def _read_tensor(tensor: memoryview, summary: Summary, budget: Budget) -> tuple[str, list[int]]:
    """Check one tensor: in this file, of a known type, with as much data as its shape says; returns name and shape."""
    name = ""
    shape: list[int] = []
    kind, raw, flat = 0, -1, 0
    for number, value in read_fields(tensor, budget):
        if number == 1:
            shape += varints(value) if len(shape) <= MAX_DIMENSIONS else []
        elif number == 2:
            kind = varints(value)[-1] if value != b"" else 0
        elif number == 8:
            name = text(value)
        elif number == 9:
            raw = len(message(value))
        elif number == 13 or (number == 14 and value != 0):
            summary.external = True
        elif number in _FLAT_FIELDS and not isinstance(value, int):
            width = _FLAT_FIELDS[number]
            flat += len(value) // width if width else sum(byte < 0x80 for byte in value)
        elif number in _FLAT_FIELDS:
            flat += 1
    if summary.external:
        return name, shape
    if kind not in _ITEM_BYTES:
        summary.faults.append(f"a tensor of type {kind}")
    elif len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
        summary.faults.append(f"a tensor of shape {shape[:MAX_DIMENSIONS]}")
    elif (raw if raw >= 0 else flat) != math.prod(shape) * (_ITEM_BYTES[kind] if raw >= 0 else 1):
        found = f"{raw} bytes" if raw >= 0 else f"{flat} numbers"
        summary.faults.append(f"a tensor of shape {shape} with {found} of data")
    return name, shape

"""Controller files made to harm: each is refused with its reason, within bounds of memory and time."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node

from runtime import Controller, ControllerError, _graph, _onnx, _protobuf
from tests.tiny import write_controller

Edit = Callable[[onnx.ModelProto], object]


def refused(tmp_path: Path, edit: Edit) -> str:
    """The message with which a controller spoiled by `edit` is refused."""
    path = write_controller(tmp_path / "c.onnx", edit_model=edit)
    with pytest.raises(ControllerError) as caught:
        Controller.load(path)
    return str(caught.value)


def behind(nodes: list[onnx.NodeProto], **constants: object) -> Edit:
    """Add nodes between the network and its output: they read `before` and write `joint_target`."""

    def edit(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            if node.output[0] == "joint_target":
                node.output[0] = "before"
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())

    return edit


def add_nothing(scalar: str) -> list[onnx.NodeProto]:
    """joint_target = before + 0 · scalar."""
    return [make_node("Mul", [scalar, "zero"], ["nothing"]), make_node("Add", ["before", "nothing"], ["joint_target"])]


def huge(count: int) -> Edit:
    """A tensor of `count` numbers is made, summed up and thrown away: a few bytes of file."""
    nodes = [make_node("Expand", ["zero", "shape"], ["wide"]), make_node("ReduceSum", ["wide"], ["sum"], keepdims=0)]
    return behind([*nodes, *add_nothing("sum")], zero=np.float32(0), shape=np.array([count]))


def long(size: int, times: int) -> Edit:
    """The goal fills a square matrix, which is multiplied by itself again and again."""
    nodes = [make_node("ReduceSum", ["goal"], ["g"], keepdims=0), make_node("Expand", ["g", "shape"], ["m0"])]
    nodes += [make_node("MatMul", [f"m{number}", "m0"], [f"m{number + 1}"]) for number in range(times)]
    nodes += [make_node("ReduceSum", [f"m{times}"], ["sum"], keepdims=0), make_node("Abs", ["zero"], ["unused"])]
    return behind([*nodes, *add_nothing("sum")], zero=np.float32(0), shape=np.array([size, size]))


@pytest.mark.parametrize("count", [10**9, 10**12])
def test_a_graph_that_wants_all_memory_is_refused(tmp_path: Path, count: int) -> None:
    """4 GB or 4 TB of numbers out of 300 bytes: refused, and the process has not grown by 200 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "found [ONNXRuntimeError]" in refused(tmp_path, huge(count))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_a_graph_within_the_bound_still_loads(tmp_path: Path) -> None:
    """Four million numbers, 16 MB: no reason to refuse."""
    Controller.load(write_controller(tmp_path / "c.onnx", edit_model=huge(4_000_000)))


def test_a_graph_that_takes_for_ever_is_called_off(tmp_path: Path, monkeypatch) -> None:
    """400 products of 1000 × 1000 matrices, a minute's work for each self-test: given up after half a second."""
    monkeypatch.setattr(_onnx, "MAX_SECONDS", 0.5)
    start = time.monotonic()
    assert "terminate" in refused(tmp_path, long(1000, 400))
    assert time.monotonic() - start < 20.0  # not a speed: sixty seconds would be no bound


def loop() -> onnx.NodeProto:
    """A node that repeats a graph 2⁶⁰ times."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [make_node("Identity", ["again"], ["go_on"])], "body",
        [info("number", TensorProto.INT64, []), info("again", TensorProto.BOOL, [])],
        [info("go_on", TensorProto.BOOL, [])],
    )  # fmt: skip
    return make_node("Loop", ["many", ""], [], body=body)


def sparse(model: onnx.ModelProto) -> None:
    """Weights of a petabyte in two numbers."""
    values, where = numpy_helper.from_array(np.ones(1, np.float32), "s"), numpy_helper.from_array(np.array([0]))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, where, [2**50]))


def function(model: onnx.ModelProto) -> None:
    """An operator made of others."""
    opset = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("mine", "f", ["x"], ["y"], [make_node("Abs", ["x"], ["y"])], opset))


def short(model: onnx.ModelProto) -> None:
    """The weights' shape says 2⁴⁰ rows."""
    model.graph.initializer[0].dims[0] = 2**40


def below(model: onnx.ModelProto) -> None:
    """A negative shape."""
    model.graph.initializer[0].dims[0] = -1


def elsewhere(model: onnx.ModelProto) -> None:
    """Weights in /etc/passwd."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def endless(operator: str) -> Edit:
    """A shape of 10¹⁰ dimensions: ONNX Runtime would make room for each while it loads, 2 TB in all."""
    nodes = [make_node("Expand", ["ones", "length"], ["shape"])]
    nodes.append(make_node(operator, ["shape"] if operator == "ConstantOfShape" else ["goal", "shape"], ["endless"]))
    return behind([*nodes, *add_nothing("zero")], zero=np.float32(0), ones=np.ones(1, np.int64), length=[10**10])


def doubled(model: onnx.ModelProto) -> None:
    """A shape that is joined to itself forty times."""
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.int64), "d0"))
    model.graph.node.extend(make_node("Concat", [f"d{n}"] * 2, [f"d{n + 1}"], axis=0) for n in range(40))
    model.graph.node.append(make_node("Reshape", ["goal", "d40"], ["endless"]))


def declared(model: onnx.ModelProto) -> None:
    """A shape of two numbers, of which the file says that they are 10¹⁰."""
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.int64), "two"))
    model.graph.node.append(make_node("Identity", ["two"], ["shape"]))
    model.graph.value_info.append(helper.make_tensor_value_info("shape", TensorProto.INT64, [10**10]))
    model.graph.node.append(make_node("Reshape", ["goal", "shape"], ["endless"]))


def flat(model: onnx.ModelProto) -> None:
    """A product of matrices of which one has become a number: ONNX Runtime 1.31 aborts the process."""
    model.graph.node.append(make_node("ReduceSum", ["goal"], ["number"], keepdims=0))
    model.graph.node.append(make_node("Einsum", ["number", "goal"], ["x"], equation="ab,cb->ac"))


def twofold(model: onnx.ModelProto) -> None:
    """A Constant that is one number and, read another way, three."""
    node = make_node("Constant", [], ["c"], value_int=1)
    node.attribute.append(helper.make_attribute("value_ints", [1, 2, 3]))
    model.graph.node.append(node)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (twofold, "a Constant of 2 values"),
        (
            lambda m: m.graph.node.append(make_node("Split", ["goal"], ["p", "q"], num_outputs=1)),
            "a Split into 2 parts",
        ),
        (flat, "an Einsum 'ab,cb->ac' of tensors that may have fewer dimensions"),
        *((endless(operator), f"{operator} with a shape of") for operator in ("Reshape", "Expand", "ConstantOfShape")),
        (doubled, "Reshape with a shape of more than 256 dimensions"),
        (declared, "Reshape with a shape of more than 256 dimensions"),
        (
            lambda m: m.graph.node.insert(0, make_node("Abs", ["joint_target"], ["x"])),
            "'joint_target' before it is made",
        ),
        (lambda m: m.graph.node.append(loop()), "found Loop; export a network of plain tensor operators"),
        (lambda m: m.graph.node.append(loop()), "a graph within a graph"),
        (lambda m: m.graph.node.append(make_node("Run", ["goal"], ["x"], domain="my.ops")), "found my.ops.Run"),
        (lambda m: m.graph.node.append(make_node("RandomNormal", [], ["x"], shape=[2])), "found RandomNormal"),
        (lambda m: m.graph.node.append(make_node("Cast", ["goal"], ["x"], to=8)), "found texts"),
        (lambda m: m.graph.node.append(make_node("Min", ["goal", ""], ["x"])), "Min without one of its inputs"),
        (lambda m: m.graph.node.append(make_node("Einsum", ["goal"] * 3, ["x"], equation="ab,cd,ef->ab")), "an Einsum"),
        (sparse, "sparse weights"),
        (function, "functions"),
        (short, "bytes of data"),
        (below, "a tensor of shape [-1"),
        (elsewhere, "weights in external files"),
        (lambda m: m.graph.initializer[0].ClearField("data_type"), "a tensor of type 0"),
        (lambda m: m.metadata_props.add(key="x", value="y" * 5_000_000), "at most 4194304 bytes"),
        (lambda m: m.graph.node.extend([make_node("Abs", ["goal"], ["x"])] * 5000), "graph nodes: expected at most"),
    ],
)
def test_what_no_controller_needs_is_refused_before_it_runs(tmp_path: Path, monkeypatch, edit: Edit, said: str) -> None:
    """The message names it, and ONNX Runtime is never handed the file."""
    monkeypatch.setattr(_onnx, "_open_session", lambda *given: pytest.fail("it was opened"))
    assert said in refused(tmp_path, edit)


def test_the_shipped_files_pass() -> None:
    """Every controller and prior of `exported/` is a plain graph."""
    exported = Path(__file__).parents[2] / "exported"
    files = [*exported.glob("*.onnx"), *exported.glob("priors/*.onnx")]
    assert files
    assert [path.name for path in files if _graph.inspect(path.read_bytes())[1]] == []


def test_our_reader_sees_what_protobuf_sees(tmp_path: Path) -> None:
    """Nodes and metadata of a good file, counted by both."""
    content = write_controller(tmp_path / "c.onnx").read_bytes()
    model = onnx.ModelProto.FromString(content)
    summary, problems = _graph.inspect(content)
    assert problems == [] and summary.nodes == len(model.graph.node)
    found = {key: bytes(value).decode() for key, value in summary.metadata.items()}
    assert found == {entry.key: entry.value for entry in model.metadata_props}


def test_wire_format_by_hand() -> None:
    """Field 1 = 150, field 2 = "abc", field 3 = 4 bytes; negative numbers are ten bytes long."""
    message = memoryview(b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d\x01\x02\x03\x04")
    fields = [(n, v if isinstance(v, int) else bytes(v)) for n, v in _protobuf.read_fields(message, _protobuf.Budget())]
    assert fields == [(1, 150), (2, b"abc"), (3, b"\x01\x02\x03\x04")]
    assert _protobuf.varints(memoryview(b"\x01" + b"\xff" * 9 + b"\x01")) == [1, -1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x08", "the end in the middle of a number"),
        (b"\x08" + b"\xff" * 11, "more than 10 bytes"),
        (b"\x12\x05abc", "a field of 5 bytes where 3 are left"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a field of 18446744073709551615 bytes"),
        (b"\x0b", "wire type 3"),
        (b"\x08\x01" * 600_000, "more than 500000 fields"),
    ],
)
def test_broken_wire_formats_are_refused(content: bytes, said: str) -> None:
    """Truncated, overlong, of a kind that protobuf gave up, or too many fields: one WireError that says which."""
    with pytest.raises(_protobuf.WireError, match=said):
        list(_protobuf.read_fields(memoryview(content), _protobuf.Budget()))


def test_a_message_cannot_drive_a_terminal(tmp_path: Path) -> None:
    """A name with an escape sequence and line ends comes out written out, in one line a problem."""
    path = write_controller(tmp_path / "c.onnx", edit_metadata=lambda m: m.update({"\x1b[2J\nevil": 1}))
    with pytest.raises(ControllerError) as caught:
        Controller.load(path)
    assert "\\x1b[2J\\nevil" in str(caught.value)
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 400, "-" + "9" * 19])
def test_numbers_too_large_for_an_array_are_refused(tmp_path: Path, number: str) -> None:
    """A whole number of 19 digits or more in the metadata is one clear problem, not an overflow somewhere later."""

    def edit(model: onnx.ModelProto) -> None:
        entry = model.metadata_props[0]
        entry.value = entry.value.replace('"physics_hz": 120', f'"physics_hz": {number}')

    assert "a whole number of" in refused(tmp_path, edit)


def test_a_folder_is_no_controller(tmp_path: Path) -> None:
    """A path to a folder, and one with a null byte: refused, not tripped over."""
    for path in (tmp_path, tmp_path / "a\0b"):
        with pytest.raises(ControllerError):
            Controller.load(path)

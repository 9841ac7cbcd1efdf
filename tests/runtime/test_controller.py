from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from runtime import ControllerError, _onnx
from runtime.character import BODIES, DEFAULT_POSE, JOINT_NAMES, JOINTS, STATE_SHAPES, State
from runtime.controller import Controller
from runtime.goals import STEERING_SCHEMA, Steering
from tests.tiny import INPUT_SIZE, linear, write_controller


def states(batch: int, seed: int = 0) -> State:
    """Return random states, leading axes [batch]; numbers, not poses."""
    rng = np.random.default_rng(seed)
    return State(**{name: rng.standard_normal((batch, *shape)) * 0.1 for name, shape in STATE_SHAPES.items()})


def test_load_gives_the_contract(controller_path: Path) -> None:
    """A loaded controller knows its file, task and goal schema."""
    controller = Controller.load(controller_path)
    assert controller.path == controller_path
    assert controller.task == "steering"
    assert controller.goal_schema == STEERING_SCHEMA
    assert controller.metadata["bodies"] == list(BODIES)


def test_act_by_hand(tmp_path: Path) -> None:
    """With a knee gain of 0.2 rad per m/s, 1.5 m/s along x bend the knee by 0.3 rad and move nothing else."""
    controller = Controller.load(write_controller(tmp_path / "c.onnx", linear(right_knee=0.2)))
    goals = np.stack([Steering(speed=1.5).vector(), Steering().vector()])
    targets = controller.act(states(2), goals)
    assert (targets.shape, targets.dtype) == ((2, 28), np.float32)
    expected = DEFAULT_POSE.copy()
    expected[JOINT_NAMES.index("right_knee")] += 0.3
    np.testing.assert_allclose(targets[0], expected, atol=1e-6)
    np.testing.assert_allclose(targets[1], DEFAULT_POSE, atol=1e-6)


def test_every_input_reaches_the_graph(tmp_path: Path) -> None:
    """With random weights on all inputs the targets are numpy's, whatever the order of batch sizes."""
    weights = np.random.default_rng(3).uniform(-0.1, 0.1, (INPUT_SIZE, len(JOINT_NAMES)))
    controller = Controller.load(write_controller(tmp_path / "c.onnx", weights))
    low, high = np.array([joint.target_range for joint in JOINTS]).T
    for batch in (1, 5, 1, 3):
        state, goals = states(batch, seed=batch), np.random.default_rng(batch).standard_normal((batch, 4))
        x = np.concatenate([*(np.reshape(value, (batch, -1)) for value in vars(state).values()), goals], axis=1)
        np.testing.assert_allclose(
            controller.act(state, goals), np.clip(DEFAULT_POSE + x @ weights, low, high), atol=1e-5
        )


def test_result_is_the_caller_s(controller_path: Path) -> None:
    """The next call does not change the targets that the last one gave."""
    controller = Controller.load(controller_path)
    first = controller.act(states(1), np.zeros((1, 4)))
    first[:] = 7.0
    assert controller.act(states(1), np.zeros((1, 4)))[0, 0] == pytest.approx(DEFAULT_POSE[0])
    assert first[0, 0] == 7.0


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Let Python switch between threads as often as it can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless_threads")
def test_act_from_threads(tmp_path: Path) -> None:
    """Threads that ask one controller for different goals at once get their own answers."""
    controller = Controller.load(write_controller(tmp_path / "c.onnx", linear(right_knee=0.1)))

    def ask(speed: float) -> None:
        goal = Steering(speed=speed).vector()[None]
        for _ in range(1000):
            knee = controller.act(states(1), goal)[0, JOINT_NAMES.index("right_knee")]
            assert knee == pytest.approx(0.1 * speed, abs=1e-6)

    with ThreadPoolExecutor() as threads:
        for asked in [threads.submit(ask, speed) for speed in (1.0, 2.0, 3.0)]:
            asked.result()


def test_wrong_shapes_are_named(controller_path: Path) -> None:
    """A lone state is not taken for a batch, and a goal must have the schema's width."""
    controller = Controller.load(controller_path)
    lone = State(**{name: value[0] for name, value in vars(states(1)).items()})
    with pytest.raises(ValueError, match=r"root_position: expected shape \(1, 3\), found \(3,\)"):
        controller.act(lone, np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"goal: expected shape \(2, 4\), found \(2, 3\)"):
        controller.act(states(2), np.zeros((2, 3)))


def refused(path: Path) -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(ControllerError) as caught:
        Controller.load(path)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    """A path where nothing is gets an error that names it."""
    message = refused(tmp_path / "nowhere.onnx")
    assert "nowhere.onnx" in message
    assert "No such file" in message


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 5000])
def test_not_onnx(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no ONNX graph are refused as such."""
    path = tmp_path / "c.onnx"
    path.write_bytes(content)
    assert "graph: expected an ONNX graph" in refused(path)


def test_truncated_file(controller_path: Path) -> None:
    """A file cut short anywhere is refused."""
    content = controller_path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        controller_path.write_bytes(content[: int(len(content) * share)])
        refused(controller_path)


def test_too_large_file_is_not_read(controller_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is refused by its size."""
    monkeypatch.setattr(_onnx, "MAX_FILE_BYTES", 1000)
    assert "file: expected at most 1000 bytes" in refused(controller_path)


def test_external_data(controller_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights in a second file are refused although that file is there, beside the first and where we are."""
    monkeypatch.chdir(controller_path.parent)
    model = onnx.load(controller_path)
    onnx.save(model, controller_path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (controller_path.parent / "weights.bin").exists()
    assert "weights in external files" in refused(controller_path)


@pytest.mark.parametrize("text", [None, "{", "[1]", "[" * 100_000])
def test_metadata_that_is_no_object(tmp_path: Path, text: str | None) -> None:
    """Without the metadata, or with something else than a JSON object, a file is refused."""

    def spoil(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]
        if text is not None:
            model.metadata_props.add(key="controller", value=text)

    assert "metadata 'controller': expected a JSON object" in refused(
        write_controller(tmp_path / "c.onnx", edit_model=spoil)
    )


def rename_input(model: onnx.ModelProto) -> None:
    """Call the goal `target`."""
    model.graph.input[-1].name = "target"
    for node in model.graph.node:
        node.input[:] = ["target" if name == "goal" else name for name in node.input]


def fix_batch(model: onnx.ModelProto) -> None:
    """Make a graph for one character alone."""
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 1


def double_goal(model: onnx.ModelProto) -> None:
    """Take the goal as float64."""
    model.graph.input[-1].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    model.graph.node.insert(0, onnx.helper.make_node("Cast", ["goal"], ["goal32"], to=onnx.TensorProto.FLOAT))
    for node in list(model.graph.node)[1:]:
        node.input[:] = ["goal32" if name == "goal" else name for name in node.input]


def shift_pose(model: onnx.ModelProto) -> None:
    """Give other targets than the exporter noted."""
    pose = next(tensor for tensor in model.graph.initializer if tensor.name == "pose")
    pose.CopyFrom(onnx.numpy_helper.from_array((DEFAULT_POSE + 0.01).astype(np.float32), "pose"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (rename_input, "graph inputs: expected"),
        (fix_batch, "graph input root_position: expected shape [batch, 3], found [1, 3]"),
        (double_goal, "graph input goal: expected float32, found tensor(double)"),
        (shift_pose, "self-test vector 0: expected joint targets within 0.0001 rad"),
    ],
)
def test_graph_that_breaks_the_contract(tmp_path: Path, spoil: Callable[[onnx.ModelProto], None], message: str) -> None:
    """Names, types, shapes and outputs that are not the contract's are refused by name."""
    assert message in refused(write_controller(tmp_path / "c.onnx", edit_model=spoil))


def test_nan_in_the_self_test(tmp_path: Path) -> None:
    """A graph that gives NaN is refused."""
    message = refused(write_controller(tmp_path / "c.onnx", nan_above=-10.0))
    assert "expected finite joint targets, found NaN or infinity" in message


def test_targets_outside_their_range(tmp_path: Path) -> None:
    """A graph that does not clip is refused even when its self-test agrees with it."""

    def unclip(model: onnx.ModelProto) -> None:
        low = next(tensor for tensor in model.graph.initializer if tensor.name == "low")
        pose = next(tensor for tensor in model.graph.initializer if tensor.name == "pose")
        for tensor in (low, pose):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(28, -9.0, dtype=np.float32), tensor.name))

    def agree(metadata: dict) -> None:
        for vector in metadata["self_test"]:
            vector["joint_target"] = [-9.0] * 28

    message = refused(write_controller(tmp_path / "c.onnx", edit_metadata=agree, edit_model=unclip))
    assert "expected joint targets in their ranges" in message
    assert "exporter's" not in message


@pytest.mark.parametrize("value", [[0.0] * 27, ["a"] * 28, None, [float("nan")] * 28])
def test_self_test_of_the_wrong_shape(tmp_path: Path, value: object) -> None:
    """Self-test vectors that are no 28 numbers are refused, not tripped over."""
    path = write_controller(
        tmp_path / "c.onnx", edit_metadata=lambda metadata: metadata["self_test"][1].update(joint_target=value)
    )
    message = refused(path)
    assert "metadata.self_test: expected numbers in the shapes of the graph" in message or "of nan rad" in message


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Faults of metadata and graph come in one error, each on its line."""

    def spoil(metadata: dict) -> None:
        metadata["control_hz"] = 60
        metadata["joints"][0]["kp"] = 1.0

    path = write_controller(tmp_path / "c.onnx", edit_metadata=spoil, edit_model=fix_batch)
    with pytest.raises(ControllerError) as caught:
        Controller.load(path)
    fields = [problem.field for problem in caught.value.problems]
    assert {"metadata.control_hz", "metadata.joints.abdomen_x", "graph input goal", "graph output joint_target"} <= set(
        fields
    )
    assert str(caught.value).count("\n  - ") == len(fields)


def test_provider_that_is_not_installed(controller_path: Path) -> None:
    """Asking for a provider that is not there is an error, not a silent fall back to the CPU."""
    with pytest.raises(ControllerError, match=r"providers: expected .*CPUExecutionProvider.*'NoProvider'"):
        Controller.load(controller_path, providers=["NoProvider"])

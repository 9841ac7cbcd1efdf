"""A trained policy as a controller file: verified, complete, and accepted by the runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from runtime.character import JOINTS, STATE_SHAPES
from runtime.contract import METADATA_KEY, OUTPUT
from runtime.controller import Controller
from runtime.goals import Steering
from runtime.world import World
from tests.training.conftest import LEARNER
from training import export as exporter
from training import onnx_file, run
from training.export import ExportError, export
from training.learning.workers import Worker
from training.tasks import StartStates


@pytest.fixture(scope="module")
def exported(prior_path, tmp_path_factory):
    """A policy after two iterations and its file."""
    folder = tmp_path_factory.mktemp("exported")
    config = run.RunConfig(task=run.settings.TaskConfig("steering", str(prior_path)), learner=LEARNER, seed=3)
    learner = run.build(Worker(0, 1), config)
    for _ in range(2):
        learner.iterate()
    difference = export(folder / "controller.onnx", learner, run.card(config, learner, 7200.0))
    return folder / "controller.onnx", learner, config, difference


def test_export_is_verified_on_1000_steps(exported):
    """The file answers as the policy does, within 1e-5 rad, on 1,000 different states of a simulation under it."""
    path, learner, _, difference = exported
    assert 0 <= difference <= 1e-5
    graph = exporter.ControllerGraph(learner.actor, learner.environment.task.observe, learner.environment.action)
    states, goals, targets = exporter._roll_out(learner.environment, graph.eval())
    assert targets.shape == (1000, 28) and goals.shape == (1000, 4)
    assert {name: value.shape[1:] for name, value in states.items()} == STATE_SHAPES
    assert len(np.unique(states["joint_position"], axis=0)) > 600  # falls start again from a small pool or all alike
    assert exporter.verify(path, states, goals, targets) <= 1e-5


def test_file_equals_the_learners_policy(exported):
    """Raw state in, joint targets out: what the environment does with the policy's mean action, in one graph."""
    path, learner, _, _ = exported
    environment, engine = learner.environment, learner.environment.engine
    body = environment.body
    with torch.no_grad():
        expected = environment.action(learner.actor(environment.observe()))
    raw = {name: getattr(body, name).numpy() for name in STATE_SHAPES if name != "body_rotation"}
    state = exporter.State(**raw, body_rotation=engine.body_rotation.float().numpy())
    found = Controller.load(path).act(state, environment.task.goal.numpy())
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5, rtol=0)
    assert np.abs(found).max() > 0.1


def test_metadata_is_complete(exported, prior_path):
    """The file says what it is for, what it was made of and by which configuration."""
    path = exported[0]
    controller = Controller.load(path)
    found = controller.metadata
    assert controller.task == "steering"
    assert [joint["name"] for joint in found["joints"]] == [joint.name for joint in JOINTS]
    assert (found["physics_hz"], found["control_hz"]) == (120, 30)
    assert found["prior"]["name"] == "tiny" and len(found["prior"]["sha256"]) == 64
    assert found["datasets"] == [{"name": "made", "licence": "CC0", "clips": 9, "minutes": pytest.approx(0.445)}]
    training = found["training"]
    assert (training["seed"], training["samples"], training["hours"]) == (3, 64, 2.0)
    assert training["configuration"]["learner"]["envs"] == 8
    assert training["configuration"]["task"]["prior"] == str(prior_path)
    assert "cores of" in training["hardware"] and training["code_version"]
    assert len(found["self_test"]) == 3
    targets = np.array([vector[OUTPUT] for vector in found["self_test"]])
    assert np.abs(np.diff(targets, axis=0)).max() > 1e-3  # three different moments


def test_the_runtime_runs_it(exported):
    """A world takes the file and simulates it with a goal."""
    world = World()
    hero = world.add_character(exported[0])
    hero.goal = Steering(speed=1.0)
    for _ in range(5):
        world.step()
    assert np.isfinite(hero.state.joint_position).all()


def tamper(path: Path, change: float, honest: bool = True) -> None:
    """Shift the centre of the action transform by `change` rad; not `honest`: and the self-test's answers with it."""
    model = onnx.load(path)
    (tensor,) = (t for t in model.graph.initializer if t.name == "action.centre")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(change), tensor.name))
    entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
    content = json.loads(entry.value)
    for vector in content["self_test"]:
        vector[OUTPUT] = (np.array(vector[OUTPUT]) + change * (not honest)).tolist()
    entry.value = json.dumps(content)
    path.write_bytes(model.SerializeToString())


def test_a_wrong_graph_raises_and_is_not_left(exported, monkeypatch, tmp_path):
    """A file that is 5e-5 rad off never takes its place; a good one there stays."""
    _, learner, config, _ = exported
    write = onnx_file.write
    monkeypatch.setattr(onnx_file, "write", lambda path, *arguments: (write(path, *arguments), tamper(path, 5e-5)))
    target = tmp_path / "controller.onnx"
    target.write_bytes(b"an older controller")
    with pytest.raises(ExportError, match=r"targets differ from the policy's by 5\.\d+e-05 rad in 1000 steps"):
        export(target, learner, run.card(config, learner, 0.0))
    assert target.read_bytes() == b"an older controller"


@pytest.mark.parametrize(
    ("change", "honest", "message"),
    [
        (0.01, True, r"self-test vector 0"),  # the runtime itself refuses the file
        (0.01, False, r"targets differ from the policy's by 1\.\d+e-02 rad in 1000 steps"),
        (np.nan, False, r"finite"),
    ],
)
def test_tampered_weights_are_found(exported, tmp_path, change, honest, message):
    """A file that is further off fails, whether or not its self-test was changed to agree with it."""
    path, learner, _, _ = exported
    graph = exporter.ControllerGraph(learner.actor, learner.environment.task.observe, learner.environment.action)
    witnessed = exporter._roll_out(learner.environment, graph.eval())
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(path.read_bytes())
    tamper(bad, change, honest)
    with pytest.raises(ExportError, match=message):
        exporter.verify(bad, *witnessed)


def test_a_written_file_is_whole(tmp_path):
    """`onnx_file.write` makes one self-contained file, keeps parameter names, takes any batch, leaves nothing else."""

    class Affine(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.tensor([2.0, 3.0]))
            self.register_buffer("shift", torch.tensor([1.0, 1.0]))

        def forward(self, x):
            return x * self.gain + self.shift

    onnx_file.write(tmp_path / "a" / "x.onnx", Affine(), (torch.zeros(2, 2),), ("x",), ("y",), {"k": {"v": 0.1}})
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.onnx"]
    model = onnx.load(tmp_path / "a" / "x.onnx")
    assert {tensor.name for tensor in model.graph.initializer} >= {"gain", "shift"}
    assert {entry.key: json.loads(entry.value) for entry in model.metadata_props} == {"k": {"v": 0.1}}
    assert max(opset.version for opset in model.opset_import) >= 18
    evaluated = ReferenceEvaluator(model)
    for batch in (1, 5):
        found = evaluated.run(None, {"x": np.ones((batch, 2), np.float32)})
        np.testing.assert_array_equal(np.asarray(found), [[[3.0, 4.0]] * batch])


def test_a_task_that_never_stands_says_where_it_starts(prior_path, tmp_path):
    """Episodes in a clip's frames alone: the file begins in the clip's first; otherwise a character stands."""
    config = run.RunConfig(task=run.settings.TaskConfig("skill", str(prior_path)), learner=LEARNER, seed=3)
    learner = run.build(Worker(0, 1), config)
    assert run.card(config, learner, 0.0)["start"] is None
    first = {"qpos": torch.rand(5, 35), "qvel": torch.rand(5, 34)}
    first["qpos"][:, 3:7] /= first["qpos"][:, 3:7].norm(dim=1, keepdim=True)
    learner.environment.task.starts = StartStates(own=first, own_share=1.0)
    export(tmp_path / "c.onnx", learner, run.card(config, learner, 0.0))
    qpos, qvel = Controller.load(tmp_path / "c.onnx").start
    np.testing.assert_allclose(qpos, first["qpos"][0])
    np.testing.assert_allclose(qvel, first["qvel"][0])

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest

from runtime import character
from runtime.contract import (
    ControllerError,
    Problem,
    check_metadata,
    controller_metadata,
    input_shapes,
    joints_metadata,
)

START = {"qpos": [0.0, 0.0, 0.9, 1.0] + 31 * [0.0], "qvel": 34 * [0.0]}
VECTOR = {"inputs": {}, "joint_target": []}


def metadata() -> dict:
    """Return good metadata, as it is after a trip through a file."""
    made = controller_metadata(
        task="steering", prior=None, datasets=[], training={}, evaluation={}, self_test=[VECTOR] * 3
    )
    return json.loads(json.dumps(made))


def test_good_metadata_has_no_problem() -> None:
    """What `controller_metadata` makes is accepted after a trip through JSON."""
    assert check_metadata(metadata()) == []


def test_a_start_is_kept() -> None:
    """A controller may say in which state its character begins."""
    made = controller_metadata(
        task="skill", prior=None, datasets=[], training={}, evaluation={}, self_test=[VECTOR] * 3, start=START
    )
    assert check_metadata(made) == [] and made["start"] == START


def test_numbers_keep_full_precision() -> None:
    """An angle such as pi/2 and a target limit such as 2.793 + 150/500 come back from JSON bit for bit."""
    assert metadata()["joints"] == joints_metadata()
    assert metadata()["joints"][6]["default"] == character.DEFAULT_POSE[6]


def test_input_shapes_are_the_state_then_the_goal() -> None:
    """A steering controller has nine inputs; the goal, four numbers, comes last."""
    shapes = input_shapes("steering")
    assert list(shapes) == [*character.STATE_SHAPES, "goal"]
    assert shapes["goal"] == (4,)


@pytest.mark.parametrize(
    ("spoil", "field", "found"),
    [
        (lambda m: m.update(schema_version=2), "metadata.schema_version", "2"),
        (lambda m: m.pop("bodies"), "metadata.bodies", "nothing"),
        (lambda m: m.update(joints="many"), "metadata.joints", "str"),
        (lambda m: m.update(extra=1), "metadata.extra", "one"),
        (lambda m: m["character"].update(sha256="0"), "metadata.character.sha256", "'0'"),
        (lambda m: m.update(control_hz=60), "metadata.control_hz", "60"),
        (lambda m: m.update(physics_hz=240), "metadata.physics_hz", "240"),
        (lambda m: m["joints"][3].update(kp=120.0), "metadata.joints.neck_x", "kp 120.0"),
        (lambda m: m["joints"][3].pop("kd"), "metadata.joints.neck_x", "kd None"),
        (lambda m: m["joints"].reverse(), "metadata.joints", "left_ankle_z"),
        (lambda m: m["joints"].__setitem__(0, "abdomen_x"), "metadata.joints", "None"),
        (lambda m: m["bodies"].__setitem__(0, "hips"), "metadata.bodies", "hips"),
        (lambda m: m["goal"].update(task="juggle"), "metadata.goal.task", "'juggle'"),
        (lambda m: m["goal"]["entries"].reverse(), "metadata.goal.entries of steering", "facing_y"),
        (lambda m: m["goal"]["entries"][0].update(unit="km/h"), "metadata.goal.entries of steering", "km/h"),
        (lambda m: m["goal"].update(entries=None), "metadata.goal.entries of steering", "None"),
        (lambda m: m.update(task="jump"), "metadata.goal.task", "'steering'"),
        (lambda m: m.update(start=[1.0]), "metadata.start", "list"),
        (lambda m: m.update(start={"qpos": START["qpos"]}), "metadata.start.qvel", "None"),
        (lambda m: m.update(start=START | {"qvel": [float("nan")] * 34}), "metadata.start.qvel", "nan"),
        (lambda m: m.update(start=START | {"qpos": [0.0] * 35}), "metadata.start.qpos[3:7]", "[0.0, 0.0, 0.0, 0.0]"),
        (lambda m: m["self_test"].pop(), "metadata.self_test", "2, of which 2 whole"),
        (lambda m: m["self_test"].__setitem__(1, {}), "metadata.self_test", "3, of which 2 whole"),
    ],
)
def test_each_fault_is_named(spoil: Callable[[dict], object], field: str, found: str) -> None:
    """One fault gives one problem or more, and one of them names the field and what was found there."""
    spoiled = copy.deepcopy(metadata())
    spoil(spoiled)
    assert [problem for problem in check_metadata(spoiled) if problem.field == field and found in problem.found]


def test_all_faults_are_listed() -> None:
    """Three faults in three places give three problems."""
    spoiled = metadata()
    spoiled["control_hz"] = 60
    spoiled["joints"][0]["effort"] = 1.0
    del spoiled["prior"]
    fields = {problem.field for problem in check_metadata(spoiled)}
    assert fields == {"metadata.control_hz", "metadata.joints.abdomen_x", "metadata.prior"}


def test_error_message_has_every_problem() -> None:
    """The message counts the problems and gives field, expected, found and remedy of each; long ones are cut."""
    problems = [Problem("a", "1", "2", "do this"), Problem("b", "x" * 9000, "4", "do that")]
    message = str(ControllerError("some.onnx", problems))
    assert message.startswith("some.onnx: not a usable controller, 2 problems:")
    assert "a: expected 1, found 2; do this" in message
    assert "found 4; do that" in message
    assert len(message) < 1000

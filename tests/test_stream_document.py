"""docs/stream.md says of the wire format what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import msgpack
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from runtime import Steering
from runtime.stream import hub, messages
from runtime.stream.messages import GoalRequest, PushRequest

TEXT = (Path(__file__).parents[1] / "docs" / "stream.md").read_text()


def documented(kind: str) -> set[str]:
    """The fields that the document lists for a type of message."""
    table = re.search(rf"\| field of `{kind}` \|.*?\n\n", TEXT + "\n\n", re.DOTALL)
    assert table, f"docs/stream.md has no table of {kind}"
    rows = [line.split("|")[1] for line in table[0].splitlines()[2:] if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_field_is_documented() -> None:
    """The tables have the keys of real messages, no more and no fewer."""
    bodies, props = (np.zeros((1, 15, 3)), np.zeros((1, 15, 4))), (np.zeros((1, 3)), np.zeros((1, 4)))
    sent = {
        "scene": messages.scene(1, [("a", None)], []),
        "poses": messages.poses(1, 1, 0.0, bodies, [False], props),
        "error": messages.error("no"),
        "goal": messages.request(GoalRequest("a", None)),
        "push": messages.request(PushRequest("a", (0.0, 0.0, 1.0), "torso")),
    }
    for kind, packed in sent.items():
        message = msgpack.unpackb(packed)
        assert message["type"] == kind
        assert set(message) - {"type"} == documented(kind)


def test_the_written_request_is_read() -> None:
    """The document's example of a goal, as it stands there."""
    example = re.search(r"For steering: `(\{.*\})`", TEXT)
    assert example
    packed = msgpack.packb(eval(example[1]))
    assert messages.read_request(packed) == GoalRequest("humanoid", Steering(speed=1.5, direction=0.0))


def test_bounds_are_those_of_the_program() -> None:
    """The numbers in "Bounds" are the constants."""
    for phrase in (
        f"at most {messages.MAX_REQUEST_BYTES} bytes", f"More than {hub.REQUESTS_PER_SECOND} a second",
        f"after {hub.MAX_BAD_REQUESTS} that make no sense", f"takes nothing for {hub.SEND_SECONDS:g} s",
    ):  # fmt: skip
        assert phrase in TEXT


@pytest.mark.parametrize("program", ["Blender", "Godot, three.js, glTF", "Unity", "Unreal"])
def test_conversions_turn_what_they_move(program: str) -> None:
    """A turned arrow is the same, whether it is turned here and then converted or converted and then turned there.

    Forward, left and up go where the program has them; the hand says whether that is a mirror image.
    """
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {program} |"))
    _, _, hand, place, turn, _ = row.split("|")
    place_formula = re.search(r"`(.*)`", place)
    order, turn_formula = re.search(r"([wxyz, ]+) = `", turn), re.search(r"= `(.*)`", turn)
    assert place_formula and order and turn_formula

    def there(v: np.ndarray) -> np.ndarray:
        return np.array(eval(place_formula[1], dict(zip("xyz", v, strict=True))))

    matrix = np.stack([there(axis) for axis in np.eye(3)], axis=1)
    scale = np.linalg.norm(matrix[:, 0])
    assert np.linalg.det(matrix / scale) == pytest.approx(1.0 if "right" in hand else -1.0)
    assert np.argmax(matrix[:, 2]) == "xyz".index(hand.split(",")[0].strip())  # up
    for seed in range(20):
        q = Rotation.random(rng=seed).as_quat()  # xyzw
        named = dict(zip("xyzw", q, strict=True))
        converted = dict(zip(order[1].replace(" ", "").split(","), eval(turn_formula[1], named), strict=True))
        rotation_there = Rotation.from_quat([converted[name] for name in "xyzw"])
        arrow = np.random.default_rng(seed).normal(size=3)
        turned_here = there(Rotation.from_quat(q).apply(arrow))
        np.testing.assert_allclose(turned_here, rotation_there.apply(there(arrow)), atol=1e-9)

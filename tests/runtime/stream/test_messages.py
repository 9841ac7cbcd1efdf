from __future__ import annotations

import math
import warnings

import msgpack
import numpy as np
import pytest

from runtime import Steering
from runtime.character import BODIES
from runtime.stream import messages
from runtime.stream.client import read_poses, read_scene
from runtime.stream.messages import GoalRequest, MessageError, PushRequest, read_request, request, unpack

GOAL = {"type": "goal", "character": "a", "goal": {"task": "steering", "speed": 1.5}}


@pytest.mark.parametrize(
    "asked",
    [
        GoalRequest("humanoid", Steering(speed=1.5, direction=0.25, facing=-1.0)),
        GoalRequest("humanoid", None),
        PushRequest("humanoid2", (1.0, -2.0, 3.5), "head"),
    ],
)
def test_requests_survive_the_wire(asked: messages.Request) -> None:
    """What a client packs is what the server reads."""
    assert read_request(request(asked)) == asked


def test_a_request_as_another_language_writes_it() -> None:
    """Whole numbers for floats, no facing, no body: a goal of 2 m/s and a push of the torso."""
    sent = {"type": "goal", "character": "a", "goal": {"task": "steering", "speed": 2}}
    assert read_request(msgpack.packb(sent)) == GoalRequest("a", Steering(speed=2.0))
    sent = {"type": "push", "character": "a", "impulse": [0, 10, 0]}
    assert read_request(msgpack.packb(sent)) == PushRequest("a", (0.0, 10.0, 0.0), "torso")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("text", "expected a binary message"),
        (b"", "expected msgpack"),
        (b"\xc1", "expected msgpack"),
        (b"\xdf\xff\xff\xff\xff", "expected msgpack"),  # a map of 4 billion entries
        (b"\x91" * 4000, "expected msgpack"),  # lists in lists
        (b"\x00" * 4097, "at most 4096 bytes, found 4097"),
        (msgpack.packb([1]), "a map with a type"),
        (msgpack.packb({"type": 3}), "a map with a type"),
        (msgpack.packb({"type": "quit", "character": "a"}), "goal or push, found 'quit'"),
        (msgpack.packb({"type": "goal", "goal": None}), "character: expected a name"),
        (msgpack.packb(GOAL | {"character": "x" * 101}), "character: expected a name"),
        (msgpack.packb(GOAL | {"extra": 1}), "'extra' too"),
        (msgpack.packb(GOAL | {"goal": [1]}), "goal: expected a map or null"),
        (msgpack.packb(GOAL | {"goal": {"task": "fly"}}), "'fly'"),
        (msgpack.packb(GOAL | {"goal": {"task": "steering", "speed": math.nan}}), "goal 'speed': expected finite"),
        (msgpack.packb(GOAL | {"goal": {"task": "steering", "speed": "fast"}}), "goal 'speed': expected finite"),
        (msgpack.packb(GOAL | {"goal": {"task": "steering", "speed": True}}), "goal 'speed': expected finite"),
        (msgpack.packb(GOAL | {"goal": {"task": "steering", "speed": [1.0] * 17}}), "goal 'speed': expected finite"),
        (msgpack.packb(GOAL | {"goal": {"task": "steering", "weight": 1}}), "weight"),
        (msgpack.packb({"type": "push", "character": "a", "impulse": [0, 1]}), "impulse: expected 3"),
        (msgpack.packb({"type": "push", "character": "a", "impulse": [0, 1, math.inf]}), "impulse: expected 3"),
        (msgpack.packb({"type": "push", "character": "a", "impulse": [0, 1, 2], "body": "tail"}), "body: expected"),
    ],
)
def test_a_bad_request_says_what_was_expected(sent: bytes | str, said: str) -> None:
    """Each fault is a MessageError with the field and a text short enough to send back."""
    with pytest.raises(MessageError, match=said) as caught:
        read_request(sent)
    assert len(str(caught.value)) < 500


def test_a_value_outside_its_range_is_clamped_and_never_fatal() -> None:
    """9 m/s become 5 with a warning; where warnings are errors, the client hears of it and the server goes on."""
    sent = msgpack.packb(GOAL | {"goal": {"task": "steering", "speed": 9.0}})
    with pytest.warns(UserWarning, match="clamped to 5"):
        assert read_request(sent) == GoalRequest("a", Steering(speed=5.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MessageError, match="clamped"):
            read_request(sent)


def packed_poses(**changed: object) -> bytes:
    """One character at (1, 2, 3) m and one ball, with some of the message's entries changed."""
    position = np.full((1, 15, 3), [1.0, 2.0, 3.0])
    rotation = np.full((1, 15, 4), [1.0, 0.0, 0.0, 0.0])
    ball = (np.array([[4.0, 5.0, 6.0]]), np.array([[1.0, 0.0, 0.0, 0.0]]))
    message = msgpack.unpackb(messages.poses(7, 3, 1.5, (position, rotation), [True], ball))
    return messages.pack(message | changed)


def scene_map(**changed: object) -> dict:
    """The scene of `packed_poses`."""
    ball = {"name": "ball", "shape": "ball", "size": [0.1]}
    return msgpack.unpackb(messages.scene(7, [("hero", "steering")], [ball])) | changed


def test_poses_survive_the_wire() -> None:
    """Positions, rotations, fallen, time and the frames skipped since frame 1 come out as they went in."""
    scene = read_scene(scene_map())
    assert scene.bodies == BODIES and scene.parents[:4] == (-1, 0, 1, 1)
    assert scene.characters == (("hero", "steering"),) and scene.props[0]["name"] == "ball"
    frame, poses = read_poses(unpack(packed_poses(), 10_000), scene, last=1)
    assert (frame, poses.skipped, poses.time, poses.fallen) == (3, 1, 1.5, (True,))
    np.testing.assert_array_equal(poses.position, np.full((1, 15, 3), [1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(poses.rotation[0, 14], [1.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(poses.prop_position, [[4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"scene": 8}, "scene 8, which was not described"),
        ({"position": b"\0" * 10}, "position: expected 180 bytes"),
        ({"rotation": None}, "rotation: expected 240 bytes"),
        ({"fallen": [True, False]}, "fallen: expected 1"),
        ({"frame": "3"}, "a frame's number"),
        ({"time": None}, "a frame's number"),
        ({"prop_position": b""}, "prop_position: expected 12 bytes"),
    ],
)
def test_a_client_refuses_poses_that_do_not_fit(changed: dict, said: str) -> None:
    """A server of another kind, or a broken one, cannot make the client index past an array."""
    with pytest.raises(MessageError, match=said):
        read_poses(unpack(packed_poses(**changed), 10_000), read_scene(scene_map()), last=0)


@pytest.mark.parametrize(
    "changed",
    [{"version": 2}, {"bodies": None}, {"parents": [0] * 15}, {"parents": [-1]}, {"characters": [{}]}, {"props": 3}],
)
def test_a_client_refuses_a_scene_that_is_none(changed: dict) -> None:
    """Another version, bodies that are no names, parents that come after their children, people without names."""
    with pytest.raises(MessageError):
        read_scene(scene_map(**changed))

"""The wire format: what the messages are, made and read; docs/stream.md is its description.

A message is one binary WebSocket message, a msgpack map with a `type`. Arrays are byte strings of little-endian float32
in the order of their shape, so that any language reads them without a library for arrays. Nobody is trusted: whatever
comes in is bounded before it is unpacked and checked before it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from runtime import character
from runtime.goal_records import goal_from_record, goal_record
from runtime.goals import Goal, GoalError

VERSION = 1
MAX_REQUEST_BYTES = 4096
MAX_UPDATE_BYTES = 16 * 1024 * 1024
MAX_NAME = 100
"""Characters of a name in a request."""


class MessageError(ValueError):
    """A message that breaks the format; the text says what was expected and found."""


@dataclass(frozen=True)
class GoalRequest:
    """A client wants a character to do something; None is the default goal of its controller."""

    character: str
    goal: Goal | None


@dataclass(frozen=True)
class PushRequest:
    """A client pushes a body."""

    character: str
    impulse: tuple[float, float, float]
    """N·s, world."""
    body: str


Request = GoalRequest | PushRequest


def pack(message: dict[str, Any]) -> bytes:
    """Return the bytes of a message."""
    packed = msgpack.packb(message)
    assert packed is not None
    return packed


def unpack(data: bytes | str, limit: int) -> dict[str, Any]:
    """Return a message's map.

    Raises:
        MessageError: it is a text, longer than `limit` bytes, no msgpack, or no map with a `type`.
    """
    if isinstance(data, str):
        raise MessageError("expected a binary message, found text")
    if len(data) > limit:
        raise MessageError(f"expected at most {limit} bytes, found {len(data)}")
    try:
        message = msgpack.unpackb(data, max_ext_len=0, strict_map_key=True)
    except Exception as error:  # msgpack raises many types on bad bytes
        raise MessageError(f"expected msgpack, found {type(error).__name__}: {str(error)[:100]}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MessageError(f"expected a map with a type, found {repr(message)[:100]}")
    return message


def floats(data: object, shape: tuple[int, ...], field: str) -> np.ndarray:
    """Return the array in a byte string.

    Raises:
        MessageError: it is not as many bytes as the shape asks for.
    """
    size = 4 * math.prod(shape)
    if not isinstance(data, bytes) or len(data) != size:
        found = f"{len(data)} bytes" if isinstance(data, bytes) else type(data).__name__
        raise MessageError(f"{field}: expected {size} bytes for shape {shape}, found {found}")
    return np.frombuffer(data, dtype="<f4").reshape(shape)


def scene(number: int, characters: Sequence[tuple[str, str | None]], props: Sequence[dict[str, Any]]) -> bytes:
    """Pack what the poses after it mean.

    Args:
        number: of the scene; poses carry the number of theirs.
        characters: name and task (None: no controller) of each, in the order of the poses.
        props: name, shape and size of each, in the order of the poses.
    """
    model = character.model()
    first = character.find_slots(model).body
    parents = [int(model.body_parentid[first + body]) - first for body in range(len(character.BODIES))]
    return pack(
        {
            "type": "scene", "version": VERSION, "scene": number, "up": "z", "forward": "x", "rotation": "wxyz",
            "bodies": list(character.BODIES), "parents": [-1, *parents[1:]],
            "characters": [{"name": name, "task": task} for name, task in characters], "props": list(props),
        }
    )  # fmt: skip


def poses(
    number: int,
    frame: int,
    time: float,
    bodies: tuple[np.ndarray, np.ndarray],
    fallen: Sequence[bool],
    props: tuple[np.ndarray, np.ndarray],
) -> bytes:
    """Pack one instant.

    Args:
        number: of the scene it belongs to.
        frame: counts up by one; where a client sees a gap, it was too slow.
        time: simulated, s.
        bodies: positions [N, 15, 3] m and rotations [N, 15, 4] wxyz, world.
        fallen: of each character.
        props: positions [M, 3] m and rotations [M, 4] wxyz.
    """
    position, rotation, prop_position, prop_rotation = (
        np.ascontiguousarray(array, dtype="<f4").tobytes() for array in (*bodies, *props)
    )
    return pack(
        {
            "type": "poses", "scene": number, "frame": frame, "time": time, "position": position,
            "rotation": rotation, "fallen": list(fallen), "prop_position": prop_position,
            "prop_rotation": prop_rotation,
        }
    )  # fmt: skip


def error(text: str) -> bytes:
    """Pack what was wrong with a request."""
    return pack({"type": "error", "message": text[:500]})


def request(asked: Request) -> bytes:
    """Pack a request; what `read_request` reads."""
    if isinstance(asked, GoalRequest):
        goal = None if asked.goal is None else goal_record(asked.goal)
        return pack({"type": "goal", "character": asked.character, "goal": goal})
    return pack({"type": "push", "character": asked.character, "impulse": list(asked.impulse), "body": asked.body})


def read_request(data: bytes | str) -> Request:
    """Read what a client sent.

    Raises:
        MessageError: it is no request, or what it asks makes no sense.
    """
    message = unpack(data, MAX_REQUEST_BYTES)
    kind, name = message.pop("type"), message.pop("character", None)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise MessageError(f"character: expected a name of at most {MAX_NAME} letters, found {repr(name)[:100]}")
    if kind == "goal":
        _only(message, {"goal"})
        return GoalRequest(name, _read_goal(message.get("goal")))
    if kind == "push":
        _only(message, {"impulse", "body"})
        impulse, body = message.get("impulse"), message.get("body", "torso")
        if not isinstance(impulse, list) or len(impulse) != 3 or not all(_is_number(value) for value in impulse):
            raise MessageError(f"impulse: expected 3 finite numbers, found {repr(impulse)[:100]}")
        if body not in character.BODIES:
            raise MessageError(f"body: expected one of {', '.join(character.BODIES)}, found {repr(body)[:100]}")
        return PushRequest(name, (float(impulse[0]), float(impulse[1]), float(impulse[2])), body)
    raise MessageError(f"type: expected goal or push, found {repr(kind)[:100]}")


def _only(message: dict[str, Any], keys: set[str]) -> None:
    unknown = [repr(key)[:40] for key in message if key not in keys]
    if unknown:
        raise MessageError(f"expected {', '.join(sorted(keys))}, found {', '.join(unknown[:8])} too")


def _read_goal(record: object) -> Goal | None:
    """Make a goal of its record: a task and fields that are numbers, null or lists of at most 16 numbers."""
    if record is None:
        return None
    if not isinstance(record, dict):
        raise MessageError(f"goal: expected a map or null, found {repr(record)[:100]}")
    for field, value in record.items():
        row = value if isinstance(value, list) else [value]
        if field != "task" and (len(row) > 16 or not all(part is None or _is_number(part) for part in row)):
            raise MessageError(f"goal {repr(field)[:40]}: expected finite numbers, found {repr(value)[:100]}")
    try:
        return goal_from_record(record)
    except (GoalError, Warning) as problem:  # a value outside its range only warns, unless warnings are errors here
        raise MessageError(str(problem)[:300]) from problem


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

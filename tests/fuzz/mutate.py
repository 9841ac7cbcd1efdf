"""Spoiling inputs: bytes at random, and trees (JSON, msgpack, protobuf) so that the result still parses.

Every change is drawn from one `random.Random`, so that a number stands for an input and any of them can be made again.
"""

from __future__ import annotations

import copy
import math
import random
import struct
from collections.abc import Callable
from typing import Any

INTEGERS = (0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, -(2**63))
NUMBERS = (*INTEGERS, 0.0, -0.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 0.5, 2**64 - 1)
TEXTS = ("", "x" * 5000, "\0", "\x1b[2J\n", "nan", "../../etc/passwd", "ключ", "\U0001f938")


def hostile(rng: random.Random) -> Any:
    """Return a value of any type that a reader may not have thought of."""
    kind = rng.randrange(8)
    if kind <= 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(TEXTS)
    if kind == 3:
        return rng.choice((None, True, False))
    if kind == 4:
        nested: Any = []
        for _ in range(rng.choice((1, 10, 300))):
            nested = [nested] if rng.random() < 0.5 else {"a": nested}
        return nested
    if kind == 5:
        return [rng.choice(NUMBERS) for _ in range(rng.choice((0, 1, 3, 4, 28, 1000)))]
    if kind == 6:
        return rng.randbytes(rng.choice((0, 1, 4, 12, 4096)))
    return {rng.choice(TEXTS): rng.choice(NUMBERS) for _ in range(3)}


def spoil_bytes(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Change bytes in one to eight places, or cut the input short."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(data) + 1)
        # most of a file is one long row of weights: its beginning and end are where it is structured
        if rng.random() < 0.5:
            at = min(at, rng.randrange(min(len(data), 200) + 1))
        length = rng.choice((1, 1, 2, 4, 8, 64, 1000))
        _CHANGES[rng.randrange(len(_CHANGES))](data, at, length, rng, others)
    return bytes(data)


def _flip(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    if at < len(data):
        data[at] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    data[at : at + length] = rng.randbytes(len(data[at : at + length]))


def _whole_number(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    value = rng.choice(INTEGERS) & (2**64 - 1)
    packed = struct.pack(rng.choice("<>") + "Q", value)
    width = rng.choice((1, 2, 4, 8))
    data[at : at + width] = packed[:width]


def _delete(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    del data[at : at + length]


def _insert(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    data[at:at] = rng.randbytes(length)


def _repeat(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))


def _cut(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    del data[at:]


def _splice(data: bytearray, at: int, length: int, rng: random.Random, others: list[bytes]) -> None:
    other = rng.choice(others)
    begin = rng.randrange(len(other) + 1)
    data[at : at + length] = other[begin : begin + length]


_CHANGES: list[Callable[[bytearray, int, int, random.Random, list[bytes]], None]] = [
    _flip, _overwrite, _whole_number, _delete, _insert, _repeat, _cut, _splice,
]  # fmt: skip


def spoil_tree(tree: Any, rng: random.Random) -> Any:
    """Return a copy of a tree of dicts and lists with one to three things replaced, removed, doubled or added."""
    root = {"": copy.deepcopy(tree)}
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = _places(root)
        holder, key = rng.choice(places)
        change = rng.randrange(6)
        if change <= 2 or (holder is root and change != 4):
            holder[key] = hostile(rng)
        elif change == 3:
            del holder[key]
        elif change == 4 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * rng.choice((-1, 0, 1 + 1e-9, 2, 1e9)) + rng.choice((0, 1))
        elif isinstance(holder, list):
            holder.insert(key, holder[key])  # the same twice: what is hostile may be too deep to be copied
        else:
            holder[rng.choice(TEXTS)] = hostile(rng)
        if "" not in root:
            root[""] = None
    return root[""]


def _places(root: dict) -> list[tuple[Any, Any]]:
    """Return all (holder, key) of a tree, at most a few of every long list."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))[:8]
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def spoil_message(message: Any, rng: random.Random) -> None:
    """Change one to three fields anywhere in a protobuf message, in place."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        _spoil_field(message, rng)


def _spoil_field(message: Any, rng: random.Random) -> None:
    for _ in range(20):
        fields = message.DESCRIPTOR.fields
        present = [field for field, _ in message.ListFields()]
        field = rng.choice(present if present and rng.random() < 0.9 else fields)
        value = getattr(message, field.name)
        if field.is_repeated:
            if len(value) == 0:
                _grow(value, field, rng)
                return
            at = rng.randrange(len(value))
            if field.message_type is not None and rng.random() < 0.85:
                message = value[at]
                continue
            _spoil_repeated(value, at, field, rng)
            return
        if field.message_type is not None and rng.random() < 0.9:
            message = value
            continue
        if rng.random() < 0.1 or field.message_type is not None:
            message.ClearField(field.name)
        else:
            _assign(lambda new, m=message, name=field.name: setattr(m, name, new), rng)
        return


def _spoil_repeated(value: Any, at: int, field: Any, rng: random.Random) -> None:
    change = rng.randrange(4)
    if change == 0:
        del value[at]
    elif change == 1:
        value.append(value[at])
    elif change == 2 and len(value) > 1:
        other = rng.randrange(len(value))
        if field.message_type is not None:
            value[at].CopyFrom(value[other])
        else:
            value[at], value[other] = value[other], value[at]
    elif field.message_type is None:
        _assign(lambda new: value.__setitem__(at, new), rng)


def _grow(value: Any, field: Any, rng: random.Random) -> None:
    if field.message_type is not None:
        value.add()
    else:
        _assign(value.append, rng)


def _assign(put: Callable[[Any], None], rng: random.Random) -> None:
    """Offer hostile values until one is of the field's type."""
    words = (*TEXTS, "MatMul", "Add", "Loop", "Expand", "Reshape", "Einsum", "joint_target", "goal", "Constant")
    for _ in range(12):
        offered = rng.choice((rng.choice(NUMBERS), rng.choice(INTEGERS), rng.choice(words), rng.randbytes(5)))
        try:
            put(offered)
            return
        except (TypeError, ValueError, OverflowError):
            continue

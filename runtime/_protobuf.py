"""A bounded reader of protobuf's wire format, as little of it as is needed to look into an ONNX file.

A message is a row of fields, each a number and a value: a whole number (varint), 4 or 8 bytes, or a length and as many
bytes. Nothing is copied (values of bytes are views) and nothing recurses by itself. Every field costs one of a
`Budget`: a file of a hundred million empty fields is refused after as many as an honest one could need.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_FIELDS = 500_000
"""Fields read of one file; a prior of 1,549 nodes has 21,000."""
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are no protobuf message, or one of too many fields."""


class Budget:
    """How many more fields may be read."""

    def __init__(self, fields: int = MAX_FIELDS) -> None:
        """Start with `fields`."""
        self.left = fields


def read_fields(message: memoryview, budget: Budget) -> Iterator[tuple[int, int | memoryview]]:
    """Give the fields of a message in their order: number, and an int (varint) or a view of its bytes.

    Raises:
        WireError: on reaching a fault, or the end of the budget.
    """
    at, end = 0, len(message)
    while at < end:
        budget.left -= 1
        if budget.left < 0:
            raise WireError(f"more than {MAX_FIELDS} fields")
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FOUR, _EIGHT):
            size = 4 if wire == _FOUR else 8
        else:
            raise WireError(f"wire type {wire}")
        if size > end - at:
            raise WireError(f"a field of {size} bytes where {end - at} are left")
        yield number, message[at : at + size]
        at += size


def varints(message: int | memoryview) -> list[int]:
    """Return a repeated whole-number field's value as signed 64-bit numbers: one, or several packed together."""
    if isinstance(message, int):
        return [_signed(message)]
    numbers, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        numbers.append(_signed(value))
    return numbers


def text(value: int | memoryview) -> str:
    """Return a string field's value.

    Raises:
        WireError: it is no UTF-8 text.
    """
    if isinstance(value, int):
        raise WireError("a number where a text belongs")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise WireError("a text that is not UTF-8") from error


def message(value: int | memoryview) -> memoryview:
    """Return a nested message's bytes.

    Raises:
        WireError: the field is a number.
    """
    if isinstance(value, int):
        raise WireError("a number where a message belongs")
    return value


def _varint(buffer: memoryview, at: int) -> tuple[int, int]:
    """Return the number at `at`, 0 to 2⁶⁴ - 1, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(buffer):
            raise WireError("the end in the middle of a number")
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise WireError("a number of more than 10 bytes")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value

"""Length-prefixed msgpack records, appended to a file: what recordings and motion files are made of. Private.

A process that is killed while it writes leaves a readable file: a torn last record counts as the end. Nothing is
unpickled, and every length is checked against a bound before memory is taken.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgpack


class BadRecordError(ValueError):
    """A record that cannot be read: what was expected of it (to follow its name) and what was found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected a record {expected}, found {found}")
        self.expected, self.found = expected, found


def pack(record: dict) -> bytes:
    """Return one record: its length, four bytes little-endian, then its msgpack bytes."""
    payload: bytes = msgpack.Packer().pack(record)
    return struct.pack("<I", len(payload)) + payload


def read(stream: BinaryIO, limit: int, entries: int = 256, keys: int = 16) -> dict | None:
    """Read the next record, or None at the end of the file or at a torn tail.

    Args:
        stream: the file.
        limit: the most bytes that a record may have.
        entries: the longest array in it.
        keys: the largest map in it.

    Raises:
        BadRecordError: it is too long, no msgpack or no map.
    """
    prefix = stream.read(4)
    if len(prefix) < 4:
        return None
    (size,) = struct.unpack("<I", prefix)
    if size > limit:
        raise BadRecordError(f"of at most {limit} bytes", f"{size} bytes")
    payload = stream.read(size)
    if len(payload) < size:
        return None
    try:
        record = msgpack.unpackb(payload, max_map_len=keys, max_array_len=entries, max_ext_len=0)
    except Exception as error:  # msgpack raises many types on bad bytes
        raise BadRecordError("as msgpack", f"{type(error).__name__}: {error}") from error
    if not isinstance(record, dict):
        raise BadRecordError("as a map", type(record).__name__)
    return record

"""A .glb file in the making: glTF's JSON and the one binary buffer its accessors point into."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

_COMPONENT = {np.dtype("<f4"): 5126, np.dtype("<u2"): 5123}
_KIND = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")
MAX_BYTES = 2**32 - 1  # a .glb says its length in 32 bits


class Glb:
    """Collects arrays; `content` gives the file."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {"accessors": [], "bufferViews": []}
        self._buffer: list[bytes] = []
        self._length = 0

    def add(self, array: np.ndarray, *, target: int | None = None, bounds: bool = False) -> int:
        """Store float32 [N], [N, 3], [N, 4], [N, 16] or uint16 [N], [N, 4] values; returns the accessor's index.

        Args:
            array: the values; a row of 16 is a matrix, column by column.
            target: 34962 for vertex attributes, 34963 for indices, None for animation and matrices.
            bounds: whether to write the smallest and the largest values, which glTF wants of positions and times.
        """
        dtype = np.dtype("<u2") if array.dtype.kind in "iu" else np.dtype("<f4")
        values = np.ascontiguousarray(array, dtype=dtype)
        content = values.tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(content)}
        if target is not None:
            view["target"] = target
        padded = content + bytes(-len(content) % 4)
        self._buffer.append(padded)
        self._length += len(padded)
        self.json["bufferViews"].append(view)
        width = values.shape[1] if values.ndim == 2 else 1
        accessor: dict[str, Any] = {
            "bufferView": len(self.json["bufferViews"]) - 1, "componentType": _COMPONENT[dtype],
            "count": len(values), "type": _KIND[width],
        }  # fmt: skip
        if bounds:
            rows = values.reshape(len(values), width)
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.json["accessors"].append(accessor)
        return len(self.json["accessors"]) - 1

    def content(self) -> bytes:
        """Return the whole file.

        Raises:
            ValueError: it would be longer than a .glb can be.
        """
        text = json.dumps(self.json | {"buffers": [{"byteLength": self._length}]}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = _HEADER.size + 2 * _CHUNK.size + len(text) + self._length
        if length > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES} bytes, found {length}: cut the motion into parts")
        head = _HEADER.pack(b"glTF", 2, length) + _CHUNK.pack(len(text), b"JSON") + text
        return b"".join((head, _CHUNK.pack(self._length, b"BIN\0"), *self._buffer))

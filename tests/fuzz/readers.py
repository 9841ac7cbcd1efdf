"""The readers that are fuzzed: what they read, good inputs to spoil, and how each of them says no."""

from __future__ import annotations

import json
import random
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import onnx

from runtime import Controller, ControllerError, Motion, Prior, PriorError, RecordingError, load_motion, save_motion
from tests.fuzz.mutate import spoil_bytes, spoil_message, spoil_tree
from tests.tiny import INPUT_SIZE, write_controller, write_prior


@dataclass(frozen=True)
class Reader:
    """Something that takes bytes from others."""

    read: Callable[[Path], object]
    """Reads the file; returns what it held."""
    refusal: tuple[type[Exception], ...]
    """The only errors it may raise."""
    seeds: Callable[[Path], list[bytes]]
    """Good inputs, made in a folder."""
    spoil: Callable[[bytes, random.Random, list[bytes]], bytes]
    """Makes a bad input of a good one."""


def _onnx_seeds(write: Callable[..., Path], **options: Any) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        return [write(folder / "seed.onnx", **options).read_bytes()]

    return seeds


def _spoil_onnx(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A third each: bytes, fields of the graph, entries of the metadata; the last two still parse."""
    kind = rng.randrange(3)
    if kind == 0:
        return spoil_bytes(content, rng, others)
    model = onnx.ModelProto.FromString(content)
    if kind == 1:
        spoil_message(model.graph if rng.random() < 0.8 else model, rng)
    else:
        entry = model.metadata_props[0]
        text = json.dumps(spoil_tree(json.loads(entry.value), rng), default=repr)
        if rng.random() < 0.1:
            text = text.replace("0", rng.choice(("9" * 5000, "1e999", "NaN", "\\ud800", "[" * 3000)), 1)
        entry.value = text
    return model.SerializeToString()


def _motion_seeds(folder: Path) -> list[bytes]:
    frames = 70
    rng = np.random.default_rng(0)
    turned = np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    save_motion(folder / "seed", Motion(30.0, rng.normal(size=(frames, 3)), turned, rng.normal(size=(frames, 28))))
    return [(folder / "seed").read_bytes()]


def spoil_records(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Half bytes; half one of the length-prefixed msgpack records, packed again with its right length."""
    if rng.random() < 0.5:
        return spoil_bytes(content, rng, others)
    parts, at = [], 8
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at)
        parts.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    chosen = rng.randrange(len(parts))
    parts[chosen] = packed(spoil_tree(msgpack.unpackb(parts[chosen]), rng))
    return content[:8] + b"".join(struct.pack("<I", len(part)) + part for part in parts)


def packed(tree: object) -> bytes:
    """Return msgpack bytes of a tree, whatever is in it."""
    try:
        return msgpack.packb(tree)  # pyright: ignore
    except (OverflowError, ValueError):
        return msgpack.packb(repr(tree)[:1000])  # pyright: ignore


READERS: dict[str, Reader] = {
    "controller": Reader(
        Controller.load,
        (ControllerError,),
        _onnx_seeds(write_controller, weights=np.full((INPUT_SIZE, 28), 0.01), nan_above=3.0),
        _spoil_onnx,
    ),
    "prior": Reader(Prior.load, (PriorError,), _onnx_seeds(write_prior), _spoil_onnx),
    "motion": Reader(load_motion, (RecordingError,), _motion_seeds, spoil_records),
}


@cache
def seeds(name: str) -> list[bytes]:
    """Return the good inputs of a reader; each is read without complaint, else fuzzing it would test nothing."""
    with tempfile.TemporaryDirectory() as folder:
        made = READERS[name].seeds(Path(folder))
        for content in made:
            (Path(folder) / "good").write_bytes(content)
            READERS[name].read(Path(folder) / "good")
    return made


def make_input(name: str, seed: int, number: int) -> bytes:
    """Return input `number` of a run: the same bytes for the same three arguments."""
    rng = random.Random(f"{name}/{seed}/{number}")
    good = seeds(name)
    return READERS[name].spoil(rng.choice(good), rng, good)

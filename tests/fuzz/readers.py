"""The readers that are fuzzed: what they read, good inputs to spoil, and how each of them says no."""

from __future__ import annotations

import json
import math
import random
import struct
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import onnx

from runtime import (
    Controller,
    ControllerError,
    Motion,
    Prior,
    PriorError,
    RecordingError,
    SimulationError,
    Steering,
    World,
    _graph,
    _onnx,
    load_motion,
    save_motion,
)
from runtime._snapshot import SnapshotError
from runtime.interchange import write_bvh
from runtime.replay import Recording
from runtime.skeleton import Skeleton, load_skeleton, save_skeleton
from runtime.stream import messages
from runtime.stream.client import read_poses, read_scene
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


def _motion(frames: int) -> Motion:
    rng = np.random.default_rng(0)
    turned = np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    return Motion(30.0, rng.normal(size=(frames, 3)), turned, rng.normal(size=(frames, 28)), name="seed", licence="CC0")


def _motion_seeds(folder: Path) -> list[bytes]:
    save_motion(folder / "seed", _motion(70))
    return [(folder / "seed").read_bytes()]


def _skeleton_seeds(folder: Path) -> list[bytes]:
    save_skeleton(folder / "seed", Skeleton(30.0, ("hips", "head"), (-1, 0), np.ones((20, 2, 3))))
    return [(folder / "seed").read_bytes()]


def _bvh_seeds(folder: Path) -> list[bytes]:
    write_bvh(folder / "seed", _motion(3))
    small = (
        b"HIERARCHY\nROOT hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        b"\nJOINT head\n{\nOFFSET 0 50 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 9 0\n}\n}\n}"
        b"\nMOTION\nFrames: 2\nFrame Time: .033\n0 90 0 1 2 3 4 5 6\n0 90 1 1 2 3 4 5 6\n"
    )
    return [(folder / "seed").read_bytes(), small, small.replace(b"\n", b"\r\n")]


def _small_world() -> World:
    """Two characters without controllers, one of them with a goal, a ball and a box."""
    world = World()
    hero = world.add_character(None)
    world.add_character(None, position=(0, 2))
    world.add_ball(position=(3.0, 0.0, 1.0))
    world.add_obstacle((1.0, 1.0, 0.5), (5.0, 0.0, 0.25))
    with warnings.catch_warnings(action="ignore"):  # without a controller a goal is ignored
        hero.goal = Steering(speed=1.0)
    return world


def _recording_seeds(folder: Path) -> list[bytes]:
    world = _small_world()
    with world.record(folder / "seed"):
        for step in range(8):
            if step == 3:
                world.characters[0].push((10.0, 0.0, 0.0))
            world.step()
    return [(folder / "seed").read_bytes()]


def _snapshot_seeds(folder: Path) -> list[bytes]:
    world = _small_world()
    world.step()
    return [world.save()]


def _read_recording(path: Path) -> object:
    recording = Recording.load(path)
    return [recording.motion(name) for name in recording.characters[:3]]


def _replay(path: Path) -> object:
    return [world.time for world, _ in zip(Recording.load(path).replay(), range(20), strict=False)]


def _read_update(path: Path) -> object:
    """What a stream's client does with one message, the scene before it being a good one."""
    message = messages.unpack(path.read_bytes(), messages.MAX_UPDATE_BYTES)
    if message["type"] == "scene":
        return read_scene(message)
    return read_poses(message, read_scene(messages.unpack(_SCENE, 10_000)), 0)


_SCENE = messages.scene(1, [("hero", "steering"), ("guest", None)], [{"name": "b", "shape": "ball", "size": [0.1]}])


def _update_seeds(folder: Path) -> list[bytes]:
    bodies, props = (np.zeros((2, 15, 3)), np.zeros((2, 15, 4))), (np.zeros((1, 3)), np.zeros((1, 4)))
    return [_SCENE, messages.poses(1, 5, 0.5, bodies, [True, False], props)]


def _request_seeds(folder: Path) -> list[bytes]:
    goals = [Steering(speed=1.0, direction=2.0, facing=None), None]
    requests: list[messages.Request] = [messages.GoalRequest("hero", goal) for goal in goals]
    requests.append(messages.PushRequest("hero", (1.0, 2.0, 3.0), "head"))
    ball = {"task": "dodgeball", "ball_position": [1.0, 2.0, 3.0], "ball_velocity": [0.0, 1.0, 0.0]}
    return [*map(messages.request, requests), packed({"type": "goal", "character": "hero", "goal": ball})]


def _spoil_packed(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Half bytes; half the msgpack tree, packed again."""
    if rng.random() < 0.5:
        return spoil_bytes(content, rng, others)
    return packed(spoil_tree(msgpack.unpackb(content, strict_map_key=False), rng))


def _read_bvh(path: Path) -> object:
    from training.motion import bvh

    return bvh.read(path)


def _bvh_refusal() -> tuple[type[Exception], ...]:
    from training.motion.bvh import DamagedFileError

    return (DamagedFileError,)


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


def _shipped_seeds(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path("exported").glob("*.onnx"))]


class GraphRefusedError(Exception):
    """A graph was refused, by us or by ONNX Runtime."""


_NUMPY = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_, "int8": np.int8,
    "int16": np.int16, "int32": np.int32, "int64": np.int64, "uint8": np.uint8, "uint32": np.uint32,
}  # fmt: skip


def _run_graph(path: Path) -> object:
    """Do with any graph what loading a controller does with one: look through it, open it, run it once."""
    _, problems = _graph.inspect(path.read_bytes())
    if problems:
        raise GraphRefusedError(problems[0])
    session, problems = _onnx._open_session(path.read_bytes(), _onnx.CPU)
    if session is None:
        raise GraphRefusedError(problems[0])
    inputs = {}
    try:
        for tensor in session.get_inputs():
            shape = [size if isinstance(size, int) else 2 for size in tensor.shape]
            kind = tensor.type.removeprefix("tensor(").removesuffix(")")
            if kind not in _NUMPY or any(not 0 <= size <= 1_000_000 for size in shape) or math.prod(shape) > 1_000_000:
                raise GraphRefusedError(f"an input {tensor.type} of shape {shape}")
            inputs[tensor.name] = np.ones(shape, _NUMPY[kind])
    except UnicodeDecodeError as error:
        raise GraphRefusedError(str(error)) from error
    outputs, problems = _onnx.run(session, inputs)
    if problems:
        raise GraphRefusedError(problems[0])
    return outputs


def _spoil_graph(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A quarter bytes, else fields of the graph."""
    if rng.random() < 0.25:
        return spoil_bytes(content, rng, others)
    model = onnx.ModelProto.FromString(content)
    spoil_message(model.graph, rng)
    return model.SerializeToString()


def _operator_seeds(folder: Path) -> list[bytes]:
    """The ONNX project's own test cases of every operator that a graph may use, as far as ONNX Runtime takes them."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(action="ignore"):
        cases = collect_testcases(None)  # pyright: ignore[reportArgumentType]
    found = []
    for case in cases:
        model, path = case.model, folder / "case"
        for opset in model.opset_import:
            opset.version = min(opset.version, 23)
        model.ir_version = 10
        path.write_bytes(model.SerializeToString())
        try:
            _run_graph(path)
        except GraphRefusedError:
            continue
        found.append(path.read_bytes())
    return found


READERS: dict[str, Reader] = {
    "controller": Reader(
        Controller.load,
        (ControllerError,),
        _onnx_seeds(write_controller, weights=np.full((INPUT_SIZE, 28), 0.01), nan_above=3.0),
        _spoil_onnx,
    ),
    "prior": Reader(Prior.load, (PriorError,), _onnx_seeds(write_prior), _spoil_onnx),
    "shipped": Reader(Controller.load, (ControllerError,), _shipped_seeds, _spoil_onnx),
    "operators": Reader(_run_graph, (GraphRefusedError,), _operator_seeds, _spoil_graph),
    "motion": Reader(load_motion, (RecordingError,), _motion_seeds, spoil_records),
    "skeleton": Reader(load_skeleton, (RecordingError,), _skeleton_seeds, spoil_records),
    "recording": Reader(_read_recording, (RecordingError,), _recording_seeds, spoil_records),
    "replay": Reader(_replay, (RecordingError, SimulationError), _recording_seeds, spoil_records),
    "snapshot": Reader(
        lambda path: World.from_snapshot(path.read_bytes()), (SnapshotError,), _snapshot_seeds, _spoil_packed
    ),
    "request": Reader(
        lambda path: messages.read_request(path.read_bytes()), (messages.MessageError,), _request_seeds, _spoil_packed
    ),
    "update": Reader(_read_update, (messages.MessageError,), _update_seeds, _spoil_packed),
    "bvh": Reader(_read_bvh, _bvh_refusal(), _bvh_seeds, spoil_bytes),
}


@cache
def seeds(name: str) -> list[bytes]:
    """Return the good inputs of a reader; each is read without complaint, else fuzzing it would test nothing."""
    with tempfile.TemporaryDirectory() as folder:
        made = READERS[name].seeds(Path(folder))
        for content in made:
            (Path(folder) / "good").write_bytes(content)
            READERS[name].read(Path(folder) / "good")
    assert made, f"{name} has no good input"
    return made


def make_input(name: str, seed: int, number: int) -> bytes:
    """Return input `number` of a run: the same bytes for the same three arguments."""
    rng = random.Random(f"{name}/{seed}/{number}")
    good = seeds(name)
    return READERS[name].spoil(rng.choice(good), rng, good)

r"""Recordings of a whole world: what happened, appended as it happens, and the very same motion again from the file.

A file is the magic `SMPWRLD\n`, then length-prefixed msgpack records: a header (versions, rates, names), then
keyframes and frames. A frame is one control step: its joint targets, forces of pushes, poses, and goals and
controllers where they have changed. A keyframe is a snapshot of the world (see `_snapshot.py`).

Two ways to read it. `motion` gives a character's poses, from any version of anything. `replay` simulates again: it
starts at the first keyframe and gives the recorded joint targets and forces to the same physics, without any network,
which gives the same bits on the same machine and version. It proves so: every ten seconds and at the end there is a
keyframe whose state must be met exactly. Whatever else changed the scene (a reset, a prop, a character added) shows as
a keyframe to go on from. Where versions differ, `replay` refuses and says which.

    Recorder ── control_step (frames), physics (keyframes)         Recording ── motion, replay ── _Replay
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import mujoco
import numpy as np
import onnxruntime

from runtime import _records, _snapshot
from runtime._asked import show
from runtime._control import NQ
from runtime.character import BODIES, CONTROL_HZ, JOINT_NAMES, PHYSICS_HZ
from runtime.goal_records import goal_from_record, goal_record, recordable
from runtime.recording import Motion, RecordingError

if TYPE_CHECKING:
    from runtime._simulation import Simulation
    from runtime.world import World

MAGIC = b"SMPWRLD\n"
FORMAT, VERSION = "smp-recording", 1
KEYFRAME_STEPS = 10 * PHYSICS_HZ
MAX_RECORD = 256 * 1024 * 1024
MAX_ENTRIES = 100_000
FLUSH_STEPS = PHYSICS_HZ  # a second: what a killed process may lose
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


class ReplayError(RecordingError):
    """A recording that cannot be simulated again here, or that went another way; the message says why."""


class Recorder:
    """A recording under way; made by `World.record`."""

    def __init__(self, simulation: Simulation, path: Path) -> None:
        """Open the file and write the header."""
        with simulation.lock:
            if simulation.recorder is not None:
                raise RecordingError(path, "a world that is not being recorded", "one that is")
            self.path = path
            self._simulation = simulation
            self._edits, self._keyframe, self._flushed = -1, 0, 0
            self._told: dict[str, Any] = {}
            self._stream: BinaryIO = path.open("wb")
            self._stream.write(MAGIC + _records.pack(_header()))
            simulation.recorder = self

    def control_step(self, data: mujoco.MjData, pushed: list[int]) -> None:
        """Write a frame: the beginning of a control step, joint targets decided. Private."""
        if self._simulation.edits != self._edits:
            self.physics(self._simulation.edits)
        frame: dict[str, Any] = {
            "steps": self._simulation.steps, "ctrl": data.ctrl.tobytes(), "pose": data.qpos.astype("<f4").tobytes(),
        }  # fmt: skip
        if pushed:
            frame["forces"] = [[body, *data.xfrc_applied[body, :3].tolist()] for body in pushed]
        for key, value in self._asked().items():
            if self._told.get(key) != value:
                frame[key] = self._told[key] = value
        self._write(frame)

    def physics(self, edits: int) -> None:
        """Write a keyframe if the scene was edited or ten seconds have passed. Private."""
        steps = self._simulation.steps
        if edits != self._edits or steps - self._keyframe >= KEYFRAME_STEPS:
            self._write_keyframe(edited=edits != self._edits)
        if steps - self._flushed >= FLUSH_STEPS:
            self._stream.flush()
            self._flushed = steps

    def close(self) -> None:
        """Write what the replay must end with, and close the file."""
        with self._simulation.lock:
            if self._simulation.recorder is self:
                self._simulation.recorder = None
                self._write_keyframe(edited=self._simulation.edits != self._edits)
                self._stream.close()

    def _asked(self) -> dict[str, Any]:
        goals, controllers = {}, {}
        for actor in self._simulation.actors:
            goal, controller = actor.goal, actor.controller
            goals[actor.name] = goal_record(goal) if goal is not None and recordable(goal) else None
            controllers[actor.name] = controller and [str(controller.path), controller.sha256]
        return {"goals": goals, "controllers": controllers}

    def _write_keyframe(self, edited: bool) -> None:
        snapshot = _snapshot.save(self._simulation, every_goal=False)
        self._write({"keyframe": snapshot, "edited": edited, "steps": self._simulation.steps})
        self._edits, self._keyframe = self._simulation.edits, self._simulation.steps

    def _write(self, record: dict[str, Any]) -> None:
        self._stream.write(_records.pack(record))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _header() -> dict[str, Any]:
    return {
        "format": FORMAT, "version": VERSION, **_snapshot.versions(), "control_hz": CONTROL_HZ,
        "machine": platform.machine(), "onnxruntime": onnxruntime.__version__,
        "joints": list(JOINT_NAMES), "bodies": list(BODIES),
    }  # fmt: skip


class Recording:
    """A recording that has been written; made by `load`."""

    path: Path
    header: dict[str, Any]
    """Format, versions, rates, names of joints and bodies, machine."""
    times: np.ndarray
    """World time of every frame, [T] s; after a reset of the world it begins again."""
    characters: tuple[str, ...]
    """Names of all who were there at some time."""

    def __init__(self, path: Path, header: dict[str, Any], times: np.ndarray, characters: tuple[str, ...]) -> None:
        """Describe a recording: call `load` instead."""
        self.path, self.header, self.times, self.characters = path, header, times, characters

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recording's header and look through its frames; a torn tail (a killed process) is left out.

        Raises:
            RecordingError: it is none, is broken, or holds no whole frame.
            OSError: the file cannot be opened.
        """
        path, steps, names = Path(path), [], {}
        records = _read(path)
        header = next(records)
        for record in records:
            if "ctrl" in record:
                steps.append(record["steps"])
            else:
                names |= dict.fromkeys(_characters(path, record))
        if not steps:
            raise RecordingError(path, "at least one whole frame", "none")
        return cls(path, header, np.array(steps) / PHYSICS_HZ, tuple(names))

    @property
    def duration(self) -> float:
        """What its frames cover, s."""
        return len(self.times) / CONTROL_HZ

    def motion(self, name: str | None = None) -> Motion:
        """Return a character's poses at control rate; None is the first character.

        Raises:
            RecordingError: there is no such character.
        """
        name = self.characters[0] if name is None and self.characters else name
        poses, place = [], None
        for record in _read(self.path):
            if "keyframe" in record:
                names = _characters(self.path, record)
                place = names.index(name) if name in names else None
            elif "ctrl" in record and place is not None:
                pose = np.frombuffer(record["pose"], dtype="<f4")[place * NQ : (place + 1) * NQ]
                if pose.size != NQ or not np.isfinite(pose).all():
                    raise RecordingError(self.path, f"{NQ} finite numbers of pose of {name}", f"{pose.size}")
                poses.append(pose.astype(np.float64))
        if not poses:
            raise RecordingError(self.path, f"a character among {', '.join(self.characters)}", repr(name))
        q = np.stack(poses)
        length = np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
        if length.min() < 1e-3:
            raise RecordingError(self.path, f"rotations of {name}", f"a quaternion of length {length.min():g}")
        rotation = q[:, 3:7] / length
        return Motion(float(CONTROL_HZ), q[:, :3], rotation, q[:, 7:], loop=False, name=name or "",
                      source=str(self.path), licence="")  # fmt: skip

    def replay(self) -> Iterator[World]:
        """Simulate it again; gives the same world at the beginning of every control step, and once at the end.

        Goals are as they were; controllers are None, joint targets come from the recording.

        Raises:
            ReplayError: versions differ, or the motion did not meet a keyframe bit for bit.
        """
        wanted = _header()
        wrong = [
            f"{key} {value!r}, found {self.header.get(key)!r}"
            for key, value in wanted.items()
            if key != "onnxruntime" and self.header.get(key) != value  # no network runs
        ]
        if wrong:
            raise ReplayError(self.path, "the versions it was recorded with here", "; ".join(wrong))
        return _Replay(self.path).run()


class _Replay:
    """A recording being simulated."""

    def __init__(self, path: Path) -> None:
        from runtime.world import World

        self._path = path
        self._world = World(on_error="raise")
        self._simulation = self._world._simulation
        self._started = False

    def run(self) -> Iterator[World]:
        records = _read(self._path)
        next(records)  # the header
        for record in records:
            try:
                if self._started:
                    self._play_to(record)
                if "keyframe" in record:
                    self._meet(record)
                    continue
                self._drive(record)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                if isinstance(error, RecordingError):
                    raise
                found = f"{type(error).__name__}: {error}"
                raise ReplayError(self._path, "whole frames and keyframes", found) from error
            yield self._world
        yield self._world

    def _play_to(self, record: Mapping[str, Any]) -> None:
        """Simulate up to a record's physics step: at most a control step later.

        Where the scene was edited the clock may have been set elsewhere: then there is nothing to simulate.
        """
        ahead, most = record["steps"] - self._simulation.steps, PHYSICS_HZ // CONTROL_HZ
        if 0 <= ahead <= most:
            self._simulation.play(ahead)
        elif not record.get("edited", False):
            found = f"one {ahead} physics steps after it"
            raise ReplayError(self._path, f"every record at most {most} physics steps after the one before", found)

    def _meet(self, record: Mapping[str, Any]) -> None:
        """Compare with a keyframe, or go on from it where the scene was edited."""
        if self._started and not record["edited"]:
            wanted = _snapshot.unpack(record["keyframe"])["state"]
            found = np.empty(mujoco.mj_stateSize(self._world.model, _STATE))
            mujoco.mj_getState(self._world.model, self._world.data, found, _STATE)
            if found.tobytes() != wanted:
                when = f"another one at {self._simulation.time:.3f} s"
                raise ReplayError(self._path, "bit for bit the state that was recorded", when)
        _snapshot.restore(self._simulation, record["keyframe"], controllers=False)
        self._started = True

    def _drive(self, frame: Mapping[str, Any]) -> None:
        """Take over a frame's joint targets, forces and goals."""
        if not self._started:
            raise ReplayError(self._path, "a keyframe before the first frame", "none")
        data = self._world.data
        data.ctrl[:] = np.frombuffer(frame["ctrl"])
        data.xfrc_applied[:] = 0.0
        for body, *force in frame.get("forces", ()):
            data.xfrc_applied[body, :3] = force
        for actor in self._simulation.actors:
            goal = frame.get("goals", {}).get(actor.name, "same")
            if goal != "same":
                show(actor, None if goal is None else goal_from_record(goal))
        self._simulation.publish()


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Give a file's records, the header first, all checked for what every reader needs."""
    with path.open("rb") as stream:
        magic = stream.read(len(MAGIC))
        if magic != MAGIC:
            raise RecordingError(path, f"a recording that begins with {MAGIC!r}", f"{magic!r}")
        number = 0
        while True:
            try:
                record = _records.read(stream, MAX_RECORD, entries=MAX_ENTRIES, keys=MAX_ENTRIES)
            except _records.BadRecordError as error:
                raise RecordingError(path, f"record {number} {error.expected}", error.found) from error
            if number == 0 and (record is None or record.get("format") != FORMAT or record.get("version") != VERSION):
                found = "no header" if record is None else f"{record.get('format')!r} {record.get('version')!r}"
                raise RecordingError(path, f"a header of {FORMAT} version {VERSION}", found)
            if record is None:
                return
            if number > 0:
                _check(path, number, record)
            yield record
            number += 1


def _check(path: Path, number: int, record: Mapping[str, Any]) -> None:
    """Check the types of a frame or a keyframe."""
    kinds = {"keyframe": bytes, "edited": bool, "steps": int}
    if "keyframe" not in record:
        kinds = {"ctrl": bytes, "pose": bytes, "steps": int}
    wrong = [
        f"{key} {type(record.get(key)).__name__}" for key, kind in kinds.items() if type(record.get(key)) is not kind
    ]
    if wrong or not 0 <= record["steps"] < 1 << 48:
        expected = ", ".join(f"{key} {kind.__name__}" for key, kind in kinds.items())
        raise RecordingError(path, f"record {number} with {expected}", ", ".join(wrong) or f"step {record['steps']}")
    if any(len(record.get(key, b"")) % size for key, size in (("ctrl", 8), ("pose", 4))):
        raise RecordingError(path, f"record {number} with whole numbers", "a torn one")


def _characters(path: Path, keyframe: Mapping[str, Any]) -> list[str]:
    """Return the names of those in a keyframe, in order, from any version."""
    try:
        record = _snapshot.unpack_any(keyframe["keyframe"])
        return [str(character["name"]) for character in record["characters"]]
    except (_snapshot.SnapshotError, KeyError, TypeError) as error:
        raise RecordingError(path, "a keyframe with characters", f"{type(error).__name__}: {error}") from error

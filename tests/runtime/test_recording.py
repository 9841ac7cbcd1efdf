"""The motion file: what is written is read back, and a damaged or foreign file is refused by name."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import msgpack
import numpy as np
import pytest

from runtime.character import BODIES, JOINT_NAMES
from runtime.recording import CHUNK_FRAMES, MAGIC, Motion, RecordingError, RecordingWriter, load_motion, save_motion

ROOT = Path(__file__).parents[2]


def a_motion(frames: int = 100) -> Motion:
    """Float32-exact numbers that differ from frame to frame."""
    t = np.arange(frames)[:, None]
    rotation = np.tile([0.5, -0.5, 0.5, -0.5], (frames, 1))
    return Motion(
        60.0, t * [0.5, 0.25, 0.0] + [0, 0, 0.875], rotation, t * np.full(28, 2.0**-10),
        loop=True, name="step", source="made up", licence="MIT",
    )  # fmt: skip


def header(**changed: object) -> dict:
    """A good header with some entries replaced."""
    good = {
        "format": "smp-motion", "version": 1, "rate": 60.0, "joints": list(JOINT_NAMES), "bodies": list(BODIES),
        "loop": False, "name": "n", "source": "s", "licence": "l",
    }  # fmt: skip
    return good | changed


def chunk(**changed: object) -> dict:
    """A good chunk of one frame of a resting character with some entries replaced."""
    good = {
        "frames": 1,
        "root_position": np.zeros(3, "<f4").tobytes(),
        "root_rotation": np.array([1, 0, 0, 0], "<f4").tobytes(),
        "joint_position": np.zeros(28, "<f4").tobytes(),
    }
    return good | changed


def write(path: Path, *records: object) -> Path:
    """A file of the magic and the records as they are."""
    packed = [msgpack.packb(record) for record in records]
    path.write_bytes(MAGIC + b"".join(struct.pack("<I", len(data)) + data for data in packed))
    return path


def test_round_trip(tmp_path):
    """Everything that was saved is loaded, exactly where float32 is exact."""
    motion = a_motion()
    save_motion(tmp_path / "a.motion", motion)
    loaded = load_motion(tmp_path / "a.motion")
    assert (loaded.rate, loaded.loop, loaded.name, loaded.source, loaded.licence) == (
        60,
        True,
        "step",
        "made up",
        "MIT",
    )
    np.testing.assert_array_equal(loaded.root_position, motion.root_position)
    np.testing.assert_array_equal(loaded.root_rotation, motion.root_rotation)
    np.testing.assert_array_equal(loaded.joint_position, motion.joint_position)
    assert loaded.seconds == pytest.approx(99 / 60)


def test_frames_one_by_one_equal_a_block(tmp_path):
    """A recorder that appends single frames writes the same motion as one that saves it whole."""
    motion = a_motion(CHUNK_FRAMES + 5)
    with RecordingWriter(tmp_path / "b.motion", rate=60.0) as writer:
        for frame in zip(motion.root_position, motion.root_rotation, motion.joint_position, strict=True):
            writer.append(*frame)
    np.testing.assert_array_equal(load_motion(tmp_path / "b.motion").joint_position, motion.joint_position)


def test_killed_writer_leaves_a_readable_file(tmp_path):
    """A process that dies without closing loses less than one chunk."""
    path = tmp_path / "killed.motion"
    code = f"""
import os, numpy as np
from runtime.recording import RecordingWriter
writer = RecordingWriter({str(path)!r}, rate=30.0)
for t in range({2 * CHUNK_FRAMES + 7}):
    writer.append(np.array([t, 0, 1]), np.array([1, 0, 0, 0]), np.zeros(28))
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    motion = load_motion(path)
    assert len(motion) == 2 * CHUNK_FRAMES
    np.testing.assert_array_equal(motion.root_position[:, 0], np.arange(2 * CHUNK_FRAMES))


def test_torn_tail_is_left_out(tmp_path):
    """Every cut inside the last chunk gives the chunks before it; without a whole chunk there is an error."""
    path = tmp_path / "torn.motion"
    save_motion(path, a_motion(2 * CHUNK_FRAMES))
    whole = path.read_bytes()
    for missing in (1, 2, 1000):
        path.write_bytes(whole[:-missing])
        assert len(load_motion(path)) == CHUNK_FRAMES
    path.write_bytes(whole[: len(whole) // 2 - 200])
    with pytest.raises(RecordingError, match=r"torn\.motion: expected at least one whole chunk of frames, found none"):
        load_motion(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 2}, r"version 2 \(not 1\)"),
        ({"format": "other"}, "format 'other'"),
        ({"joints": ["a"]}, r"joints \['a'\]"),
        ({"bodies": []}, r"bodies \[\]"),
        ({"rate": 0.0}, "rate 0.0 Hz"),
        ({"rate": float("nan")}, "rate nan Hz"),
        ({"rate": "fast"}, r"rate \(float\) is str"),
        ({"name": "n" * 5000}, "name of 5000 characters"),
    ],
)
def test_foreign_header_is_refused(tmp_path, changed, message):
    """A header of another version, character or with nonsense is named with what was found."""
    path = write(tmp_path / "h.motion", header(**changed), chunk())
    with pytest.raises(RecordingError, match=message):
        load_motion(path)


def test_all_header_problems_at_once(tmp_path):
    """Two wrong entries are both in the message."""
    path = write(tmp_path / "h.motion", header(version=7, rate=-1.0), chunk())
    with pytest.raises(RecordingError, match=r"version 7 .*rate -1\.0 Hz"):
        load_motion(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"frames": 0}, {"frames": -1}, {"frames": "1"}, {"frames": 2**40}, {"root_position": b"\0" * 8},
        {"joint_position": [0.0] * 28}, {"root_rotation": np.zeros(4, "<f4").tobytes()},
        {"root_position": np.full(3, np.nan, "<f4").tobytes()},
    ],
)  # fmt: skip
def test_damaged_chunk_is_refused(tmp_path, changed):
    """Frame counts that do not fit their bytes, NaN and rotations of length zero are errors, not motion."""
    path = write(tmp_path / "c.motion", header(), chunk(**changed))
    with pytest.raises(RecordingError, match=r"c\.motion: expected"):
        load_motion(path)


def test_sizes_are_bounded_before_allocation(tmp_path):
    """A length prefix of 4 GB is refused though the file is small."""
    path = write(tmp_path / "big.motion", header())
    with path.open("ab") as stream:
        stream.write(struct.pack("<I", 2**32 - 1) + b"x" * 100)
    with pytest.raises(RecordingError, match=r"chunk 0 of at most 1048576 bytes, found 4294967295 bytes"):
        load_motion(path)


@pytest.mark.parametrize(
    "content", [b"", b"SMP", b"\x89PNG\r\n\x1a\n rest", MAGIC, MAGIC + struct.pack("<I", 3) + b"\xc1\xc1\xc1"]
)
def test_no_motion_file(tmp_path, content):
    """Empty, short, foreign and garbled files are refused."""
    path = tmp_path / "x.motion"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"x\.motion"):
        load_motion(path)


def test_motion_refuses_nonsense():
    """Shapes that disagree, NaN, rotations that are not unit and no rate at all."""
    good = a_motion(3)
    arrays = {
        "root_position": good.root_position,
        "root_rotation": good.root_rotation,
        "joint_position": good.joint_position,
    }
    for changed, message in [
        ({"joint_position": np.zeros((3, 27))}, r"\(3, 27\)"),
        ({"root_position": np.zeros((2, 3))}, "root_rotation has shape"),
        ({"root_position": np.full((3, 3), np.inf)}, "not finite"),
        ({"root_rotation": 2 * good.root_rotation}, "not unit"),
    ]:
        with pytest.raises(ValueError, match=message):
            Motion(30.0, **(arrays | changed))
    with pytest.raises(ValueError, match="rate 0"):
        Motion(0.0, **arrays)

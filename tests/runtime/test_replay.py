from __future__ import annotations

import struct
from pathlib import Path

import msgpack
import numpy as np
import pytest

from runtime import Recording, RecordingError, ReplayError, Steering, World, replay
from runtime.character import DEFAULT_HEIGHT
from tests.tiny import INPUT_SIZE, linear, write_controller

SHIPPED = Path(__file__).parents[2] / "exported" / "steering.onnx"


def records(path: Path) -> list[dict]:
    """Return a recording's records, the header first."""
    content, at, found = path.read_bytes()[8:], 0, []
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at)
        found.append(msgpack.unpackb(content[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def rewrite(path: Path, found: list[dict]) -> None:
    """Write records again."""
    packed = [msgpack.packb(record) for record in found]
    path.write_bytes(replay.MAGIC + b"".join(struct.pack("<I", len(part)) + part for part in packed))


@pytest.fixture
def short(tmp_path: Path, lively: Path) -> Path:
    """A recording of 12 s of one wriggling character."""
    world = World()
    hero = world.add_character(lively)
    with world.record(tmp_path / "short.recording"):
        for step in range(360):
            if step == 5:
                hero.goal = Steering(speed=1.0)
                hero.push((10.0, 0.0, 0.0))
            world.step()
    return tmp_path / "short.recording"


def test_sixty_seconds_bit_for_bit(tmp_path: Path) -> None:
    """The golden test: 60 s of the shipped controller with all that can happen are simulated again exactly.

    Pushes, goals, a switch of controllers and back, one of no controller, a thrown ball, a character that joins, one
    that is reset, uneven portions of time, a reset of the whole world. Every keyframe must be met bit for bit, and the
    end is that of the world that was recorded.
    """
    calm = write_controller(tmp_path / "calm.onnx", linear(right_knee=0.05))
    world = World()
    hero = world.add_character(SHIPPED)
    other = world.add_character(SHIPPED, position=(0.0, 4.0))
    rng = np.random.default_rng(0)
    path = tmp_path / "golden.recording"
    seen: list[np.ndarray] = []
    frame = 0
    with world.record(path):
        while len(seen) < 10 or frame < 3600:
            if frame % 300 == 100:
                hero.push((*rng.uniform(-30.0, 30.0, 2), 0.0))
            if frame % 200 == 0:
                hero.goal = Steering(float(rng.uniform(0.0, 3.0)), float(rng.uniform(-3.0, 3.0)))
            if frame == 500:
                hero.controller = calm
            if frame == 520:
                hero.controller = SHIPPED
            if frame in (900, 1400):
                world.throw(other, mass=2.0)
            if frame == 1000:
                other.controller = None
            if frame == 1200:
                world.add_character(SHIPPED, position=(8.0, 8.0)).goal = Steering(speed=1.0)
            if frame == 1701:
                hero.reset(position=(-3.0, -3.0))
            if frame == 2500:
                world.reset()
            world.advance((1 / 60, 1 / 50, 1 / 70)[frame % 3])
            frame += 1
            if frame % 360 == 0:
                seen.append(world.data.qpos.copy())
    end = world.save()
    recording = Recording.load(path)
    assert recording.duration > 59.0
    assert set(recording.characters) == {"humanoid", "humanoid2", "humanoid3"}
    *_, again = recording.replay()
    assert again.time == world.time
    np.testing.assert_array_equal(again.data.qpos, world.data.qpos)
    np.testing.assert_array_equal(again.data.qvel, world.data.qvel)
    assert again.characters[0].goal == hero.goal
    keyframes = [record for record in records(path)[1:] if "keyframe" in record]
    assert sum(not keyframe["edited"] for keyframe in keyframes) >= 4  # states that had to be met
    assert len(end) == len(world.save())


def test_the_networks_give_the_same_motion_again(tmp_path: Path) -> None:
    """Not only the recorded joint targets: the same calls on a new world, networks and all, end in the same bits."""
    ends = []
    for _ in range(2):
        world = World()
        hero = world.add_character(SHIPPED)
        hero.goal = Steering(speed=2.0)
        for step in range(150):
            if step == 60:
                hero.push((40.0, 10.0, 0.0))
            world.step()
        ends.append(world.data.qpos.copy())
    np.testing.assert_array_equal(*ends)


def test_motion_is_what_was_seen(short: Path) -> None:
    """A frame is the pose at the beginning of a control step; the first is the default pose, upright."""
    motion = Recording.load(short).motion()
    assert motion.rate == 30.0 and len(motion.root_position) == 360
    np.testing.assert_allclose(motion.root_position[0], [0.0, 0.0, DEFAULT_HEIGHT], atol=1e-6)
    np.testing.assert_allclose(motion.root_rotation[0], [1.0, 0.0, 0.0, 0.0])
    assert np.abs(np.diff(motion.joint_position, axis=0)).max() > 0.01
    with pytest.raises(RecordingError, match=r"humanoid.*'nobody'"):
        Recording.load(short).motion("nobody")


def test_replay_shows_states_and_goals_step_by_step(short: Path) -> None:
    """It gives the world at the beginning of every control step: its time, the pose of `motion`, the goal in force."""
    recording = Recording.load(short)
    motion = recording.motion()
    for step, world in zip(range(20), recording.replay(), strict=False):
        assert world.time == pytest.approx(step / 30)
        np.testing.assert_allclose(world.characters[0].state.root_position, motion.root_position[step], atol=1e-6)
        assert world.characters[0].goal == (Steering(speed=1.0) if step >= 5 else None)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("mujoco", "3.9.9", r"mujoco '4.*found '3\.9\.9'"),
        ("character", "0" * 64, "character"),
        ("physics_hz", 240, "physics_hz 120, found 240"),
        ("machine", "vax", "machine .*'vax'"),
    ],
)
def test_other_versions_are_refused_with_the_reason(short: Path, key: str, value: object, match: str) -> None:
    """A replay asks for the same MuJoCo, character, rate and machine; the motion can be read all the same."""
    found = records(short)
    found[0][key] = value
    rewrite(short, found)
    recording = Recording.load(short)
    with pytest.raises(ReplayError, match=match):
        recording.replay()
    assert len(recording.motion().root_position) == 360


def test_a_replay_that_goes_another_way_is_found_out(short: Path) -> None:
    """The joint targets of one frame changed by a nanoradian, and the next keyframe is not met."""
    found = records(short)
    frame = next(record for record in found[100:] if "ctrl" in record)
    ctrl = np.frombuffer(frame["ctrl"]).copy()
    ctrl += 1e-9
    frame["ctrl"] = ctrl.tobytes()
    rewrite(short, found)
    with pytest.raises(ReplayError, match=r"bit for bit.*another one at 10\.0"):
        for _ in Recording.load(short).replay():
            pass


def test_a_killed_process_leaves_a_readable_file(short: Path) -> None:
    """Cut off anywhere behind its first frame the file can be read and replayed up to there."""
    content = short.read_bytes()
    for length in (len(content) - 1, len(content) - 1000, len(content) // 2):
        short.write_bytes(content[:length])
        recording = Recording.load(short)
        *_, world = recording.replay()
        assert world.time == pytest.approx(recording.times[-1])


def test_a_writer_that_is_not_closed_has_written(tmp_path: Path, lively: Path) -> None:
    """While a world is still being recorded, all but the last second is in the file."""
    world = World()
    world.add_character(lively)
    recorder = world.record(tmp_path / "open.recording")
    for _ in range(90):
        world.step()
    assert Recording.load(tmp_path / "open.recording").duration >= 2.0 - 1 / 30
    with pytest.raises(RecordingError, match="not being recorded"):
        world.record(tmp_path / "second.recording")
    recorder.close()
    recorder.close()
    world.record(tmp_path / "second.recording").close()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "begins with"),
        (b"SMPMOTN\n", "begins with"),
        (replay.MAGIC, "header"),
        (replay.MAGIC + struct.pack("<I", 2**31), "at most"),
        (replay.MAGIC + struct.pack("<I", 1) + b"\xc1", "msgpack"),
        (replay.MAGIC + struct.pack("<I", 1) + b"\x80", "header"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes, match: str) -> None:
    """Files that are something else are refused by one error that names the file."""
    path = tmp_path / "x.recording"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=match) as told:
        Recording.load(path)
    assert "x.recording" in str(told.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.update(ctrl=b"\0" * 9),
        lambda frame: frame.pop("pose"),
        lambda frame: frame.update(steps=-1),
        lambda frame: frame.update(steps="now"),
    ],
)
def test_broken_frames_are_refused(short: Path, change) -> None:
    """A frame with a missing, torn or senseless part is an error when the file is read."""
    found = records(short)
    change(found[5])
    rewrite(short, found)
    with pytest.raises(RecordingError, match="record 5"):
        Recording.load(short)


def test_frames_of_another_size_end_a_replay(short: Path) -> None:
    """Joint targets for another number of characters, and a step a year later, are errors and not a crash or a wait."""
    for change in ({"ctrl": np.zeros(56).tobytes()}, {"steps": 1 << 40}, {"forces": [[99, 0.0, 0.0, 0.0]]}):
        found = records(short)
        found[20] |= change
        rewrite(short, found)
        with pytest.raises(RecordingError):
            for _ in Recording.load(short).replay():
                pass


def test_two_wriggling_characters_with_a_failure_between(tmp_path: Path) -> None:
    """A character that broke down and was frozen is replayed as such."""
    weights = np.random.default_rng(0).uniform(-0.05, 0.05, (INPUT_SIZE, 28))
    path = write_controller(tmp_path / "nan.onnx", weights, nan_above=2.0)
    world = World(on_error="freeze")
    world.add_character(path)
    victim = world.add_character(path, position=(0.0, 3.0))
    with world.record(tmp_path / "failure.recording"):
        for step in range(60):
            if step == 20:
                victim.goal = Steering(speed=3.0)
            world.step()
    assert victim.frozen
    *_, again = Recording.load(tmp_path / "failure.recording").replay()
    np.testing.assert_array_equal(again.data.qpos, world.data.qpos)

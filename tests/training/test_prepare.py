"""Cleaning, the dataset and the command that makes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES
from runtime.recording import Motion
from runtime.skeleton import Skeleton, load_skeleton
from tests.training.motions import standing, stepping
from tests.training.skeletons import walking, write_bvh
from training.motion import (
    cleaning,
    dataset,
    figures,
    ground,
    reading,
    similarity,
    skeleton,
    soles,
)
from training.motion.bvh import DamagedFileError
from training.motion.clips import motion_states
from training.motion.edit import cut, lift, mirror, resample
from training.motion.steady import steady
from training.prepare import DataError, Recipe, _groups, _played, _split_named, read_sources

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"


def test_floor_is_found_and_swaying_is_kept():
    """Real standing 10 cm above the ground is kept whole and put on it."""
    found = cleaning.clean(lift(standing(90, name="s"), 0.1), flat=True)
    assert len(found.pieces) == 1 and len(found.pieces[0]) == 90
    assert found.pieces[0].root_position[:, 2] == pytest.approx(DEFAULT_HEIGHT, abs=1e-3)


def test_root_jump_cuts_the_clip():
    """A jump of a metre between two frames makes two clips."""
    motion = standing(120, name="s")
    position = motion.root_position.copy()
    position[50:, 0] += 1.0
    jumped = Motion(30.0, position, motion.root_rotation, motion.joint_position, name="s")
    found = cleaning.clean(jumped, flat=True)
    assert [len(piece) for piece in found.pieces] == [50, 70]
    assert any("a jump in root speed" in remark for remark in found.remarks)


def test_frozen_end_is_trimmed_to_half_a_second():
    """Two seconds of one held pose at the end leave half a second of it."""
    motion = standing(60)
    hold = [np.concatenate((a, np.repeat(a[-1:], 60, axis=0))) for a in
            (motion.root_position, motion.root_rotation, motion.joint_position)]  # fmt: skip
    found = cleaning.clean(Motion(30.0, *hold, name="s"), flat=True)
    assert len(found.pieces[0]) == 60 + 15
    assert any("1.50 s of frozen ends" in remark for remark in found.remarks)


def test_floors_are_told_apart():
    """Two seconds on the ground, a jump up, two seconds on a platform of 0.6 m: two clips, both on the ground."""
    low, rise, high = standing(60), np.linspace(0, 0.6, 8)[1:-1], standing(60)
    up = standing(66)
    position = np.concatenate((low.root_position, up.root_position[:6] + rise[:, None] * [0, 0, 1],
                               high.root_position + [0, 0, 0.6]))  # fmt: skip
    joints = np.tile(low.joint_position[:42], (3, 1))[:126]
    motion = Motion(
        30.0, position, np.tile([1.0, 0, 0, 0], (126, 1)), np.tile(DEFAULT_POSE, (126, 1)) + 0 * joints, name="p"
    )
    found = cleaning.clean(motion, flat=False)
    assert len(found.pieces) == 2
    for piece in found.pieces:
        assert piece.seconds > 1.5
        np.testing.assert_allclose(soles.heights(motion_states(piece)), 0.0, atol=2e-3)
    assert cleaning.clean(motion, flat=True).pieces == []


def test_toes_are_raised_out_of_the_ground():
    """A foot pitched 30° down with its heel at standing height stabs 6 cm deep; the ankle takes it back."""
    motion = standing(30)
    joints = motion.joint_position.copy()
    joints[10:20, JOINT_NAMES.index("right_ankle_y")] = 0.5
    stabbing = Motion(30.0, motion.root_position, motion.root_rotation, joints)
    assert soles.heights(motion_states(stabbing)).min() < -0.05
    raised, turn = ground.raise_toes(stabbing)
    assert soles.heights(motion_states(raised)).min() > -0.012
    assert 0.3 < turn < 0.7
    assert ground.raise_toes(motion)[1] == 0.0


def test_body_is_raised_out_of_the_ground():
    """A pelvis 10 cm lower for a moment takes feet and shins along; raised, nothing is deeper, the rest untouched."""
    motion = standing(60)
    height = np.zeros(60)
    height[25:30] = -0.10
    raised, most = ground.raise_body(lift(motion, height))
    assert soles.heights(motion_states(raised)).min() > -0.01
    assert most == pytest.approx(0.10 - ground.DEPTH, abs=1e-3)
    np.testing.assert_array_equal(raised.root_position[:15], motion.root_position[:15])
    np.testing.assert_array_equal(raised.joint_position, motion.joint_position)
    assert ground.raise_body(motion)[1] == 0.0


def test_stretches_that_are_fast_enough():
    """Two seconds at 3 m/s, two at 1, half a one at 3, then at 1, two at 3: two stretches at 2 m/s or more remain."""
    speed = np.repeat([3.0, 1.0, 3.0, 1.0, 3.0], [60, 60, 15, 30, 60])
    motion = standing(len(speed))
    position = motion.root_position + np.cumsum(speed / 30)[:, None] * [1.0, 0, 0]
    run = Motion(30.0, position, motion.root_rotation, motion.joint_position, name="run")
    found = cleaning.quick(run, 2.0)
    assert [piece.name for piece in found] == ["run_0", "run_1"]
    assert [len(piece) for piece in found] == pytest.approx([60, 60], abs=2)
    np.testing.assert_array_equal(found[1].root_position, position[-len(found[1]) :])
    (whole,) = cleaning.quick(run, 0.5)
    assert len(whole) == len(run) and whole.name == "run"


def test_copies_and_takes_are_found():
    """An exact mirror image is a copy; an overlapping cut with noise shares the group; another motion does not."""
    rng = np.random.default_rng(4)
    first, other = stepping(1), stepping(2)
    overlap = cut(first, 45, 90)
    noisy = Motion(30.0, overlap.root_position, overlap.root_rotation,
                   overlap.joint_position + 0.055 * rng.normal(size=(45, 28)))  # fmt: skip
    motions = [first, other, mirror(cut(first, 10, 60)), noisy]
    assert similarity.copies(motions) == {2: 0}
    assert similarity.groups(motions, ["", "", "", ""]) == [0, 1, 0, 0]
    assert similarity.groups(motions, ["", "tom", "", "tom"]) == [0, 0, 0, 0]


def test_copies_are_found_across_sets():
    """One take at 120 Hz as a loop, and at 30 Hz as none, with the same steps taken again beside it."""
    rng = np.random.default_rng(4)
    slow = stepping(1)
    fast = replace(resample(slow, 120.0), loop=True)
    again = replace(slow, joint_position=slow.joint_position + 0.045 * rng.normal(size=(90, 28)))
    assert similarity.copies([slow, again, fast]) == {2: 0}
    assert similarity.copies([fast, again]) == {}


def test_split_is_by_group_and_deterministic():
    """No group is on both sides, about the asked share is held out, and twice gives the same."""
    clips = [dataset.Clip(stepping(i), "walk", "train", f"g{i // 2}", 1.0) for i in range(40)]
    found = dataset.split_groups(clips, 0.2, seed=0)
    sides = {}
    for clip in found:
        assert sides.setdefault(clip.group, clip.split) == clip.split
    held = sum(clip.split == "held_out" for clip in found)
    assert 6 <= held <= 10
    assert [c.split for c in dataset.split_groups(clips, 0.2, seed=0)] == [c.split for c in found]
    assert [c.split for c in dataset.split_groups(clips, 0.2, seed=1)] != [c.split for c in found]


def test_clips_can_be_held_out_by_name():
    """Those named and no others; a name that is no clip's is an error that quotes it."""
    motions = [replace(stepping(i), name=f"capture/walk_sad_00{i}") for i in range(3)]
    clips = [dataset.Clip(motion, "walk", "train", "g", 1.0) for motion in motions]
    found = _split_named(clips, Recipe(held_out=["*_002"]))
    assert [clip.split for clip in found] == ["train", "train", "held_out"]
    with pytest.raises(DataError, match=r"held_out: no clip or person is called '\*_007'"):
        _split_named(clips, Recipe(held_out=["*_002", "*_007"]))


def test_persons_can_be_held_out():
    """Everything of a person, whatever its name, and of everyone who moves alike."""
    motions = [replace(stepping(i), name=f"m{i}") for i in range(4)]
    groups = ["02+07", "02+07", "05", "set/walk"]
    clips = [dataset.Clip(motion, "walk", "train", group, 1.0) for motion, group in zip(motions, groups, strict=True)]
    found = _split_named(clips, Recipe(held_out=["07"]))
    assert [clip.split for clip in found] == ["held_out", "held_out", "train", "train"]


def test_who_moves_alike_is_of_one_group(tmp_path):
    """Tom's two takes and Ann's of one of them are one group of both names; Eve's is her own, no name's the clip's."""
    names = ["tom", "tom", "ann", "eve", ""]
    motions = [stepping(seed) for seed in (1, 2, 2, 3, 4)]
    pieces = [reading.Piece(motion, person=name) for motion, name in zip(motions, names, strict=True)]
    assert _groups(pieces) == ["ann+tom", "ann+tom", "ann+tom", "eve", "made/m4"]


def test_dataset_round_trip_with_mirrors(tmp_path):
    """What is saved is loaded; mirror images follow their clips on the same side; old clips are removed."""
    clip = dataset.Clip(stepping(1), "walk", "held_out", "g", 1.25, ("turn",))
    dataset.save(tmp_path / "d", [dataset.Clip(stepping(2), "run", "train", "g2", 3.0)])
    dataset.save(tmp_path / "d", [clip])
    (loaded,) = dataset.load(tmp_path / "d")
    assert (loaded.category, loaded.split, loaded.group, loaded.speed, loaded.tags) == (
        "walk",
        "held_out",
        "g",
        1.25,
        ("turn",),
    )
    np.testing.assert_allclose(loaded.motion.joint_position, clip.motion.joint_position, atol=1e-6)
    plain, image = dataset.load(tmp_path / "d", mirrored=True)
    assert image.split == plain.split and image.group == plain.group
    np.testing.assert_array_equal(image.motion.joint_position, mirror(plain.motion).joint_position)
    with pytest.raises(FileNotFoundError, match=r"python -m training\.prepare"):
        dataset.load(tmp_path / "nothing")


def test_figures_by_hand():
    """Three seconds at 1 m/s: a walk, 0.05 minutes in the bin .8-1.3; standing, then walking, is a start."""
    figure = figures.measure(stepping(1, frames=90))
    assert figures.category(figure) == "walk"
    np.testing.assert_allclose(figure.speed, 1.0)
    minutes = figures.minutes_by_bin(figure.speed, figures.SPEED_EDGES, figures.SPEED_BINS)
    assert minutes == {"0-.3": 0, ".3-.8": 0, ".8-1.3": 0.05, "1.3-2": 0, "2-3": 0, "3-4": 0, "4+": 0}
    motion = stepping(1, frames=120)
    position = motion.root_position.copy()
    position[:60, 0], position[60:, 0] = 0.0, 2.0 * np.arange(60) / 30
    started = Motion(30.0, position, motion.root_rotation, motion.joint_position)
    assert figures.tags(figures.measure(started)) == ("start", "stand")


def write_sources(folder: Path) -> None:
    """A little capture: one npz that stands and sways, for a recipe of one source."""
    (folder / "mimickit").mkdir(parents=True)
    t = np.arange(90)
    frames = np.zeros((90, 34))
    frames[:, 0], frames[:, 2] = 0.02 * t, DEFAULT_HEIGHT
    frames[:, 12], frames[:, 16] = np.pi / 2, -np.pi / 2
    frames[:, 10] = 0.1 * np.sin(t / 7)
    np.savez(folder / "mimickit" / "walk.npz", fps=30.0, loop=False, frames=frames)


def test_a_source_can_be_played_from_its_end(tmp_path):
    """The same file, reversed: its last pose first, its way back, under a name that says so."""
    write_sources(tmp_path)
    path = tmp_path / "mimickit" / "walk.npz"
    forwards, backwards = (
        reading.read_file(reading.Source("mimickit", "mimickit", reversed=way), tmp_path, path, 8.0).pieces[0].motion
        for way in (False, True)
    )
    np.testing.assert_allclose(backwards.joint_position, forwards.joint_position[::-1], atol=1e-9)
    ways = [motion.root_position[-1, 0] - motion.root_position[0, 0] for motion in (forwards, backwards)]
    assert ways == pytest.approx([0.02 * 89, -0.02 * 89])
    assert (forwards.source, backwards.source) == ("mimickit/walk", "mimickit/walk_reversed")


def test_a_source_can_be_played_faster_and_slower(tmp_path):
    """Twice as fast: half as long, under a name that says so, with its skeleton; not where the clip is too fast."""
    write_sources(tmp_path)
    path = tmp_path / "mimickit" / "walk.npz"
    (piece,), (fast,) = (
        reading.read_file(reading.Source("mimickit", play=[2.0, 0.5], play_below=limit), tmp_path, path, 8.0).pieces
        for limit in (0.7, 0.5)  # m/s, the walk goes at .6
    )
    assert _played(fast) == [fast]
    joints = Skeleton(30.0, ("hip",), (-1,), np.zeros((90, 1, 3)))
    own, faster, slower = _played(replace(piece, skeleton=joints))
    assert own.motion is piece.motion
    assert (faster.motion.source, slower.motion.name) == ("mimickit/walk_x2", "walk_x0.5")
    assert [member.motion.seconds for member in (own, faster, slower)] == pytest.approx([89 / 30, 89 / 60, 89 / 15])
    assert [member.skeleton.rate for member in (own, faster, slower)] == [30.0, 60.0, 15.0]
    np.testing.assert_array_equal(faster.motion.joint_position, piece.motion.joint_position)


def test_a_sources_files_are_of_persons(tmp_path):
    """Takes of 07 are those beside the file; a name that is nobody's is a damaged file; without `person`, itself."""
    for name in ("07_1.bvh", "07_2.bvh", "08_1.bvh", "notes.bvh"):
        (tmp_path / name).touch()
    source = reading.Source("bvh", person="(\\d+)_.*")
    first, second, _, notes = sorted(tmp_path.iterdir())
    assert reading.find_takes(source, second) == (first, second)
    assert reading.find_takes(reading.Source("bvh"), second) == (second,)
    assert (
        reading.find_person(source, second) == "07"
        and reading.find_person(reading.Source("bvh", person=".*"), notes) == "notes"
    )
    with pytest.raises(DamagedFileError, match="its name does not match the person"):
        reading.find_person(source, notes)


def prepare(*arguments: str) -> subprocess.CompletedProcess:
    """Run the command line in a fresh process."""
    return subprocess.run(
        [sys.executable, "-m", "training.prepare", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_prepare_writes_clips_and_report(tmp_path):
    """The command reads a source, writes its clip, the index and the report, and leaves no other files behind."""
    write_sources(tmp_path / "data")
    source = "[{format: mimickit, folder: mimickit, files: [walk.npz], flat: true}]"
    before = set(ROOT.iterdir())
    done = prepare(
        f"data={tmp_path / 'data'}", f"output={tmp_path / 'out'}", "dataset=walk", f"dataset.sources={source}"
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"clips.json", "report.json", "mimickit_walk.motion"}
    (clip,) = dataset.load(tmp_path / "out")
    assert clip.category == "walk" and clip.speed == pytest.approx(0.6, abs=1e-3) and len(clip.motion) == 90
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["minutes"] == pytest.approx(90 / 30 / 60) and report["minutes_by_speed"]["all"][".3-.8"] == 0.05
    assert {p for p in set(ROOT.iterdir()) - before if p.suffix == ".log"} == set()


def test_prepare_names_what_is_missing(tmp_path):
    """Without data=, or with a folder that has not the sources, the command says what it expects, and fails."""
    without = prepare()
    assert without.returncode == 2 and "data= is missing" in without.stderr and "deepmimic/" in without.stderr
    empty = prepare(f"data={tmp_path}")
    assert empty.returncode == 2 and "needs the folders" in empty.stderr and "walk.npz" in empty.stderr
    assert "Traceback" not in without.stderr + empty.stderr


def write_captures(folder: Path) -> None:
    """Two labelled captures of Bandai-Namco's skeleton, one cut off in its middle, and a skeleton nobody knows."""
    (chosen,) = (known for known in skeleton.known_maps() if known.family == "bandai_namco")
    folder.mkdir(parents=True)
    for name in ("walk_proud_1", "walk_sad_1"):
        write_bvh(folder / f"{name}.bvh", chosen, walking(60))
    text = (folder / "walk_sad_1.bvh").read_text()
    (folder / "walk_old_1.bvh").write_text("\n".join(text.splitlines()[:-20]))
    (folder / "walk_tail_1.bvh").write_text(text.replace("JOINT Toes_L", "JOINT Tail"))
    (folder / "walk.bvh").write_text(text)


def test_damaged_files_do_not_stop_the_others(tmp_path):
    """Of five captures two are read; the report and the terminal name the others: line, joints, label."""
    write_captures(tmp_path / "data" / "set")
    source = (
        "[{format: bvh, folder: set, files: ['*.bvh'], licence: CC BY-NC 4.0,"
        " label: '(?P<action>[a-z]+)_(?P<style>[a-z]+)_1'}]"
    )
    done = prepare(
        f"data={tmp_path / 'data'}",
        f"output={tmp_path / 'out'}",
        "dataset=walk",
        f"dataset.sources={source}",
        "workers=1",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    damaged = "\n".join(report["damaged"])
    assert len(report["damaged"]) == 3 and all(line in done.stderr for line in report["damaged"])
    assert re.search(r"walk_old_1\.bvh:\d+: the file ends after 40 of 60 frames", damaged)
    assert re.search(r"walk_tail_1\.bvh: the skeleton is of no known family .*Tail", damaged)
    assert re.search(r"walk\.bvh: its name does not match the label", damaged)
    clips = {clip.style: clip for clip in dataset.load(tmp_path / "out")}
    assert set(clips) <= {"proud", "sad"} and clips  # of two equal captures one is a copy
    (clip,) = clips.values()
    assert clip.action == "walk" and clip.motion.licence == "CC BY-NC 4.0"
    shown = load_skeleton(next((tmp_path / "out").glob("*.skeleton")))
    assert len(shown) == len(clip.motion) and "LowerLeg_L" in shown.names
    family = report["retargeting"]["bandai_namco"]
    assert family["files"] == 2 and family["mean_error_cm"] < 1.0
    assert report["minutes_by_style"] == {clip.style: pytest.approx(60 / 30 / 60, abs=0.001)}


def test_nothing_readable_is_an_error(tmp_path):
    """A dataset of damaged files only, or a source without a licence: an error that says so."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.bvh").write_text("HIERARCHY\nROOT hip\n")
    source = reading.Source("bvh", "set", ["*.bvh"], licence="none")
    recipe = Recipe("made", [source])
    with pytest.raises(DataError, match=r"nothing is left of 1 files:\n.*a\.bvh:2: the file ends"):
        read_sources(recipe, tmp_path)
    source.licence = ""
    with pytest.raises(DataError, match="licence of set/"):
        read_sources(recipe, tmp_path)


def test_index_gives_units_and_pieces_keep_their_skeleton(tmp_path):
    """A walk of 20 s in units of 4 cm, as the index says; pieces of 5 s have the skeleton of their own frames."""
    (chosen,) = (known for known in skeleton.known_maps() if known.family == "cmu_daz")
    (tmp_path / "set").mkdir()
    write_bvh(tmp_path / "set" / "a.bvh", chosen, walking(600), unit=0.04)
    (tmp_path / "set" / "index.csv").write_text("file,unit_to_m,up,category\na.bvh,0.04,y,walk\n")
    source = reading.Source("bvh", "set", ["*.bvh"], licence="none", index="index.csv")
    found = reading.read_file(source, tmp_path, tmp_path / "set" / "a.bvh", 5.0)
    assert [piece.action for piece in found.pieces] == ["walk"] * 4
    (figures_of,) = found.imported.values()
    assert figures_of["found"]["unit"] == "given" and figures_of["found"]["up_from"] == "given"
    for piece in found.pieces:
        shown = piece.skeleton
        assert shown is not None and len(shown) == len(piece.motion)
        hips = 0.5 * sum(shown.positions[:, shown.names.index(name)] for name in ("lThigh", "rThigh"))
        np.testing.assert_allclose(hips, piece.motion.root_position, atol=0.03)


def test_flipping_hinges_are_led_along():
    """An arm swung through the pose where its hinges coincide flips by half a turn; led along, it does so in time."""
    motion = standing(60)
    joints = motion.joint_position.copy()
    first = JOINT_NAMES.index("right_shoulder_x")
    joints[30:, first] -= np.pi  # the same rotation at y = 90°: x and z turn about one axis
    joints[30:, first + 2] += np.pi / 2
    joints[:, first + 1] = 1.5
    flipping = Motion(30.0, motion.root_position, motion.root_rotation, joints, name="s")
    assert len(cleaning.clean(flipping, flat=True).pieces) != 1
    led, moved = steady(flipping, cleaning.MAX_JOINT_SPEED)
    assert np.abs(np.diff(led.joint_position, axis=0)).max() * 30.0 < cleaning.MAX_JOINT_SPEED
    assert 0.0 < moved < 0.35 and len(cleaning.clean(led, flat=True).pieces) == 1
    assert steady(motion, cleaning.MAX_JOINT_SPEED) == (motion, 0.0)

"""One source file to clean pieces: what every format has in common, and what a worker process does.

    read_all ── processes ── read_file ── mimickit | deepmimic | importing ── cleaning.clean ── into_pieces ── Piece

A file that is damaged, or of an unknown skeleton, becomes one line in `Reading.damaged`; the others go on.
"""

from __future__ import annotations

import csv
import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from runtime.recording import Motion
from runtime.skeleton import Skeleton
from training.motion import cleaning, deepmimic, importing, mimickit
from training.motion.bvh import DamagedFileError
from training.motion.capture import CaptureError
from training.motion.edit import cut, reverse
from training.motion.ground import raise_body
from training.motion.hinges import JOINTED
from training.motion.skeleton import SkeletonError
from training.motion.steady import steady

READERS = {"mimickit": mimickit.read, "deepmimic": deepmimic.read}
FORMATS = (*READERS, *importing.FORMATS)
MAX_ERROR = 0.04  # m, mean distance of a joint from the limb-wise scaled source; beyond it the pose is another one


@dataclass
class Source:
    """One folder of one format."""

    format: str = "mimickit"
    """mimickit, deepmimic, bvh, asfamc or amass."""
    folder: str = ""
    """Under `data`."""
    files: list[str] = field(default_factory=list)
    """Glob patterns in the folder, each of which must match."""
    flat: bool = True
    """Captured on one floor; otherwise its flat stretches are cut out."""
    floor_known: bool = False
    """The floor is at height zero, soles need not say so (a crawl, a cartwheel)."""
    min_seconds: float = cleaning.MIN_SECONDS
    """Shorter pieces are dropped."""
    steady: bool = False
    """Hinges that flip are led along (mimickit and deepmimic); otherwise the clip is cut there."""
    raise_body: bool = False
    """The body is raised for as long as any part of it is in the ground (mimickit and deepmimic)."""
    slowest: float = 0.0
    """Only stretches at least this fast, m/s (mimickit and deepmimic): who runs a course of turns and stops goes there
    crouched, and nobody strolls like that."""
    reversed: bool = False
    """Clips are played from their end (mimickit and deepmimic): walking turns into walking backwards."""
    category: str = ""
    """What the dataset calls these clips; "" goes by speed: stand, walk, jog, run."""
    action: str = ""
    """Label of every clip; "" leaves it to `label` and `index`."""
    style: str = ""
    """Label of every clip."""
    label: str = ""
    """Regular expression on a file's stem with groups `action` and `style`."""
    index: str = ""
    """CSV in the folder with columns file, unit_to_m, up and category (the action)."""
    licence: str = ""
    """Of bvh, asfamc and amass files, whose format says none."""
    unit_to_m: float | None = None
    """Metres in a unit of the files; found where not given."""
    up: str | None = None
    """Up-axis of the files, as in z or -y; found where not given."""
    skeleton: str | None = None
    """A map (YAML) for a skeleton that is of no known family."""
    low_pass_hz: float = importing.LOW_PASS
    """Faster motion of joints is taken out; 0 takes out nothing."""
    level_head: bool = False
    """The head looks ahead in the median of a clip."""
    straighten: bool = False
    """The straightest leg in all takes of a person and the straightest arm of a clip are as straight as a walker's."""
    person: str = ""
    """Regular expression on a file's stem whose group, or all of it, names who moves in it: their clips are of one
    group, whatever source they come from. "" leaves it to what moves alike."""
    play: list[float] = field(default_factory=list)
    """Speeds at which clips are played as well (1.25: a quarter faster), in the group of the clip."""
    play_below: float = np.inf
    """Only clips slower than this on average are played at other speeds, m/s."""


@dataclass(eq=False)
class Piece:
    """A clean stretch of a clip."""

    motion: Motion
    flat: bool = True
    category: str = ""
    action: str = ""
    style: str = ""
    skeleton: Skeleton | None = None
    person: str = ""
    """Who moves, where the source says it."""
    play: tuple[float, ...] = ()
    """Speeds at which it is played as well."""


@dataclass
class Reading:
    """What became of one file."""

    pieces: list[Piece] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    changed: dict[str, dict] = field(default_factory=dict)
    """Per clip: share of frames in which joint limits changed the pose, and the joints turned most, rad."""
    imported: dict[str, dict] = field(default_factory=dict)
    """Per retargeted clip: what was found, errors, skate before and after."""
    damaged: list[str] = field(default_factory=list)
    """What made the file unreadable."""


def read_all(files: list[tuple[Source, Path]], data: Path, piece_seconds: float, workers: int) -> Iterator[Reading]:
    """Read files in `workers` processes (1: in this one), in their order."""
    jobs = [(source, data, path, piece_seconds) for source, path in files]
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(_job, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_job, jobs, chunksize=1)


def _job(arguments: tuple[Source, Path, Path, float]) -> Reading:
    return read_file(*arguments)


def read_file(source: Source, data: Path, path: Path, piece_seconds: float) -> Reading:
    """Read, convert and clean one file."""
    reading = Reading()
    try:
        if source.format in READERS:
            _read_ours(source, path, piece_seconds, reading)
        else:
            _read_any(source, data, path, piece_seconds, reading)
        person = find_person(source, path)
        reading.pieces = [replace(p, person=person, play=_play(source, p.motion)) for p in reading.pieces]
    except (DamagedFileError, SkeletonError, CaptureError) as error:
        text = str(error)
        reading.damaged.append(text if str(path) in text else f"{path}: {text}")
    return reading


def _read_ours(source: Source, path: Path, piece_seconds: float, reading: Reading) -> None:
    """A file that is already on our humanoid's joints."""
    try:
        conversion = READERS[source.format](path)
    except (ValueError, KeyError, OSError) as error:
        raise DamagedFileError(path, None, str(error).removeprefix(f"{path}: ")) from error
    name = conversion.motion.source
    worst = {JOINTED[i]: round(float(conversion.changed[i]), 3) for i in np.argsort(-conversion.changed)[:3]}
    reading.changed[name] = {"share": round(conversion.changed_share, 3), "worst_rad": worst}
    floor = 0.0 if source.floor_known else None
    motion, moved = steady(conversion.motion, cleaning.MAX_JOINT_SPEED) if source.steady else (conversion.motion, 0.0)
    if moved > 0.0:
        reading.remarks.append(f"{name}: flipping hinges led along, bodies moved by up to {100 * moved:.1f} cm")
    if source.raise_body:
        motion, raised = raise_body(motion)
        reading.remarks.append(f"{name}: raised by up to {100 * raised:.1f} cm, out of the ground")
    if source.reversed:
        motion, name = reverse(motion), f"{name}_reversed"
    cleaned = cleaning.clean(motion, source.flat, floor, source.min_seconds)
    reading.remarks += [f"{name.rpartition('/')[0]}/{line}" for line in cleaned.remarks]
    pieces = cleaned.pieces
    if source.slowest > 0:
        pieces = [part for motion in pieces for part in cleaning.quick(motion, source.slowest, source.min_seconds)]
    parts = [part for motion in pieces for part in into_pieces(motion, piece_seconds)]
    labels = _labels(source, path, {})
    for number, part in enumerate(parts):
        label = name if len(parts) == 1 else f"{name}_{number}"
        reading.pieces.append(replace(Piece(_named(part, label), source.flat), **labels))


def _read_any(source: Source, data: Path, path: Path, piece_seconds: float, reading: Reading) -> None:
    """A file of any skeleton."""
    folder = data / source.folder
    row = _index(folder / source.index).get(path.name, {}) if source.index else {}
    name = path.relative_to(data).with_suffix("").as_posix()
    given = importing.Given(
        licence=source.licence,
        source=name,
        flat=source.flat,
        unit_to_m=source.unit_to_m if source.unit_to_m is not None else _number(row.get("unit_to_m")),
        up=source.up or row.get("up"),
        skeleton=Path(source.skeleton) if source.skeleton else None,
        low_pass_hz=source.low_pass_hz or np.inf,
        level_head=source.level_head,
        takes=find_takes(source, path) if source.straighten else (),
        min_seconds=source.min_seconds,
    )
    labels = _labels(source, path, row)
    for take in importing.import_file(path, source.format, given):
        _clean_take(take, source, piece_seconds, labels, reading)


def _clean_take(take: importing.Take, source: Source, piece_seconds: float, labels: dict, reading: Reading) -> None:
    """Pieces of a take with their skeletons, and its figures measured on what is left."""
    name = take.motion.source
    error = float(np.mean(list(take.errors.values())))
    if error > MAX_ERROR:
        reading.remarks.append(f"{name}: dropped, the humanoid is {100.0 * error:.1f} cm from it on average")
        return
    cleaned = cleaning.clean(take.motion, True, 0.0 if source.flat else None, source.min_seconds)
    folder = name.rpartition("/")[0]
    reading.remarks += [f"{name}: {line}" for line in take.remarks] + [f"{folder}/{line}" for line in cleaned.remarks]
    before, after = [], []
    parts: list[Piece] = []
    for motion, (first, lifted) in zip(cleaned.pieces, cleaned.origins, strict=True):
        span = slice(first, first + len(motion))
        before.append(importing.slip(take.raw_soles[span], take.contact[span], motion.rate))
        after.append(importing.slip(importing.soles(motion), take.contact[span], motion.rate))
        for part, begin in into_pieces_at(motion, piece_seconds):
            rows = slice(first + begin, first + begin + len(part))
            shown = replace(take.skeleton, positions=take.skeleton.positions[rows] + np.array([0.0, 0.0, lifted]))
            parts.append(replace(Piece(part, source.flat, skeleton=shown), **labels))
    for number, piece in enumerate(parts):
        label = name if len(parts) == 1 else f"{name}_{number}"
        reading.pieces.append(replace(piece, motion=_named(piece.motion, label)))
    reading.imported[name] = {
        "found": take.found,
        "seconds": round(sum(motion.seconds for motion in cleaned.pieces), 2),
        "error_cm": {body: round(100.0 * value, 2) for body, value in take.errors.items()},
        "mean_error_cm": round(100.0 * error, 2),
        "leg_scaled_error_cm": round(100.0 * take.unfitted, 2),
        "skate_before_m_s": _mean(before),
        "skate_after_m_s": _mean(after),
        "stance_frames": int(sum(map(len, after))),
    }


def _mean(values: list[np.ndarray]) -> float | None:
    joined = np.concatenate(values) if values else np.zeros(0)
    return round(float(joined.mean()), 4) if len(joined) else None


def _labels(source: Source, path: Path, row: dict[str, str]) -> dict[str, str]:
    """category, action and style of a file's clips; raises DamagedFileError when its name is not as `label` says."""
    named: dict[str, str] = {}
    if source.label:
        match = re.fullmatch(source.label, path.stem)
        if match is None:
            raise DamagedFileError(path, None, f"its name does not match the label {source.label!r}")
        named = match.groupdict()
    return {
        "category": source.category,
        "action": source.action or named.get("action", "") or row.get("category", ""),
        "style": source.style or named.get("style", ""),
    }


def find_person(source: Source, path: Path) -> str:
    """Who moves in a file, "" where the source doesn't say; raises DamagedFileError when `person` doesn't match."""
    if not source.person:
        return ""
    match = re.fullmatch(source.person, path.stem)
    if match is None:
        raise DamagedFileError(path, None, f"its name does not match the person {source.person!r}")
    return match.group(min(1, match.re.groups))


def find_takes(source: Source, path: Path) -> tuple[Path, ...]:
    """Every file beside `path` in which the same person moves, itself where persons are not told."""
    if not source.person:
        return (path,)
    beside = [other for other in sorted(path.parent.glob(f"*{path.suffix}")) if re.fullmatch(source.person, other.stem)]
    return tuple(other for other in beside if find_person(source, other) == find_person(source, path))


def _play(source: Source, motion: Motion) -> tuple[float, ...]:
    """Speeds at which a clip is played as well."""
    way = np.linalg.norm(np.diff(motion.root_position[:, :2], axis=0), axis=1).sum()
    return tuple(source.play) if way / motion.seconds < source.play_below else ()


@cache
def _index(path: Path) -> dict[str, dict[str, str]]:
    """Rows of an index by file name."""
    with path.open(newline="") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def into_pieces(motion: Motion, seconds: float) -> list[Motion]:
    """A long motion as equal pieces of about `seconds`; neighbours share one frame."""
    return [piece for piece, _ in into_pieces_at(motion, seconds)]


def into_pieces_at(motion: Motion, seconds: float) -> list[tuple[Motion, int]]:
    """`into_pieces`, each with its first frame."""
    count = round(motion.seconds / seconds) if not motion.loop and motion.seconds > 1.5 * seconds else 1
    edges = np.linspace(0, len(motion) - 1, count + 1).round().astype(int)
    return [(cut(motion, int(a), int(b) + 1), int(a)) for a, b in pairwise(edges)]


def _named(motion: Motion, source: str) -> Motion:
    return replace(motion, source=source, name=source.rpartition("/")[2])

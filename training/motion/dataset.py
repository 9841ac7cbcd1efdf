"""A prepared dataset: a folder of motion files and an index, written by `training.prepare`, read by everyone else.

    clips = load("data/locomotion")
    train = [clip for clip in clips if clip.split == "train"]
    states = motion_states(train[0].motion)

The split is by clip and by group: clips of one performance (copies, overlapping cuts, mirror images) share a group and
a side. Mirroring is the reader's choice (`mirrored=True` adds the mirror image of every clip, same group, same side).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from runtime.recording import Motion, load_motion, save_motion
from runtime.skeleton import Skeleton, save_skeleton
from training.motion.edit import mirror

INDEX = "clips.json"
Split = Literal["train", "held_out"]


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip of a dataset."""

    motion: Motion
    category: str
    """stand, walk, jog or run by the clip's typical speed, or what the dataset calls it (jump, getup, ...)."""
    split: Split
    group: str
    """Name of the performance it comes from, or of who moves in it."""
    speed: float
    """Mean horizontal speed of the root, m/s."""
    tags: tuple[str, ...] = ()
    """What happens in it: start, stop, turn, stand, terrain (cut from a clip over several floors)."""
    action: str = ""
    """What the source calls it (walk-back, jump, kick, ...), "" where it says nothing."""
    style: str = ""
    """In which manner (proud, tired, ...), "" where the source says nothing."""
    skeleton: Skeleton | None = None
    """The source's own joints where the motion was retargeted, frame by frame; loaded with `load_skeleton`."""


def save(folder: Path, clips: list[Clip]) -> None:
    """Write the clips and their index to `folder`; motion files of an earlier run are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.motion"), *folder.glob("*.skeleton")):
        old.unlink()
    index = []
    for clip in clips:
        file = f"{clip.motion.source.replace('/', '_')}.motion"
        save_motion(folder / file, clip.motion)
        if clip.skeleton is not None:
            save_skeleton((folder / file).with_suffix(".skeleton"), clip.skeleton)
        entry = {key: value for key, value in vars(clip).items() if key not in ("motion", "skeleton")}
        index.append({"file": file, **entry, "seconds": round(clip.motion.seconds, 3), "licence": clip.motion.licence})
    (folder / INDEX).write_text(json.dumps(index, indent=1))


def load(folder: str | Path, mirrored: bool = False) -> list[Clip]:
    """All clips of a prepared dataset, with `mirrored` each followed by its mirror image.

    Raises FileNotFoundError when `folder` holds no dataset, RecordingError when a motion file is damaged.
    """
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        raise FileNotFoundError(
            f"{folder / INDEX} not found: {folder} holds no prepared dataset; make it with "
            f"`python -m training.prepare dataset={folder.name} data=PATH_TO_MOTION_CAPTURE output={folder}`"
        )
    clips = []
    for entry in json.loads((folder / INDEX).read_text()):
        kept = {key: entry[key] for key in ("category", "split", "group", "speed")}
        labels = {key: entry.get(key, "") for key in ("action", "style")}
        clip = Clip(load_motion(folder / entry["file"]), tags=tuple(entry["tags"]), **kept, **labels)
        clips.append(clip)
        if mirrored:
            clips.append(replace(clip, motion=mirror(clip.motion)))
    return clips


def split_groups(clips: list[Clip], share: float, seed: int) -> list[Clip]:
    """The clips with `split` set: in every category whole groups, about `share` of its seconds, are held out.

    Deterministic: groups are visited in the order of a hash of their name and `seed`. A group with more than 40 % of a
    category's seconds is never held out; a group counts for the category of most of its seconds.
    """
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for clip in clips:
        seconds[clip.group][clip.category] += clip.motion.seconds
    by_category: dict[str, dict[str, float]] = defaultdict(dict)
    for group, parts in seconds.items():
        by_category[max(parts, key=parts.__getitem__)][group] = sum(parts.values())
    held: set[str] = set()
    for groups in by_category.values():
        total, taken = sum(groups.values()), 0.0
        for group in sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()):
            if taken < 0.75 * share * total and taken + groups[group] < min(0.4, 2.0 * share) * total:
                held.add(group)
                taken += groups[group]
    return [replace(clip, split="held_out" if clip.group in held else "train") for clip in clips]

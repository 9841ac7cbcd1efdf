"""Motion capture to a dataset: `python -m training.prepare dataset=locomotion data=PATH`.

Reads the sources that conf/dataset/*.yaml names, converts them to the humanoid, cleans them, drops copies, splits off
held-out clips and writes one motion file a clip, the index and report.json to `output` (default data/<name>).

    main ── prepare ── read_sources ── training.motion.mimickit | deepmimic, cleaning.clean
                    ├─ training.motion.similarity.copies, groups      ├─ dataset.split_groups, save
                    └─ report
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast

import hydra
import numpy as np
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from runtime.recording import Motion
from training.motion import cleaning, dataset, deepmimic, figures, mimickit, similarity
from training.motion.edit import cut
from training.motion.hinges import JOINTED
from training.motion.report import report, show

READERS = {"mimickit": mimickit.read, "deepmimic": deepmimic.read}


@dataclass
class Source:
    """One folder of one format."""

    format: str = "mimickit"
    """A key of `READERS`."""
    folder: str = ""
    """Under `data`."""
    files: list[str] = field(default_factory=list)
    """Glob patterns in the folder, each of which must match."""
    flat: bool = True
    """Captured on one floor; otherwise its flat stretches are cut out."""


@dataclass
class Recipe:
    """What a dataset is made of (conf/dataset/*.yaml)."""

    name: str = "locomotion"
    sources: list[Source] = field(default_factory=list)
    held_out_share: float = 0.12
    piece_seconds: float = 8.0
    """Clips longer than 1.5 times this are cut into equal pieces of about this length."""
    seed: int = 0


class DataError(ValueError):
    """The motion capture is not where the configuration says, or not as it says."""


def prepare(recipe: Recipe, data: Path, output: Path) -> dict:
    """Make the dataset and return its report; raises DataError naming folders and files that are missing."""
    read = read_sources(recipe, data)
    copies = similarity.copies([motion for motion, _ in read.pieces])
    for index, other in copies.items():
        read.remarks.append(f"{read.pieces[index][0].source}: a copy of {read.pieces[other][0].source}")
    pieces = [piece for index, piece in enumerate(read.pieces) if index not in copies]
    measured = [figures.measure(motion) for motion, _ in pieces]
    owners = similarity.groups([motion for motion, _ in pieces])
    clips = [
        dataset.Clip(
            motion=motion,
            category=figures.category(figure),
            split="train",
            group=pieces[owner][0].source,
            speed=round(float(figure.speed.mean()), 3),
            tags=figures.tags(figure) + (() if flat else ("terrain",)),
        )
        for (motion, flat), figure, owner in zip(pieces, measured, owners, strict=True)
    ]
    clips = dataset.split_groups(clips, recipe.held_out_share, recipe.seed)
    dataset.save(output, clips)
    summary = report(clips, measured, read.changed, read.remarks)
    (output / "report.json").write_text(json.dumps(summary, indent=1))
    return summary


@dataclass
class Read:
    """Everything read: clean pieces and what was lost on the way."""

    pieces: list[tuple[Motion, bool]] = field(default_factory=list)
    """Motions at their own rate, and whether their source is flat."""
    remarks: list[str] = field(default_factory=list)
    """What was dropped or changed, and why."""
    changed: dict[str, dict] = field(default_factory=dict)
    """Per source clip: share of frames in which joint limits changed the pose, and the joints turned most, rad."""


def read_sources(recipe: Recipe, data: Path) -> Read:
    """Read, convert and clean all sources of a recipe."""
    files = find_files(recipe, data)
    read = Read()
    for source, path in track(files, "reading", console=Console(stderr=True)):
        conversion = READERS[source.format](path)
        name = conversion.motion.source
        worst = {JOINTED[i]: round(float(conversion.changed[i]), 3) for i in np.argsort(-conversion.changed)[:3]}
        read.changed[name] = {"share": round(conversion.changed_share, 3), "worst_rad": worst}
        cleaned = cleaning.clean(conversion.motion, source.flat)
        read.remarks += [f"{name.rpartition('/')[0]}/{line}" for line in cleaned.remarks]
        parts = [part for piece in cleaned.pieces for part in into_pieces(piece, recipe.piece_seconds)]
        for number, part in enumerate(parts):
            label = name if len(parts) == 1 else f"{name}_{number}"
            read.pieces.append((_named(part, label), source.flat))
    return read


def find_files(recipe: Recipe, data: Path) -> list[tuple[Source, Path]]:
    """Every source file; raises DataError with all missing folders and patterns at once."""
    found, missing = [], []
    for source in recipe.sources:
        if source.format not in READERS:
            missing.append(f"format {source.format!r} (known: {', '.join(READERS)})")
        for pattern in source.files:
            paths = sorted((data / source.folder).glob(pattern))
            found += [(source, path) for path in paths]
            missing += [] if paths else [f"{data / source.folder / pattern}"]
    if missing:
        folders = ", ".join(sorted({f"{source.folder}/" for source in recipe.sources}))
        raise DataError(
            f"dataset {recipe.name!r} needs the folders {folders} under data={data}; not found:\n  "
            + "\n  ".join(missing)
        )
    return found


def into_pieces(motion: Motion, seconds: float) -> list[Motion]:
    """A long motion as equal pieces of about `seconds`; neighbours share one frame."""
    count = round(motion.seconds / seconds) if not motion.loop and motion.seconds > 1.5 * seconds else 1
    edges = np.linspace(0, len(motion) - 1, count + 1).round().astype(int)
    return [cut(motion, a, b + 1) for a, b in pairwise(edges)]


def _named(motion: Motion, source: str) -> Motion:
    return Motion(**{**vars(motion), "source": source, "name": source.rpartition("/")[2]})


@hydra.main(version_base=None, config_path="conf", config_name="prepare")
def main(config: DictConfig) -> None:
    """Command line: `dataset=NAME data=PATH [output=PATH]`."""
    errors = Console(stderr=True, soft_wrap=True, style="red", markup=False)
    if OmegaConf.is_missing(config, "data"):
        folders = sorted({source.folder for source in config.dataset.sources})
        errors.print(f"data= is missing: name the folder that holds {', '.join(f'{f}/' for f in folders)}")
        sys.exit(2)
    recipe = cast(Recipe, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Recipe), config.dataset)))
    output = Path(config.output)
    try:
        summary = prepare(recipe, Path(config.data), output)
    except DataError as error:
        errors.print(str(error))
        sys.exit(2)
    console = Console()
    show(summary, console)
    console.print(f"{len(list(output.glob('*.motion')))} clips written to {output}")


if __name__ == "__main__":
    main()

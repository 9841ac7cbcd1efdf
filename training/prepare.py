"""Motion capture to a dataset: `python -m training.prepare dataset=locomotion data=PATH`.

Reads the sources that conf/dataset/*.yaml names, converts them to the humanoid, cleans them, drops copies, splits off
held-out clips and writes one motion file a clip, the index and report.json to `output` (default data/<name>).

    main ── prepare ── read_sources ── training.motion.reading (a process a file: read, retarget, clean)
                    ├─ training.motion.similarity.copies, groups; edit.play (other speeds)
                    ├─ dataset.split_groups, save
                    └─ report

A file that cannot be read is named in the report and on the terminal, and the rest goes on; only a dataset of which
nothing can be read is an error. `skeleton=MAP.yaml` gives the map of a skeleton of no known family.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

import hydra
from omegaconf import MISSING, DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from training.command import Command, begin
from training.config import ConfigError, resolve
from training.motion import dataset, figures, importing, similarity
from training.motion.edit import play
from training.motion.reading import FORMATS, Piece, Reading, Source, read_all
from training.motion.report import report, show


@dataclass
class Recipe:
    """What a dataset is made of (conf/dataset/*.yaml)."""

    name: str = "locomotion"
    """Of the dataset and its folder."""
    sources: list[Source] = field(default_factory=list)
    """What is read: folders of files of one format (docs/own-motion.md)."""
    held_out_share: float = 0.12
    """Share of every category's performances that is held out."""
    held_out: list[str] = field(default_factory=list)
    """Names of persons (Source.person) or clips, with * and ?, to hold out instead of a share of every category. With a
    person goes everyone who moves alike; named by clip, clips of one performance may be on both sides, which is for
    whoever names them to judge."""
    piece_seconds: float = 8.0
    """Clips longer than 1.5 times this are cut into equal pieces of about this length."""
    seed: int = 0
    """Draws what is held out."""


@dataclass
class PrepareConfig:
    """Turn motion capture into a dataset: `python -m training.prepare dataset=NAME|FILE.yaml data=FOLDER`."""

    dataset: Recipe = field(default_factory=Recipe)
    """What it is made of."""
    data: str = MISSING
    """Folder of motion capture; the dataset's sources name its sub-folders."""
    output: str = MISSING
    """Folder to write to."""
    skeleton: str | None = None
    """A map (YAML) for skeletons of no known family (docs/own-motion.md)."""
    workers: int = 2
    """Processes, each reading one file at a time."""


class DataError(ValueError):
    """The motion capture is not where the configuration says, or not as it says."""


def prepare(recipe: Recipe, data: Path, output: Path, workers: int = 1) -> dict:
    """Make the dataset and return its report; raises DataError naming folders and files that are missing."""
    read = read_sources(recipe, data, workers)
    copies = similarity.copies([piece.motion for piece in read.pieces])
    for index, other in copies.items():
        read.remarks.append(f"{read.pieces[index].motion.source}: a copy of {read.pieces[other].motion.source}")
    pieces = [piece for index, piece in enumerate(read.pieces) if index not in copies]
    played = [(piece, group) for one, group in zip(pieces, _groups(pieces), strict=True) for piece in _played(one)]
    measured = [figures.measure(piece.motion) for piece, _ in played]
    clips = [
        dataset.Clip(
            motion=piece.motion,
            category=piece.category or figures.category(figure),
            split="train",
            group=group,
            speed=round(float(figure.speed.mean()), 3),
            tags=figures.tags(figure) + (() if piece.flat else ("terrain",)),
            action=piece.action,
            style=piece.style,
            skeleton=piece.skeleton,
        )
        for (piece, group), figure in zip(played, measured, strict=True)
    ]
    if recipe.held_out:
        clips = _split_named(clips, recipe)
    else:
        clips = dataset.split_groups(clips, recipe.held_out_share, recipe.seed)
    dataset.save(output, clips)
    summary = report(clips, measured, read)
    (output / "report.json").write_text(json.dumps(summary, indent=1))
    return summary


def _groups(pieces: list[Piece]) -> list[str]:
    """The group of each piece: its persons joined by +; where nobody is named, the first of those that move alike."""
    owners = similarity.groups([piece.motion for piece in pieces], [piece.person for piece in pieces])
    persons = {
        owner: sorted({p.person for p, other in zip(pieces, owners, strict=True) if other == owner and p.person})
        for owner in set(owners)
    }
    return ["+".join(persons[owner]) or pieces[owner].motion.source for owner in owners]


def _played(piece: Piece) -> list[Piece]:
    """A piece, and itself at the speeds at which it is played as well."""
    motions = [play(piece.motion, speed) for speed in piece.play]
    shown = [piece.skeleton and replace(piece.skeleton, rate=motion.rate) for motion in motions]
    return [piece, *(replace(piece, motion=m, skeleton=s) for m, s in zip(motions, shown, strict=True))]


def _split_named(clips: list[dataset.Clip], recipe: Recipe) -> list[dataset.Clip]:
    """The clips with `split` set as `recipe.held_out` says; raises DataError for a name of no clip and no person."""

    def called(clip: dataset.Clip, name: str) -> bool:
        return any(fnmatch(known, name) for known in (clip.motion.name, *clip.group.split("+")))

    if unknown := [name for name in recipe.held_out if not any(called(clip, name) for clip in clips)]:
        raise DataError(f"dataset {recipe.name!r}: held_out: no clip or person is called {unknown[0]!r}")
    held = [any(called(clip, name) for name in recipe.held_out) for clip in clips]
    return [replace(clip, split="held_out" if out else "train") for clip, out in zip(clips, held, strict=True)]


def read_sources(recipe: Recipe, data: Path, workers: int = 1) -> Reading:
    """Read, convert and clean all sources of a recipe; raises DataError when nothing is left."""
    files = find_files(recipe, data)
    whole = Reading()
    readings = read_all(files, data, recipe.piece_seconds, workers)
    for reading in track(readings, "reading", total=len(files), console=Console(stderr=True)):
        whole.pieces += reading.pieces
        whole.remarks += reading.remarks
        whole.changed |= reading.changed
        whole.imported |= reading.imported
        whole.damaged += reading.damaged
    if not whole.pieces:
        lines = "\n  ".join(whole.damaged + whole.remarks)
        raise DataError(f"dataset {recipe.name!r}: nothing is left of {len(files)} files:\n  {lines}")
    return whole


def find_files(recipe: Recipe, data: Path) -> list[tuple[Source, Path]]:
    """Every source file; raises DataError with all missing folders and patterns at once."""
    found, missing = [], []
    for source in recipe.sources:
        if source.format not in FORMATS:
            missing.append(f"format {source.format!r} (known: {', '.join(FORMATS)})")
        if source.format in importing.FORMATS and not source.licence:
            missing.append(f"licence of {source.folder}/ (sources of format {source.format} state theirs)")
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


COMMAND = Command("training.prepare", PrepareConfig, ("dataset",))


def main() -> None:
    """Read the command line and make the dataset; exits with 2 and one sentence on bad input."""
    begin(COMMAND)
    _main()


@hydra.main(version_base=None, config_path="conf", config_name="prepare")
def _main(composed: DictConfig) -> None:
    """Make the dataset that the composed configuration tells of."""
    errors = Console(stderr=True, soft_wrap=True, style="red", markup=False)
    try:
        if OmegaConf.is_missing(composed, "data"):
            sources = resolve(Recipe, composed.dataset, "dataset").sources
            folders = ", ".join(sorted({f"{source.folder}/" for source in sources}))
            raise DataError(f"data= is missing: name the folder that holds {folders}")
        config = resolve(PrepareConfig, composed)
        for source in config.dataset.sources:
            source.skeleton = source.skeleton or config.skeleton
        output = Path(config.output)
        summary = prepare(config.dataset, Path(config.data), output, config.workers)
    except (DataError, ConfigError) as error:
        errors.print(str(error))
        raise SystemExit(2) from None
    console = Console()
    show(summary, console)
    for line in summary["damaged"]:
        errors.print(f"not read: {line}")
    console.print(f"{len(list(output.glob('*.motion')))} clips written to {output}")


if __name__ == "__main__":
    main()

"""Motion capture as `training.evaluate` needs it: figures by speed, and what the prior says of it. Private to it.

Made of a prepared dataset (`measure`) or read from a small file next to the prior (`load`), so that a controller can be
evaluated where there is no motion capture. `save` writes it: locomotion.reference.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.character import CONTROL_HZ, State, asset_sha256
from runtime.prior import Prior
from training import _gait, metrics
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.provenance import code_version, sha256

SCHEMA_VERSION = 2
SPEED_EDGES = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 4.0)  # m/s, bins about the speeds that are asked for
FEWEST = 5  # strides or pieces without which a speed bin has no figure
SCORE_SEED = 7


class ReferenceError(ValueError):
    """A reference file that cannot be used."""


@dataclass(frozen=True)
class Mocap:
    """Real motion to compare with."""

    figures: dict[str, Any]
    """What the JSON file holds."""

    def at(self, table: str, name: str, speed: np.ndarray | float) -> np.ndarray:
        """Interpolate column `name` of table `pieces` or `strides` at speeds [...] m/s.

        Nan where the motion has too little of it for a figure: nobody strides while getting up.
        """
        columns = self.figures[table]
        if not columns:
            return np.full(np.shape(speed), np.nan)
        return np.interp(speed, columns["speed"], columns[name])


@dataclass(frozen=True)
class Judged:
    """What a prior says of B windows of a run."""

    speed: np.ndarray
    """[B] m/s, net horizontal speed of the root over the window."""
    error: np.ndarray
    """[B, K], see `runtime.prior.PriorScore`."""
    ratio: np.ndarray
    """[B]."""
    reward: np.ndarray
    """[B]."""


def judge(prior: Prior, runs: Sequence[State], every: int, rng: np.random.Generator) -> Judged:
    """Score the windows of unbroken runs, one ending at every `every`-th state from the first that has one on."""
    levels = len(prior.levels)
    parts = [Judged(np.zeros(0), np.zeros((0, levels)), np.zeros(0), np.zeros(0))]
    for run in runs:
        last = np.arange(prior.offsets[0], len(run.root_position), every)
        states = metrics.take(run, last[:, None] - np.array(prior.offsets))
        noise = rng.standard_normal((len(last), *prior.noise_shape), dtype=np.float32)
        score = prior.score(states, noise)
        travel = np.linalg.norm(states.root_position[:, -1, :2] - states.root_position[:, 0, :2], axis=1)
        parts.append(Judged(travel * CONTROL_HZ / prior.offsets[0], score.error, score.ratio, score.reward))
    return Judged(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def measure(clips: Sequence[Clip], prior: Prior | None) -> Mocap:
    """Measure the clips of a prepared dataset as they are, loops unrolled to 4 s.

    And what `prior` says of those held out; without a prior there is nothing of that.
    """
    runs = [motion_states(clip.motion) for clip in clips]
    figures = {
        "schema_version": SCHEMA_VERSION,
        "character": asset_sha256(),
        "code_version": code_version(),
        "data": provenance(clips),
        "pieces": pieces_by_speed(_gait.pieces(runs)),
        "strides": strides_by_speed(_gait.strides(runs)),
        "prior": None,
    }
    if prior is not None:
        held_out = [run for run, clip in zip(runs, clips, strict=True) if clip.split == "held_out"]
        judged = judge(prior, held_out, 1, np.random.default_rng(SCORE_SEED))
        figures["prior"] = {
            "sha256": sha256(prior.path),
            "held_out_windows": len(judged.ratio),
            "held_out_ratio": metrics.spread(judged.ratio),
            "held_out_reward": metrics.spread(judged.reward),
        }
    return Mocap(figures)


def provenance(clips: Sequence[Clip]) -> dict[str, Any]:
    """What the figures were measured on."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(clip.motion.root_position.tobytes() + clip.motion.joint_position.tobytes())
    return {
        "clips": len(clips),
        "held_out_clips": sum(clip.split == "held_out" for clip in clips),
        "minutes": round(sum(clip.motion.seconds for clip in clips) / 60, 2),
        "licences": sorted({clip.motion.licence for clip in clips}),
        "folders": sorted({clip.motion.source.split("/")[0] for clip in clips}),
        "sha256": digest.hexdigest(),
    }


def pieces_by_speed(pieces: _gait.Pieces) -> dict[str, list[float]]:
    """Columns of figures, one entry for every speed bin with enough pieces; one of all pieces where none has."""
    bins = [*zip(_bins(pieces.speed), _bins(pieces.skate_speed), strict=True)]
    enough = [(inside, contacts) for inside, contacts in bins if min(inside.sum(), contacts.sum()) >= FEWEST]
    if not enough and min(len(pieces.speed), len(pieces.skate)) >= FEWEST:
        enough = [(np.ones_like(pieces.speed, bool), np.ones_like(pieces.skate, bool))]
    rows = []
    for inside, contacts in enough:
        skate = pieces.skate[contacts]
        rows.append({
            "pieces": inside.sum(), "speed": pieces.speed[inside].mean(), "flight": pieces.flight[inside].mean(),
            "jerk": pieces.jerk[inside].mean(), "contacts": contacts.sum(), "skate_mean": skate.mean(),
            "skate_median": np.median(skate), "skate_p90": np.quantile(skate, 0.9),
        })  # fmt: skip
    return _columns(rows)


def strides_by_speed(strides: _gait.Strides) -> dict[str, list[float]]:
    """Columns of medians, one entry for every speed bin with enough strides."""
    rows = []
    for inside in _bins(strides.speed):
        if inside.sum() >= FEWEST:
            row = {"strides": inside.sum(), "speed": strides.speed[inside].mean()}
            row["frequency"] = np.median(strides.frequency[inside])
            for group, joints in _gait.AMPLITUDE_GROUPS.items():
                row[f"amplitude_{group}"] = np.median(strides.amplitude[inside][:, joints].mean(axis=1))
            rows.append(row)
    return _columns(rows)


def _bins(speed: np.ndarray) -> list[np.ndarray]:
    """Mask of the speeds in every bin, slowest first."""
    index = np.digitize(speed, SPEED_EDGES)
    return [index == number for number in range(len(SPEED_EDGES) + 1)]


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    return {name: [round(float(row[name]), 5) for row in rows] for name in rows[0]} if rows else {}


def path_beside(prior: Path | str) -> Path:
    """Where the file that goes with a prior lies."""
    return Path(prior).with_suffix(".reference.json")


def save(mocap: Mocap, prior: Path | str) -> Path:
    """Write the file next to the prior."""
    path = path_beside(prior)
    path.write_text(json.dumps(mocap.figures, indent=1) + "\n")
    return path


def load(prior: Path | str) -> Mocap:
    """Read the file that goes with a prior.

    Raises FileNotFoundError when there is none, ReferenceError when it is of another version or character.
    """
    path = path_beside(prior)
    figures = json.loads(path.read_text())
    if figures.get("schema_version") != SCHEMA_VERSION or figures.get("character") != asset_sha256():
        raise ReferenceError(f"{path}: made by another version or for another humanoid.xml; make it again")
    return Mocap(figures)

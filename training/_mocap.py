"""Motion capture as `training.evaluate` needs it: figures by speed and a sample of poses. Private to it.

Made of a prepared dataset (`measure`) or read from two small files next to the prior (`load`), so that a controller
can be evaluated where there is no motion capture. `save` writes them: locomotion.reference.json holds what was
measured and of what, locomotion.reference.npz the poses.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runtime.character import CONTROL_HZ, STATE_SHAPES, State, asset_sha256
from runtime.prior import Prior
from training import _gait, features, metrics
from training.motion import windows as motion_windows
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.prior import file as prior_file
from training.provenance import code_version

SCHEMA_VERSION = 1
SPEED_EDGES = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 4.0)  # m/s, bins about the speeds that are asked for
FASTEST = 3.25  # m/s: poses of faster motion than this need not be covered by a policy that is asked for 3 m/s
FEWEST = 5  # strides or pieces without which a speed bin has no figure
POSES = 4000  # in the sample, and as many of a policy are compared with it
NEAR_QUANTILE = 0.9  # of held-out poses have a training pose this near
STD_FLOOR = 0.02  # m, rad or 1: a channel that hardly moves is not blown up
SCORE_SEED = 7
LATER = 3  # frames
CHUNK = 256  # windows scored at once


class ReferenceError(ValueError):
    """Reference files that cannot be used."""


@dataclass(frozen=True)
class Mocap:
    """Real motion to compare with."""

    figures: dict[str, Any]
    """What the JSON file holds."""
    poses: np.ndarray
    """[R, 58] pose features, see `pose_features`; not divided by `scale` yet."""
    pose_speed: np.ndarray
    """[R] m/s, of the root over the window each pose is from."""
    scale: np.ndarray
    """[58] standard deviation of every channel over real motion."""

    @property
    def threshold(self) -> float:
        """Distance of poses, in standard deviations, up to which they are near."""
        return self.figures["poses"]["threshold"]

    @property
    def asked(self) -> np.ndarray:
        """[R] bool: a policy is asked to be that fast."""
        return _asked(self.pose_speed, self.figures["poses"]["fastest"])

    def at(self, table: str, name: str, speed: np.ndarray | float) -> np.ndarray:
        """Interpolate column `name` of table `pieces` or `strides` at speeds [...] m/s.

        Nan where the motion has too little of it for a figure: nobody strides while getting up.
        """
        columns = self.figures[table]
        if not columns:
            return np.full(np.shape(speed), np.nan)
        return np.interp(speed, columns["speed"], columns[name])


def windows(states: State, every: int) -> State:
    """Motion windows of a run, leading axes [B, 10], one ending at every `every`-th state from the tenth on."""
    last = np.arange(features.WINDOW - 1, len(states.root_position), every)
    return metrics.take(states, last[:, None] + np.arange(1 - features.WINDOW, 1))


def join(parts: Sequence[State]) -> State:
    """Lay states end to end along the first axis."""
    return State(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in STATE_SHAPES})


def window_speed(states: State) -> np.ndarray:
    """Net horizontal speed [B] m/s of the root over windows [B, 10]."""
    travel = states.root_position[:, -1, :2] - states.root_position[:, 0, :2]
    return np.linalg.norm(travel, axis=1) * CONTROL_HZ / (features.WINDOW - 1)


def window_values(states: State) -> np.ndarray:
    """Raw windows [B, 10, 58] of states [B, 10], see `training.features.window`."""

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float64))

    points = features.key_points(tensor(states.body_position), tensor(states.body_rotation))
    root = tensor(states.root_position), tensor(states.root_rotation)
    return features.window(*root, tensor(states.joint_position), points).numpy()


def pose_features(values: np.ndarray) -> np.ndarray:
    """Poses [N, 58] of raw windows [N, 10, 58]: the last frame's channels, but for the root's x and y.

    Those are zero in the last frame; the first frame's stand in for them: how far the root came in 0.3 s. So a pose is
    height, tilt, joint angles and key points in the heading frame, and the root's velocity.
    """
    return np.concatenate((values[:, 0, :2], values[:, -1, 2:]), axis=1)


def prior_ratio(prior: Prior, states: State, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Prior's errors over those of held-out real motion, [B, K], and rewards [B] of windows [B, 10].

    An error is divided by the median that the prior's file holds for the window's speed bin and level (for all speeds,
    where it holds none by speed).
    """
    expected = reference_error(prior, window_speed(states))
    ratio, reward = [np.zeros((0, len(prior.levels)))], [np.zeros(0)]
    for start in range(0, len(expected), CHUNK):
        part = metrics.take(states, slice(start, start + CHUNK))
        noise = rng.standard_normal((len(part.root_position), *prior.noise_shape), dtype=np.float32)
        score = prior.score(part, noise)
        ratio.append(score.error / expected[start : start + CHUNK])
        reward.append(score.reward)
    return np.concatenate(ratio), np.concatenate(reward)


def reference_error(prior: Prior, speed: np.ndarray) -> np.ndarray:
    """Median errors [B, K] of held-out real motion at speeds [B] m/s, as the prior's file tells them."""
    quantiles = prior.metadata.get("reference_quantiles")
    if quantiles is None:
        return np.broadcast_to(prior.reference_error, (len(speed), len(prior.levels)))
    middle = quantiles["quantiles"].index(0.5)
    edges, medians = [], []
    for name, table in quantiles.items():
        if name.startswith("up to "):
            edges.append(float(name.split()[2]))
            medians.append([row[middle] for row in table])
    return np.array(medians)[np.digitize(speed, edges[:-1])]


def measure(clips: Sequence[Clip], prior: Prior, fastest: float | None = FASTEST) -> Mocap:
    """Measure the clips of a prepared dataset and, by `prior`, their held-out side.

    Figures by speed are of all clips as they are, loops unrolled to 4 s; poses are of clips and, where the
    prior knows both sides, of their mirror images. Poses that move faster than `fastest` m/s need not be covered.
    """
    runs = [motion_states(clip.motion) for clip in clips]
    nothing = metrics.take(runs[0], np.zeros((0, features.WINDOW), dtype=int))
    scored = [windows(run, 1) for run, clip in zip(runs, clips, strict=True) if clip.split == "held_out"]
    ratio, reward = prior_ratio(prior, join([nothing, *scored]), np.random.default_rng(SCORE_SEED))
    figures = {
        "schema_version": SCHEMA_VERSION,
        "character": asset_sha256(),
        "code_version": code_version(),
        "data": provenance(clips),
        "pieces": pieces_by_speed(_gait.pieces(runs)),
        "strides": strides_by_speed(_gait.strides(runs)),
        "prior": {
            "sha256": sha256(prior.path),
            "held_out_windows": len(ratio),
            "held_out_ratio": metrics.spread(ratio.mean(axis=1)),
            "held_out_reward": metrics.spread(reward),
        },
    }
    return sample_poses(clips, figures, prior_file.mirrored(prior.metadata), fastest)


def sample_poses(
    clips: Sequence[Clip], figures: dict[str, Any], mirrored: bool, fastest: float | None = FASTEST
) -> Mocap:
    """Take evenly spaced poses of clips (and their mirror images), and find how near real poses are to each other."""
    every = motion_windows.cut(clips)
    values = pose_features(motion_windows.sides(every.values, mirrored).double().numpy())
    copies = len(values) // len(every)
    held_out = np.tile([clips[i].split == "held_out" for i in every.clip.tolist()], copies)
    speed = np.tile(every.speed.double().numpy(), copies)
    scale = np.maximum(values.std(axis=0), STD_FLOOR)
    picks = np.linspace(0, len(values) - 1, min(POSES, len(values))).round().astype(int)
    poses, pose_speed = values[picks].astype(np.float16), speed[picks].astype(np.float32)  # as they are stored
    poses, pose_speed = poses.astype(np.float64), pose_speed.astype(np.float64)
    asked = _asked(speed, fastest)
    known = poses[~held_out[picks] & asked[picks]] / scale
    unknown = values[held_out & asked] / scale
    apart = metrics.distances(known, unknown)
    nearest = apart.min(axis=0) if len(unknown) else _later(values / scale, np.tile(every.clip.numpy(), copies))
    threshold = float(np.quantile(nearest, NEAR_QUANTILE))
    described = {
        "count": len(poses), "of_windows": len(values), "fastest": fastest, "quantile": NEAR_QUANTILE,
        "threshold": threshold, "held_out_windows": len(unknown),
        "held_out_coverage": float((apart.min(axis=1) <= threshold).mean()) if len(unknown) else None,
        "channels": ["travel_x", "travel_y", *features.WINDOW_NAMES[2:]],
    }  # fmt: skip
    return Mocap(figures | {"poses": described}, poses, pose_speed, scale)


def _asked(speed: np.ndarray, fastest: float | None) -> np.ndarray:
    return speed <= (math.inf if fastest is None else fastest)


def _later(poses: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Distances of poses [N, C] from those of the same clip 0.1 s later: what is near where nothing is held out."""
    apart = np.linalg.norm(poses[LATER:] - poses[:-LATER], axis=1)
    return apart[clip[LATER:] == clip[:-LATER]]


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def paths(prior: Path | str) -> tuple[Path, Path]:
    """Return where the JSON and the poses that go with a prior file lie."""
    return Path(prior).with_suffix(".reference.json"), Path(prior).with_suffix(".reference.npz")


def save(mocap: Mocap, prior: Path | str) -> tuple[Path, Path]:
    """Write both files next to the prior."""
    figures, poses = paths(prior)
    np.savez_compressed(
        poses, poses=mocap.poses.astype(np.float16), speed=mocap.pose_speed.astype(np.float32),
        scale=mocap.scale.astype(np.float64),
    )  # fmt: skip
    content = mocap.figures | {"poses": mocap.figures["poses"] | {"file": poses.name, "sha256": sha256(poses)}}
    figures.write_text(json.dumps(content, indent=1) + "\n")
    return figures, poses


def load(prior: Path | str) -> Mocap:
    """Read the files that go with a prior.

    Raises FileNotFoundError when there are none, ReferenceError when they do not fit together or are of another
    character.
    """
    figures_path, poses_path = paths(prior)
    figures = json.loads(figures_path.read_text())
    if figures.get("schema_version") != SCHEMA_VERSION or figures.get("character") != asset_sha256():
        raise ReferenceError(f"{figures_path}: made by another version or for another humanoid.xml; make it again")
    if sha256(poses_path) != figures["poses"]["sha256"]:
        raise ReferenceError(f"{poses_path}: not the poses that {figures_path.name} was written with; make both again")
    with np.load(poses_path) as held:
        poses, speed, scale = (held[name].astype(np.float64) for name in ("poses", "speed", "scale"))
    return Mocap(figures, poses, speed, scale)

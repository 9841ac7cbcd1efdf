"""The prior file: a `Score` as one ONNX graph on raw states, and back.

The graph takes raw state windows and noise, and gives the error per level, its ratio to that of real motion and the
reward made of that; feature maths, normaliser, denoiser and reference errors are inside. Training rebuilds its torch
`Score` from the graph's own initialisers, so there is no second copy that could drift; the metadata adds what only
sampling asks for (`unexplained`, training/prior/denoiser.py).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from runtime import character
from runtime.character import State
from runtime.prior import METADATA_KEY, SCHEMA_VERSION, Prior
from training import features, onnx_file
from training.config import PriorConfig
from training.prior.denoiser import Denoiser
from training.prior.score import Score

VERIFY_TOLERANCE = 1e-4
"""Largest difference allowed of an error or a reward, relative to 1 + its size."""
_VERIFIED = 5  # windows
OUTPUTS = ("error", "ratio", "reward")


class PriorFileError(ValueError):
    """A file that training cannot rebuild a prior from."""


@dataclass(frozen=True)
class LoadedPrior:
    """A prior as training uses it."""

    score: Score
    """Frozen, in evaluation mode."""
    metadata: dict[str, Any]
    """The file's metadata."""
    sha256: str
    """Of the file, hex."""

    @property
    def joint_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [28] rad of the joint angles of the motion the prior knows."""
        joints = self.metadata["joints"]
        return torch.tensor(joints["mean"]), torch.tensor(joints["std"])

    @property
    def mirrored(self) -> bool:
        """See `mirrored`."""
        return mirrored(self.metadata)


def mirrored(metadata: dict[str, Any]) -> bool:
    """Whether a prior of this metadata knows its motion the other way round, too, as all do that do not say."""
    return metadata.get("configuration", {}).get("mirrored", True)


class PriorGraph(nn.Module):
    """What the file computes: raw states [B, F, ...] and noise [B, K, F, 58] to error [B, K], ratio and reward [B].

    The ratio is the score's penalty p, the reward exp(-p) (training/prior/score.py).

    A prior with S styles takes style vectors [B, 2S] as well (training/prior/style.py).
    """

    def __init__(self, score: Score) -> None:
        """Wrap a score."""
        super().__init__()
        self.score = score

    def forward(
        self, root_position: Tensor, root_rotation: Tensor, root_linear_velocity: Tensor,
        root_angular_velocity: Tensor, joint_position: Tensor, joint_velocity: Tensor, body_position: Tensor,
        body_rotation: Tensor, noise: Tensor, style: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Judge windows; velocities are inputs of the contract that this prior ignores."""
        keys = features.key_points(body_position, body_rotation)
        windows = features.window(root_position, root_rotation, joint_position, keys)
        error, ratio = self.score.judge(windows, noise, style)
        return error, ratio, torch.exp(-ratio)


def save(path: Path, score: Score, config: PriorConfig, extra: dict[str, Any]) -> None:
    """Write the prior file and verify it; `extra` joins the metadata (joints, datasets, training, …).

    Raises PriorError when the runtime refuses the file, PriorFileError when it judges otherwise than `score`.
    """
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "character": {"name": character.NAME, "sha256": character.asset_sha256()},
        "control_hz": character.CONTROL_HZ,
        "offsets": list(score.offsets),
        "levels": list(score.levels),
        "channels": list(features.WINDOW_NAMES),
        "groups": list(score.groups),
        "styles": list(score.styles),
        "unexplained": _short(score.denoiser.unexplained[:, : score.denoiser.components]),
        "configuration": json.loads(json.dumps(dataclasses.asdict(config))),
        **extra,
    }
    batch = 2
    states = [torch.zeros(batch, score.frames, *shape) for shape in character.STATE_SHAPES.values()]
    states[1][..., 0] = 1.0
    noise = score.noise(batch, torch.Generator())
    inputs, names = (*states, noise), (*character.STATE_SHAPES, "noise")
    if score.styles:
        inputs, names = (*inputs, torch.zeros(batch, 2 * len(score.styles))), (*names, "style")
    onnx_file.write(
        path, PriorGraph(score), inputs, names, OUTPUTS, {METADATA_KEY: metadata}, half=True,
    )  # fmt: skip
    _verify(path, PriorGraph(score))


def _short(values: Tensor) -> list[list[float]]:
    """Numbers as JSON, to four decimals."""
    return [[round(value, 4) for value in row] for row in values.tolist()]


@torch.no_grad()
def _verify(path: Path, graph: PriorGraph) -> None:
    """Run the file through the runtime beside the torch graph, on random poses, in another batch than it was traced."""
    generator = torch.Generator().manual_seed(0)
    states = {
        name: torch.randn(_VERIFIED, graph.score.frames, *shape, generator=generator)
        for name, shape in character.STATE_SHAPES.items()
    }
    states["root_rotation"] = torch.nn.functional.normalize(states["root_rotation"], dim=-1)
    noise = graph.score.noise(_VERIFIED, generator)
    told = torch.rand(_VERIFIED, 2 * len(graph.score.styles), generator=generator)
    style = told if graph.score.styles else None
    expected = graph(*states.values(), noise, style)
    state = State(**{name: value.numpy() for name, value in states.items()})
    found = Prior.load(path).score(state, noise.numpy(), style=None if style is None else style.numpy())
    for name, value in zip(OUTPUTS, expected, strict=True):
        difference = (torch.from_numpy(getattr(found, name)) - value).abs() / (1 + value.abs())
        if not difference.max() <= VERIFY_TOLERANCE:
            raise PriorFileError(f"{path}: {name} differs from the trained prior's by {difference.max():.1e}")


def load(path: Path | str) -> LoadedPrior:
    """Rebuild the torch score of a prior file; raises PriorFileError naming what does not fit."""
    path = Path(path)
    try:
        data = path.read_bytes()
        model = onnx.load_from_string(data)
    except FileNotFoundError:
        raise PriorFileError(f"{path}: no such prior; make it with `python -m training.pretrain`") from None
    except Exception as error:
        raise PriorFileError(f"{path}: not an ONNX file ({error})") from None
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in entries:
        raise PriorFileError(f"{path}: expected metadata '{METADATA_KEY}', found {sorted(entries) or 'none'}")
    metadata = json.loads(entries[METADATA_KEY])
    if metadata.get("schema_version") != SCHEMA_VERSION:
        found = metadata.get("schema_version")
        raise PriorFileError(
            f"{path}: expected a prior of schema {SCHEMA_VERSION}, found {found}; pretrain it again with this version"
        )
    if metadata["character"]["sha256"] != character.asset_sha256():
        raise PriorFileError(f"{path}: made for another humanoid.xml; pretrain it again against this one")
    if metadata["channels"] != list(features.WINDOW_NAMES):
        raise PriorFileError(f"{path}: made for other window channels; pretrain it again with this version")
    styles = metadata["styles"]
    size = len(metadata["offsets"]) * len(features.WINDOW_NAMES)
    network = Denoiser(size, styles=len(styles), **metadata["configuration"]["denoiser"])
    score = Score(network, styles, metadata["offsets"], metadata["levels"])
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    expected = score.state_dict()
    score.load_state_dict({name: _found(path, held, f"score.{name}", like) for name, like in expected.items()})
    score.denoiser.leave(torch.tensor(metadata["unexplained"]))
    score.eval().requires_grad_(False)
    return LoadedPrior(score, metadata, hashlib.sha256(data).hexdigest())


def _found(path: Path, held: dict[str, np.ndarray], name: str, like: Tensor) -> Tensor:
    name = f"{name}.half" if f"{name}.half" in held else name
    if name not in held or held[name].shape != tuple(like.shape):
        shape = held[name].shape if name in held else "nothing"
        raise PriorFileError(f"{path}: initialiser {name}: expected shape {tuple(like.shape)}, found {shape}")
    return torch.from_numpy(held[name].astype(like.numpy().dtype))

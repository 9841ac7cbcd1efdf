"""The prior file: what training writes is what the runtime judges by, and what training reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from runtime.character import STATE_SHAPES, State, asset_sha256
from runtime.prior import Prior
from tests.training.motions import stepping
from tests.training.test_features import moved
from training import features
from training.config import DenoiserConfig, PriorConfig
from training.motion.clips import motion_states
from training.prior import file
from training.prior.denoiser import Denoiser
from training.prior.file import PriorFileError
from training.prior.score import Score

SMALL = DenoiserConfig(components=12, width=16, blocks=1)
OFFSETS, LEVELS = (6, 3, 1, 0), (22, 9)
SIZE = len(OFFSETS) * len(features.WINDOW_NAMES)
EXTRA = {"joints": {"mean": [0.5] * 28, "std": [0.1] * 28}, "datasets": []}


def random_score(styles: tuple[str, ...] = ()) -> tuple[Score, PriorConfig]:
    """A score of four frames and two levels whose every number is random, and its configuration."""
    torch.manual_seed(3)
    network = Denoiser(SIZE, components=12, width=16, blocks=1, styles=len(styles))
    score = Score(network, styles, OFFSETS, LEVELS)
    for name, value in score.state_dict().items():
        if name.endswith("alpha_bar"):
            continue
        random = (0.5 if styles and "network" in name else 0.05) * torch.randn(value.shape)
        value.copy_(random.abs() + 0.2 if name.endswith(("std", "variance")) else random)
    network.leave(torch.rand(50, 12))
    config = PriorConfig(name="made", denoiser=SMALL, offsets=OFFSETS, levels=LEVELS, styles=bool(styles))
    return score.eval().requires_grad_(False), config


def windows_in_the_world(count: int = 6) -> dict[str, torch.Tensor]:
    """Raw states [count, 4, ...] of motion somewhere in the world, turned away from its axes."""
    states = motion_states(stepping(seed=4, frames=30, speed=1.5))
    flat = {name: torch.as_tensor(np.asarray(getattr(states, name)), dtype=torch.float32) for name in STATE_SHAPES}
    away = moved(flat, yaw=2.2, shift=(3.0, -7.0, 0.0))
    rows = 6 + torch.arange(count).unsqueeze(1) - torch.tensor(OFFSETS)
    return {name: value[rows] for name, value in away.items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Score]:
    """A prior file and the score it was made of."""
    score, config = random_score()
    path = tmp_path_factory.mktemp("prior") / "made.onnx"
    file.save(path, score, config, EXTRA)
    return path, score


def test_runtime_and_torch_agree(saved: tuple[Path, Score]):
    """Errors, ratios and rewards of raw world states through runtime.Prior equal the torch score's within 1e-5."""
    path, score = saved
    states = windows_in_the_world()
    noise = score.noise(6, torch.Generator().manual_seed(0))
    keys = features.key_points(states["body_position"], states["body_rotation"])
    window = features.window(states["root_position"], states["root_rotation"], states["joint_position"], keys)
    error, ratio = score.judge(window, noise)
    found = Prior.load(path).score(State(**{n: v.numpy() for n, v in states.items()}), noise.numpy())
    np.testing.assert_allclose(found.error, error, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.ratio, ratio, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.reward, torch.exp(-ratio), atol=1e-5)
    assert error.std() > 1e-3 and ratio.std() > 1e-3


def test_training_reads_back_what_it_wrote(saved: tuple[Path, Score]):
    """Every number of the score, bit for bit, frozen; what sampling asks for; the metadata; the file's hash."""
    path, score = saved
    loaded = file.load(path)
    for name, value in score.state_dict().items():
        assert torch.equal(loaded.score.state_dict()[name], value), name
    unexplained = loaded.score.denoiser.unexplained
    torch.testing.assert_close(unexplained, score.denoiser.unexplained, atol=6e-5, rtol=0)  # four decimals
    assert not loaded.score.training and not any(p.requires_grad for p in loaded.score.parameters())
    assert (loaded.score.offsets, loaded.score.levels, loaded.score.groups) == (OFFSETS, LEVELS, score.groups)
    assert (loaded.metadata["offsets"], loaded.metadata["levels"]) == (list(OFFSETS), list(LEVELS))
    assert loaded.metadata["channels"] == list(features.WINDOW_NAMES)
    assert loaded.metadata["character"]["sha256"] == asset_sha256()
    mean, std = loaded.joint_statistics
    torch.testing.assert_close((mean, std), (torch.full((28,), 0.5), torch.full((28,), 0.1)))
    assert len(loaded.sha256) == 64


def spoilt(path: Path, folder: Path, edit: Callable[[onnx.ModelProto, dict], object]) -> Path:
    """A copy of a prior file after `edit(model, metadata)`."""
    model = onnx.load(path)
    metadata = json.loads(model.metadata_props[0].value)
    edit(model, metadata)
    if model.metadata_props:
        model.metadata_props[0].value = json.dumps(metadata)
    onnx.save(model, folder / "spoilt.onnx")
    return folder / "spoilt.onnx"


def remove_metadata(model: onnx.ModelProto, metadata: dict) -> None:
    """As a file from elsewhere."""
    del model.metadata_props[:]


def rename_initialiser(model: onnx.ModelProto, metadata: dict) -> None:
    """As an optimiser of graphs might."""
    for tensor in model.graph.initializer:
        if tensor.name == "score.channel_std":
            tensor.name = "folded_7"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (remove_metadata, r"expected metadata 'prior', found none"),
        (lambda _, metadata: metadata.update(schema_version=1), "expected a prior of schema 2, found 1; pretrain it"),
        (lambda _, metadata: metadata["character"].update(sha256="0"), r"made for another humanoid\.xml; pretrain it"),
        (lambda _, metadata: metadata["channels"].pop(), r"made for other window channels"),
        (rename_initialiser, r"initialiser score\.channel_std: expected shape \(58,\), found nothing"),
    ],
)
def test_files_that_do_not_fit_are_refused(prior_path: Path, tmp_path: Path, edit: Callable, message: str):
    """By one sentence that names the file and what does not fit."""
    path = spoilt(prior_path, tmp_path, edit)
    with pytest.raises(PriorFileError, match=rf"spoilt\.onnx: {message}"):
        file.load(path)


def test_a_file_that_judges_otherwise_is_not_left_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`save` runs what it wrote through the runtime: a graph that lost its dynamic batch or its numbers raises."""
    score, config = random_score()
    write = file.onnx_file.write

    def spoil(path: Path, *arguments, **options) -> None:
        write(path, *arguments, **options)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            if tensor.name == "score.channel_mean":
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(58, 0.5, dtype=np.float32), tensor.name))
        onnx.save(model, path)

    monkeypatch.setattr(file.onnx_file, "write", spoil)
    with pytest.raises(PriorFileError, match="error differs from the trained prior's by"):
        file.save(tmp_path / "made.onnx", score, config, EXTRA)


def test_files_that_are_none_are_refused(tmp_path: Path):
    """Nothing there, and something else there."""
    with pytest.raises(PriorFileError, match=r"no such prior; make it with `python -m training\.pretrain`"):
        file.load(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(PriorFileError, match="not an ONNX file"):
        file.load(tmp_path / "text.onnx")


def test_a_styled_prior_is_asked_for_a_style(tmp_path: Path):
    """The graph takes [B, 2S] weights beside the noise and agrees with torch; no style is zeros; others refuse one."""
    score, config = random_score(styles=("old", "sad"))
    file.save(tmp_path / "styled.onnx", score, config, EXTRA)
    loaded, prior = file.load(tmp_path / "styled.onnx"), Prior.load(tmp_path / "styled.onnx")
    assert loaded.score.styles == prior.styles == ("old", "sad")
    states = State(**{name: value.numpy() for name, value in windows_in_the_world(4).items()})
    noise = np.random.default_rng(0).standard_normal((4, *prior.noise_shape), dtype=np.float32)
    told = np.array([[1, 0, 0, 1]] * 4, np.float32)
    plain, mixed = prior.score(states, noise), prior.score(states, noise, style=told)
    np.testing.assert_array_equal(plain.error, prior.score(states, noise, style=0 * told).error)
    assert np.abs(plain.error - mixed.error).max() > 1e-4
    with pytest.raises(ValueError, match=r"style: expected shape \(4, 4\), found \(4, 2\)"):
        prior.score(states, noise, style=told[:, :2])


def test_large_weights_take_half_the_room(tmp_path: Path):
    """Weights of 4,096 numbers or more that half precision holds exactly are kept so, and read back as they were."""
    score, config = random_score()
    score.denoiser.basis.copy_(score.denoiser.basis.half().float())
    file.save(tmp_path / "half.onnx", score, config, EXTRA)
    kept = {tensor.name: tensor for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert len(kept["score.denoiser.basis.half"].raw_data) == 2 * SIZE * SIZE
    assert "score.denoiser.network.entry.weight" in kept  # small
    assert torch.equal(file.load(tmp_path / "half.onnx").score.denoiser.basis, score.denoiser.basis)

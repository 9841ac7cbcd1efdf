"""`python -m training.pretrain` on made-up clips: the whole way from clips to a file that the runtime loads."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra

from runtime.character import JOINT_NAMES
from runtime.prior import Prior
from tests.training.conftest import sliding
from training import _mocap, pretrain
from training import config as settings
from training.motion import dataset
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.prior import file

ROOT = Path(__file__).parents[2]
SMALL = settings.DenoiserConfig(components=8, width=16, blocks=1)


def clips() -> list[Clip]:
    """Four clips of two licences from two folders: three to train on, one held out."""
    made = []
    for i, side in enumerate(("train", "train", "train", "held_out")):
        folder, licence = ("one", "CC0") if i < 3 else ("two", "MIT")
        motion = replace(sliding(i, speed=0.5 * i), source=f"{folder}/{i}", licence=licence)
        made.append(Clip(motion, "walk", side, f"g{i}", 0.5 * i))
    return made


def configuration(output: Path) -> settings.PretrainConfig:
    """A prior of 250 steps."""
    prior = settings.PriorConfig(name="slides", denoiser=SMALL, iterations=250, batch=16, play_speeds=(1.0, 1.1))
    return settings.PretrainConfig(prior, data="made", output=str(output), seed=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior file made by `train`."""
    folder = tmp_path_factory.mktemp("pretrain")
    pretrain.train(configuration(folder / "slides.onnx"), clips(), folder)
    return folder / "slides.onnx"


def test_the_file_tells_where_it_came_from(trained: Path):
    """Data with licences, seed, windows, the curve's best error, joint statistics, and the configuration."""
    metadata = Prior.load(trained).metadata
    assert [(d["name"], d["licence"], d["clips"]) for d in metadata["datasets"]] == [
        ("one", "CC0", 3),
        ("two", "MIT", 1),
    ]
    assert metadata["datasets"][0]["minutes"] == pytest.approx(3 * 90 / 30 / 60, abs=0.01)
    training = metadata["training"]
    assert (training["seed"], training["iterations"], training["held_out_windows"]) == (3, 250, 63)
    assert training["windows"] == 3 * (63 + 54)  # at 1.1 the 89 steps take 80.9: 81 frames
    curve = json.loads((trained.parent / "curve.json").read_text())
    assert training["held_out_error"] == min(point[2] for point in curve)
    assert metadata["configuration"]["play_speeds"] == [1.0, 1.1]
    assert metadata["configuration"]["denoiser"]["components"] == 8
    assert len(metadata["joints"]["mean"]) == len(metadata["joints"]["std"]) == 28


def test_motion_that_was_learned_is_usual(trained: Path):
    """By the runtime's own judgement: the ratio of a training clip is about 1, that of one whose arms are up is not."""
    prior = Prior.load(trained)
    states = motion_states(clips()[1].motion)
    usual = _mocap.judge(prior, [states], 1, np.random.default_rng(0)).ratio
    assert len(usual) == 63 and 0.7 < usual.mean() < 1.4
    joints = states.joint_position.copy()
    joints[:, JOINT_NAMES.index("right_shoulder_x")] += 1.0
    raised = motion_states(replace(clips()[1].motion, joint_position=joints))
    assert _mocap.judge(prior, [raised], 1, np.random.default_rng(0)).ratio.mean() > 2 * usual.mean()


def test_datasets_hash_the_motion():
    """Another angle anywhere is another hash; another order of folders is not another dataset."""
    before = pretrain.datasets(clips())
    changed = clips()
    joints = changed[3].motion.joint_position.copy()
    joints[5, 5] += 1e-6
    changed[3] = replace(changed[3], motion=replace(changed[3].motion, joint_position=joints))
    after = pretrain.datasets(changed)
    assert before[0] == after[0] and before[1]["sha256"] != after[1]["sha256"]


def test_a_side_without_clips_is_an_error(tmp_path: Path):
    """Named, before anything is trained."""
    with pytest.raises(
        settings.ConfigError, match="made: expected clips on both sides of the split, found none held_out"
    ):
        pretrain.train(configuration(tmp_path / "x.onnx"), clips()[:3], tmp_path)


def command(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    """Run the command in `folder`."""
    settings.register()
    GlobalHydra.instance().clear()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["pretrain", f"--config-path={ROOT}/training/conf", *arguments])
    pretrain.main()


def test_command_end_to_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Prepared clips in, prior file out, the resolved configuration in the run folder."""
    dataset.save(tmp_path / "slides", clips())
    small = ("prior.iterations=250", "prior.batch=8", "prior.denoiser.components=8")
    command(
        monkeypatch, tmp_path, "prior=locomotion", "data=slides", "output=out/made.onnx", "hydra.run.dir=run",
        *small, "prior.denoiser.width=16", "prior.denoiser.blocks=1",
    )  # fmt: skip
    assert file.load(tmp_path / "out" / "made.onnx").score.denoiser.components == 8
    written = json.loads((tmp_path / "run" / "configuration.json").read_text())
    assert written["prior"]["iterations"] == 250 and written["output"] == "out/made.onnx"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("data=nowhere", r"nowhere/clips\.json not found: nowhere holds no prepared dataset"),
        ("prior.iterations=9", r"prior\.iterations is 9: expected at least 250"),
        ("prior.denoiser.width=wide", r"prior\.denoiser\.width"),
        ("prior.offsets=[3,5,0]", r"prior\.offsets is \[3, 5, 0\]"),
        ("prior.batch=many", r"prior\.batch"),
    ],
)
def test_bad_input_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], argument: str, message: str
):
    """Exit code 2, what is wrong by name, no traceback."""
    dataset.save(tmp_path / "slides", clips())
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, tmp_path, "prior=locomotion", "data=slides", "hydra.run.dir=run", argument)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert re.search(message, error) and "Traceback" not in error

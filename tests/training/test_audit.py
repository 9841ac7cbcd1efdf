"""The audit of a tiny prior: everything reported, by the command, with helpful errors."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from rich.console import Console

from tests.training.conftest import sliding
from training import _audit_judgement, _audit_samples, _audit_tables, audit, cards, config
from training.motion import dataset
from training.motion.dataset import Clip
from training.prior.changes import CHANGES
from training.prior.file import LoadedPrior
from training.prior.preference import Calibration, combinations, named
from training.prior.score import Score

ROOT = Path(__file__).parents[2]


def clips() -> list[Clip]:
    """Three figures that slide to train on, two held out."""
    sides = ("train", "train", "train", "held_out", "held_out")
    return [
        Clip(replace(sliding(20 + i, speed=0.4 * i), source=f"made/{i}"), "walk", side, f"g{i}", 0.4 * i)
        for i, side in enumerate(sides)
    ]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "COST_SECONDS", 0.01)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the command in a folder of its own: `command("prior=…", …)`."""

    def run(*arguments: str) -> None:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["audit", f"--config-path={ROOT}/training/conf/audit", *arguments])
        monkeypatch.chdir(tmp_path)
        audit.main()

    return run


@pytest.fixture(scope="module")
def report(prior: LoadedPrior) -> dict[str, Any]:
    """The report on the tiny prior."""
    before, audit.COST_SECONDS = audit.COST_SECONDS, 0.01
    try:
        settings = audit.AuditConfig(prior="tiny.onnx", rollouts="", samples=80, draws=2)
        return audit.audit(settings, prior, audit.prepare(prior, clips(), "made"), Console(quiet=True))
    finally:
        audit.COST_SECONDS = before


def numbers(value: Any) -> list[float]:
    """Every number in a report."""
    if isinstance(value, dict):
        return [n for inner in value.values() for n in numbers(inner)]
    if isinstance(value, list):
        return [n for inner in value for n in numbers(inner)]
    return [value] if isinstance(value, int | float) else []


def test_report_is_complete(report: dict[str, Any], prior: LoadedPrior):
    """Every change and every remedy, with shares between 0 and 1; samples, coverage and cost; all of it JSON."""
    again = json.loads(json.dumps(report))
    changes, remedies = again["preference"]["changes"], again["remedies"]
    assert set(changes) == set(remedies["mean_error"]) == set(remedies["shipped"]["changes"]) == set(CHANGES)
    shares = [s for row in changes.values() for s in (*row["error"], row["reward"], row["reward_apart"])]
    shares += [s for entry in remedies["every_combination"] for s in entry["changes"].values()]
    assert len(shares) == (5 + len(named(_audit_judgement.shipped_calibration(prior)))) * len(CHANGES)
    assert remedies["added"]["+ statistics weight"] == remedies["left_out"]["all"] == remedies["shipped"]["changes"]
    assert len(remedies["added"]) == 7 and len(remedies["left_out"]) == 10
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert all(math.isfinite(n) for n in numbers(report))
    assert set(again["generated"]) == {"samples", "projected", "training", "held_out"}
    assert again["generated"]["samples"]["windows"] == again["generated"]["training"]["windows"] == 80
    assert sum(row["windows"] for row in again["by_speed"]["bins"].values()) == 2 * 81
    assert again["data"]["held_out_performances"] == 2 and sum(remedies["windows_in_halves"]) == 2 * 81
    assert again["cost"]["windows_per_second_one_thread"] > 10


def test_gross_changes_are_seen(report: dict[str, Any]):
    """Random poses and tremor are worse to the tiny prior by every figure; real motion earns more reward."""
    for name in ("random poses", "tremor .1 rad"):
        row = report["preference"]["changes"][name]
        assert min(*row["error"], row["reward"], report["remedies"]["shipped"]["changes"][name]) > 0.9
        assert row["mean_reward"] < row["mean_reward_of_real"]


def test_model_cards_can_read_it(report: dict[str, Any], prior: LoadedPrior):
    """The file's hash and a headline of figures by name, one for each change and those of samples and cost."""
    assert report["sha256"] == prior.sha256
    rows = dict(cards._flat(report["headline"]))
    assert len(rows) == 2 * len(CHANGES) + 12
    assert re.fullmatch(
        r"[01]\.\d\d ± 0\.\d\d", rows["real preferred by the reward, calibrated on other clips, over: frozen"]
    )
    assert float(rows["windows judged a second on one thread"]) > 10


def test_difference_to_the_shipped_calibration(report: dict[str, Any]):
    """It is the cross-fitted share minus the one in the table."""
    remedies, changes = report["remedies"], report["preference"]["changes"]
    for name, difference in remedies["shipped_minus_as_in_the_file"].items():
        expected = remedies["shipped"]["changes"][name] - changes[name]["reward"]
        assert difference == pytest.approx(expected, abs=1e-9)


def test_real_windows_fit_their_kinematics(report: dict[str, Any]):
    """Key bodies of data are where the joints put them; those of a barely trained prior's samples are not."""
    generated = report["generated"]
    assert generated["held_out"]["key_point_cm"]["q95"] < 0.01 < generated["samples"]["key_point_cm"]["mean"]


def test_shipped_calibration_is_the_files(prior: LoadedPrior):
    """As the reward says that the file was loaded with."""
    reward = config.RewardConfig(
        groups=False, calm_weight=0.3, tolerance_quantile=0.4, statistics_weight=0.7, sharpness=9.0
    )
    for allowance in (0.0, 0.5):
        score = Score(prior.score.denoiser, replace(reward, allowance=allowance))
        found = _audit_judgement.shipped_calibration(replace(prior, score=score))
        assert found == Calibration(False, True, 0.3, 0.4, 0.7, allowance=allowance)


def test_tables_show_everything(report: dict[str, Any]):
    """Every change twice, every remedy, every figure; shares without their zero."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=220, file=nowhere)
        _audit_tables.show(report, console)
    text = console.export_text()
    for name in CHANGES:
        assert text.count(name) >= 2
    for title in ("cross-fitted", "+ by speed", "root speed", "skate median", "copy ratio", "penetration", "windows/s"):
        assert title in text
    assert [_audit_tables._share(v) for v in (0.0, 0.456, 0.996, 1.0)] == [".00", ".46", "1.00", "1.00"]


def test_projection_mends_samples(report: dict[str, Any]):
    """The sliding figures' knees tremble about 0, beyond their limits, and so do samples'; projection mends that."""
    validity = report["validity"]
    assert validity["held_out"]["faults"]["key points"] == 0.0
    assert validity["samples"]["faults"]["joint limits"] > 0.5
    mended = validity["projected"]["faults"]
    assert mended["key points"] == mended["penetration"] == mended["joint limits"] == 0.0


def test_physics_throws_out_what_lies_in_the_ground(prior: LoadedPrior):
    """Standing figures stay as they are; the same 10 cm deeper are thrown."""
    pool = _audit_samples.Starts(prior.score, 8, torch.Generator().manual_seed(0))
    standing = pool.draw(8, standing_share=1.0)
    assert _audit_samples.settle(standing) == {"thrown": 0.0, "fallen": 0.0, "blown_up": 0.0}
    standing["qpos"] = standing["qpos"] - torch.tensor([0.0, 0.0, 0.1] + [0.0] * 32)
    assert _audit_samples.settle(standing)["thrown"] == 1.0


def test_every_combination_where_asked(prior: LoadedPrior):
    """The ones with a name are among all of them, and many more there are."""
    shipped = _audit_judgement.shipped_calibration(prior)
    assert set(named(shipped)) < set(combinations(shipped)) and len(combinations(shipped)) >= 64


def test_a_prior_without_valid_samples_is_reported(prior: LoadedPrior, monkeypatch: pytest.MonkeyPatch):
    """Where `Starts` gives up the audit goes on and says so."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError("too few valid start states")

    monkeypatch.setattr(_audit_samples, "Starts", refuse)
    held_out = audit.prepare(prior, clips(), "made").held_out
    assert _audit_samples._starts(prior.score, 10, held_out, torch.Generator())["rejected"] is None


def test_threads_are_given_back(prior: LoadedPrior):
    """The cost is measured on one thread, whatever there was before."""
    torch.set_num_threads(2)
    try:
        assert audit.windows_per_second(prior.score, torch.randn(5, 10, 58)) > 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_rounding_keeps_five_digits():
    """Of floats, wherever they are; everything else as it is."""
    found = audit._rounded({"a": [0.123456789, 7, None, 123456.7, 0.0], "b": "0.123456789"})
    assert found == {"a": [0.12346, 7, None, 123460.0, 0.0], "b": "0.123456789"}


def test_known_data_is_recognised(prior: LoadedPrior):
    """By the hashes of its motion, not by its folder."""
    datasets = audit.pretrain.datasets(clips())
    own = replace(prior, metadata={**prior.metadata, "datasets": datasets})
    assert audit.prepare(own, clips(), "anywhere").known
    assert not audit.prepare(prior, clips(), "anywhere").known
    with pytest.raises(
        config.ConfigError, match="made: expected clips on both sides of the split, found none held_out"
    ):
        audit.prepare(prior, clips()[:3], "made")


def test_command_writes_the_report(command, prior_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`python -m training.audit prior=… data=… output=…`: tables on the terminal, JSON in the file, five digits."""
    dataset.save(tmp_path / "slides", clips())
    command(f"prior={prior_path}", "data=slides", "output=report.json", "rollouts=", "samples=40", "draws=1")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["settings"] == {"samples": 40, "draws": 1, "seed": 0} and report["prior"]["name"] == "tiny"
    assert report["preference"]["changes"]["frozen"]["reward_apart"] is None  # needs two draws
    assert report == audit._rounded(report)
    shown = capsys.readouterr().out
    assert "held-out windows preferred over the change" in shown and "wrote report.json" in shown
    assert "slides is not the data this prior was made of" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prior=missing.onnx"], r"missing\.onnx: no such prior"),
        (["prior=text.onnx"], r"text\.onnx: not an ONNX file"),
        (["prior={prior}"], r"data/tiny/clips\.json not found: .* `python -m training\.prepare"),
        (["prior={prior}", "samples=0"], r"samples: expected at least 1, found 0"),
        (["prior={prior}", "sample=7"], r"sample"),
        (["prior={prior}", "output=nowhere/report.json"], r"output: nowhere/report\.json: no such folder"),
        ([], r"prior"),
    ],
)
def test_bad_input_is_one_sentence(
    command, prior_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    """Exit code 2 (Hydra's own: 1) and the file, the folder or the setting by name, before any work."""
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(SystemExit) as stopped:
        command(*(argument.format(prior=prior_path) for argument in arguments))
    assert stopped.value.code in (1, 2)
    captured = capsys.readouterr()
    assert re.search(message, captured.err)
    assert "Traceback" not in captured.err

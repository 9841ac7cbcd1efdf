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
from training.motion.windows import Windows
from training.prior.changes import CHANGES
from training.prior.file import LoadedPrior
from training.prior.imitations import IMITATIONS

ROOT = Path(__file__).parents[2]
EVERY = {*CHANGES, *IMITATIONS}


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
        settings = audit.AuditConfig(prior="tiny.onnx", samples=80)
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


def test_report_is_complete(report: dict[str, Any]):
    """Every change and imitation, with shares between 0 and 1, by level and by person; the rest; all of it JSON."""
    again = json.loads(json.dumps(report))
    changes = again["preference"]["changes"]
    assert set(changes) == EVERY and again["preference"]["levels"] == [22, 15, 8, 3]
    for row in changes.values():
        shares = (*row["by_level"], row["preferred"], *row["by_person"].values())
        assert len(row["by_level"]) == 4 and set(row["by_person"]) == {"g3", "g4"}
        assert all(0.0 <= share <= 1.0 for share in shares)
    assert changes["frozen"]["windows"] == 2 * 63 and changes["half speed"]["windows"] == 2 * (2 * 89 + 1 - 27)
    assert all(math.isfinite(n) for n in numbers(report))
    assert set(again["generated"]) == {"samples", "projected", "training", "held_out"}
    assert again["generated"]["samples"]["windows"] == again["generated"]["training"]["windows"] == 80
    real = again["real"]
    assert sum(row["windows"] for row in real["by_speed"].values()) == real["held_out"]["windows"] == 2 * 63
    assert {name: row["windows"] for name, row in real["by_person"].items()} == {"g3": 63, "g4": 63}
    assert (
        real["training"]["windows"] == 2 * 63 and real["training"]["ratio"][1] > 1
    )  # the prior's own clips are others
    assert again["data"]["held_out_performances"] == 2
    assert again["cost"]["windows_per_second_one_thread"] > 10 and again["seconds"] > 0


def test_gross_changes_are_seen(report: dict[str, Any]):
    """Random poses, tremor and crouching are worse to the tiny prior at every level, together and of every person."""
    for name in ("random poses", "tremor .1 rad", "crouched 10 cm"):
        row = report["preference"]["changes"][name]
        assert min(*row["by_level"], row["preferred"], *row["by_person"].values()) > 0.9
        assert row["median_ratio"] > report["real"]["held_out"]["ratio"][1]


def test_model_cards_can_read_it(report: dict[str, Any], prior: LoadedPrior):
    """The file's hash and a headline of figures by name, two for each change and those of samples and cost."""
    assert report["sha256"] == prior.sha256
    rows = dict(cards._flat(report["headline"]))
    assert len(rows) == 1 + 2 * len(EVERY) + 12
    assert float(rows["real preferred over: random poses"]) > 0.9
    assert float(rows["windows judged a second on one thread"]) > 10


def windows_of(*speeds: float) -> Windows:
    """Windows, of one clip each, that only have a speed, m/s."""
    values = torch.zeros(len(speeds), 10, 58)
    values[:, 0, 0] = torch.tensor(speeds) * 0.9
    return Windows(values, torch.arange(len(speeds)), torch.zeros(len(speeds), 28))


def test_shares_by_hand():
    """Two of three have the lower ratio at the first level, all at the second; together two and a tie; by person.

    The third change makes its window faster, so that it is compared with another: the one real window that is as fast.
    """
    real = torch.tensor([[1.0, 1.0], [3.0, 1.0], [1.0, 1.0], [9.0, 9.0]])
    changed = torch.tensor([[2.0, 2.0], [1.0, 3.0], [8.0, 9.0], [9.0, 9.0]])
    before, after = windows_of(0.0, 1.0, 2.0, 5.0), windows_of(0.0, 1.0, 5.0, 5.0)
    generator, names = torch.Generator().manual_seed(0), ["a", "a", "b", "b"]
    neighbours, _audit_judgement.NEIGHBOURS = _audit_judgement.NEIGHBOURS, 1
    try:
        found = _audit_judgement.compare(real, before, changed, after, names, generator, own=True)
    finally:
        _audit_judgement.NEIGHBOURS = neighbours
    assert found["by_level"] == pytest.approx([(1 + 0 + 0 + 0.5) / 4, (1 + 1 + 0.5 + 0.5) / 4])
    assert found["preferred"] == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    assert found["by_person"] == {"a": 0.75, "b": 0.25}
    assert found["median_ratio"] == 2.0 and found["windows"] == 4


def test_partners_are_as_fast():
    """Of 1,000 real windows at 0 to 5 m/s each partner is among the 32 next in speed, and they are not all the same."""
    generator = torch.Generator().manual_seed(0)
    real = 5 * torch.rand(1000, generator=generator)
    for speed in (0.0, 2.5, 9.0):
        partner = _audit_judgement.partners(real, torch.full((500,), speed), generator)
        nearest = (real - speed).abs().argsort()[:64]
        assert len(partner.unique()) > 20 and torch.isin(partner, nearest).all()
    assert _audit_judgement.partners(real[:3], torch.zeros(9), generator).max() <= 2


def test_all_are_judged_under_one_noise(prior: LoadedPrior):
    """The same window twice has the same ratio, whatever stands before it; chunks do not matter."""
    window = audit.prepare(prior, clips(), "made").held_out.values[:5]
    noise = prior.score.noise(1, torch.Generator().manual_seed(0))
    found = _audit_judgement.ratios(prior.score, torch.cat((window, window)), noise)
    torch.testing.assert_close(found[:5], found[5:], atol=1e-6, rtol=1e-5)
    _, errors = prior.score.errors(window, noise.expand(5, -1, -1, -1))
    expected = prior.score.ratio(errors, prior.score.condition(window)).mean(2)
    torch.testing.assert_close(found[:5], expected, atol=1e-6, rtol=1e-5)


def test_real_windows_fit_their_kinematics(report: dict[str, Any]):
    """Key bodies of data are where the joints put them; those of a barely trained prior's samples are not."""
    generated = report["generated"]
    assert generated["held_out"]["key_point_cm"]["q95"] < 0.01 < generated["samples"]["key_point_cm"]["mean"]


def test_tables_show_everything(report: dict[str, Any]):
    """Every change, every person, every figure; shares without their zero."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=220, file=nowhere)
        _audit_tables.show(report, console)
    text = console.export_text()
    for name in EVERY:
        assert name in text
    for title in ("learned from", "g3", "up to 1.3 m/s", "least person", "skate median", "copy ratio", "penetration"):
        assert title in text
    assert "windows/s" in text
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
    command(f"prior={prior_path}", "data=slides", "output=report.json", "samples=40")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["settings"] == {"samples": 40, "seed": 0} and report["prior"]["name"] == "tiny"
    assert report == audit._rounded(report)
    shown = capsys.readouterr().out
    assert "40 samples; with 2,048 an audit of exported/priors/locomotion.onnx takes" in shown
    assert "a held-out one as fast is preferred" in shown and "wrote report.json" in shown
    assert re.search(r"took \d+ s", shown)
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

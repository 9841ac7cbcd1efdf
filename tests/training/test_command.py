"""What is wrong on a command line is one sentence before any work; what is right is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from training import audit, benchmark, command, evaluate, prepare, pretrain, progress, run
from training import config as settings
from training.command import Command, check, settings_of, show
from training.config import ConfigError

ROOT = Path(__file__).parents[2]
COMMANDS = [
    run.COMMAND, pretrain.COMMAND, prepare.COMMAND, audit.COMMAND, benchmark.COMMAND,
    Command("training.evaluate", evaluate.EvaluateConfig), Command("training.progress", progress.ProgressConfig),
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["task=steering", "learner.sampels=3"], r"^learner.sampels: training.run has no such .* 'learner.samples'"),
        (["recipe=stering"], r"^recipe=stering: expected 'steering'"),
        (["task=walkbackwards"], r"^task=walkbackwards: expected 'walk', one of 'backflip', .*, or a module"),
        (["task=steering", "learner=gpus"], "^learner=gpus: expected 'gpu' or 'cpu', one of 'cpu', 'gpu', 'polish'"),
        (["task=steering", "prior.iterations=100"], r"^prior.iterations: training.run has no such setting"),
        (["task=steering", "learner.envs"], r"^learner.envs: expected KEY=VALUE"),
        (["task=steering", "environment.frictoin=[1,1]"], "environment.friction"),
        ([], r"^task= is missing: python -m training.run task=NAME, NAME one of backflip, .*steering, .*--help"),
        (["seed=1", "task.prior=x.onnx"], "^task= is missing"),
    ],
)
def test_what_cannot_be_is_one_sentence(typed, words):
    """Misspelt settings and choices, with the nearest names; a command without what it needs."""
    with pytest.raises(ConfigError, match=words) as error:
        check(run.COMMAND, typed)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "typed",
    [
        ["task=steering", "learner=gpu", "learner.hidden=[8,4]", "task.prior=x.onnx", "~task.options.hold"],
        ["recipe=steering", "seed=1"],
        ["resume=runs/x", "learner.samples=5"],
        ["--config-dir", "mine", "task=my_own"],
        ["--multirun", "task=steering,speed", "seed=0,1", "hydra.run.dir=x", "hydra/launcher=joblib"],
        ["task=choice(steering,speed)", "+environment.style={old:1}", "environment={task_weight:1}"],
    ],
)
def test_what_can_be_passes_as_it_is(typed):
    """Settings, groups, sweeps and what is Hydra's own."""
    before = list(typed)
    check(run.COMMAND, typed)
    assert typed == before


def test_an_option_need_not_be_in_the_tasks_file():
    """A task's option that its YAML does not list is marked as one that may be new, so that Hydra takes it."""
    typed = ["task=speed", "task.options.follow_start_share=0.1"]
    check(run.COMMAND, typed)
    assert typed[1] == "++task.options.follow_start_share=0.1"


def test_other_commands():
    """A prior's name for training.pretrain, a prior file for the audit, a dataset's name."""
    check(pretrain.COMMAND, ["prior=locomotion", "prior.iterations=500"])
    with pytest.raises(ConfigError, match="prior=locomotoin: expected 'locomotion'"):
        check(pretrain.COMMAND, ["prior=locomotoin"])
    check(audit.COMMAND, ["prior=exported/priors/locomotion.onnx"])
    with pytest.raises(ConfigError, match=r"prior= is missing: python -m training.audit prior=NAME"):
        check(audit.COMMAND, [])
    with pytest.raises(ConfigError, match="dataset=locomotoin: expected 'locomotion'"):
        check(prepare.COMMAND, ["dataset=locomotoin", "data=x"])
    with pytest.raises(ConfigError, match=r"nowhere.yaml: cannot be read"):
        check(prepare.COMMAND, ["dataset=nowhere.yaml", "data=x"])


@pytest.mark.parametrize("each", COMMANDS, ids=lambda each: each.name)
def test_help_explains_every_setting(each, capsys):
    """One entry a setting: key, default and the first sentence of its docstring."""
    with pytest.raises(SystemExit) as end:
        each.read(["--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == list(show(each)) and lines[0].startswith(f"python -m {each.name} KEY=VALUE")
    unexplained = [setting.key for setting in settings_of(each.kind) if not setting.meaning]
    assert unexplained == []


def test_help_says_defaults_as_they_are_typed():
    """Lists, flags and texts."""
    lines = list(show(run.COMMAND))
    assert "  learner.std=[0.15,0.05]" in lines and "  overwrite=false" in lines and "  learner.envs=1024" in lines
    assert lines[lines.index("  learner.envs=1024") + 1].strip() == "Environments, over all processes."
    assert any("NAME one of backflip" in line for line in lines)


def test_what_is_checked_before_any_work():
    """Steps that are too few for a prior are refused when the configuration is made."""
    with pytest.raises(ConfigError, match=r"prior.iterations is 100: expected at least 250"):
        settings.resolve(settings.PretrainConfig, OmegaConf.create({"prior": {"name": "x", "iterations": 100}}))


def test_a_misspelt_key_of_a_dataset():
    """A key that neither dataset nor source has is named, with the nearest."""
    content = {"dataset": {"name": "mine", "sources": [{"format": "bvh", "fiels": ["*.bvh"]}]}, "data": "x"}
    with pytest.raises(ConfigError, match=r"dataset.sources\[0\].fiels: there is no such key: .*files'"):
        settings.resolve(prepare.PrepareConfig, OmegaConf.create(content))
    content = {"dataset": {"nam": "mine"}, "data": "x"}
    with pytest.raises(ConfigError, match=r"dataset.nam: there is no such key: expected 'dataset.name'"):
        settings.resolve(prepare.PrepareConfig, OmegaConf.create(content))


def test_an_own_dataset_is_called_after_its_file(tmp_path):
    """`dataset=FILE.yaml` becomes a choice of Hydra's; what is no mapping is refused."""
    path = tmp_path / "mine.yaml"
    path.write_text("sources: []\n")
    typed = [f"dataset={path}", "data=x"]
    check(prepare.COMMAND, typed)
    assert typed[0] == f"dataset={command.OWN}"
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: expected `sources`, a list"):
        check(prepare.COMMAND, [f"dataset={path}", "data=x"])


def test_missing_extras_are_one_sentence():
    """Where nothing but Python is installed (-S), a command says what to install."""
    arguments = [sys.executable, "-S", "-m", "training.run", "task=steering"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(r'training needs torch, hydra, .*: pip install "smp-runtime\[train\]"\n', done.stderr)

"""Configuration: types, and errors before any work."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from training import config as settings
from training.config import (
    ConfigError,
    EnvironmentConfig,
    LearnerConfig,
    PretrainConfig,
    PriorConfig,
    RewardConfig,
    RunConfig,
)
from training.physics.variation import Variation
from training.tasks import TASKS

CONF = Path(settings.__file__).parent / "conf"


def composed(*overrides: str) -> RunConfig:
    """What a command line gives."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return settings.resolve(RunConfig, compose("run", ["folder=here", *overrides]))


def resolved(stored: dict) -> RunConfig:
    """What a run folder's file gives."""
    loaded = OmegaConf.create(stored)
    assert isinstance(loaded, DictConfig)
    return settings.resolve(RunConfig, loaded)


def test_defaults_of_the_command_line_are_those_of_the_classes(hydra):
    """`task=steering` alone is the task's file and, but for what that sets, every default as documented."""
    config = composed("task=steering")
    assert settings.as_plain(config.learner) == settings.as_plain(LearnerConfig())
    assert settings.as_plain(config.environment) == settings.as_plain(EnvironmentConfig())
    assert settings.as_plain(config.reward) == settings.as_plain(RewardConfig())
    assert (config.task.name, config.task.prior) == ("steering", "exported/priors/locomotion.onnx")


@pytest.mark.parametrize("task", sorted(path.stem for path in (CONF / "task").glob("*.yaml")))
def test_every_task_resolves(hydra, task):
    """Each task's file has only settings that exist; its options are those of the task's class."""
    chosen = composed(f"task={task}", *(["task.prior=some.onnx"] if task == "skill" else [])).task
    module = import_module(f"training.tasks.{chosen.name}")
    settings.resolve(getattr(module, f"{TASKS[chosen.name]}Config"), OmegaConf.create(chosen.options))


@pytest.mark.parametrize("learner", sorted(path.stem for path in (CONF / "learner").glob("*.yaml")))
def test_every_learner_resolves(hydra, learner):
    """Each learner's file has only settings that exist."""
    composed(f"learner={learner}")


@pytest.mark.parametrize("name", sorted({path.stem for path in (CONF / "prior").glob("*.yaml")} - {"clip"}))
def test_every_prior_resolves(hydra, name):
    """Each prior's file has only settings that exist, and a dataset of its name to be trained on."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("pretrain", [f"prior={name}"])
    assert settings.resolve(PretrainConfig, config).prior.name == name
    assert (CONF / "dataset" / f"{name}.yaml").is_file()


def test_nothing_varies_unless_asked_for(hydra):
    """What a command line gives is lists; all the same no engine is told to vary by default."""
    config = composed().environment
    assert Variation.draw(4, config.friction, config.mass, 0) is None
    config = composed("environment.mass=[0.9,1]").environment
    assert Variation.draw(4, config.friction, config.mass, 0) is not None


def test_every_field_can_be_set(hydra):
    """Numbers, texts and lists of every group land in their dataclass."""
    config = composed("learner.envs=12", "learner.hidden=[8,4]", "reward.form=own", "seed=5", "task.options.hold=[1,2]")
    assert (config.learner.envs, list(config.learner.hidden), config.seed) == (12, [8, 4], 5)
    assert config.reward.form == "own"
    assert config.task.options["hold"] == [1, 2]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("learner.envs=many", "'many' of type 'str' could not be converted to Integer .key learner.envs."),
        ("learner.gamma=[1]", "learner.gamma"),
        ("environment.prior_interval=0.5", "environment.prior_interval"),
        ("learner.symmetry=left", "learner.symmetry is 'left': expected one of none, augment, loss"),
        ("reward.form=amp", "reward.form is 'amp': expected one of score, own, critic"),
        ("reward.steps=0", "reward.steps is 0: expected at least 1"),
        ("environment.latency=0.04", "environment.latency is 0.04: expected from 0 to below 0.0333 s"),
        ("environment.mass=[1.2,0.8]", r"environment.mass is \[1.2, 0.8\]: expected two factors above 0, lower first"),
        ("environment.friction=[0,1]", r"environment.friction is \[0.0, 1.0\]: expected two factors above 0"),
        ("learner.envs=0", "learner.envs is 0: expected at least 1"),
        ("+learner.colour=red", "colour"),
    ],
)
def test_wrong_values_are_one_sentence(hydra, override, words):
    """A wrong type or value and a key that no class has are ConfigErrors of one line that name the key."""
    with pytest.raises(ConfigError, match=words) as error:
        composed(override)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("settings_of", "words"),
    [
        ({"offsets": (3, 3, 0)}, r"prior.offsets is \[3, 3, 0\]: expected at least two control steps back, each less"),
        ({"offsets": (3, 1)}, r"prior.offsets is \[3, 1\]"),
        ({"offsets": (0,)}, r"prior.offsets is \[0\]"),
        ({"offsets": (28, 0)}, r"prior.offsets is \[28, 0\].* from at most 27 down to 0"),
        ({"levels": ()}, r"prior.levels is \[\]: expected levels from 0 to 49"),
        ({"levels": (50, 8)}, r"prior.levels is \[50, 8\]"),
        ({"held_out": "none"}, "prior.held_out is 'none': expected one of clips, between"),
    ],
)
def test_a_windows_frames_and_levels_are_checked(settings_of, words):
    """Offsets fall from within the history to now, levels are steps of the schedule."""
    with pytest.raises(ConfigError, match=words):
        PriorConfig(**settings_of)


def test_unknown_keys_are_refused_by_hydra(hydra):
    """A misspelt override does not pass silently."""
    with pytest.raises(HydraException, match=r"learner\.env"):
        composed("learner.env=4")


def test_plain_and_back(hydra):
    """What is written into run folders gives the same configuration again."""
    config = composed("learner.std=[0.3,0.1]", "task.options.max_speed=2.5")
    assert resolved(json.loads(json.dumps(settings.as_plain(config)))) == config


def test_older_configurations_still_resolve():
    """A run folder from before a setting was added gets its default."""
    stored = settings.as_plain(RunConfig(task=settings.TaskConfig("steering", "prior.onnx")))
    del stored["export_only"], stored["learner"]["checkpoint_minutes"], stored["reward"]
    config = resolved(stored)
    assert config.export_only is False and config.learner.checkpoint_minutes == 2.0


def test_every_field_has_a_docstring():
    """Each setting says underneath what it is."""
    lines = Path(settings.__file__).read_text().splitlines()
    fields = [i for i, line in enumerate(lines) if line.startswith("    ") and ": " in line and line[4].islower()
              and line.split(":")[0].strip().isidentifier() and (" = " in line)]  # fmt: skip
    fields = [i for i in fields if not lines[i].startswith("     ")]
    assert len(fields) > 40
    missing = [lines[i].strip() for i in fields if not lines[i + 1].strip().startswith('"""')]
    assert missing == []


def test_a_file_is_replaced_only_where_it_may_be(tmp_path):
    """A new name is fine, an existing file needs overwrite=true, no output is none."""
    there = tmp_path / "there.onnx"
    there.write_bytes(b"")
    settings.check_output("", False)
    settings.check_output(str(tmp_path / "new.onnx"), False)
    settings.check_output(str(there), True)
    with pytest.raises(settings.ConfigError, match="there is such a file already; overwrite=true"):
        settings.check_output(str(there), False)

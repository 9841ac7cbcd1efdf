"""Every setting of every training command: frozen dataclasses with a docstring under each field.

The YAML under `conf/` only chooses values. `resolve` turns what Hydra composed into these types, so an unknown key, a
wrong type or a missing value is an error that names the key before any work starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runtime.character import CONTROL_HZ
from training import features
from training.prior import schedule

T = TypeVar("T")
EVALUATE_EVERY = 250
"""Optimiser steps of a prior between two looks at the held-out error."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what was expected."""


@dataclass(frozen=True)
class DenoiserConfig:
    """The network of a prior, see training/prior/denoiser.py."""

    components: int = 256
    """Leading principal components that it works on."""
    width: int = 384
    """Of its layers."""
    blocks: int = 3
    """Residual blocks."""
    dropout: float = 0.0
    """Share of a block's hidden numbers that are dropped in training."""
    modulation: int = 64
    """Numbers that stand for a level."""


@dataclass(frozen=True)
class PriorConfig:
    """A motion prior to be trained."""

    name: str = MISSING
    """Name in the file and of the file."""
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    """The network."""
    offsets: tuple[int, ...] = features.OFFSETS
    """Control steps that the frames of a window lie back, newest last (training/features.py)."""
    levels: tuple[int, ...] = schedule.LEVELS
    """Levels of noise, of 50, at which windows are judged (training/prior/score.py)."""
    held_out: str = "clips"
    """What the prior is judged by: `clips` of other performances, or, where a skill was captured only once,
    the same clips `between` the speeds of training (training/prior/data.py)."""
    channel_std_floor: float = 0.02
    """Channels are divided by their deviation, but by no less than this (m, rad, 1). The noise of a level is in these
    units: in a single clip, where some channels hardly move, a small floor makes so narrow a prior that a policy sees
    no difference between wrong and very wrong (method.md §3 has .2)."""
    styles: bool = False
    """Tell the denoiser each clip's style, so that it can be asked for one (training/prior/style.py)."""
    mirrored: bool = True
    """Learn every window's mirror image, too. Not for a single clip that is to be done as it was captured: the prior
    would know a left and a right one, and halfway between them is standing. Such a policy needs
    `learner.symmetry=none`."""
    style_dropout: float = 0.15
    """Share of windows it is not told the style of, so that it knows motion without one and guidance works."""
    play_speeds: tuple[float, ...] = (0.88, 0.94, 1.0, 1.06, 1.13)
    """Factors at which every training clip is played (time-warp augmentation)."""
    balance: float = 0.35
    """Exponent that lifts rare root speeds and short performances; 0 leaves the data as they are."""
    iterations: int = 8_000
    """Optimiser steps."""
    batch: int = 512
    """Windows a step."""
    learning_rate: float = 1e-3
    """AdamW's rate at the start; it falls to a tenth along a cosine."""
    weight_decay: float = 1e-3
    """AdamW's decay."""
    ema: float = 0.995
    """Decay a step of the averaged weights that are kept."""

    def __post_init__(self) -> None:
        """Check what types do not say."""
        _one_of("prior.held_out", self.held_out, ("clips", "between"))
        _at_least("prior", self, EVALUATE_EVERY, "iterations")
        _at_least("prior", self, 1, "batch")
        falling = all(before > after for before, after in pairwise(self.offsets))
        if not (len(self.offsets) > 1 and falling and self.offsets[-1] == 0 and self.offsets[0] < features.HISTORY):
            raise ConfigError(
                f"configuration: prior.offsets is {list(self.offsets)}: expected at least two control steps back, each "
                f"less than the one before, from at most {features.HISTORY - 1} down to 0"
            )
        if not self.levels or not all(0 <= level < schedule.STEPS for level in self.levels):
            raise ConfigError(
                f"configuration: prior.levels is {list(self.levels)}: expected levels from 0 to {schedule.STEPS - 1}"
            )


@dataclass(frozen=True)
class PretrainConfig:
    """Train a motion prior on prepared clips: `python -m training.pretrain prior=NAME data=FOLDER`."""

    prior: PriorConfig = field(default_factory=PriorConfig)
    """What to train."""
    data: str = MISSING
    """Folder that `training.prepare` wrote."""
    output: str = ""
    """ONNX file to write; empty: NAME.onnx in the run folder."""
    overwrite: bool = False
    """Whether a file of that name may be replaced."""
    seed: int = 0
    """Seeds initialisation, batches and noise."""


@dataclass(frozen=True)
class EnvironmentConfig:
    """Settings that do not depend on the task."""

    episode_seconds: float = 20.0
    """Episodes end as time-outs after this long."""
    task_weight: float = 0.5
    """w_g."""
    style_weight: float = 0.5
    """w_smp."""
    effort_weight: float = 0.5
    """w_e: the reward is multiplied by exp(-w_e · max(0, effort - `people_effort`)), effort being the mechanical power
    Σ|τω| over m·g·(v + .5 m/s)."""
    people_effort: float = 0.4
    """Effort that costs nothing: what a person spends walking."""
    style: dict[str, float] = field(default_factory=dict)
    """Styles of the prior, by name with weights, that motion is judged by and episodes start in; weights that sum to
    more than 1 exaggerate (training/prior/style.py). Empty: none."""
    style_of_legs: dict[str, float] = field(default_factory=dict)
    """Styles of the lower body, where they are others than those of the upper."""
    prior_interval: int = 2
    """Control steps from one judgement of an environment to the next."""
    start_pool: int = 4096
    """Start windows kept; a quarter is replaced every `start_refresh` control steps."""
    start_refresh: int = 1000
    """Control steps between replacements."""
    standing_share: float = 0.25
    """Share of episodes that start standing in the default pose, as a character in a world does."""
    push_rate: float = 0.05
    """Pushes a second on every torso, at random times and in random horizontal directions …"""
    push_impulse: float = 20.0
    """… of up to this many N·s."""
    latency: float = 0.0
    """Joint targets come late by up to this, s, under a control period; each episode draws its own delay."""
    friction: tuple[float, float] = (1.0, 1.0)
    """Domain randomization: each environment's friction is the model's times a factor from this range, for the whole
    run …"""
    mass: tuple[float, float] = (1.0, 1.0)
    """… and its humanoid's masses and inertias are the model's times one from this."""
    action_std: float = 2.0
    """Action scale: this many standard deviations of the prior's joint angles …"""
    action_floor: float = 0.2
    """… plus this many rad."""

    def __post_init__(self) -> None:
        """Check what types do not say."""
        _at_least("environment", self, 1, "prior_interval", "start_pool", "start_refresh")
        if not 0.0 <= self.latency < 1 / CONTROL_HZ:
            raise ConfigError(
                f"configuration: environment.latency is {self.latency}: expected from 0 to below {1 / CONTROL_HZ:.4f} s"
            )
        for name in ("friction", "mass"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high < math.inf:
                raise ConfigError(
                    f"configuration: environment.{name} is [{low}, {high}]: expected two factors above 0, lower first"
                )


FORMS = ("score", "own", "critic")


@dataclass(frozen=True)
class RewardConfig:
    """How the style reward r_smp is made of the frozen prior (training/prior/style_reward.py)."""

    form: str = "critic"
    """`score`: the prior's error alone, as the paper has it; `own`: against the error of a copy that learns the
    policy's windows; `critic`: by a discriminator between windows sampled from the prior and the policy's."""
    sharpness: float = 2.0
    """w_s: r_smp = exp(-w_s p) of the penalty p of `score` and `own`."""
    steps: int = 3
    """Optimiser steps of the own denoiser or the critic an iteration."""
    batch: int = 768
    """Windows a step, half of them fresh, half replayed; over all processes."""
    replay: int = 30_000
    """Policy's windows kept to learn from, over all processes."""
    learning_rate: float = 1e-3
    """AdamW's rate of the own denoiser …"""
    critic_rate: float = 3e-4
    """… and of the critic."""
    critic_hidden: tuple[int, ...] = (256, 128)
    """Widths of the critic."""
    penalty: float = 10.0
    """Weight of the critic's gradient penalty on the prior's samples."""
    pool: int = 12_288
    """Windows sampled from the prior for the critic."""
    noised: bool = True
    """Whether the critic sees windows at the prior's levels of noise, as its score does, or bare."""

    def __post_init__(self) -> None:
        """Check what types do not say."""
        _one_of("reward.form", self.form, FORMS)
        _at_least("reward", self, 1, "steps", "batch", "replay", "pool")


@dataclass(frozen=True)
class LearnerConfig:
    """PPO (rsl_rl) and what surrounds it. The defaults are for a CPU."""

    envs: int = 1024
    """Environments, over all processes."""
    horizon: int = 32
    """Control steps an environment runs between updates."""
    processes: int = 0
    """Worker processes of one thread each; 0: one for every core this process may use, but fewer where the environments
    would not be shared evenly. Ignored under torchrun."""
    samples: int = 24_000_000
    """Control steps to train for, over all environments."""
    minutes: float = 0.0
    """Wall-clock minutes after which training ends anyway; 0: no limit."""
    hidden: tuple[int, ...] = (256, 128)
    """Widths of the actor."""
    critic_hidden: tuple[int, ...] = ()
    """Widths of the critic; empty: as the actor's."""
    activation: str = "elu"
    """Activation of both nets."""
    std: tuple[float, float] = (0.15, 0.05)
    """Action deviation at first and at last, in units of the action scale; falls linearly. Wide finds balance, but its
    tremor hides from the prior how the motion would look without it."""
    std_samples: int = 12_000_000
    """Samples over which it falls."""
    learning_rate: float = 3e-4
    """Adam's rate at the start; the KL rule changes it."""
    desired_kl: float = 0.03
    """KL divergence a step that the rate is steered to."""
    gamma: float = 0.97
    """Discount per control step."""
    lam: float = 0.95
    """GAE's λ."""
    clip: float = 0.2
    """PPO's ratio clip."""
    epochs: int = 2
    """Passes over a rollout."""
    minibatches: int = 4
    """Minibatches a pass."""
    warmup: int = 8
    """Iterations in which the critic alone learns, after `init`."""
    symmetry: str = "augment"
    """`none`, `augment` (mirrored copies in every minibatch) or `loss` (mirror loss)."""
    precision: str = "medium"
    """Of matrix products, torch's `float32_matmul_precision`. `medium` allows bfloat16 factors (sums stay float32) and
    lets oneDNN do them on CPUs, which on an AMD EPYC keeps float32 all the same and is 2.7 × as fast as torch's own
    choice there; `high` allows TF32 on GPUs, `highest` nothing."""
    checkpoint_minutes: float = 2.0
    """Wall-clock minutes between checkpoints."""
    keep_checkpoints: bool = False
    """Keep each of them, in `checkpoints/SAMPLES.pt`, for `training.progress` to measure how learning went."""

    def __post_init__(self) -> None:
        """Check what types do not say."""
        _one_of("learner.precision", self.precision, ("medium", "high", "highest"))
        _one_of("learner.symmetry", self.symmetry, ("none", "augment", "loss"))
        _at_least("learner", self, 1, "envs", "horizon", "samples", "epochs", "minibatches", "std_samples")


@dataclass(frozen=True)
class TaskConfig:
    """A task and its settings."""

    name: str = MISSING
    """Task to train, see training/tasks."""
    prior: str = MISSING
    """Prior file."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the task's own configuration class."""


@dataclass(frozen=True)
class RunConfig:
    """Train a task policy against a frozen prior: `python -m training.run task=NAME`."""

    task: TaskConfig = field(default_factory=TaskConfig)
    """What to learn."""
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    """How to learn it."""
    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    """Episodes and reward."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    """The style reward."""
    recipe: str = ""
    """Name of the recipe in conf/recipe that was asked for; set by it. It makes exported/NAME.onnx again."""
    physics: str = "auto"
    """Engine, see training/physics: `mujoco`, `mujoco_warp`, or `auto`, the latter where there is a GPU for it."""
    seed: int = 0
    """Seeds everything random."""
    resume: str = ""
    """Run folder to go on with; its own configuration applies, but for output, record and, where given again,
    learner.samples, learner.minutes, learner.processes and learner.checkpoint_minutes."""
    record: float = 0.0
    """Minutes between videos of the policy, `videos/SAMPLES.mp4` in the run folder (training/film.py); 0: none."""
    export_only: bool = False
    """With resume: do not train, only export what the checkpoint holds; the run may be going on meanwhile."""
    init: str = ""
    """What a new run starts from: a checkpoint (policy, critic, normaliser and, for the same task, optimiser) or a
    controller (policy and normaliser). From another task's only what is not about its goal is taken."""
    output: str = ""
    """Controller file to export to at the end; empty: only into the run folder."""
    overwrite: bool = False
    """Whether a file of that name may be replaced."""
    folder: str = ""
    """Run folder; set by Hydra."""
    command: str = ""
    """What was typed to start the run; set by it."""


def resolve(kind: type[T], config: DictConfig, where: str = "") -> T:
    """Turn a composed Hydra configuration into `kind`; raises ConfigError naming the key that is wrong.

    `where` stands before the keys in what an error says: what part of a larger configuration this is.
    """
    for key, known in _unknown(kind, config, f"{where}." if where else ""):
        raise ConfigError(f"configuration: {key}: there is no such key: expected {nearest(key, known)}")
    try:
        merged = OmegaConf.merge(_writable(OmegaConf.structured(kind)), config)
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        key = ".".join(part for part in (where, str(getattr(error, "full_key", "?"))) if part)
        raise ConfigError(f"configuration: {str(error).splitlines()[0]} (key {key})") from None


def _unknown(kind: Any, config: Any, prefix: str) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401
    """Keys that no class has, each with those there are; in lists of dataclasses, too."""
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for name in config:
        key = f"{prefix}{name}"
        if name not in known:
            yield key, [prefix + other for other in known]
            continue
        inner = hints[name]
        item = get_args(inner)[0] if get_origin(inner) is list else inner
        if not is_dataclass(item) or OmegaConf.is_missing(config, name):
            continue
        value = config[name]
        for index, part in enumerate(value) if isinstance(value, ListConfig) else [("", value)]:
            if isinstance(part, DictConfig):
                yield from _unknown(item, part, f"{key}[{index}]." if isinstance(value, ListConfig) else f"{key}.")


def nearest(found: str, known: Sequence[str]) -> str:
    """What was expected instead of a name: those most like it, and all unless they are very many."""
    close = " or ".join(map(repr, get_close_matches(found, known, n=3, cutoff=0.45)))
    every = f"one of {', '.join(map(repr, known))}"
    return every if not close else close if len(known) > 20 else f"{close}, {every}"


def check_output(path: str, overwrite: bool) -> None:
    """Raise ConfigError where a file would be replaced that nobody said may be; before any work."""
    if path and not overwrite and Path(path).exists():
        raise ConfigError(f"output={path}: there is such a file already; overwrite=true replaces it")


def _one_of(key: str, found: str, expected: tuple[str, ...]) -> None:
    if found not in expected:
        raise ConfigError(f"configuration: {key} is {found!r}: expected one of {', '.join(expected)}")


def _at_least(group: str, config: object, least: int, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ConfigError(f"configuration: {group}.{name} is {getattr(config, name)}: expected at least {least}")


def _writable(node: DictConfig) -> DictConfig:
    """Lift the read-only flag that OmegaConf puts on every frozen dataclass, so that values can be merged in."""
    OmegaConf.set_readonly(node, None)
    for key in node:
        if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            _writable(node[key])
    return node


def as_plain(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Plain JSON-ready dict of a configuration dataclass, as written into run folders and ONNX metadata."""
    return OmegaConf.to_container(OmegaConf.structured(config), resolve=True)  # type: ignore[return-value]


def register() -> None:
    """Give Hydra the defaults of every group as `GROUP/base`, so that any field can be set on the command line.

    They are stored as plain values: types are checked by `resolve`, once everything is composed.
    """
    store = ConfigStore.instance()
    for group, kind in (
        ("prior", PriorConfig),
        ("learner", LearnerConfig),
        ("environment", EnvironmentConfig),
        ("reward", RewardConfig),
    ):
        plain = OmegaConf.to_container(OmegaConf.structured(kind))
        store.store(group=group, name="base", node=plain)

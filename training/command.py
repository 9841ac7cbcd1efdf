"""What a command line says before any work: its settings, what is wrong with what was typed, a task from outside.

    main ── read ── show        --help: every setting with the first sentence of its docstring
                 ├─ own task    task=MODULE becomes a choice of Hydra's group `task`
                 └─ check       one sentence for a setting or a choice that there is not, with the nearest names

Hydra composes afterwards. It says the same in several lines, without the nearest names and with exit code 1.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from runtime import tasks as outside
from training import config as settings
from training.config import ConfigError, nearest

CONF = Path(__file__).parent / "conf"
WIDTH = 110  # characters of a line of help
FLAGS = ("--multirun", "-m", "--run", "-r", "--resolve", "--hydra-help", "--version")  # of Hydra's, without a value
OWN = "own_file"  # what a dataset is called in Hydra that is no file of conf/dataset


@dataclass(frozen=True)
class Setting:
    """One setting of a command."""

    key: str
    default: str
    meaning: str
    """Its docstring's first sentence."""
    free: bool
    """Whether it is a dictionary, whose own keys are not known here."""


@dataclass(frozen=True)
class Command:
    """A command that is configured by `key=value`."""

    name: str
    """Module."""
    kind: type[Any]
    """Its settings."""
    groups: tuple[str, ...] = ()
    """Folders of conf/ of whose files one is chosen: GROUP=FILE."""
    needs: str = ""
    """Setting or group that there is no default for."""

    def read(self, arguments: list[str]) -> None:
        """Show help, or check what was typed and make a task from outside known; `arguments` may be rewritten.

        Exits with 0 after help, with 2 and one sentence for what cannot be.
        """
        if {"--help", "-h"} & set(arguments):
            print("\n".join(show(self)))
            raise SystemExit(0)
        try:
            check(self, arguments)
        except (ConfigError, outside.TaskError) as error:
            print(error, file=sys.stderr)
            raise SystemExit(2) from None


def check(command: Command, arguments: list[str]) -> None:
    """Raise ConfigError for what is no setting or choice; a key into a dictionary is marked as one that may be new."""
    known = {setting.key: setting for setting in settings_of(command.kind)}
    more = any(argument.startswith(("--config-dir", "-cd")) for argument in arguments)  # groups' files of the user's
    given = set()
    for index, (before, argument) in enumerate(pairwise(["", *arguments])):
        if argument.startswith("-") or (before.startswith("-") and "=" not in before and before not in FLAGS):
            continue
        mark, key, value = _parts(argument)
        given.add(key)
        if key in command.groups:
            if not more:
                arguments[index] = _chosen(key, value, argument)
        elif not ("@" in key or key.partition(".")[0].partition("/")[0] == "hydra"):
            free = _check_key(command, key, known)
            if free and not mark:
                arguments[index] = f"++{argument}"
    if command.needs and not {command.needs, f"{command.needs}.name", "recipe", "resume"} & given:
        choices = f", NAME one of {', '.join(_choices(command.needs))}" if command.needs in command.groups else ""
        own = ", or a module with a task of yours (docs/add-a-task.md)" if command.needs == "task" else ""
        how = f"python -m {command.name} {command.needs}=NAME"
        raise ConfigError(f"{command.needs}= is missing: {how}{choices}{own}; --help lists every setting")


def _check_key(command: Command, key: str, known: dict[str, Setting]) -> bool:
    """Whether a key is one of a dictionary's own; raises ConfigError for no setting."""
    within = [name for name in known if known[name].free and key.startswith(f"{name}.")]
    if not (within or key in known or any(name.startswith(f"{key}.") for name in known)):
        expected = nearest(key, [*known, *command.groups])
        raise ConfigError(f"{key}: {command.name} has no such setting: expected {expected} (see --help)")
    return bool(within)


def _parts(argument: str) -> tuple[str, str, str]:
    """Mark (+, ++ or ~), key and value of an override."""
    key, equals, value = argument.partition("=")
    name = key.lstrip("+~")
    if not equals and not key.startswith("~"):
        raise ConfigError(f"{argument}: expected KEY=VALUE; --help lists every setting")
    return key[: len(key) - len(name)], name, value


def _chosen(group: str, value: str, argument: str) -> str:
    """What Hydra is to be told for GROUP=VALUE, where a value may be several of a sweep."""
    for choice in value.split(",") if not value.startswith(("choice(", "glob(")) else ():
        _check_choice(group, choice.strip())
    return f"dataset={OWN}" if group == "dataset" and value.endswith(".yaml") else argument


def _check_choice(group: str, choice: str) -> None:
    names = _choices(group)
    if choice in (*names, "base", "null"):
        return
    if group == "task":
        own_task(choice, names)
        return
    if group == "dataset" and choice.endswith(".yaml"):
        own_dataset(Path(choice))
        return
    raise ConfigError(f"{group}={choice}: expected {nearest(choice, names)}")


@cache
def _choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def own_task(name: str, known: Sequence[str]) -> None:
    """Make the task of an installed package or of a module a choice of the group `task`; raises ConfigError."""
    from training import tasks  # heavy: torch

    if name not in outside.names() and not tasks.is_module(name):
        expected = nearest(name, [*known, *outside.names()])
        raise ConfigError(f"task={name}: expected {expected}, or a module with a task of yours (docs/add-a-task.md)")
    kind = outside.load(name)
    node = {"task": {"name": name, "prior": kind.prior, "options": {}}, **kind.settings}
    ConfigStore.instance().store(group="task", name=name, node=node, package="_global_")


def own_dataset(path: Path) -> None:
    """Make a file a choice of the group `dataset`, called after itself unless it has a name; raises ConfigError."""
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"dataset={path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"dataset={path}: expected `sources`, a list (docs/own-motion.md), found no mapping")
    ConfigStore.instance().store(group="dataset", name=OWN, node={"name": path.stem, **content})


def show(command: Command) -> Iterator[str]:
    """Lines of help: how it is called, and every setting with its default."""
    yield f"python -m {command.name} KEY=VALUE …"
    yield inspect.getdoc(command.kind) or ""
    for group in command.groups:
        yield from _entry(f"{group}=NAME", f"NAME one of {', '.join(_choices(group))}.")
    for setting in settings_of(command.kind):
        yield from _entry(f"{setting.key}={setting.default}", setting.meaning)


def _entry(head: str, text: str) -> Iterator[str]:
    yield f"  {head}"
    yield from textwrap.wrap(text, WIDTH, initial_indent="      ", subsequent_indent="      ")


def settings_of(kind: type[Any], prefix: str = "") -> Iterator[Setting]:
    """Every setting of a configuration class, those of classes in it by dotted keys."""
    told, hints = documented(kind), get_type_hints(kind)
    for field in fields(kind):
        key, hint = prefix + field.name, hints[field.name]
        if is_dataclass(hint):
            yield from settings_of(hint, f"{key}.")  # type: ignore[arg-type]
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        yield Setting(key, _worded(default), _sentence(told.get(field.name, "")), get_origin(hint) is dict)


def _worded(default: object) -> str:
    """A default as it would be typed."""
    if isinstance(default, list | tuple):
        return f"[{','.join(map(str, default))}]"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _sentence(text: str) -> str:
    """The first sentence, on one line."""
    line = " ".join(text.split())
    first, dot, _ = line.partition(". ")
    return first + dot.strip()


@cache
def documented(kind: type[Any]) -> dict[str, str]:
    """The docstring under each field of a dataclass."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    told = {}
    for node, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(below, ast.Expr):
            if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
                told[node.target.id] = below.value.value
    return told


def begin(command: Command) -> None:
    """Register the settings' groups with Hydra, for a command that has any, and read this process's command line."""
    if command.groups:  # else prior=FILE would be taken for a choice of the group `prior`
        settings.register()
    arguments = sys.argv[1:]
    command.read(arguments)
    sys.argv[1:] = arguments

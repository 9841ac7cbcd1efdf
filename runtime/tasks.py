"""Tasks from outside the package: one file, one class, written once for training, evaluation, viewer, gym and games.

A module names its task `TASK`, a class derived from `OwnTask`. Its formulas get the module of their arrays, `numpy` or
`torch`, as `xp`, so the same lines train a policy, go into its ONNX file and reward it in `runtime.gym`; the file
itself imports no torch. `docs/add-a-task.md` builds one, `python -m training.check_task MODULE` says what is wrong.

A task becomes known by its module, `load("package.module")`, or by an entry point of the group `smp_runtime.tasks`
in the package that brings it: its name is the task's, and it is loaded when a controller, goal or command names it. A
controller file names a task, never a module: no file makes a program import anything that is not installed as a task.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Protocol

import numpy as np

from runtime import task_terms
from runtime.goal_records import GOALS
from runtime.goals import SCHEMAS, Goal, GoalEntry

GROUP = "smp_runtime.tasks"
"""Entry points of this group are tasks."""


class TaskError(ValueError):
    """A task that there is not, or one that is not as it should be; the message lists all that is wrong."""


class Wish(Protocol):
    """What the keys of the viewer say."""

    @property
    def speed(self) -> float:
        """m/s over ground, 0 without a key."""
        ...

    @property
    def direction(self) -> float:
        """rad, world yaw."""
        ...

    @property
    def facing(self) -> float | None:
        """rad, world yaw; None: where it goes."""
        ...


class OwnTask(ABC):
    """A task; a subclass is a frozen dataclass, whose fields are its options (`task.options.NAME=VALUE`).

    `body` has the fields of `runtime.character.State` for N characters, world frame, SI units. Goals are [N, G], in the
    world frame, as `schema` orders them. Random numbers come from what `draw` is given alone. On a GPU nothing may ask
    for a number: no `if` on an array, no `float(array)`, no boolean index.
    """

    name: ClassVar[str]
    """Lower-case; what a controller file and a goal call the task."""
    goal: ClassVar[type[Goal]]
    """Frozen dataclass of one goal: `task` is `name`, `vector()` a row of goals, static `from_vector(row)` a goal
    again, static `reached(states, goals) -> [N]` who does what is asked (a success in evaluation, an event in a
    world)."""
    schema: ClassVar[tuple[GoalEntry, ...]]
    """The columns of a goal."""
    mirror: ClassVar[tuple[float, ...]]
    """For every number that `observe` gives 1, or -1 where its sign changes when left and right are exchanged."""
    observation_names: ClassVar[tuple[str, ...]] = ()
    """What those numbers are; equal names of two tasks are equal things (`task_terms.WALK`). May be empty."""
    observation_rest: ClassVar[tuple[float, ...]] = ()
    """What `observe` gives for a goal that lets the character stand. May be empty."""
    hold: ClassVar[tuple[float, float]] = (3.0, 8.0)
    """Shortest and longest time a goal stays, s."""
    prior: ClassVar[str] = "exported/priors/locomotion.onnx"
    """Prior that it is trained against unless `task.prior=` says otherwise."""
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What training changes for it, e.g. {"environment": {"task_weight": 1.0}}."""

    @abstractmethod
    def draw(self, xp: Any, body: Any, uniform: Callable[[float, float], Any]) -> Any:  # noqa: ANN401
        """Return new goals [N, G] of characters in the state `body`; `uniform(low, high)` gives [N] random numbers."""

    @abstractmethod
    def observe(self, xp: Any, root_rotation: Any, root_position: Any, goal: Any) -> Any:  # noqa: ANN401
        """Return what the policy sees of goals: [N, len(mirror)], in the character's heading frame."""

    @abstractmethod
    def reward(self, xp: Any, body: Any, goal: Any) -> Any:  # noqa: ANN401
        """Return the task reward [N] of a state, 0 to 1, under the goals that were in force during the step to it."""

    def failed(self, xp: Any, body: Any, goal: Any) -> Any:  # noqa: ANN401
        """Return a mask [N] of episodes that end here, without a future; fallen, unless a task knows better."""
        return task_terms.fallen(body)

    def figures(self, xp: Any, body: Any, goal: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return errors [N] in SI units to log and to report, by name with the unit (`speed_error_m_s`)."""
        return {}

    @abstractmethod
    def keys(self, wish: Wish, root: np.ndarray) -> Goal:
        """Return the goal that the viewer's keys ask for; `root` [3] m is where the character is."""


_known: dict[str, type[OwnTask]] = {}


def load(name: str) -> type[OwnTask]:
    """Make a task known, that of an entry point or the `TASK` of a module.

    What the module itself raises when it is imported comes through as it is.

    Raises:
        TaskError: there is no such entry point and no such module, or its task is not as it should be.
    """
    return find(name) or _import(name)


def _import(module: str) -> type[OwnTask]:
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise TaskError(f"{module}: there is no such module on the path") from None
    return register(getattr(found, "TASK", None), module)


def find(name: str) -> type[OwnTask] | None:
    """Return the task of a name, if it is known or an entry point; raises TaskError for an entry point that is bad."""
    if name in _known or name in SCHEMAS or name not in _installed():
        return _known.get(name)
    entry = _installed()[name]
    try:
        kind = _import(entry.value)
    except Exception as error:
        raise TaskError(f"entry point {name} = {entry.value}: {error}") from error
    if kind.name != name:
        raise TaskError(f"entry point {name} = {entry.value}: expected a task {name!r}, found {kind.name!r}")
    return kind


def names() -> list[str]:
    """Return the names of tasks from outside that are known or installed."""
    return sorted({*_known, *_installed()})


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def register(kind: object, where: str = "task") -> type[OwnTask]:
    """Make a task known; raises TaskError listing all that is wrong with it. One of the same module is replaced."""
    wrong = problems(kind)
    if wrong:
        raise TaskError("\n  ".join((f"{where}:", *wrong)) if len(wrong) > 1 else f"{where}: {wrong[0]}")
    assert isinstance(kind, type) and issubclass(kind, OwnTask)
    _known[kind.name], SCHEMAS[kind.name], GOALS[kind.name] = kind, kind.schema, kind.goal
    return kind


def problems(kind: object) -> list[str]:
    """Say all that is wrong with a task as far as it can be seen without running its formulas."""
    if not (isinstance(kind, type) and issubclass(kind, OwnTask)):
        return [f"TASK: expected a class derived from runtime.tasks.OwnTask, found {kind!r}"]
    missing = [name for name in ("name", "goal", "schema", "mirror") if not hasattr(kind, name)]
    missing += sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        return [f"{kind.__name__}.{name} is missing" for name in missing]
    wrong = [*_check_name(kind), *_check_schema(kind.schema), *_check_goal(kind), *_check_seen(kind)]
    if not is_dataclass(kind):
        wrong.append(f"{kind.__name__}: expected a frozen dataclass, whose fields are its options")
    elif bare := [field.name for field in fields(kind) if field.default is field.default_factory]:
        wrong.append(f"{kind.__name__}: expected a default for every option, found none for {', '.join(bare)}")
    if not 0.0 < kind.hold[0] <= kind.hold[1]:
        wrong.append(f"hold: expected two times above 0 s, the shorter first, found {kind.hold}")
    return wrong


def _check_name(kind: type[OwnTask]) -> list[str]:
    if not (isinstance(kind.name, str) and re.fullmatch("[a-z][a-z0-9_]*", kind.name)):
        return [f"name: expected lower-case letters, digits and _, found {kind.name!r}"]
    other = _known.get(kind.name)
    if kind.name in SCHEMAS and (other is None or other.__module__ != kind.__module__):
        return [f"name: there is a task {kind.name!r} already{'' if other is None else f' in {other.__module__}'}"]
    return []


def _check_schema(schema: object) -> list[str]:
    if not (isinstance(schema, tuple) and all(isinstance(entry, GoalEntry) for entry in schema)):
        return [f"schema: expected a tuple of GoalEntry, found {schema!r}"]
    wrong = [
        f"schema: {entry.name}: expected low <= default <= high, found {entry.low}, {entry.default}, {entry.high}"
        for entry in schema
        if not entry.low <= entry.default <= entry.high
    ]
    columns = [entry.name for entry in schema]
    return wrong + [f"schema: {name} is there twice" for name in sorted({n for n in columns if columns.count(n) > 1})]


def _check_goal(kind: type[OwnTask]) -> list[str]:
    goal, called = kind.goal, getattr(kind.goal, "__name__", repr(kind.goal))
    if not (isinstance(goal, type) and is_dataclass(goal)):
        return [f"goal: expected a frozen dataclass, found {called}"]
    wrong = []
    if getattr(goal, "task", None) != kind.name:
        wrong.append(f"{called}.task: expected {kind.name!r}, found {getattr(goal, 'task', None)!r}")
    absent = [name for name in ("vector", "from_vector", "reached") if not callable(getattr(goal, name, None))]
    wrong += [f"{called}.{name} is missing" for name in absent]
    if bare := [field.name for field in fields(goal) if field.default is field.default_factory]:
        wrong.append(f"{called}: expected a default for every field, found none for {', '.join(bare)}")
    if not (absent or bare):
        wrong += _check_vector(goal, kind.schema)
    return wrong


def _check_vector(goal: type[Any], schema: tuple[GoalEntry, ...]) -> list[str]:
    called, vector = goal.__name__, goal().vector()
    if not (isinstance(vector, np.ndarray) and vector.dtype == np.float32 and vector.shape == (len(schema),)):
        return [f"{called}.vector(): expected {len(schema)} numbers as the schema has them, float32, found {vector!r}"]
    default = np.array([entry.default for entry in schema], dtype=np.float32)
    wrong = [] if np.allclose(vector, default) else [f"{called}(): expected the schema's defaults, found {vector}"]
    again = goal.from_vector(vector).vector()
    if not np.allclose(again, vector, atol=1e-5):
        wrong.append(f"{called}.from_vector(vector).vector(): expected {vector} again, found {again}")
    return wrong


def _check_seen(kind: type[OwnTask]) -> list[str]:
    """Compare the lengths of what tells of `observe`."""
    wrong = [] if all(abs(sign) == 1.0 for sign in kind.mirror) else [f"mirror: expected 1 and -1, found {kind.mirror}"]
    for name in ("observation_names", "observation_rest"):
        if (count := len(getattr(kind, name))) not in (0, len(kind.mirror)):
            wrong.append(f"{name}: expected none or {len(kind.mirror)} as in mirror, found {count}")
    return wrong

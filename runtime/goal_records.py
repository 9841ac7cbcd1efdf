"""Goals as plain values and back: for snapshots, recordings, streams and configuration files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from runtime.goals import SCHEMAS, Dodgeball, Getup, Goal, GoalError, Jump, Location, Skill, Speed, Steering

GOALS: dict[str, type] = {
    kind.task: kind for kind in (Steering, Speed, Location, Jump, Getup, Dodgeball, Skill)
}  # fmt: skip
"""The goal's dataclass of every task, by the task's name; `runtime.tasks` adds those from outside."""
assert set(GOALS) == set(SCHEMAS)


def recordable(goal: Goal) -> bool:
    """Whether `goal_record` knows the goal's class."""
    return is_dataclass(goal) and GOALS.get(goal.task) is type(goal)


def goal_record(goal: Goal) -> dict[str, Any]:
    """Return a goal as plain values: its task and the fields of its dataclass, fit for JSON or msgpack.

    Raises:
        GoalError: it is not one of `GOALS`.
    """
    if not recordable(goal):
        raise GoalError(f"goal: expected one of {', '.join(kind.__name__ for kind in GOALS.values())}, found {goal!r}")
    return {"task": goal.task} | {field.name: getattr(goal, field.name) for field in fields(goal)}  # type: ignore[arg-type]


def goal_from_record(record: object) -> Goal:
    """Make a goal of what `goal_record` gave or another program sent.

    Raises:
        GoalError: the task is unknown or not as it should be, a field does not belong to it, or a value is no number.
    """
    from runtime import tasks  # it fills `GOALS` and so stands on this module

    task = record.get("task") if isinstance(record, Mapping) else record
    try:
        if isinstance(task, str):
            tasks.find(task)
    except tasks.TaskError as error:
        raise GoalError(f"goal {task}: {error}") from error
    if not isinstance(record, Mapping) or not isinstance(task, str) or task not in GOALS:
        raise GoalError(f"goal: expected a map with a task of {', '.join(sorted(GOALS))}, found {repr(task)[:80]}")
    kind = GOALS[task]
    given = {name: value for name, value in record.items() if name != "task"}
    allowed = [field.name for field in fields(kind)]
    unknown = sorted(str(name)[:40] for name in given if name not in allowed)
    if unknown:
        raise GoalError(f"goal {task}: expected fields among {allowed}, found {unknown[:8]}")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    except TypeError as error:
        raise GoalError(f"goal {task}: expected numbers for {allowed}, found {error}") from error

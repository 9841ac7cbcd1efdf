"""A goal for a controller of another task: which of its numbers still mean something there. Private.

Schemas name their columns, and equal names with equal units mean the same thing in every task. Where one task's
columns contain the other's, a goal of the one can be given to the other: what the goal does not say takes the
schema's default, what the controller does not know is ignored, and the character says so once. A jump's velocity
and facing steer a walk; a steering goal moves a character whose controller can also jump; a controller whose task has
no columns ignores every goal.
"""

from __future__ import annotations

import numpy as np

from runtime.goals import SCHEMAS, default_vector


def adapts(goal_task: str, task: str) -> bool:
    """Whether goals of a task can be given to a controller of another one."""
    if goal_task == task:
        return True
    if goal_task not in SCHEMAS or task not in SCHEMAS:
        return False
    have, want = _columns(goal_task), _columns(task)
    return not want or (bool(have) and (have <= want or want <= have))


def adapt(values: np.ndarray, goal_task: str, task: str) -> np.ndarray:
    """Return a goal's vector as a controller of `task` reads it: [G] float32; `adapts` must hold."""
    if goal_task == task:
        return values
    vector, have = default_vector(task), {entry.name: row for row, entry in enumerate(SCHEMAS[goal_task])}
    for column, entry in enumerate(SCHEMAS[task]):
        if entry.name in have:
            vector[column] = values[have[entry.name]]
    return vector


def ignored(goal_task: str, task: str) -> list[str]:
    """Return the names of what a goal says and a controller of `task` does not know."""
    if goal_task == task:
        return []
    known = {name for name, _ in _columns(task)}
    return [entry.name for entry in SCHEMAS[goal_task] if entry.name not in known] or ([goal_task] if not known else [])


def _columns(task: str) -> set[tuple[str, str]]:
    return {(entry.name, entry.unit) for entry in SCHEMAS[task]}

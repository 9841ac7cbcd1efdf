"""The contract of a controller file: what `training/export.py` writes and `Controller.load` demands.

A controller is one ONNX file. Its graph takes the fields of `State` in their order, then `goal`, all float32 with the
batch first, and gives `joint_target` [B, 28] rad. Everything else a runtime must know lies in one metadata entry,
`METADATA_KEY`, a JSON object whose keys are those of `controller_metadata`. What the character's declaration fixes
(joints, gains, bodies, rates) is in the file as well, so that a file made for another character or other servos is
refused by name instead of falling over.

A check never stops at the first fault: it returns `Problem`s (field, expected, found, remedy), and the loader raises
all of them as one `ControllerError`. The schema version changes with any change of the keys or of their meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime import character, tasks
from runtime.goals import SCHEMAS

METADATA_KEY = "controller"
SCHEMA_VERSION = 1
SELF_TEST_VECTORS = 3
SELF_TEST_TOLERANCE = 1e-4  # rad
OUTPUT = "joint_target"

_REEXPORT = "export the policy again with this version of the program"
_RETRAIN = "train against this character, or run the version of the program that the file was made with"
_REQUIRED = {
    "schema_version": int, "character": dict, "physics_hz": int, "control_hz": int, "joints": list, "bodies": list,
    "goal": dict, "task": str, "prior": (dict, type(None)), "datasets": list, "training": dict, "evaluation": dict,
    "self_test": list,
}  # fmt: skip
_OPTIONAL = {"start": dict}
START_SHAPES = {"qpos": 7 + len(character.JOINTS), "qvel": 6 + len(character.JOINTS)}
"""Numbers of a start state, see `controller_metadata`."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file."""

    field: str
    expected: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """Give the problem as one line; what is expected and found is cut to 500 characters each.

        A file's own words are in it: what is not printable (escape sequences, line ends) is written out.
        """
        field, expected, found = (_printable(text) for text in (self.field, self.expected, self.found))
        return f"{field}: expected {expected}, found {found}; {self.remedy}"


def _printable(text: str) -> str:
    short = f"{text[:500]}…" if len(text) > 500 else text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in short)


class ContractError(Exception):
    """A file that breaks its contract; `problems` lists everything wrong with it."""

    kind = "file"

    def __init__(self, path: Path | str, problems: Sequence[Problem]) -> None:
        """Keep the path and the problems, and make the message of them."""
        self.path = Path(path)
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{path}: not a usable {self.kind}, {count}:{lines}")


class ControllerError(ContractError):
    """A controller file that cannot be used."""

    kind = "controller"


class PriorError(ContractError):
    """A prior file that cannot be used."""

    kind = "prior"


def input_shapes(task: str) -> dict[str, tuple[int, ...]]:
    """Return the trailing shape of every graph input of a controller of `task`, in order: the state, then the goal."""
    return {**character.STATE_SHAPES, "goal": (len(SCHEMAS[task]),)}


def character_metadata() -> dict[str, Any]:
    """Return what binds a file to the character: its name and the SHA-256 of its XML."""
    return {"name": character.NAME, "sha256": character.asset_sha256()}


def joints_metadata() -> list[dict[str, Any]]:
    """Return the 28 joints in model order: servo gains (N·m/rad, N·m·s/rad), effort (N·m), angles (rad)."""
    return [
        {
            "name": joint.name, "kp": joint.kp, "kd": joint.kd, "effort": joint.effort, "default": float(joint.default),
            "target_low": joint.target_range[0], "target_high": joint.target_range[1],
        }
        for joint in character.JOINTS
    ]  # fmt: skip


def controller_metadata(
    *,
    task: str,
    prior: dict[str, Any] | None,
    datasets: Sequence[dict[str, Any]],
    training: dict[str, Any],
    evaluation: dict[str, Any],
    self_test: Sequence[dict[str, Any]],
    start: dict[str, list[float]] | None = None,
) -> dict[str, Any]:
    """Return a controller's metadata, complete; the character, the rates and the goal schema are filled in here.

    Args:
        task: one of `SCHEMAS`.
        prior: {"name", "sha256"} of the prior's file, or None where none was used.
        datasets: {"name", "licence", "clips", "minutes"} each.
        training: seed, samples, hours, hardware, code_version, configuration (resolved).
        evaluation: figures measured on the exported controller; may be empty.
        self_test: three of {"inputs": {name: nested list without batch axis}, "joint_target": [28]}.
        start: {"qpos": [35], "qvel": [34]}, the state in which a character begins that has this controller, at the
            origin and looking along x (m, wxyz, rad; m/s world, rad/s body frame, rad/s). None: standing.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "character": character_metadata(),
        "physics_hz": character.PHYSICS_HZ,
        "control_hz": character.CONTROL_HZ,
        "joints": joints_metadata(),
        "bodies": list(character.BODIES),
        "goal": {"task": task, "entries": [asdict(entry) for entry in SCHEMAS[task]]},
        "task": task,
        "prior": prior,
        "datasets": list(datasets),
        "training": training,
        "evaluation": evaluation,
        "self_test": list(self_test),
        **({} if start is None else {"start": start}),
    }


def check_metadata(metadata: Mapping[str, Any]) -> list[Problem]:
    """Check a controller's parsed metadata against this program's character, rates and goals; [] when all is well.

    A file of another schema version gets that one problem: its other keys may mean other things.
    """
    version = metadata.get("schema_version")
    if version != SCHEMA_VERSION:
        return [Problem("metadata.schema_version", str(SCHEMA_VERSION), repr(version), _REEXPORT)]
    problems = list(_check_keys(metadata))
    broken = {problem.field.removeprefix("metadata.") for problem in problems}
    checks = {
        "character": check_character, "joints": _check_joints, "goal": _check_goal, "self_test": _check_self_test,
        "start": _check_start,
    }  # fmt: skip
    for key, check in checks.items():
        if key in metadata and key not in broken:
            problems += check(metadata[key])
    for key, expected in (("physics_hz", character.PHYSICS_HZ), ("control_hz", character.CONTROL_HZ)):
        if key not in broken and metadata[key] != expected:
            problems.append(Problem(f"metadata.{key}", str(expected), str(metadata[key]), _RETRAIN))
    if "bodies" not in broken and metadata["bodies"] != list(character.BODIES):
        problems.append(Problem("metadata.bodies", str(list(character.BODIES)), str(metadata["bodies"]), _RETRAIN))
    if not {"task", "goal"} & broken and metadata["goal"].get("task") != metadata["task"]:
        found = repr(metadata["goal"].get("task"))
        problems.append(Problem("metadata.goal.task", f"the file's task {metadata['task']!r}", found, _REEXPORT))
    return problems


def check_character(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the record that binds a controller or a prior to the character."""
    for key, expected in character_metadata().items():
        if found.get(key) != expected:
            yield Problem(f"metadata.character.{key}", repr(expected), repr(found.get(key)), _RETRAIN)


def _check_keys(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for key, kind in _REQUIRED.items():
        name = "dict or null" if isinstance(kind, tuple) else kind.__name__
        if key not in metadata:
            yield Problem(f"metadata.{key}", name, "nothing", _REEXPORT)
        elif not isinstance(metadata[key], kind):
            yield Problem(f"metadata.{key}", name, type(metadata[key]).__name__, _REEXPORT)
    for key in sorted(set(metadata) & set(_OPTIONAL)):
        if not isinstance(metadata[key], _OPTIONAL[key]):
            yield Problem(f"metadata.{key}", _OPTIONAL[key].__name__, type(metadata[key]).__name__, _REEXPORT)
    for key in sorted(set(metadata) - set(_REQUIRED) - set(_OPTIONAL)):
        yield Problem(f"metadata.{key}", f"no such key in version {SCHEMA_VERSION}", "one", _REEXPORT)


def _check_joints(found: Sequence[Any]) -> Iterator[Problem]:
    expected = joints_metadata()
    names = [joint.get("name") if isinstance(joint, dict) else None for joint in found]
    if names != list(character.JOINT_NAMES):
        yield Problem("metadata.joints", f"{len(expected)} joints {list(character.JOINT_NAMES)}", str(names), _RETRAIN)
        return
    for want, have in zip(expected, found, strict=True):
        differing = [key for key in want if key != "name" and not _close(want[key], have.get(key))]
        if differing:
            wanted = ", ".join(f"{key} {want[key]}" for key in differing)
            had = ", ".join(f"{key} {have.get(key)}" for key in differing)
            yield Problem(f"metadata.joints.{want['name']}", wanted, had, _RETRAIN)


def _close(expected: float, found: object) -> bool:
    return isinstance(found, int | float) and math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-12)


def _check_goal(found: Mapping[str, Any]) -> Iterator[Problem]:
    task = found.get("task")
    try:
        known = isinstance(task, str) and (tasks.find(task) is not None or task in SCHEMAS)
    except tasks.TaskError as error:
        yield Problem("metadata.goal.task", "a task that is as it should be", str(error), "mend or remove the package")
        return
    if not isinstance(task, str) or not known:
        remedy = "install the package that brings this task, or make it known: runtime.tasks.load(MODULE)"
        yield Problem("metadata.goal.task", f"one of {sorted(SCHEMAS)}", repr(task), remedy)
        return
    keys = ("name", "unit", "low", "high", "default")  # the wording of a meaning may change
    expected = [{key: getattr(entry, key) for key in keys} for entry in SCHEMAS[task]]
    entries = found.get("entries")
    rows = entries if isinstance(entries, list) else [entries]
    if [{key: row.get(key) for key in keys} if isinstance(row, dict) else row for row in rows] != expected:
        yield Problem(f"metadata.goal.entries of {task}", str(expected), str(entries), _REEXPORT)


def _check_start(found: Mapping[str, Any]) -> Iterator[Problem]:
    for key, count in START_SHAPES.items():
        values = found.get(key)
        numbers = values if isinstance(values, list) else []
        if len(numbers) != count or not all(_finite(value) for value in numbers):
            yield Problem(f"metadata.start.{key}", f"{count} finite numbers", str(values), _REEXPORT)
        elif key == "qpos" and not math.isclose(math.hypot(*numbers[3:7]), 1.0, abs_tol=1e-3):
            yield Problem("metadata.start.qpos[3:7]", "a unit quaternion", str(numbers[3:7]), _REEXPORT)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _check_self_test(found: Sequence[Any]) -> Iterator[Problem]:
    whole = [isinstance(v, dict) and isinstance(v.get("inputs"), dict) and OUTPUT in v for v in found]
    if len(found) != SELF_TEST_VECTORS or not all(whole):
        expected = f'{SELF_TEST_VECTORS} of {{"inputs": ..., "{OUTPUT}": ...}}'
        yield Problem("metadata.self_test", expected, f"{len(found)}, of which {sum(whole)} whole", _REEXPORT)

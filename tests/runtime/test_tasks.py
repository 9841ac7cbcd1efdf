"""Tasks from outside: what is checked of them, and how a name becomes one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import numpy as np
import pytest

from runtime import Controller, ControllerError, Director, Transition, tasks
from runtime.goal_records import GOALS, goal_from_record, goal_record
from runtime.goals import SCHEMAS, GoalEntry, GoalError
from runtime.tasks import OwnTask, TaskError, problems
from tests.tiny import write_controller
from viewer.input import Wish
from viewer.wishes import goal_for


@dataclass(frozen=True)
class Hop:
    """Hop about."""

    rate: float = 1.0

    task: ClassVar[str] = "hop"

    def vector(self) -> np.ndarray:
        return np.array([self.rate], dtype=np.float32)

    @staticmethod
    def from_vector(row: np.ndarray) -> Hop:
        return Hop(float(row[0]))

    @staticmethod
    def reached(states: Any, goals: np.ndarray) -> np.ndarray:
        return states.root_linear_velocity[:, 2] > goals[:, 0]


@dataclass(frozen=True)
class HopTask(OwnTask):
    """Its task."""

    highest: float = 2.0

    name: ClassVar[str] = "hop"
    goal: ClassVar[type] = Hop
    schema: ClassVar[tuple[GoalEntry, ...]] = (GoalEntry("rate", "m/s", 0.0, 2.0, 1.0, "wanted rise"),)
    mirror: ClassVar[tuple[float, ...]] = (1.0,)

    def draw(self, xp: Any, body: Any, uniform: Any) -> Any:
        return xp.stack([uniform(0.0, self.highest)], 1)

    def observe(self, xp: Any, root_rotation: Any, root_position: Any, goal: Any) -> Any:
        return goal

    def reward(self, xp: Any, body: Any, goal: Any) -> Any:
        return xp.exp(-((body.root_linear_velocity[:, 2] - goal[:, 0]) ** 2))

    def keys(self, wish: tasks.Wish, root: np.ndarray) -> Hop:
        return Hop(min(wish.speed, 2.0))


TASK = HopTask


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Afterwards nobody knows of the task."""
    yield
    for known in (tasks._known, SCHEMAS, GOALS):
        known.pop("hop", None)


@pytest.fixture
def installed(monkeypatch, forgotten) -> None:
    """An installed package brings the task."""
    entry = EntryPoint("hop", "hop_of_a_package", tasks.GROUP)
    monkeypatch.setitem(sys.modules, "hop_of_a_package", sys.modules[__name__])
    monkeypatch.setattr(tasks, "_installed", lambda: {"hop": entry})


def changed(**members: Any) -> type:
    """The task with some members others."""
    return dataclass(frozen=True)(type("Changed", (HopTask,), {"__module__": __name__, **members}))


class Wrong(Hop):
    task: ClassVar[str] = "skip"

    def vector(self) -> np.ndarray:
        return np.array([self.rate])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (None, "TASK: expected a class derived from runtime.tasks.OwnTask, found None"),
        (changed(name="Hop up"), "name: expected lower-case letters, digits and _, found 'Hop up'"),
        (changed(name="speed"), "name: there is a task 'speed' already"),
        (changed(schema=(GoalEntry("rate", "m/s", 0.0, 2.0, 3.0, ""),)), "rate: expected low <= default <= high"),
        (changed(schema=SCHEMAS["speed"]), "Hop.vector(): expected 3 numbers as the schema has them, float32"),
        (changed(goal=Wrong), "Wrong.task: expected 'hop', found 'skip'"),
        (changed(goal=Wrong), "Wrong.vector(): expected 1 numbers"),
        (changed(mirror=(0.5,)), "mirror: expected 1 and -1, found (0.5,)"),
        (changed(observation_names=("a", "b")), "observation_names: expected none or 1 as in mirror, found 2"),
        (changed(hold=(5.0, 2.0)), "hold: expected two times above 0 s, the shorter first"),
        (type("Bare", (OwnTask,), {"name": "bare"}), "Bare.schema is missing"),
        (type("Bare", (OwnTask,), {"name": "bare"}), "Bare.reward is missing"),
    ],
)
def test_every_fault_is_named(kind, words):
    """Whatever can be seen without running a formula."""
    assert any(words in line for line in problems(kind)), problems(kind)


def test_all_faults_are_said_at_once():
    """One error for four of them."""
    with pytest.raises(TaskError) as error:
        tasks.register(changed(mirror=(0.5,), hold=(0.0, 1.0), name="speed"), "mine")
    assert len(str(error.value).splitlines()) == 5 and str(error.value).startswith("mine:\n")


def test_a_module_that_there_is_not():
    """Is said in a sentence; what a module itself fails to import comes through."""
    with pytest.raises(TaskError, match=r"no.such.module: there is no such module"):
        tasks.load("no.such.module")
    with pytest.raises(TaskError, match=r"math: TASK: expected a class"):
        tasks.load("math")


def test_an_unknown_task_is_refused_until_its_package_is_there(tmp_path, monkeypatch, forgotten):
    """A controller file says which task it is for; only an installed or loaded one is imported."""
    tasks.register(HopTask)
    path = write_controller(tmp_path / "hop.onnx", task="hop")
    assert Controller.load(path).task == "hop"
    for known in (tasks._known, SCHEMAS, GOALS):
        known.pop("hop")
    with pytest.raises(ControllerError, match=r"metadata.goal.task.*install the package .*runtime.tasks.load") as error:
        Controller.load(path)
    assert "KeyError" not in str(error.value)
    entry = EntryPoint("hop", __name__, tasks.GROUP)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(tasks, "_installed", lambda: {"hop": entry})
    assert Controller.load(path).goal_schema == HopTask.schema


def test_an_installed_task_is_found_by_its_name(installed):
    """By goals, directors, gym and keys, without an import of anybody's."""
    gym = pytest.importorskip("runtime.gym")
    assert goal_from_record({"task": "hop", "rate": 0.5}) == Hop(0.5)
    assert goal_record(Hop(0.5)) == {"task": "hop", "rate": 0.5}
    Director(states={"a": None, "b": None}, start="a", transitions=(Transition("a", "b", "goal:hop"),))
    assert goal_for("hop", Wish(1.5, 0.0), None, np.zeros(3)) == Hop(1.5)
    env = gym.CharacterEnv("hop")
    observation, _ = env.reset(seed=0)
    assert observation["goal"].shape == (1,) and 0.0 <= observation["goal"][0] <= 2.0
    _, reward, failed, _, info = env.step(env.action_space.sample())
    rise = env.state.root_linear_velocity[2]
    assert info["task_reward"] == pytest.approx(np.exp(-((rise - observation["goal"][0]) ** 2)), rel=1e-4)
    assert reward == pytest.approx(0.5 * info["task_reward"]) and not failed


def test_an_installed_task_that_is_bad(tmp_path, monkeypatch, forgotten):
    """Is a line of the controller's errors and a GoalError, not somebody's traceback."""
    tasks.register(HopTask)
    path = write_controller(tmp_path / "hop.onnx", task="hop")
    for known in (tasks._known, SCHEMAS, GOALS):
        known.pop("hop")
    entry = EntryPoint("hop", "math", tasks.GROUP)
    monkeypatch.setattr(tasks, "_installed", lambda: {"hop": entry})
    with pytest.raises(ControllerError, match=r"entry point hop = math: math: TASK: expected a class"):
        Controller.load(path)
    with pytest.raises(GoalError, match=r"goal hop: entry point hop = math"):
        goal_from_record({"task": "hop"})
    monkeypatch.setattr(tasks, "_installed", lambda: {"jump_up": EntryPoint("jump_up", __name__, tasks.GROUP)})
    with pytest.raises(TaskError, match="expected a task 'jump_up', found 'hop'"):
        tasks.find("jump_up")


def test_a_task_that_is_there_already(forgotten):
    """A task of the same name from another module is refused; the same module's is replaced."""
    tasks.register(HopTask)
    tasks.register(changed(hold=(1.0, 2.0)))
    other = changed()
    other.__module__ = "elsewhere"
    with pytest.raises(TaskError, match=f"there is a task 'hop' already in {__name__}"):
        tasks.register(other)


def test_entry_points_are_read_from_what_is_installed(tmp_path, monkeypatch, forgotten):
    """A distribution with a line in its metadata is enough."""
    info = tmp_path / "hop_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hop-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{tasks.GROUP}]\nhop = hop_of_a_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "hop_of_a_package", sys.modules[__name__])
    tasks._installed.cache_clear()
    try:
        assert "hop" in tasks.names() and tasks.find("hop") is HopTask
    finally:
        tasks._installed.cache_clear()

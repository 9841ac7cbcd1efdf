"""What a character is asked to do: goals by hand, from a script or from another thread. Private: part of `Character`.

Setting a goal swaps one reference and notes the change in a queue; the next control step hands the goal's vector to
the network. So goals may be set from any thread at any rate and never wait.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from runtime._adapt import adapt, adapts, ignored
from runtime.goal_script import GoalScript
from runtime.goals import Goal, GoalError, default_vector

if TYPE_CHECKING:
    from runtime._simulation import Simulation
    from runtime.controller import Controller
    from runtime.director import Directing


class Asked:
    """The part of a character that takes goals."""

    name: str
    """Its name in the world; `name/` prefixes its bodies, joints and actuators in `World.model`."""
    directing: Directing | None = None
    """Its director at work. Private."""
    scripted: bool = False
    """Whether it has a script. Private."""
    entry: int = -1
    """The entry of its script in force. Private."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        """Be asked for nothing yet."""
        self.name = name
        self._simulation = simulation
        self._controller: Controller | None = None
        self._goals: dict[str, Goal] = {}  # by task; one, or with a director one for each task; the latest last
        self._half_life = 0.0  # s
        self._script: GoalScript | None = None
        self._warned: set[tuple[str, str]] = set()

    @property
    def goal(self) -> Goal | None:
        """What it is asked to do, from the next control step on; None is the default goal of the controller's task.

        A goal of another task is taken where its numbers mean something to the controller (see `_adapt.py`); what it
        ignores is said once, as a warning. With a director, goals of all its controllers' tasks are taken.

        Raises:
            GoalError: on setting a goal that neither its controller nor its director's can follow.
        """
        return next(reversed(self._goals.values()), None) if self._controller is None else self._goal_for(self._task)

    @goal.setter
    def goal(self, goal: Goal | None) -> None:
        self.give(goal)

    def give(self, goal: Goal | None) -> None:
        """Set the goal. Private."""
        if goal is None:
            self._goals = {}
        else:
            self._check(goal)
            if self.directing is None:
                self._goals = {goal.task: goal}
            else:
                goals = {task: old for task, old in self._goals.items() if task != goal.task}
                self._goals = {**goals, goal.task: goal}
                self.directing.given[goal.task] = self._simulation.time
        self._simulation.conductor.ask(self)

    def show_goal(self, goal: Goal | None) -> None:
        """Have a goal to show, without a controller that could follow it: for a replay. Private."""
        self._goals = {} if goal is None else {goal.task: goal}

    def _check(self, goal: Goal) -> None:
        """Refuse a goal nobody can follow; warn once of what is ignored."""
        if self.directing is not None:
            tasks = {
                loaded.task for loaded in map(self._simulation.load, self.directing.director.states.values()) if loaded
            }
        else:
            tasks = {self._task} if self._controller is not None else set()
        fitting = [task for task in tasks if adapts(goal, task)]
        if tasks and not fitting:
            raise GoalError(
                f"{self.name}: its controller is for {', '.join(map(repr, sorted(tasks)))}, the goal for {goal.task!r}"
            )
        lost = ignored(goal, self._task) if self._controller and fitting == [self._task] else []
        if not tasks:
            lost = [f"all of {goal.task}: it has no controller"]
        if lost and (goal.task, self._task) not in self._warned:
            self._warned.add((goal.task, self._task))
            warnings.warn(f"{self.name}: a {goal.task} goal is given, and ignored are {', '.join(lost)}", stacklevel=4)

    @property
    def _task(self) -> str:
        return "" if self._controller is None else self._controller.task

    def _goal_for(self, task: str) -> Goal | None:
        """The goal in force for a task: the task's own, or the latest that means something there."""
        goals = self._goals
        return goals.get(task) or next((goal for goal in reversed(goals.values()) if adapts(goal, task)), None)

    def goal_of(self, task: str) -> np.ndarray:
        """Return what a controller of a task is to be told: [G] float32, in the order of its goal schema."""
        goal = self._goal_for(task)
        return default_vector(task) if goal is None else adapt(goal, task)

    def goal_vector(self) -> np.ndarray:
        """Return what its controller is told (when no smoothing is on its way): [G] float32.

        Raises:
            GoalError: it has neither controller nor goal.
        """
        goal = self.goal
        if self._controller is not None:
            return self.goal_of(self._task)
        if goal is None:
            raise GoalError(f"{self.name}: without a controller or a goal there is no goal vector")
        return goal.vector()

    @property
    def goals(self) -> dict[str, Goal]:
        """The goals it keeps, by task, the latest last. Private."""
        return self._goals

    @property
    def goal_half_life(self) -> float:
        """How long the goal that the network sees takes for half its way to a new goal, s; 0: at once.

        Raises:
            ValueError: on setting it below 0 or above 60 s.
        """
        return self._half_life

    @goal_half_life.setter
    def goal_half_life(self, seconds: float) -> None:
        if not 0.0 <= seconds <= 60.0:
            raise ValueError(f"goal_half_life: expected 0 to 60 s, found {seconds!r}")
        self._half_life = float(seconds)
        self._simulation.conductor.ask(self, fresh=False)

    @property
    def script(self) -> GoalScript | None:
        """Goals by world time; at the time of an entry its goal is set, and one set by hand holds until the next.

        Raises:
            GoalError: on setting a script with a goal that the character cannot follow.
        """
        return self._script

    @script.setter
    def script(self, script: GoalScript | None) -> None:
        for goal in script.goals if script is not None else ():
            if goal is not None:
                self._check(goal)
        self.entry, self._script, self.scripted = -1, script, script is not None

    def follow_script(self, time: float) -> None:
        """Take the script's goal if a new entry is in force. Private."""
        script = self._script
        entry = -1 if script is None else script.entry_at(time)
        if script is not None and entry != self.entry:
            self.entry = entry
            self.give(script.goals[entry] if entry >= 0 else None)

    def age_goal(self, seconds: float) -> bool:
        """Replace a goal that moves by what is left of it; returns whether there is anything left. Private."""
        goals, goal = self._goals, self.goal
        after = getattr(goal, "after", None)
        if goal is None or after is None:
            return False
        later = after(seconds)
        if self._goals is goals:  # else a game thread has just set another one
            self._goals = {task: later if old is goal else old for task, old in goals.items()}
            self._simulation.conductor.ask(self, fresh=False)
        return later != goal

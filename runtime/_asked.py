"""What a character is asked to do: goals by hand, from a script or from another thread. Private.

A goal is refused where it is set: its task, its numbers and, where it moves by itself, what it becomes are looked at
before anybody keeps it, and its numbers are kept with it. Setting one swaps one reference and notes the change in a
queue; the next control step hands the numbers to the network. So goals may be set from any thread at any rate and
never wait. What can only turn out later (a script's goal that a new controller cannot follow, a goal of the user's own
class that breaks as it moves) takes that goal away and is a `GoalDropped` event: the others' steps go on.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from runtime._actor import Actor, Ask
from runtime._adapt import adapts, ignored
from runtime.character import CONTROL_HZ
from runtime.events import GoalDropped
from runtime.goal_script import GoalScript
from runtime.goals import Goal, GoalError, checked_vector

if TYPE_CHECKING:
    from runtime._simulation import Simulation


def give(simulation: Simulation, actor: Actor, goal: Goal | None) -> None:
    """Set the goal; None is the default goal of the controller's task.

    Raises:
        GoalError: it is no goal, or one that neither its controller nor its director's can follow; the old one stays.
    """
    if goal is None:
        actor.asked = {}
    else:
        ask = Ask(goal, checked_vector(goal))
        if hasattr(goal, "after"):
            _later(goal, 1.0 / CONTROL_HZ)
        _check_followed(actor, goal)
        if actor.directing is None:
            actor.asked = {goal.task: ask}
        else:
            actor.asked = {task: old for task, old in actor.asked.items() if task != goal.task} | {goal.task: ask}
            actor.directing.given[goal.task] = simulation.time
    simulation.conductor.ask(actor)


def show(actor: Actor, goal: Goal | None) -> None:
    """Have a goal to show, without a controller that could follow it: for a replay."""
    actor.asked = {} if goal is None else {goal.task: Ask(goal, checked_vector(goal))}


def drop(simulation: Simulation, actor: Actor, reason: str) -> None:
    """Take the goal in force away and tell of it, with the reason; if it has a director, the other tasks' stay."""
    goal = actor.goal or next((ask.goal for ask in reversed(actor.asked.values())), None)
    actor.asked = {task: ask for task, ask in actor.asked.items() if ask.goal is not goal}
    simulation.conductor.ask(actor)
    simulation.happened(GoalDropped(simulation.time, actor.name, goal, reason))


def set_script(actor: Actor, script: GoalScript | None) -> None:
    """Set the script; raises GoalError for a goal in it that the actor cannot follow now."""
    if not isinstance(script, GoalScript | None):
        raise GoalError(f"{actor.name}: expected a GoalScript or None, found {repr(script)[:100]}")
    for goal in script.goals if script is not None else ():
        if goal is not None:
            _check_followed(actor, goal)
    actor.entry, actor.script = -1, script


def follow_script(simulation: Simulation, actor: Actor, time: float) -> None:
    """Take the script's goal if a new entry is in force at a time, s."""
    script = actor.script
    entry = -1 if script is None else script.entry_at(time)
    if script is None or entry == actor.entry:
        return
    actor.entry = entry
    goal = script.goals[entry] if entry >= 0 else None
    try:
        give(simulation, actor, goal)
    except GoalError as error:
        actor.asked = {}
        simulation.conductor.ask(actor)
        simulation.happened(GoalDropped(simulation.time, actor.name, goal, str(error)))


def age_goal(simulation: Simulation, actor: Actor, seconds: float) -> bool:
    """Replace a goal that moves by what is left of it; returns whether there is anything left."""
    asked, goal = actor.asked, actor.goal
    if goal is None or not hasattr(goal, "after"):
        return False
    try:
        later = _later(goal, seconds)
    except GoalError as error:
        drop(simulation, actor, str(error))
        return False
    if actor.asked is asked:  # else a game thread has just set another one
        actor.asked = {task: later if ask.goal is goal else ask for task, ask in asked.items()}
        simulation.conductor.ask(actor, fresh=False)
    return later.goal != goal


def _later(goal: Goal, seconds: float) -> Ask:
    """What a goal that moves is some seconds later; raises GoalError where that is no goal of its task."""
    try:
        later = goal.after(seconds)  # type: ignore[attr-defined]
    except Exception as error:  # of the user's own class: it may raise anything
        raise GoalError(f"goal: {type(goal).__name__}.after({seconds:g}) raised {error!r}") from error
    vector = checked_vector(later)
    if later.task != goal.task:
        raise GoalError(f"goal: expected {type(goal).__name__}.after to give a {goal.task} goal, found {later!r}")
    return Ask(later, vector)


def _check_followed(actor: Actor, goal: Goal) -> None:
    """Refuse a goal nobody can follow; warn once of what is ignored."""
    if actor.directing is not None:
        tasks = {controller.task for controller in actor.directing.controllers.values() if controller is not None}
    else:
        tasks = {actor.task} if actor.controller is not None else set()
    fitting = [task for task in tasks if adapts(goal.task, task)]
    if tasks and not fitting:
        raise GoalError(
            f"{actor.name}: its controller is for {', '.join(map(repr, sorted(tasks)))}, the goal for {goal.task!r}"
        )
    lost = ignored(goal.task, actor.task) if actor.controller and fitting == [actor.task] else []
    if not tasks:
        lost = [f"all of {goal.task}: it has no controller"]
    if lost and (goal.task, actor.task) not in actor.warned:
        actor.warned.add((goal.task, actor.task))
        warnings.warn(f"{actor.name}: a {goal.task} goal is given, and ignored are {', '.join(lost)}", stacklevel=4)

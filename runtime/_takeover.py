"""What moves a character: another controller takes over by hand, by its director or by a reload. Private."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runtime import _asked
from runtime._actor import Actor
from runtime._control import NU, Fade
from runtime.character import CONTROL_HZ, DEFAULT_POSE
from runtime.director import Directing, Director, DirectorError, Situation
from runtime.events import ControllerChanged

if TYPE_CHECKING:
    from runtime._simulation import Simulation
    from runtime.controller import Controller


def take_over(
    simulation: Simulation, actor: Actor, controller: Controller | None, fade: float | None, reason: str
) -> None:
    """Change the controller, under the world's lock.

    Args:
        simulation: the actor's.
        actor: whose.
        controller: what moves it from now on.
        fade: how long the old controller keeps a share in the joint targets, s; None: the world's `fade`.
        reason: for the event.
    """
    old, actor.controller = actor.controller, controller
    if old is controller:
        return
    fading, actor.fade = actor.fade, None
    if actor.placed is not None and not actor.frozen:  # else it waits to be compiled, or is of iron
        steps = round((simulation.fade if fade is None else fade) * CONTROL_HZ)
        servos = simulation.data.ctrl[simulation.servos_of(actor.name)]
        if steps and actor.placed < simulation.steps:
            said = None if old is None else simulation.conductor.output_of(old, actor)
            beyond = np.zeros(NU) if fading is None or said is None else servos - said
            actor.fade = Fade(old, servos.copy() if old is None else beyond, steps)
        elif controller is None:
            servos[:] = DEFAULT_POSE
            simulation.edited()
            simulation.publish()
    simulation.conductor.regroup()
    was, now = (None if each is None else str(each.path) for each in (old, controller))
    simulation.happened(ControllerChanged(simulation.time, actor.name, was, now, reason))
    if actor.directing is None and controller is not None and actor.asked and actor.ask_for(controller.task) is None:
        _asked.drop(simulation, actor, f"the controller {controller.path} is for {controller.task!r}")


def set_by_hand(simulation: Simulation, actor: Actor, controller: Controller | None, fade: float | None) -> None:
    """Change the controller, taking the director away; without one an actor has one goal, the latest."""
    with simulation.lock:
        actor.directing = None
        if actor.asked:
            actor.asked = dict([list(actor.asked.items())[-1]])
        take_over(simulation, actor, controller, fade, "set")


def set_director(simulation: Simulation, actor: Actor, director: Director | None) -> None:
    """Set a director at work in its start state, or take it away.

    Raises:
        DirectorError: it is none.
        ControllerError: one of its files is no good; the old director stays.
    """
    if not isinstance(director, Director | None):
        raise DirectorError(f"{actor.name}: expected a Director or None, found {repr(director)[:100]}")
    if director is None:
        actor.directing = None
        return
    controllers = {name: simulation.load(path) for name, path in director.states.items()}
    with simulation.lock:
        actor.directing = Directing(director, director.start, simulation.time, controllers)
        take_over(simulation, actor, controllers[director.start], director.fade, f"director: {director.start}")


def direct(simulation: Simulation, actor: Actor, now: Situation) -> None:
    """Let its director take a transition, at the beginning of a control step."""
    directing = actor.directing
    assert directing is not None
    arrow = directing.next(now)
    if arrow is not None:
        reason = f"director: {arrow.source} -> {arrow.target} ({', '.join(arrow.when)})"
        take_over(simulation, actor, directing.controllers[arrow.target], directing.director.fade, reason)


def replace(simulation: Simulation, old: Controller, new: Controller) -> None:
    """Have a reloaded controller take over wherever the old one is at work or waits in a director's state."""
    for actor in simulation.actors:
        if actor.directing is not None:
            states = actor.directing.controllers
            states.update({name: new for name, controller in states.items() if controller is old})
        if actor.controller is old:
            take_over(simulation, actor, new, None, "reload")

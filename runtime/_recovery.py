"""When numbers break: whose they are, and what the policy `on_error` does about it. Private.

Where characters and things touch, speeds are capped at twice what was ever seen, and that keeps heaps of bodies whole.
Before physics steps are made their starting state is kept (0.4 µs for one character). Where the velocities after them
are not finite, or beyond all bounds, that state is put back, those to whom it happened are dealt with, and the steps
are made again: the rest of the world never notices.

    raise     SimulationError; the world stands at the last good state
    freeze    the character is held where it was, as if made of iron, until it is reset
    reset     the character is put where it was last put
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime import _placing, _snapshot
from runtime._control import NV
from runtime.events import Failed

if TYPE_CHECKING:
    from runtime._actor import Actor
    from runtime._simulation import Simulation
    from runtime.props import Prop

POLICIES = ("raise", "freeze", "reset")
MAX_SPEED_SQUARED = 1e12  # summed squares of all velocities, SI: beyond is no motion but a broken simulation


MAX_SPEED = 60.0
"""rad/s and m/s in any one coordinate; runs, falls and pushes of 170 N·s were seen to reach 31 rad/s and 6 m/s."""


def cap_speeds(velocity: np.ndarray) -> None:
    """Hold characters' velocities [N] within `MAX_SPEED`, where there are things to be touched.

    Bodies in a heap are pressed into each other by 10 cm, and what drives them apart again may spin a leg so fast that
    the integrator, which is explicit in gyroscopic forces, gives it more speed with every step.
    """
    if velocity.dot(velocity) > MAX_SPEED**2 and max(velocity.max(), -velocity.min()) > MAX_SPEED:
        np.clip(velocity, -MAX_SPEED, MAX_SPEED, out=velocity)


class SimulationError(Exception):
    """A network or the physics gave numbers that are not finite. `World.reset` makes the world usable again."""


def recover(simulation: Simulation, good: np.ndarray, again: Callable[[], None]) -> None:
    """Put the state `good` back, deal with whom numbers broke for, and make the steps again.

    Raises:
        SimulationError: by policy, or because it was nobody's.
    """
    for _ in range(1 + len(simulation.actors) + len(simulation.props)):
        broken = _broken(simulation)
        mujoco.mj_setState(simulation.model, simulation.data, good, int(mujoco.mjtState.mjSTATE_INTEGRATION))
        already = _broken(simulation)  # it came in broken: the others only touched it
        characters, props = already if any(already) else broken
        mujoco.mj_step1(simulation.model, simulation.data)
        fail(simulation, characters, props, "physics is not finite any more")
        mujoco.mj_getState(simulation.model, simulation.data, good, int(mujoco.mjtState.mjSTATE_INTEGRATION))
        if simulation.recorder is not None:
            simulation.recorder.physics(simulation.edits)
        again()
        velocity = simulation.data.qvel
        if velocity.dot(velocity) < MAX_SPEED_SQUARED:
            return
    raise SimulationError(f"physics is not finite any more at {simulation.time:.3f} s, whatever is held")


def fail(simulation: Simulation, characters: Sequence[Actor], props: Sequence[Prop], reason: str) -> None:
    """Deal with characters and props that broke down.

    Raises:
        SimulationError: the policy is to raise.
    """
    names = ", ".join(thing.name for thing in (*characters, *props))
    if simulation.on_error == "raise" or not names:
        raise SimulationError(f"{names}: {reason} at {simulation.time:.3f} s")
    snapshot = _snapshot.save(simulation, every_goal=False)
    for prop in props:
        simulation.remove_prop(prop)
    if simulation.on_error == "freeze":
        for character in characters:
            _placing.freeze(simulation, character)
        simulation.settle(set())
        simulation.conductor.regroup()
    else:
        simulation.place(characters)
    for thing in (*characters, *props):
        simulation.happened(Failed(simulation.time, thing.name, reason, snapshot))


def _broken(simulation: Simulation) -> tuple[list[Actor], list[Prop]]:
    """Return whose numbers are not finite or beyond all bounds."""
    qpos, qvel = simulation.data.qpos, simulation.data.qvel

    def bad(position: int, velocity: int, joints: int) -> bool:
        v = qvel[velocity : velocity + 6 + joints]
        with np.errstate(over="ignore", invalid="ignore"):  # that is what is looked for
            slow = v @ v < MAX_SPEED_SQUARED
        return not (slow and np.isfinite(qpos[position : position + 7 + joints]).all())

    slots = [(each, simulation.slots_of(each.name)) for each in simulation.actors]
    places = [(prop, simulation.prop_slots_of(prop)) for prop in simulation.props.values()]
    characters = [each for each, slot in slots if bad(slot.qpos, slot.dof, NV - 6)]
    return characters, [prop for prop, slot in places if bad(slot.qpos, slot.dof, 0)]

"""What happens at the beginning of a control step: who is asked what, who is moved by what, and then the networks.

In this order, for all characters: goals that move by themselves move on by a control step; scripts whose time has come
give goals; directors take transitions; characters are sorted by controller again if any has changed; new goals reach
the networks' inputs; every network runs once; fades blend. What game threads ask for meanwhile (goals) waits in a
queue for the next control step.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from runtime import _asked, _takeover
from runtime._control import ControlGroup, group_actors
from runtime.character import CONTROL_HZ, DEFAULT_POSE, PHYSICS_HZ
from runtime.director import Situation
from runtime.events import Fell, GoalReached, Hit, Landed

if TYPE_CHECKING:
    import mujoco

    from runtime._actor import Actor
    from runtime._simulation import Simulation
    from runtime.controller import Controller
    from runtime.events import Event

REACHED_EVERY = 3  # control steps between looks at whether goals are reached
_HAPPENED = {Fell: "fell", Landed: "landed", Hit: "hit", GoalReached: "reached"}


class Conductor:
    """Asks, directs, and has the networks act."""

    def __init__(self, simulation: Simulation) -> None:
        """Conduct nobody yet."""
        self._simulation = simulation
        self._groups: list[ControlGroup] = []
        self._stale = True
        self._fading = self._hoping = False  # is anybody between two controllers; may any goal yet be reached
        self._asked: deque[tuple[Actor, bool]] = deque()  # whose goal has changed; whether somebody asked for it
        self._ageing: set[Actor] = set()
        self._smoothed: dict[tuple[str, str], np.ndarray] = {}  # goals on their way by name and task, after a restore
        self._pending: set[str] = set()  # names of those whose goal may yet be reached, after a restore

    def regroup(self) -> None:
        """Sort the characters by controller again before they act next."""
        self._stale = True

    def ask(self, actor: Actor, fresh: bool = True) -> None:
        """Hand a character's goal to its network at the next control step; from any thread."""
        self._asked.append((actor, fresh))

    def output_of(self, controller: Controller, actor: Actor) -> np.ndarray | None:
        """The joint targets that a controller gave last for a character, [28] rad; None where it has given none."""
        for group in self._groups:
            if group.controller is controller and actor.name in group.rows:
                return group.output[group.rows[actor.name]].astype(np.float64)
        return None

    def control_step(self, data: mujoco.MjData, steps: int, happened: list[Event]) -> None:
        """Begin a control step: everything up to the joint targets. `happened` are the events of the step before.

        Raises:
            SimulationError: a network gave numbers that are not finite, and the policy is to raise.
        """
        actors, time = self._simulation.actors, steps / PHYSICS_HZ
        if self._ageing:
            self._age()
        for actor in actors:
            if actor.script is not None:
                _asked.follow_script(self._simulation, actor, time)
            if actor.directing is not None:
                self._direct(actor, time, happened)
        if self._stale:
            self._sort(data)
        if self._asked:
            self._hand_over()
        for group in self._groups:
            bad = group.act()
            if bad is not None:
                self._fail(group, bad, data)
        if self._fading:
            self._fade(data)
        if self._hoping and steps // (PHYSICS_HZ // CONTROL_HZ) % REACHED_EVERY == 0:
            self._report(time)

    def record(self) -> dict[str, list]:
        """Return as plain values: goals on their way, and who has a goal that moves or that is not yet reached."""
        names = {actor.name for actor in self._simulation.actors}
        smoothed = {key: vector for key, vector in self._smoothed.items() if self._stale and key[0] in names}
        pending = set(self._pending) if self._stale else set()
        for group in self._groups:
            smoothed |= {(who.name, group.controller.task): group.goal_now(who) for who in group.members}
            pending |= group.pending()
        pending |= {actor.name for actor, fresh in tuple(self._asked) if fresh and actor.name in names}
        return {
            "smoothed": [[*key, vector.tolist()] for key, vector in smoothed.items()],
            "pending": sorted(pending),
            "ageing": sorted(actor.name for actor in self._ageing),
        }

    def restore(self, record: dict[str, list]) -> None:
        """Take over what `record` gave; the simulation's characters are those of then already."""
        self._groups, self._stale = [], True
        self._asked.clear()
        self._smoothed = {(name, task): np.array(vector) for name, task, vector in record["smoothed"]}
        self._pending = set(record["pending"])
        self._ageing = {actor for actor in self._simulation.actors if actor.name in record["ageing"]}
        for actor in self._simulation.actors:
            if actor not in self._ageing:
                self.ask(actor, fresh=False)

    def _age(self) -> None:
        for actor in list(self._ageing):
            if not actor.alive or not _asked.age_goal(self._simulation, actor, 1.0 / CONTROL_HZ):
                self._ageing.discard(actor)

    def _direct(self, actor: Actor, time: float, happened: list[Event]) -> None:
        watch, name = self._simulation.watch, actor.name
        mine = frozenset(_HAPPENED[type(e)] for e in happened if e.character == name and type(e) in _HAPPENED)
        upright = watch.upright(name, self._simulation.steps)
        _takeover.direct(
            self._simulation, actor, Situation(time, mine, watch.fallen(name), watch.airborne(name), upright)
        )

    def _sort(self, data: mujoco.MjData) -> None:
        waiting = {name for group in self._groups for name in group.pending()} | self._pending
        self._groups = group_actors(
            self._simulation.actors, data, self._simulation.slots_of, self._groups, self._smoothed
        )
        for group in self._groups:
            for actor in group.own:
                if actor.name in waiting:
                    group.watch_goal(actor)
        self._smoothed, self._pending, self._stale = {}, set(), False
        self._fading = any(actor.fade is not None for actor in self._simulation.actors)
        self._hoping = bool(waiting)

    def _hand_over(self) -> None:
        while self._asked:
            actor, fresh = self._asked.popleft()
            if not actor.alive:
                continue
            for group in self._groups:
                if actor.name in group.rows:
                    group.set_goal(actor)
                    if fresh and actor in group.own and actor.goal is not None:
                        group.watch_goal(actor)
                        self._hoping = True
            if hasattr(actor.goal, "after"):
                self._ageing.add(actor)

    def _fail(self, group: ControlGroup, bad: np.ndarray, data: mujoco.MjData) -> None:
        """Deal with rows of a group whose joint targets are not finite; the others' are written."""
        own = [group.members[row] for row in bad if row < len(group.own)]
        for row in bad[bad >= len(group.own)]:
            group.members[row].fade = None  # the old controller of a fade: go on with the new one alone
            self._stale = True
        keep = [data.ctrl[self._simulation.servos_of(who.name)].copy() for who in own]
        group.write()
        for who, held in zip(own, keep, strict=True):
            data.ctrl[self._simulation.servos_of(who.name)] = held
        if own:
            self._simulation.fail(own, [], f"joint targets of {group.controller.path} are not finite")

    def _fade(self, data: mujoco.MjData) -> None:
        for actor in self._simulation.actors:
            fade = actor.fade
            if fade is None or actor.frozen:
                continue
            old = None if fade.old is None else self.output_of(fade.old, actor)
            new = DEFAULT_POSE if actor.controller is None else self.output_of(actor.controller, actor)
            if new is not None:
                data.ctrl[self._simulation.servos_of(actor.name)] = fade.blend(old, new)
            fade.done += 1
            if fade.done > fade.steps:
                actor.fade = None
                self._stale = True

    def _report(self, time: float) -> None:
        self._hoping = False
        for group in self._groups:
            for actor in group.reached():
                goal = actor.goal
                if goal is not None:
                    self._simulation.happened(GoalReached(time, actor.name, goal))
            self._hoping |= bool(group.pending())

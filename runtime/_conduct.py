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

from runtime._control import ControlGroup, group_characters
from runtime.character import CONTROL_HZ, DEFAULT_POSE, PHYSICS_HZ
from runtime.director import Situation
from runtime.events import Fell, GoalReached, Hit, Landed

if TYPE_CHECKING:
    import mujoco

    from runtime._asked import Asked
    from runtime._character import Character
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
        self._asked: deque[tuple[Asked, bool]] = deque()  # whose goal has changed; whether somebody asked for it
        self._ageing: set[Asked] = set()
        self._smoothed: dict[tuple[str, str], np.ndarray] = {}  # goals on their way by name and task, after a restore
        self._pending: set[str] = set()  # names of those whose goal may yet be reached, after a restore

    def regroup(self) -> None:
        """Sort the characters by controller again before they act next."""
        self._stale = True

    def ask(self, character: Asked, fresh: bool = True) -> None:
        """Hand a character's goal to its network at the next control step; from any thread."""
        self._asked.append((character, fresh))

    def output_of(self, controller: Controller, character: Character) -> np.ndarray | None:
        """The joint targets that a controller gave last for a character, [28] rad; None where it has given none."""
        for group in self._groups:
            if group.controller is controller and character.name in group.rows:
                return group.output[group.rows[character.name]].astype(np.float64)
        return None

    def control_step(self, data: mujoco.MjData, steps: int, happened: list[Event]) -> None:
        """Begin a control step: everything up to the joint targets. `happened` are the events of the step before.

        Raises:
            SimulationError: a network gave numbers that are not finite, and the policy is to raise.
        """
        characters, time = self._simulation.characters, steps / PHYSICS_HZ
        if self._ageing:
            self._age()
        for character in characters:
            if character.scripted:
                character.follow_script(time)
            if character.directing is not None:
                self._direct(character, time, happened)
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
        names = {character.name for character in self._simulation.characters}
        smoothed = {key: vector for key, vector in self._smoothed.items() if self._stale and key[0] in names}
        pending = set(self._pending) if self._stale else set()
        for group in self._groups:
            smoothed |= {(who.name, group.controller.task): group.goal_now(who) for who in group.members}
            pending |= group.pending()
        pending |= {character.name for character, fresh in tuple(self._asked) if fresh and character.name in names}
        return {
            "smoothed": [[*key, vector.tolist()] for key, vector in smoothed.items()],
            "pending": sorted(pending),
            "ageing": sorted(character.name for character in self._ageing),
        }

    def restore(self, record: dict[str, list]) -> None:
        """Take over what `record` gave; the simulation's characters are those of then already."""
        self._groups, self._stale = [], True
        self._asked.clear()
        self._smoothed = {(name, task): np.array(vector) for name, task, vector in record["smoothed"]}
        self._pending = set(record["pending"])
        self._ageing = {character for character in self._simulation.characters if character.name in record["ageing"]}
        for character in self._simulation.characters:
            if character not in self._ageing:
                self.ask(character, fresh=False)

    def _age(self) -> None:
        for character in list(self._ageing):
            if not character.age_goal(1.0 / CONTROL_HZ):
                self._ageing.discard(character)

    def _direct(self, character: Character, time: float, happened: list[Event]) -> None:
        watch, name = self._simulation.watch, character.name
        mine = frozenset(_HAPPENED[type(e)] for e in happened if e.character == name and type(e) in _HAPPENED)
        upright = watch.upright(name, self._simulation.steps)
        character.direct(Situation(time, mine, watch.fallen(name), watch.airborne(name), upright))

    def _sort(self, data: mujoco.MjData) -> None:
        waiting = {name for group in self._groups for name in group.pending()} | self._pending
        self._groups = group_characters(self._simulation.characters, data, self._groups, self._smoothed)
        for group in self._groups:
            for character in group.own:
                if character.name in waiting:
                    group.watch_goal(character)
        self._smoothed, self._pending, self._stale = {}, set(), False
        self._fading = any(character.fade is not None for character in self._simulation.characters)
        self._hoping = bool(waiting)

    def _hand_over(self) -> None:
        while self._asked:
            character, fresh = self._asked.popleft()
            for group in self._groups:
                if character.name in group.rows:
                    group.set_goal(character)
                    if fresh and character in group.own and character.goal is not None:
                        group.watch_goal(character)
                        self._hoping = True
            if hasattr(character.goal, "after"):
                self._ageing.add(character)

    def _fail(self, group: ControlGroup, bad: np.ndarray, data: mujoco.MjData) -> None:
        """Deal with rows of a group whose joint targets are not finite; the others' are written."""
        own = [group.members[row] for row in bad if row < len(group.own)]
        for row in bad[bad >= len(group.own)]:
            group.members[row].fade = None  # the old controller of a fade: go on with the new one alone
            self._stale = True
        keep = [data.ctrl[who.servos].copy() for who in own]
        group.write()
        for who, held in zip(own, keep, strict=True):
            data.ctrl[who.servos] = held
        if own:
            self._simulation.fail(own, [], f"joint targets of {group.controller.path} are not finite")

    def _fade(self, data: mujoco.MjData) -> None:
        for character in self._simulation.characters:
            fade = character.fade
            if fade is None or character.frozen:
                continue
            old = None if fade.old is None else self.output_of(fade.old, character)
            new = DEFAULT_POSE if character.controller is None else self.output_of(character.controller, character)
            if new is not None:
                data.ctrl[character.servos] = fade.blend(old, new)
            fade.done += 1
            if fade.done > fade.steps:
                character.fade = None
                self._stale = True

    def _report(self, time: float) -> None:
        self._hoping = False
        for group in self._groups:
            for character in group.reached():
                goal = character.goal
                if goal is not None:
                    self._simulation.happened(GoalReached(time, character.name, goal))
            self._hoping |= bool(group.pending())

"""Noticing what happens: falls, landings, hits. Private; the events themselves are in events.py.

Falls and flights are looked for once a control step, all characters at once: heights of heads and roots against their
limits, contacts by their owners. Contact forces are there between mj_step2 and mj_step1 only, so that hits are looked
for then, and only where there is something to be hit by. A blow from a ball is over within one or two physics steps:
with props every physics step is looked at. Characters and obstacles are touched for longer: the last of a control step
stands for all of them, which makes a crowd of a hundred 5 % cheaper.

    control_step ── _falls, _landings, _reports          physics_step ── _blows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import mujoco
import numpy as np

from runtime.character import BODIES, CONTROL_HZ, FALLEN_HEAD, FALLEN_ROOT, PHYSICS_HZ, Slots
from runtime.events import Event, Fell, GotUp, Hit, Landed

MIN_FLIGHT = 0.25  # s; recorded runs leave the ground for up to 0.2 s a step
MIN_IMPULSE = 1.0  # N·s
MAX_OVERLAP = 0.05  # m; two characters put 0.1 m from each other break the physics, 0.2 m apart they do not
APART = 12  # physics steps, 0.1 s, after which a touch has ended
_EDGES = np.arange(4)  # of the friction pyramid of a contact that can slide (condim 3), as all are here
GROUND = -1  # owner of what is neither character, prop nor obstacle
_FEET = [body for body, name in enumerate(BODIES) if name.endswith("foot")]


@dataclass
class Touch:
    """A character and what it touches."""

    impulse: float = 0.0  # N·s so far
    last: int = 0  # physics step
    hardest: float = 0.0  # N
    bodies: Sequence[int] = (0, 0)  # the character's, and the other's if that is one, too
    position: Sequence[float] = (0.0, 0.0, 0.0)
    reported: bool = False


class Watch:
    """Looks at a compiled scene; its memory is by name and outlives a compilation."""

    def __init__(self) -> None:
        """Have nothing to look at yet."""
        self.characters: tuple[str, ...] = ()
        self.clear()
        self.looks_for_hits = False  # at all, and after every physics step
        self.looks_always = False

    def clear(self) -> None:
        """Forget everything that has been seen."""
        self._fallen: dict[str, bool] = {}
        self._flight = np.zeros(len(self.characters), dtype=int)  # control steps without any contact
        self._upright: dict[str, int] = {}  # physics step since when it is not fallen
        self._touches: dict[tuple[str, str], Touch] = {}
        self._low = b""

    def forget(self, name: str, steps: int = 0) -> None:
        """Forget one character or prop, which is somewhere else from physics step `steps` on."""
        for memory in (self._fallen, self._upright):
            memory.pop(name, None)
        if name in self.characters:
            self._flight[self.characters.index(name)] = 0
        self._touches = {pair: touch for pair, touch in self._touches.items() if name not in pair}
        self._low = b""
        self._upright[name] = steps

    def look_at(
        self, model: mujoco.MjModel, slots: dict[str, Slots], props: Sequence[tuple[str, int]], obstacles: Sequence[str]
    ) -> None:
        """Learn who owns which geom.

        Args:
            model: the compiled scene.
            slots: characters by name.
            props: name and geom of each prop in use.
            obstacles: their names.
        """
        flights = dict(zip(self.characters, self._flight.tolist(), strict=True))
        self.characters = tuple(slots)
        self._flight = np.array([flights.get(name, 0) for name in slots], dtype=int)
        self.owners = [*slots, *(name for name, _ in props), *obstacles]
        count, first = len(slots), np.array([slot.body for slot in slots.values()], dtype=int)
        self._owner = np.full(model.ngeom, GROUND)
        self._body = np.zeros(model.ngeom, dtype=int)
        for number, slot in enumerate(slots.values()):
            mine = (model.geom_bodyid >= slot.body) & (model.geom_bodyid < slot.body + len(BODIES))
            self._owner[mine], self._body[mine] = number, model.geom_bodyid[mine] - slot.body
        for number, (_, geom) in enumerate(props):
            self._owner[geom] = count + number
        for number, name in enumerate(obstacles):
            self._owner[model.geom(f"{name}/box").id] = count + len(props) + number
        self._foot = np.isin(self._body, _FEET) & (self._owner >= 0) & (self._owner < count)
        self._obstacle = self._owner >= count + len(props)
        self._heights = np.concatenate([first + BODIES.index("head"), first])
        self._limits = np.repeat([FALLEN_HEAD, FALLEN_ROOT], count)
        self.looks_for_hits = len(self.owners) > 1
        self.looks_always = bool(props)
        self._low = b""

    def fallen(self, name: str) -> bool:
        """Whether a character had fallen at the last control step."""
        return self._fallen.get(name, False)

    def airborne(self, name: str) -> bool:
        """Whether a character touched nothing at the last control step."""
        return name in self.characters and bool(self._flight[self.characters.index(name)])

    def upright(self, name: str, steps: int) -> float:
        """How long a character has not been fallen, s, at a physics step."""
        return 0.0 if self.fallen(name) else (steps - self._upright.get(name, 0)) / PHYSICS_HZ

    def control_step(self, data: mujoco.MjData, steps: int) -> list[Event]:
        """Look at the end of a control step; return what happened in it."""
        if not self.characters:
            return []
        time, events = steps / PHYSICS_HZ, []
        low = data.xpos[self._heights, 2] < self._limits  # [2 N]
        if low.tobytes() != self._low:
            self._low = low.tobytes()
            events += self._falls(low.reshape(2, -1).any(axis=0), steps, time)
        if len(self.owners) == 1 and data.ncon and not self._flight[0]:
            return events  # alone, it can only touch the ground, and did so before
        touching = np.zeros(len(self.owners) + 1, dtype=bool)  # the last is the ground's
        geoms = data.contact.geom  # [contacts, 2]
        touching[self._owner[geoms]] = True
        up = ~touching[: len(self.characters)]
        landed = (self._flight >= MIN_FLIGHT * CONTROL_HZ) & ~up
        if landed.any():
            events += self._landings(np.flatnonzero(landed), geoms, time)
        self._flight = np.where(up, self._flight + 1, 0)
        if self._touches:
            events += self._reports(steps, time)
        return events

    def _falls(self, fallen: np.ndarray, steps: int, time: float) -> Iterator[Event]:
        for name, now in zip(self.characters, fallen.tolist(), strict=True):
            if now != self._fallen.get(name, False):
                self._fallen[name] = now
                self._upright[name] = steps
                yield Fell(time, name) if now else GotUp(time, name)

    def _landings(self, numbers: np.ndarray, geoms: np.ndarray, time: float) -> Iterator[Event]:
        for number in numbers.tolist():
            mine = geoms[self._owner[geoms] == number]
            flight = float(self._flight[number]) / CONTROL_HZ
            yield Landed(time, self.characters[number], flight=flight, body=BODIES[self._body[mine[0]]])

    def overlaps(self, data: mujoco.MjData, names: set[str]) -> list[str]:
        """Say which of the named things have been put deeper than 5 cm into another, and how deep."""
        found: dict[tuple[str, str], float] = {}
        for geoms, distance in zip(data.contact.geom, data.contact.dist, strict=True):
            one, other = sorted(self.owners[owner] if owner > GROUND else "" for owner in self._owner[geoms])
            if one != other and one and other and {one, other} & names and distance < -MAX_OVERLAP:
                found[one, other] = max(found.get((one, other), 0.0), -float(distance))
        return [f"{one} and {other} by {100 * depth:.0f} cm" for (one, other), depth in found.items()]

    def physics_step(self, data: mujoco.MjData, step: int, weight: int = 1) -> None:
        """Look through the contacts of the physics step whose forces are in `data`; it stands for `weight` of them."""
        geoms = data.contact.geom
        rows = np.flatnonzero(geoms[:, 0])  # the ground is geom 0, and comes first in its contacts
        if not len(rows):
            return
        geoms = geoms[rows]
        owner, count = self._owner[geoms], len(self.characters)
        first = owner.min(axis=1)
        hit = (owner[:, 0] != owner[:, 1]) & (first > GROUND) & (first < count)
        hit &= data.contact.efc_address[rows] >= 0  # those that the solver has seen
        hit &= ~(self._foot[geoms].any(axis=1) & self._obstacle[geoms].any(axis=1))
        if hit.any():
            self._blows(data, rows[hit], geoms[hit], step, weight / PHYSICS_HZ)

    def _blows(self, data: mujoco.MjData, rows: np.ndarray, geoms: np.ndarray, step: int, seconds: float) -> None:
        """Add the forces of contacts to the touches of those who share them.

        A contact's four constraint forces along the edges of its friction pyramid sum up to its normal force.
        """
        contacts, names, touches = data.contact, self.owners, self._touches  # views: only what is indexed is read
        forces = data.efc_force[contacts.efc_address[rows][:, None] + _EDGES].sum(axis=1).tolist()
        places, bodies = contacts.pos[rows].tolist(), self._body[geoms].tolist()
        for owners, parts, force, place in zip(self._owner[geoms].tolist(), bodies, forces, places, strict=True):
            one, other = owners
            if one > other:
                one, other = other, one
                parts.reverse()
            pair = names[one], names[other]
            touch = touches.get(pair)
            if touch is None or step - touch.last > APART:
                touch = touches[pair] = Touch()
            touch.impulse += force * seconds
            touch.last = step
            if force >= touch.hardest:
                touch.hardest, touch.bodies, touch.position = force, parts, place

    def _reports(self, steps: int, time: float) -> Iterator[Event]:
        for (name, other), touch in list(self._touches.items()):
            if steps - touch.last > APART:
                del self._touches[name, other]
            elif not touch.reported and touch.impulse >= MIN_IMPULSE:
                touch.reported = True
                x, y, z = touch.position
                first, second = touch.bodies
                yield Hit(time, name, BODIES[first], other, touch.impulse, (x, y, z))
                if other in self.characters:
                    yield Hit(time, other, BODIES[second], name, touch.impulse, (x, y, z))

    def record(self) -> dict[str, Any]:
        """Return what it remembers as plain values."""
        touches = [[*pair, asdict(touch)] for pair, touch in self._touches.items()]
        flights = dict(zip(self.characters, self._flight.tolist(), strict=True))
        return {"fallen": self._fallen, "flight": flights, "upright": self._upright, "touches": touches}

    def restore(self, record: dict[str, Any]) -> None:
        """Remember what `record` gave instead."""
        self.clear()
        self._fallen, self._upright = dict(record["fallen"]), dict(record["upright"])
        self._flight = np.array([int(record["flight"].get(name, 0)) for name in self.characters], dtype=int)
        for name, other, touch in record["touches"]:
            self._touches[name, other] = Touch(**touch)

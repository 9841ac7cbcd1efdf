"""What happens in a world, as small frozen values: drained by `World.events()` or given to `World.on_event`.

Every event carries the world's time at the end of the control step in which it was seen, and the character's name.
How each is told is said at its class; the thresholds are those of `_watch.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.goals import Goal

__all__ = [
    "ControllerChanged", "Event", "Failed", "Fell", "GoalDropped", "GoalReached", "GotUp", "Hit", "Landed",
    "ReloadFailed", "Reloaded", "Removed",
]  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    time: float
    """World time, s."""
    character: str
    """The character's name; empty where it happened to none."""


@dataclass(frozen=True)
class Fell(Event):
    """Its head has come below 0.95 m or its root below 0.55 m."""


@dataclass(frozen=True)
class GotUp(Event):
    """Its head and root are above those heights again."""


@dataclass(frozen=True)
class Landed(Event):
    """It touches something again after at least 0.25 s of flight."""

    flight: float
    """How long it touched nothing, s, in whole control steps."""
    body: str
    """What touched first, one of `runtime.character.BODIES`."""


@dataclass(frozen=True)
class Hit(Event):
    """It was touched by a prop, an obstacle (feet excepted) or another character, and the touch has given 1 N·s.

    A touch ends when the two have been apart for 0.1 s; it is reported once, at the end of the control step in which
    its impulse passed the threshold.
    """

    body: str
    """Which of its bodies was struck hardest."""
    by: str
    """Name of the prop, the obstacle or the other character."""
    impulse: float
    """What the touch had given by then, N·s: the contacts' normal forces summed up over time."""
    position: tuple[float, float, float]
    """Where it was struck hardest, m, world."""


@dataclass(frozen=True)
class GoalReached(Event):
    """It does what its goal asks for (the goal's own `reached`); once for every goal given."""

    goal: Goal


@dataclass(frozen=True)
class GoalDropped(Event):
    """It cannot follow its goal any more and has lost it: it does the default goal of its controller's task."""

    goal: Goal | None
    reason: str
    """What a new controller is for, or what was wrong with a goal that moves by itself."""


@dataclass(frozen=True)
class Removed(Event):
    """It has been taken out of the world; whatever still holds it can only ask for its name and `alive`."""


@dataclass(frozen=True)
class ControllerChanged(Event):
    """Another controller has taken over, by hand or by its director."""

    old: str | None
    """Path of the controller before; None where there was none."""
    new: str | None
    """Path of the controller now."""
    reason: str
    """`set` by hand, `director: walk -> getup (fell)`, `reload`."""


@dataclass(frozen=True)
class Reloaded(Event):
    """A controller's file has changed; the new controller acts from now on for all who had the old one."""

    path: str


@dataclass(frozen=True)
class ReloadFailed(Event):
    """A controller's file is gone or has changed into something that cannot be used; the old controller goes on."""

    path: str
    error: str


@dataclass(frozen=True)
class Failed(Event):
    """A network or the physics gave numbers that are not finite, or beyond all bounds; dealt with by `on_error`."""

    reason: str
    snapshot: bytes
    """`World.save()` of the last good state, to look into what went wrong; without goals that it cannot save."""

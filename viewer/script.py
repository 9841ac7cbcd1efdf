"""Goal scripts: what a character should do at which time, written on a command line.

    0:speed=1.5,dir=0;4:speed=1,dir=90;6:speed=0

Entries are separated by `;`, each a time in s and the settings that change then: `speed` in m/s, `dir` (direction of
travel) and `facing` in degrees of world yaw, 0 along x, 90 along y. What an entry leaves out stays as it was; the
character faces where it travels until `facing` is given, and again after `facing=dir`. Before the first entry it
stands.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from runtime import Steering
from runtime.goals import MAX_SPEED

SETTINGS = ("speed", "dir", "facing")


class ScriptError(ValueError):
    """A goal script that cannot be read; the message quotes the entry and says what was expected."""


@dataclass(frozen=True)
class GoalScript:
    """Goals by time."""

    times: tuple[float, ...]
    """When the goal changes, s, ascending."""
    goals: tuple[Steering, ...]
    """The goal from that time on."""

    def at(self, time: float) -> Steering:
        """The goal at a time, s; at the very time of an entry it is that entry's (to a microsecond)."""
        index = bisect_right(self.times, time + 1e-6)
        return self.goals[index - 1] if index else Steering()


def parse(text: str) -> GoalScript:
    """Read a goal script.

    Raises:
        ScriptError: it is not one.
    """
    times: list[float] = []
    goals: list[Steering] = []
    settings: dict[str, float | None] = {"speed": 0.0, "dir": 0.0, "facing": None}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        when, colon, changes = entry.partition(":")
        if not colon:
            raise ScriptError(f"goal {entry!r}: expected TIME:SETTINGS like 4:speed=1,dir=90, found no colon")
        time = _number(entry, "time", when)
        if time < 0.0:
            raise ScriptError(f"goal {entry!r}: expected a time of at least 0 s, found {time:g}")
        if times and time <= times[-1]:
            raise ScriptError(f"goal {entry!r}: expected a time after {times[-1]:g} s, found {time:g}")
        settings |= _settings(entry, changes)
        times.append(time)
        goals.append(_goal(settings))
    if not times:
        raise ScriptError(f"goals {text!r}: expected entries like 0:speed=1.5,dir=0;4:speed=1,dir=90, found none")
    return GoalScript(tuple(times), tuple(goals))


def _settings(entry: str, changes: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for change in filter(None, (part.strip() for part in changes.split(","))):
        name, equals, value = (part.strip() for part in change.partition("="))
        if name not in SETTINGS:
            raise ScriptError(f"goal {entry!r}: expected one of {', '.join(SETTINGS)}, found {name!r}")
        if not equals:
            raise ScriptError(f"goal {entry!r}: expected {name}=NUMBER, found {change!r}")
        if name in found:
            raise ScriptError(f"goal {entry!r}: expected {name} once, found it twice")
        found[name] = None if (name, value) == ("facing", "dir") else _number(entry, name, value)
    if not found:
        raise ScriptError(f"goal {entry!r}: expected settings like speed=1,dir=90, found none")
    speed = found.get("speed")
    if speed is not None and not 0.0 <= speed <= MAX_SPEED:
        raise ScriptError(f"goal {entry!r}: expected a speed of 0 to {MAX_SPEED:g} m/s, found {speed:g}")
    return found


def _goal(settings: dict[str, float | None]) -> Steering:
    speed, direction, facing = (settings[name] for name in SETTINGS)
    assert speed is not None and direction is not None  # only facing can be left to the direction
    return Steering(speed, math.radians(direction), None if facing is None else math.radians(facing))


def _number(entry: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ScriptError(f"goal {entry!r}: expected a number for {name}, found {value.strip()!r}") from None
    if not math.isfinite(number):
        raise ScriptError(f"goal {entry!r}: expected a finite number for {name}, found {value.strip()!r}")
    return number

"""Goal scripts: what the characters should do at which time, written on a command line.

    0:speed=1.5,dir=0;4:speed=1,dir=90;6:speed=0;7:throw

Entries are separated by `;`, each a time in s and what changes then: `speed` in m/s, `dir` (direction of travel) and
`facing` in degrees of world yaw, 0 along x, 90 along y. What an entry leaves out stays as it was; the character faces
where it travels until `facing` is given, and again after `facing=dir`. Before the first entry it stands. An entry may
also do something once: `throw` a ball at it, drop a `box` on it, `jump`, `getup`, or switch to `controller=2`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from runtime.goals import MAX_SPEED
from viewer.input import Wish

SETTINGS = ("speed", "dir", "facing")
COMMANDS = {"throw": "throw", "box": "box", "jump": "jump", "getup": "get up"}
"""What can be done once, and the command of `actions.COMMANDS` that does it."""


class ScriptError(ValueError):
    """A goal script that cannot be read; the message quotes the entry and says what was expected."""


@dataclass(frozen=True)
class GoalScript:
    """Wishes and commands by time."""

    times: tuple[float, ...]
    """When something changes, s, ascending."""
    wishes: tuple[Wish, ...]
    """What is wished from that time on."""
    commands: tuple[tuple[str, ...], ...]
    """What is done once at that time: names of `actions.COMMANDS`."""

    def at(self, time: float) -> Wish:
        """What is wished at a time, s; at the very time of an entry it is that entry's (to a microsecond)."""
        index = bisect_right(self.times, time + 1e-6)
        return self.wishes[index - 1] if index else Wish()


def parse(text: str) -> GoalScript:
    """Read a goal script.

    Raises:
        ScriptError: it is not one.
    """
    times: list[float] = []
    wishes: list[Wish] = []
    commands: list[tuple[str, ...]] = []
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
        parts = [part for part in (part.strip() for part in changes.split(",")) if part]
        done = [command for command in map(lambda part: _command(entry, part), parts) if command]
        changed = _settings(entry, [part for part in parts if not _command(entry, part)])
        if not done and not changed:
            raise ScriptError(f"goal {entry!r}: expected settings like speed=1,dir=90, found none")
        settings |= changed
        times.append(time)
        wishes.append(_wish(settings))
        commands.append(tuple(done))
    if not times:
        raise ScriptError(f"goals {text!r}: expected entries like 0:speed=1.5,dir=0;4:speed=1,dir=90, found none")
    return GoalScript(tuple(times), tuple(wishes), tuple(commands))


def _command(entry: str, part: str) -> str:
    """The command that a part of an entry gives, empty if it is a setting."""
    name, equals, value = (side.strip() for side in part.partition("="))
    if not equals and name in COMMANDS:
        return COMMANDS[name]
    if name == "controller":
        if value not in tuple("123456789"):
            raise ScriptError(f"goal {entry!r}: expected controller=1 to 9, found {part!r}")
        return f"controller {value}"
    return ""


def _settings(entry: str, parts: list[str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for change in parts:
        name, equals, value = (part.strip() for part in change.partition("="))
        if name not in SETTINGS:
            expected = ", ".join((*SETTINGS, "controller", *COMMANDS))
            raise ScriptError(f"goal {entry!r}: expected one of {expected}, found {name!r}")
        if not equals:
            raise ScriptError(f"goal {entry!r}: expected {name}=NUMBER, found {change!r}")
        if name in found:
            raise ScriptError(f"goal {entry!r}: expected {name} once, found it twice")
        found[name] = None if (name, value) == ("facing", "dir") else _number(entry, name, value)
    speed = found.get("speed")
    if speed is not None and not 0.0 <= speed <= MAX_SPEED:
        raise ScriptError(f"goal {entry!r}: expected a speed of 0 to {MAX_SPEED:g} m/s, found {speed:g}")
    return found


def _wish(settings: dict[str, float | None]) -> Wish:
    speed, direction, facing = (settings[name] for name in SETTINGS)
    assert speed is not None and direction is not None  # only facing can be left to the direction
    return Wish(speed, math.radians(direction), None if facing is None else math.radians(facing))


def _number(entry: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ScriptError(f"goal {entry!r}: expected a number for {name}, found {value.strip()!r}") from None
    if not math.isfinite(number):
        raise ScriptError(f"goal {entry!r}: expected a finite number for {name}, found {value.strip()!r}")
    return number

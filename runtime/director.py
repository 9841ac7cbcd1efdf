"""Which controller moves a character, and when it hands over to another: a small state machine that you write down.

    Director(
        states={"walk": "steering", "jump": "jump", "getup": "mine/getup.onnx"},
        start="walk",
        transitions=(
            Transition("walk", "jump", "goal:jump"),
            Transition("jump", "walk", ("landed", "upright")),
            Transition("*", "getup", "fell"),
            Transition("getup", "walk", "upright:0.5"),
        ),
    )

A state is a controller (None holds the default pose), a transition an arrow between two of them with its conditions.
At the beginning of every control step the first transition that starts in the character's state and whose conditions
all hold is taken, at most one; joint targets are cross-faded. While a character has a director, each task keeps its
own goal: after a jump the steering goal from before it is in force again.

Conditions, `NAME` or `NAME:NUMBER`:

    fell, landed, hit      happened in the last control step (see `runtime.events`)
    reached                the goal was reached in the last control step
    fallen, airborne       is so now
    upright[:S]            has not been fallen for S seconds (0)
    after:S                has been in its state for S seconds
    goal:TASK              a goal of that task was given within the last 0.5 s and has led to no transition yet: a
                           button pressed a moment too early still counts
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from runtime import tasks
from runtime.goals import SCHEMAS

if TYPE_CHECKING:
    from runtime.controller import Controller

BUFFERED = 0.5  # s that a goal given waits for a transition
_PLAIN = ("fell", "landed", "hit", "reached", "fallen", "airborne")
ANY = "*"


class DirectorError(ValueError):
    """A director that cannot work; the message lists everything wrong with it."""


@dataclass(frozen=True)
class Transition:
    """An arrow between two states."""

    source: str
    """The state it starts in; `*` is every state but the target."""
    target: str
    when: tuple[str, ...]
    """Conditions that must all hold; one may be given as a plain string."""

    def __post_init__(self) -> None:
        """Make a tuple of a single condition."""
        object.__setattr__(self, "when", (self.when,) if isinstance(self.when, str) else tuple(self.when))


@dataclass(frozen=True)
class Director:
    """States, where to start, and what leads from one to another.

    Raises:
        DirectorError: a state is not there, a condition means nothing.
    """

    states: Mapping[str, str | None]
    """By the state's name its controller: a file's path, or the name of a shipped one."""
    start: str
    transitions: tuple[Transition, ...] = field(default=())
    fade: float | None = None
    """How long a transition takes, s; None: the world's `fade`."""

    def __post_init__(self) -> None:
        """Check everything."""
        states = {name: None if path is None else str(path) for name, path in self.states.items()}
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "transitions", tuple(self.transitions))
        problems = [] if self.start in states else [f"start: expected one of {list(states)}, found {self.start!r}"]
        for number, arrow in enumerate(self.transitions):
            where = f"transition {number} ({arrow.source} -> {arrow.target})"
            problems += [f"{where}: no state {name!r}" for name in {arrow.source, arrow.target} - {ANY, *states}]
            problems += [f"{where}: {problem}" for problem in map(_problem, arrow.when) if problem]
            problems += [f"{where}: no condition"] if not arrow.when else []
            problems += [f"{where}: a target is one state"] if arrow.target == ANY else []
        if self.fade is not None and not 0.0 <= self.fade <= 10.0:
            problems.append(f"fade: expected 0 to 10 s, found {self.fade}")
        if problems:
            raise DirectorError("director: " + "; ".join(problems))

    def record(self) -> dict[str, Any]:
        """Return it as plain values."""
        arrows = [[arrow.source, arrow.target, list(arrow.when)] for arrow in self.transitions]
        return {"states": dict(self.states), "start": self.start, "transitions": arrows, "fade": self.fade}

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Make a director of what `record` gave.

        Raises:
            DirectorError: it is none.
        """
        try:
            arrows = tuple(Transition(*arrow) for arrow in record["transitions"])  # type: ignore[index]
            return cls(record["states"], record["start"], arrows, record.get("fade"))  # type: ignore[index]
        except (TypeError, KeyError, AttributeError) as error:
            raise DirectorError(f"director: expected states, start, transitions and fade, found {error!r}") from error

    def to_json(self) -> str:
        """Return it as JSON, for a file."""
        return json.dumps(self.record(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            DirectorError: it is none.
        """
        try:
            return cls.from_record(json.loads(text))
        except json.JSONDecodeError as error:
            raise DirectorError(f"director: expected JSON, found {error}") from error


@dataclass(frozen=True)
class Situation:
    """What a director is told of its character at the beginning of a control step."""

    time: float  # s
    happened: frozenset[str]
    """Which of fell, landed, hit and reached happened in the last control step."""
    fallen: bool
    airborne: bool
    upright: float
    """How long it has not been fallen, s."""


class Directing:
    """A director at work on one character."""

    def __init__(
        self, director: Director, state: str, since: float, controllers: Mapping[str, Controller | None]
    ) -> None:
        """Begin in a state at a time, s; `controllers` are those of the states, loaded."""
        self.director = director
        self.controllers = dict(controllers)
        self.state, self.since = state, since
        self.given: dict[str, float] = {}  # when a goal of each task was given last, s, if no transition followed

    def next(self, now: Situation) -> Transition | None:
        """Return the transition to take, taken already; None to stay."""
        self.given = {task: time for task, time in self.given.items() if now.time - time <= BUFFERED}
        for arrow in self.director.transitions:
            if self.state == arrow.source or (arrow.source == ANY and self.state != arrow.target):
                if all(self._holds(condition, now) for condition in arrow.when):
                    for condition in arrow.when:
                        self.given.pop(condition.removeprefix("goal:"), None)
                    self.state, self.since = arrow.target, now.time
                    return arrow
        return None

    def _holds(self, condition: str, now: Situation) -> bool:
        name, _, argument = condition.partition(":")
        if name == "goal":
            return argument in self.given
        if name == "after":
            return now.time - self.since >= float(argument) - 1e-9
        if name == "upright":
            return not now.fallen and now.upright >= float(argument or 0.0) - 1e-9
        if name in ("fallen", "airborne"):
            return getattr(now, name)
        return name in now.happened


def _problem(condition: object) -> str | None:
    """Return what is wrong with a condition."""
    name, colon, argument = condition.partition(":") if isinstance(condition, str) else ("", "", "")
    if name == "goal" and (argument in SCHEMAS or tasks.find(argument)):
        return None
    if name in _PLAIN and not colon:
        return None
    if (name == "upright" and not colon) or (name in ("upright", "after") and _is_time(argument)):
        return None
    known = ", ".join([*_PLAIN, "upright", "upright:S", "after:S", "goal:TASK"])
    return f"condition {condition!r}: expected one of {known}, S seconds, TASK of {', '.join(sorted(SCHEMAS))}"


def _is_time(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and float(text) >= 0.0
    except ValueError:
        return False

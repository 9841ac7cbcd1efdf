"""How often do characters fall when their controllers are switched, against when they are not? Part of the benchmark.

Forty characters, far from each other, follow random goals; every 1.5 s each is switched to the other controller. The
same goals are followed without switching by either controller alone. Or (`among`) each goes through a round of
steering, jumping, steering and the controller that gets up, which has nothing to do for one who stands; alone, steering
and the jumper do all of that but the last. Private.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.character import CONTROL_HZ
from runtime.events import Fell
from runtime.goals import Jump, Steering
from runtime.handle import Character
from runtime.world import World

CHARACTERS, SECONDS = 40, 20.0
FADES = (0.0, 0.1, 0.2, 0.4, 0.8)  # s
_SPACING = 20.0  # m
_GOAL_STEPS, _SWITCH_STEPS = 60, 45  # control steps between goals, between switches
_LOOK_STEPS = 10  # control steps after which the fallen are put up again


def switching(controller: Path | str, other: Path | str) -> list[dict[str, float | str]]:
    """Count switches and falls: either controller alone, then both in turn with each of `FADES`."""
    rows: list[dict[str, float | str]] = []
    for label, pair in (("first alone", (controller, controller)), ("second alone", (other, other))):
        rows.append({"case": label, "fade": 0.0, **_run(pair, 0.0)})
    for fade in FADES:
        rows.append({"case": "in turn", "fade": fade, **_run((controller, other), fade)})
    return rows


ROUND = (("steering", 90), ("jump", 75), ("steering", 60), ("getup", 60))  # control steps of each
_TAKE_OFF = 15  # control steps from the switch to the jumper until a jump is commanded


def among(steering: Path | str, jump: Path | str, getup: Path | str) -> list[dict[str, float | str]]:
    """Count switches and falls of a crowd in turn, and of the same goals by steering and by the jumper alone."""
    files = {"steering": steering, "jump": jump, "getup": getup}
    cases: dict[str, Sequence[str]] = {
        "steering alone": ("steering",), "jump alone": ("jump",), "steering, jump and getup in turn": tuple(files),
    }  # fmt: skip
    return [{"case": case, "fade": 0.2, **_among(files, names)} for case, names in cases.items()]


def _among(files: dict[str, Path | str], names: Sequence[str]) -> dict[str, float]:
    """Run the crowd once; who has one controller alone keeps it in every part of the round."""
    world, rng = World(on_error="reset"), np.random.default_rng(0)
    crowd = _crowd(world, files[names[0]])
    length, switches, falls, jumps = sum(steps for _, steps in ROUND), 0, 0, 0
    asked = [(0.0, 0.0)] * CHARACTERS
    for step in range(round(SECONDS * CONTROL_HZ)):
        for number, character in enumerate(crowd):
            part, since = _part((step + 7 * number) % length)
            name = part if part in names else names[0]
            if since == 0:
                speed = 0.0 if part == "getup" else float(rng.uniform(0.0, 2.0))
                asked[number] = (speed, float(rng.uniform(-math.pi, math.pi)))
            if (since == 0 and step > 0) and len(names) > 1:
                character.controller = files[name]
                switches += 1
            if since in (0, _TAKE_OFF) and name != "getup":
                jumping = part == "jump" and since == _TAKE_OFF and name == "jump"
                jumps += jumping
                apex = float(rng.uniform(0.1, 0.4)) if part == "jump" and since == _TAKE_OFF else 0.0
                character.goal = (
                    Jump(*asked[number], apex=apex if jumping else 0.0) if name == "jump" else Steering(*asked[number])
                )
        falls += _step(world, step)
    return {"switches": switches, "jumps": jumps, "falls": falls, "falls_a_minute": _a_minute(falls)}


def _part(step: int) -> tuple[str, int]:
    """Which part of the round a step belongs to, and how long it has lasted by then."""
    for name, steps in ROUND:
        if step < steps:
            return name, step
        step -= steps
    raise AssertionError


def _run(pair: tuple[Path | str, Path | str], fade: float) -> dict[str, float]:
    """Run the crowd once; the same goals whatever the controllers."""
    world, rng = World(fade=fade, on_error="reset"), np.random.default_rng(0)
    crowd = _crowd(world, pair[0])
    turns, switches, falls = [0] * CHARACTERS, 0, 0
    for step in range(round(SECONDS * CONTROL_HZ)):
        for number, character in enumerate(crowd):
            if (step + 7 * number) % _GOAL_STEPS == 0:
                character.goal = Steering(float(rng.uniform(0.0, 3.0)), float(rng.uniform(-math.pi, math.pi)))
            if step > CONTROL_HZ and (step + 5 * number) % _SWITCH_STEPS == 0 and pair[0] != pair[1]:
                turns[number] += 1
                switches += 1
                character.controller = pair[turns[number] % 2]
        falls += _step(world, step)
    return {"switches": switches, "falls": falls, "falls_a_minute": _a_minute(falls)}


def _crowd(world: World, controller: Path | str) -> list[Character]:
    """Put the characters into the world, each with the controller and far from the others."""
    side = math.isqrt(CHARACTERS - 1) + 1
    return [
        world.add_character(controller, (_SPACING * (number % side), _SPACING * (number // side)))
        for number in range(CHARACTERS)
    ]


def _step(world: World, step: int) -> int:
    """Let a control step pass, put the fallen up again now and then; returns how many fell."""
    world.step()
    falls = sum(isinstance(event, Fell) for event in world.events())
    if step % _LOOK_STEPS == 0:
        for character in world.characters:
            if character.fallen:
                character.reset()
    return falls


def _a_minute(falls: int) -> float:
    return 60.0 * falls / (CHARACTERS * SECONDS)

"""What the display says of a stage: the controller, and for its goal what is wanted and had."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime import Dodgeball, Jump, Location, Speed, Steering
from runtime.character import DEFAULT_HEIGHT, State, rotate
from runtime.goals import MAX_SPEED, Goal
from viewer.hud import Row, Status

if TYPE_CHECKING:
    from viewer.stage import Stage

_SHOWN_SPEED = 4.0  # m/s, the bar's full length unless more is wanted
_SHOWN_DISTANCE = 6.0  # m
_SHOWN_RISE = 0.5  # m


def status(stage: Stage) -> Status:
    """What to tell of the stage's lead character now."""
    world, lead = stage.world, stage.lead
    character = world.characters[lead]
    controller = character.controller
    who = (
        ""
        if len(world.characters) == 1
        else f"everyone · {character.name}"
        if stage.selected is None
        else character.name
    )
    detail = f"{controller.task} · {_short(controller.path)}" if controller else "no controller"
    if len(stage.files) > 1 and controller and controller.path in stage.files:
        detail += f" · {stage.files.index(controller.path) + 1} of {len(stage.files)}"
    return Status(
        controller=controller.path.stem if controller else "default pose",
        detail=f"{who} · {detail}" if who else detail,
        time=world.time,
        rows=goal_rows(character.goal, character.state, stage.velocity[lead]),
        naturalness=None if stage.meter is None else stage.meter.values,
    )


def goal_rows(goal: Goal | None, state: State, velocity: np.ndarray) -> tuple[Row, ...]:
    """What a goal wants against what a character has.

    Args:
        goal: the character's.
        state: the character's.
        velocity: over ground, averaged over a stride, [2] m/s.
    """
    speed = float(np.linalg.norm(velocity))
    if isinstance(goal, Steering):
        facing = goal.direction if goal.facing is None else goal.facing
        return _speed_row(speed, goal.speed), _heading_row(state, facing)
    if isinstance(goal, Speed):
        return _speed_row(speed, goal.speed), _heading_row(state, goal.direction)
    if isinstance(goal, Jump):
        rise = max(float(state.root_position[2]) - DEFAULT_HEIGHT, 0.0)
        wanted = f"wanted {100.0 * goal.apex:.0f}" if goal.apex > 0.0 else "Space jumps"
        tick = goal.apex / _SHOWN_RISE if goal.apex > 0.0 else None
        return _speed_row(speed, goal.speed), Row(f"{100.0 * rise:.0f}", "cm up", wanted, rise / _SHOWN_RISE, tick)
    if isinstance(goal, Location):
        away = math.dist(state.root_position[:2], (goal.x, goal.y))
        return (Row(f"{away:.1f}", "m to go", "wanted 0", away / _SHOWN_DISTANCE, 0.0),)
    if isinstance(goal, Dodgeball) and goal.ball_position[2] > 0.0:
        away = math.dist(state.root_position, goal.ball_position)
        return (Row(f"{away:.1f}", "m to the ball", "", away / _SHOWN_DISTANCE),)
    return (Row(f"{speed:.1f}", "m/s", "", speed / _SHOWN_SPEED),)


def yaw_of(state: State) -> float:
    """Where a character looks: rad, world yaw of its root's forward axis."""
    x, y, _ = rotate(state.root_rotation, np.array([1.0, 0.0, 0.0]))
    return math.atan2(y, x)


def _short(path: Path) -> Path:
    """A path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _speed_row(had: float, wanted: float) -> Row:
    full = MAX_SPEED if max(wanted, had) > _SHOWN_SPEED else _SHOWN_SPEED
    return Row(f"{had:.1f}", "m/s", f"wanted {wanted:.1f}", had / full, wanted / full)


def _heading_row(state: State, wanted: float) -> Row:
    """How far off the wanted facing it looks; the bar is full at half a turn."""
    off = math.degrees(abs(math.remainder(yaw_of(state) - wanted, 2.0 * math.pi)))
    return Row(f"{off:.0f}°", "off its heading", "", off / 180.0)

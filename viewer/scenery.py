"""From a stage to a picture: characters, things, and what is wanted, drawn where it is wanted.

A direction and speed are an arrow around the character's feet; a point to go to a target on the ground; a jump a ring
at the height that the root is to reach; a ball that comes a streak on the ground to where it will be,
with a ring there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime import Jump, Location, Speed, Steering
from runtime.character import DEFAULT_HEIGHT
from runtime.goals import Goal
from viewer.scene import BALL, BOX, COLORS, GOAL, Decal, Marker, Prop, Scene

if TYPE_CHECKING:
    from viewer.stage import Stage

GRAVITY = 9.81  # m/s²
_CROWD = 8  # characters from which their marks get fainter
_ALERT = np.array([0.72, 0.05, 0.03])  # linear RGB, what comes flying
_HORIZON = 1.2  # s that a ball is looked ahead
CONTACTS = 200  # drawn at most


def scene(stage: Stage) -> Scene:
    """What to draw of a stage now."""
    world = stage.world
    position, rotation = world.render_poses()
    steered, markers = set(stage.steered), []
    props = [_prop(prop.shape, prop.size, *prop.render_pose()) for prop in world.props]
    props += [_prop("box", o.size, o.position, _yaw(o.heading)) for o in world.obstacles]
    decals = stage.trails.decals(world.time) if stage.show_trails else []
    for index, character in enumerate(world.characters):
        goal = character.goal
        if goal is None or index not in steered:
            continue
        strength = 1.0 if len(steered) < _CROWD else 0.45
        markers += _marker(goal, position[index, 0, :2], index, strength)
        decals += _ground_marks(goal, index)
        props += _air_marks(goal, position[index, 0])
    decals += _incoming((p.state[0], p.state[2]) for p in world.props if p.shape == "ball")
    if stage.show_contacts:
        decals += contacts(world.model, world.data)
    if stage.grab is not None:
        props += string(stage.grab.point(world.data), stage.grab.target)
    return Scene(position, rotation, markers, props, decals)


def _prop(shape: str, size: np.ndarray, position: np.ndarray, rotation: np.ndarray) -> Prop:
    if shape == "ball":
        return Prop("ball", position, size, BALL, rotation)
    return Prop("box", position, size, BOX, rotation)


def _yaw(heading: float) -> np.ndarray:
    return np.array([math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading)])


def _marker(goal: Goal, place: np.ndarray, owner: int, strength: float) -> list[Marker]:
    if isinstance(goal, Steering | Jump):
        facing = goal.direction if goal.facing is None else goal.facing
        return [Marker(place, goal.speed, goal.direction, facing, owner, strength)]
    if isinstance(goal, Speed):
        return [Marker(place, goal.speed, goal.direction, goal.direction, owner, strength)]
    return []


def _ground_marks(goal: Goal, owner: int) -> list[Decal]:
    """A target: a disc in a ring."""
    if not isinstance(goal, Location):
        return []
    at, color = np.array([goal.x, goal.y]), COLORS[owner % len(COLORS)]
    return [
        Decal(at, at, color, 0.9, 0.02, ring=0.45),
        Decal(at, at, color, 0.35, 0.34),
        Decal(at, at, color, 0.95, 0.09),
    ]


def _air_marks(goal: Goal, root: np.ndarray) -> list[Prop]:
    """The height that a jump is to reach: a ring around the character where its root should come."""
    if not isinstance(goal, Jump) or goal.apex <= 0.0:
        return []
    height = DEFAULT_HEIGHT + goal.apex
    return [Prop("ring", np.array([root[0], root[1], height]), np.full(3, 0.42), GOAL, solid=False)]


def _incoming(balls: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[Decal]:
    """Where balls in flight will be over the ground: a streak, and a ring at its end."""
    marks = []
    for position, velocity in balls:
        speed = float(np.linalg.norm(velocity[:2]))
        fall = velocity[2] + math.sqrt(max(velocity[2] ** 2 + 2.0 * GRAVITY * max(position[2], 0.0), 0.0))
        ahead = min(fall / GRAVITY, _HORIZON)
        if position[2] < 0.2 or speed * ahead < 0.5:  # it rolls, or drops
            continue
        end = position[:2] + velocity[:2] * ahead
        marks += [Decal(position[:2], end, _ALERT, 0.5, 0.03), Decal(end, end, _ALERT, 0.8, 0.02, ring=0.16)]
    return marks


def contacts(model: mujoco.MjModel, data: mujoco.MjData) -> list[Decal]:
    """Where the ground is touched."""
    ground = (data.contact.dist < 0.0) & (model.geom_bodyid[data.contact.geom] == 0).any(axis=1)
    points = data.contact.pos[ground][:CONTACTS, :2]
    return [Decal(point, point, GOAL, 0.9, 0.022, softness=0.006) for point in points]


def string(start: np.ndarray, end: np.ndarray, color: np.ndarray = GOAL) -> list[Prop]:
    """A taut string from `start` to `end` [3] m with a bead where it is pulled."""
    way = end - start
    length = float(np.linalg.norm(way))
    bead = Prop("ball", end, np.full(3, 0.025), color, solid=False)
    if length < 0.01:
        return [bead]
    # the shortest turn from x to the string's direction: w = 1 + cos, v = x cross direction, normalised
    unit = way / length
    turn = np.array([1.0 + unit[0], 0.0, -unit[2], unit[1]])
    turn = turn / np.linalg.norm(turn) if unit[0] > -0.9999 else np.array([0.0, 0.0, 0.0, 1.0])
    return [bead, Prop("box", 0.5 * (start + end), np.array([0.5 * length, 0.006, 0.006]), color, turn, solid=False)]

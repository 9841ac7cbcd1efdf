"""Where a character stands: put at its start, or held where it broke down. Private."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime._actor import Actor
from runtime._control import NB, NQ, NU, NV
from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE, rotate
from runtime.props import finite_vector

if TYPE_CHECKING:
    from runtime._simulation import Simulation

STANDING = np.array([0.0, 0.0, DEFAULT_HEIGHT, 1.0, 0.0, 0.0, 0.0, *DEFAULT_POSE]), np.zeros(NV)
"""qpos [35] and qvel [34] of standing at the origin, at rest, looking along x."""


def write_placement(simulation: Simulation, actor: Actor, data: mujoco.MjData) -> None:
    """Write an actor's start into `data`: its controller's, else standing; servos hold the pose."""
    actor.frozen_pose, actor.fade, actor.placed = None, None, simulation.steps
    slots, (position, heading) = simulation.slots_of(actor.name), actor.placement
    q, d, b = slots.qpos, slots.dof, slots.body
    start = STANDING if actor.controller is None or actor.controller.start is None else actor.controller.start
    qpos, qvel = turned(*start, heading)
    data.qpos[q : q + NQ] = qpos
    data.qpos[q : q + 2] += position
    data.ctrl[slots.ctrl : slots.ctrl + NU] = qpos[7:]
    data.qvel[d : d + NV] = qvel
    data.qacc_warmstart[d : d + NV] = 0.0
    data.xfrc_applied[b : b + NB] = 0.0


def freeze(simulation: Simulation, actor: Actor) -> None:
    """Hold an actor from now on where it was last in one piece."""
    data, slots, frame = simulation.data, simulation.slots_of(actor.name), simulation.current()
    whole = slice(slots.qpos, slots.qpos + NQ)
    poses = [pose for pose in (data.qpos[whole], frame.qpos[whole]) if np.isfinite(pose).all()]
    pose = poses[0].copy() if poses else None
    if pose is None:
        write_placement(simulation, actor, data)
        pose = data.qpos[whole].copy()
    actor.frozen_pose, actor.fade = pose, None
    data.ctrl[simulation.servos_of(actor.name)] = pose[7:]
    data.xfrc_applied[slots.body : slots.body + NB] = 0.0
    hold(simulation, actor, data)


def hold(simulation: Simulation, actor: Actor, data: mujoco.MjData) -> None:
    """Put an actor back where it is frozen, at rest."""
    slots = simulation.slots_of(actor.name)
    data.qpos[slots.qpos : slots.qpos + NQ] = actor.frozen_pose
    for array in (data.qvel, data.qacc_warmstart):
        array[slots.dof : slots.dof + NV] = 0.0


def checked_placement(position: Sequence[float], heading: float) -> tuple[tuple[float, float], float]:
    """Return a place on the ground as floats: (x, y) m and yaw rad; raises ValueError where one is not finite."""
    x, y = finite_vector("position", position, 2)
    if not math.isfinite(heading):
        raise ValueError(f"heading: expected a finite angle, found {heading!r}")
    return (float(x), float(y)), float(heading)


def turned(qpos: np.ndarray, qvel: np.ndarray, heading: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn a state, qpos [35] and qvel [34], by `heading` (rad) about the vertical through the origin."""
    turn, attitude = np.array([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)]), np.empty(4)
    mujoco.mju_mulQuat(attitude, turn, qpos[3:7])
    return (
        np.concatenate((rotate(turn, qpos[:3]), attitude, qpos[7:])),
        np.concatenate((rotate(turn, qvel[:3]), qvel[3:])),
    )

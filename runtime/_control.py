"""Who is moved by which network: gathering states, running each network once a control step, writing joint targets.

Characters that share a controller form a `ControlGroup`: one batch. Its inputs are float32 arrays bound to the
network; their sources are views of MuJoCo's own arrays, made once per compilation where the characters lie at even
distances (always, unless controllers are mixed at random), so that gathering is eight copies whatever the batch.

When a character's controller changes, a `Fade` runs both for a while: the character sits in its old controller's
batch as a guest, and its joint targets go from the one's to the other's along a smooth step. Both react to what
happens meanwhile, so that a push during a fade finds two policies and not a frozen pose.

Goals may be smoothed: a vector moves towards the wanted one by its character's half-life. Columns in pairs that make a
unit vector (`facing_x`, `facing_y`) turn along the shorter arc instead of passing through the middle.

    Control.act ── ControlGroup.act (gather, smooth, Batch.run, write) ── Fade blends
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime.character import BODIES, CONTROL_HZ, DEFAULT_POSE, Slots, State
from runtime.goal_records import GOALS
from runtime.goals import SCHEMAS

if TYPE_CHECKING:
    from runtime._actor import Actor
    from runtime.controller import Controller

NQ, NV, NB, NU = 7 + len(DEFAULT_POSE), 6 + len(DEFAULT_POSE), len(BODIES), len(DEFAULT_POSE)
"""How many positions, velocities, bodies and servos a character has."""


@dataclass
class Fade:
    """A character's way from one controller to another."""

    old: Controller | None
    """What moved it before; None: the joint targets that were held."""
    held: np.ndarray
    """What the old one is to start from, [28] rad: where there is no old one the joint targets at the moment of the
    change, else what they were beyond its own (not 0 where the last fade was not over yet)."""
    steps: int
    """How many control steps the old one still has a share in."""
    done: int = 0
    """How many of them are over."""

    def blend(self, old: np.ndarray | None, new: np.ndarray) -> np.ndarray:
        """Return the joint targets of this control step, [28] rad, of the old and the new controller's."""
        x = (self.done + 1) / (self.steps + 1)
        share = x * x * (3.0 - 2.0 * x)
        start = self.held if old is None else old + self.held
        return start + share * (new - start)


class ControlGroup:
    """The characters that a controller acts for: its own, and guests that fade away from it."""

    def __init__(
        self,
        controller: Controller,
        own: Sequence[Actor],
        guests: Sequence[Actor],
        data: mujoco.MjData,
        slots_of: Callable[[str], Slots],
        known: Mapping[tuple[str, str], np.ndarray],
    ) -> None:
        """Bind the batch.

        `slots_of` tells where a character lies in `data`; `known` holds smoothed goals by name and task, of those who
        have one already.
        """
        self.controller = controller
        self.own, self.members = tuple(own), (*own, *guests)
        self.rows = {actor.name: row for row, actor in enumerate(self.members)}
        self.batch = controller.batch(len(self.members))
        self.output = self.batch.output
        self._states = State(**{name: array for name, array in self.batch.inputs.items() if name != "goal"})
        self._wanted = np.zeros(self.batch.inputs["goal"].shape)  # [N, G]
        self._goals = self._wanted.copy()  # on their way to the wanted ones
        self._keep = np.zeros((len(self.members), 1))  # share of the way left after a control step
        self._moving = False
        self._given = np.zeros(len(self.members), dtype=bool)  # [N] who has a goal vector already
        self._pending: np.ndarray | None = None  # [N] whose goal may yet be reached; None: nobody's
        self._reached = getattr(GOALS.get(controller.task), "reached", None)
        self._arcs = _unit_vectors(controller.task)
        slots = [slots_of(actor.name) for actor in self.members]
        self._fill = [(self.batch.inputs[name], *source) for name, source in _sources(data, slots).items()]
        own_slots = slots[: len(self.own)]
        self._target, self._index = _rows(data.ctrl, [slot.ctrl for slot in own_slots], NU) if own else (None, None)
        for actor in self.members:
            self.set_goal(actor, known.get((actor.name, controller.task)))

    def set_goal(self, actor: Actor, now: np.ndarray | None = None) -> None:
        """Take over a character's goal; with a half-life it is approached from `now`, or from the goal before."""
        row, task = self.rows[actor.name], self.controller.task
        wanted, half_life = actor.vector_for(task), actor.half_life
        self._wanted[row] = wanted
        if now is not None:
            self._goals[row] = now
        smoothed = half_life > 0.0 and (now is not None or self._given[row])
        self._keep[row] = 0.5 ** (1.0 / (half_life * CONTROL_HZ)) if smoothed else 0.0
        if not smoothed:
            self._goals[row] = wanted
        self._given[row] = True
        self._moving |= smoothed
        self.batch.inputs["goal"][row] = self._goals[row]

    def watch_goal(self, actor: Actor) -> None:
        """Look out for the character's goal being reached."""
        if self._reached is not None:
            if self._pending is None:
                self._pending = np.zeros(len(self.members), dtype=bool)
            self._pending[self.rows[actor.name]] = True

    def goal_now(self, actor: Actor) -> np.ndarray:
        """The goal vector as the network sees it, [G]."""
        return self._goals[self.rows[actor.name]].copy()

    def act(self) -> np.ndarray | None:
        """Compute joint targets and write those of its own characters.

        Returns:
            None, or the rows whose targets are not finite; then nothing is written.
        """
        for target, source, index in self._fill:
            target[...] = source if index is None else source[index]
        if self._moving:
            self._smooth()
        self.batch.run()
        if not math.isfinite(self.output.sum()):  # targets are bounded: only NaN or infinity make it otherwise
            return np.flatnonzero(~np.isfinite(self.output).all(axis=1))
        self.write()
        return None

    def write(self) -> None:
        """Write the joint targets of its own characters into `data.ctrl`."""
        if self._target is not None:
            if self._index is None:
                self._target[...] = self.output[: len(self.own)]
            else:
                self._target[self._index] = self.output[: len(self.own)]

    def pending(self) -> set[str]:
        """Names of its own characters whose goal may yet be reached."""
        return set() if self._pending is None else {self.members[row].name for row in np.flatnonzero(self._pending)}

    def reached(self) -> list[Actor]:
        """Return whose goals are reached now, for the first time since they were given. Call it after `act`."""
        pending = self._pending
        if pending is None or self._reached is None:
            return []
        done = pending & self._reached(self._states, self._wanted)
        pending &= ~done
        self._pending = pending if pending.any() else None
        return [self.members[row] for row in np.flatnonzero(done)]

    def _smooth(self) -> None:
        """Move goals a control step on towards the wanted ones."""
        left = self._goals - self._wanted
        for x, y in self._arcs:
            now, end = (np.arctan2(goal[:, y], goal[:, x]) for goal in (self._goals, self._wanted))
            turn = (np.remainder(now - end + np.pi, 2.0 * np.pi) - np.pi) * self._keep[:, 0]
            left[:, x], left[:, y] = np.cos(end + turn) - np.cos(end), np.sin(end + turn) - np.sin(end)
        straight = [column for column in range(left.shape[1]) if column not in {i for arc in self._arcs for i in arc}]
        left[:, straight] *= self._keep
        self._moving = bool((np.abs(left) > 1e-6).any())
        self._goals = self._wanted + (left if self._moving else 0.0)
        self.batch.inputs["goal"][...] = self._goals


def group_actors(
    actors: Sequence[Actor],
    data: mujoco.MjData,
    slots_of: Callable[[str], Slots],
    old: Sequence[ControlGroup],
    known: Mapping[tuple[str, str], np.ndarray],
) -> list[ControlGroup]:
    """Sort characters by controller, guests of fades with them.

    Goals on their way are taken over from the old groups and from `known`, by name and task.
    """
    own: dict[Controller, list[Actor]] = {}
    guests: dict[Controller, list[Actor]] = {}
    for actor in actors:
        if actor.frozen:
            continue
        if actor.controller is not None:
            own.setdefault(actor.controller, []).append(actor)
        if actor.fade is not None and actor.fade.old is not None:
            guests.setdefault(actor.fade.old, []).append(actor)
    known = dict(known)
    known |= {(member.name, group.controller.task): group.goal_now(member) for group in old for member in group.members}
    return [
        ControlGroup(controller, own.get(controller, ()), guests.get(controller, ()), data, slots_of, known)
        for controller in {**own, **guests}
    ]


def _sources(data: mujoco.MjData, slots: Sequence[Slots]) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Where each network input comes from: a view of all rows, or an array and the indices to take.

    The angular velocity is the rotational half of the root's `cvel`, which is in the world frame wherever its origin.
    """
    qpos, dofs, bodies = ([getattr(slot, field) for slot in slots] for field in ("qpos", "dof", "body"))
    return {
        "root_position": _rows(data.qpos, qpos, 3),
        "root_rotation": _rows(data.qpos, [start + 3 for start in qpos], 4),
        "root_linear_velocity": _rows(data.qvel, dofs, 3),
        "root_angular_velocity": _rows(data.cvel.reshape(-1), [6 * body for body in bodies], 3),
        "joint_position": _rows(data.qpos, [start + 7 for start in qpos], NU),
        "joint_velocity": _rows(data.qvel, [start + 6 for start in dofs], NU),
        "body_position": _rows(data.xpos, bodies, NB),
        "body_rotation": _rows(data.xquat, bodies, NB),
    }


def _rows(array: np.ndarray, starts: Sequence[int], width: int) -> tuple[np.ndarray, np.ndarray | None]:
    """`width` consecutive entries from each start: a view [N, width, ...], or the array and indices [N, width]."""
    steps = set(np.diff(starts).tolist())
    if len(steps) > 1 or array.base is None:
        return array, np.array([np.arange(start, start + width) for start in starts])
    first, row = starts[0], (steps.pop() if steps else width) * array.strides[0]
    shape, strides = (len(starts), width, *array.shape[1:]), (row, *array.strides)
    return np.lib.stride_tricks.as_strided(array[first:], shape, strides), None


def _unit_vectors(task: str) -> list[tuple[int, int]]:
    """Column pairs NAME_x, NAME_y of unit 1 in a task's goal: horizontal unit vectors."""
    names = [entry.name if entry.unit == "1" else "" for entry in SCHEMAS[task]]
    return [
        (column, names.index(f"{name[:-1]}y"))
        for column, name in enumerate(names)
        if name.endswith("_x") and f"{name[:-1]}y" in names
    ]

"""The physics and control of a world, without its clocks: one model, its state, and who acts in it. Private.

`World` and its `Character`s share one `Simulation`: a character's numbers lie in `data` at its slots. What belongs to
which instant, and why mj_step2 comes before mj_step1, is told in world.py.

Compiling a scene of n characters takes time that grows with n (0.2 s for 60), so that added characters wait until
somebody looks at `model` or `data`: a hundred added in a row are compiled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from runtime.character import (
    BODIES,
    CONTROL_HZ,
    DEFAULT_POSE,
    PHYSICS_HZ,
    Slots,
    add_character,
    read_state,
    scene_spec,
)

if TYPE_CHECKING:
    from runtime._character import Character
    from runtime.controller import Controller

PHYSICS_STEPS = PHYSICS_HZ // CONTROL_HZ
"""Physics steps in a control step; the rates divide without rest."""
NQ, NV, NB = 7 + len(DEFAULT_POSE), 6 + len(DEFAULT_POSE), len(BODIES)
"""How many positions, velocities and bodies a character has."""
MAX_SPEED_SQUARED = 1e12  # summed squares of all velocities, SI: beyond is no motion but a broken simulation

_GATHERED = Slots(qpos=0, dof=0, ctrl=0, body=0)  # where a character lies in arrays gathered for it alone


class SimulationError(Exception):
    """A network or the physics gave numbers that are not finite. `World.reset` makes the world usable again."""


class ControlGroup:
    """The characters that share a controller: their states are gathered, acted on and answered in one batch."""

    def __init__(self, controller: Controller, characters: Sequence[Character]) -> None:
        """Note where the characters' numbers lie and what their goals are."""
        self.controller = controller
        self.characters = tuple(characters)
        self.rows = {character: row for row, character in enumerate(characters)}
        self.goals = np.stack([character.goal_vector() for character in characters])  # [N, G]
        slots = [character.slots for character in characters]
        self._qpos = np.array([np.arange(slot.qpos, slot.qpos + NQ) for slot in slots])  # [N, 35] indices
        self._qvel = np.array([np.arange(slot.dof, slot.dof + NV) for slot in slots])  # [N, 34]
        self._body = np.array([np.arange(slot.body, slot.body + NB) for slot in slots])  # [N, 15]
        self._ctrl = np.array([np.arange(slot.ctrl, slot.ctrl + len(DEFAULT_POSE)) for slot in slots])  # [N, 28]

    def act(self, data: mujoco.MjData) -> None:
        """Write the joint targets of its characters into `data.ctrl`.

        Raises:
            SimulationError: one is not finite.
        """
        qpos, qvel = data.qpos[self._qpos], data.qvel[self._qvel]
        state = read_state(qpos, qvel, data.xpos[self._body], data.xquat[self._body], _GATHERED)
        targets = self.controller.act(state, self.goals)  # [N, 28] rad
        if not np.isfinite(targets).all():
            bad = np.flatnonzero(~np.isfinite(targets).all(axis=1))
            names = ", ".join(self.characters[row].name for row in bad)
            path = self.controller.path
            raise SimulationError(f"{names}: joint targets of {path} are not finite at {data.time:.3f} s")
        data.ctrl[self._ctrl] = targets


class Simulation:
    """Ground, characters and their controllers; it makes physics steps when told to."""

    def __init__(self) -> None:
        """Make flat ground with nobody on it."""
        self._spec = scene_spec()
        # MuJoCo would silently start over when a number is not finite; here that is a SimulationError.
        self._spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self._model: mujoco.MjModel = self._spec.compile()
        self._data = mujoco.MjData(self._model)
        self.characters: list[Character] = []
        self._added: list[Character] = []  # not compiled yet
        self._groups: list[ControlGroup] = []
        self.reset()

    @property
    def model(self) -> mujoco.MjModel:
        """The scene with all characters."""
        self.compile()
        return self._model

    @property
    def data(self) -> mujoco.MjData:
        """Its state."""
        self.compile()
        return self._data

    def reset(self) -> None:
        """Put all characters where they were last put and the physics step count at zero."""
        mujoco.mj_resetData(self.model, self.data)
        self.steps = 0
        self.alpha = 0.0  # share of the next physics step that real time has covered, kept by World
        self._pending: list[tuple[int, np.ndarray]] = []  # pushes of the next control step: body, impulse N·s
        self._pushed: list[int] = []  # bodies pushed in this control step
        self.old_position, self.old_rotation = self.data.xpos.copy(), self.data.xquat.copy()
        self.place(self.characters)

    def run(self, count: int) -> None:
        """Make `count` physics steps, with control wherever a control step begins."""
        self.compile()
        while count > 0:
            phase = self.steps % PHYSICS_STEPS
            if phase == 0:
                self._control()
            steps = min(count, PHYSICS_STEPS - phase)
            self._physics(steps)
            count -= steps

    def _control(self) -> None:
        """Begin a control step: end and begin pushes, let every controller act for its characters."""
        if self._pushed:
            self._data.xfrc_applied[self._pushed] = 0.0
            self._pushed.clear()
        for body, impulse in self._pending:
            self._data.xfrc_applied[body, :3] += impulse * CONTROL_HZ
            self._pushed.append(body)
        self._pending.clear()
        for group in self._groups:
            group.act(self._data)

    def _physics(self, steps: int) -> None:
        """Make physics steps from a state that mj_step1 has been run on to another such state."""
        mujoco.mj_step2(self._model, self._data)
        if steps > 1:
            mujoco.mj_step(self._model, self._data, steps - 1)
        np.copyto(self.old_position, self._data.xpos)  # body poses are one step behind here
        np.copyto(self.old_rotation, self._data.xquat)
        mujoco.mj_step1(self._model, self._data)
        self.steps += steps
        velocity = self._data.qvel
        if not velocity.dot(velocity) < MAX_SPEED_SQUARED:  # true for NaN too
            speeds = [velocity[c.slots.dof : c.slots.dof + NV] for c in self.characters]
            bad = [c.name for c, v in zip(self.characters, speeds, strict=True) if not v @ v < MAX_SPEED_SQUARED]
            raise SimulationError(f"{', '.join(bad)}: physics is not finite any more at {self._data.time:.3f} s")

    def add(self, character: Character) -> None:
        """Take one more character into the scene."""
        add_character(self._spec, f"{character.name}/")
        self.characters.append(character)
        self._added.append(character)

    def compile(self) -> None:
        """Compile the scene anew if characters were added; the motion of the others goes on undisturbed."""
        if not self._added:
            return
        added, self._added = self._added, []
        self._model, self._data = self._spec.recompile(self._model, self._data)  # keeps state and applied forces
        for character in self.characters:
            character.locate(self._model)
        self.place(added)
        self.regroup()

    def place(self, characters: Sequence[Character]) -> None:
        """Put characters where they are to start; nothing of their earlier motion is left."""
        bodies = {body for c in characters for body in range(c.slots.body, c.slots.body + NB)}
        self._pending = [push for push in self._pending if push[0] not in bodies]
        for character in characters:
            character.write_placement(self.data)
        mujoco.mj_step1(self.model, self.data)
        self.old_position = _with_rows(self.old_position, self.data.xpos, bodies)
        self.old_rotation = _with_rows(self.old_rotation, self.data.xquat, bodies)

    def push(self, body: int, impulse: np.ndarray) -> None:
        """Push body `body` of the model by `impulse` [3] N·s, world frame, over the next control step."""
        self._pending.append((body, impulse))

    def regroup(self) -> None:
        """Sort the characters by controller again."""
        members: dict[Controller, list[Character]] = {}
        for character in self.characters:
            if character.controller is not None:
                members.setdefault(character.controller, []).append(character)
        self._groups = [ControlGroup(controller, group) for controller, group in members.items()]

    def goal_changed(self, character: Character) -> None:
        """Tell the network a character's goal from the next control step on."""
        for group in self._groups:
            if character in group.rows:
                group.goals[group.rows[character]] = character.goal_vector()


def _with_rows(old: np.ndarray, new: np.ndarray, rows: set[int]) -> np.ndarray:
    """Return a copy of `new` that keeps the rows of `old`, except `rows` and those that `old` does not have."""
    merged = new.copy()
    kept = [row for row in range(len(old)) if row not in rows]
    merged[kept] = old[kept]
    return merged

"""The physics of a world, without its clocks: one model, its state, who is in it. Private.

A `World` and the handles that it gives out share one `Simulation`; of a character it knows the `Actor` alone. What
belongs to which instant, and why mj_step2 comes before mj_step1, is told in world.py; how a scene is compiled in
_scene.py, what happens at the beginning of a control step in _conduct.py, what others may see in _frame.py.

Compiling a scene of n characters takes time that grows with n (0.3 s for a hundred), so that what is added waits until
somebody looks at `model` or `data`: a hundred added in a row are compiled once. What was there before goes on
undisturbed: its positions, velocities, solver's warm start, servos and forces are copied by name.

    run ─┬─ Conductor.control_step
         └─ _physics ── _integrate (mj_step2, mj_step, mj_step1) ── _recovery.recover where numbers broke
"""

from __future__ import annotations

import threading
import time as clock
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from runtime import _placing, _recovery
from runtime._conduct import Conductor
from runtime._control import NB, NU, NV
from runtime._frame import Frame
from runtime._recovery import SimulationError
from runtime._scene import (
    Layout,
    PropSlots,
    copy_character,
    copy_prop,
    find_characters,
    find_props,
    set_touching,
)
from runtime._watch import Watch
from runtime.character import CONTROL_HZ, PHYSICS_HZ, Slots
from runtime.events import Removed

if TYPE_CHECKING:
    from runtime._actor import Actor
    from runtime.controller import Controller
    from runtime.events import Event
    from runtime.props import Obstacle, Prop
    from runtime.replay import Recorder

__all__ = ["PHYSICS_STEPS", "STATE", "Simulation", "SimulationError"]

PHYSICS_STEPS = PHYSICS_HZ // CONTROL_HZ
"""Physics steps in a control step; the rates divide without rest."""
STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
"""What must be kept of MjData so that it goes on bit for bit."""
MAX_EVENTS = 10_000  # kept for `World.events`; the oldest go first


class Simulation:
    """Ground, characters, props and their controllers; it makes physics steps when told to."""

    def __init__(self, load: Callable[[Any], Controller | None], fade: float, on_error: str) -> None:
        """Make flat ground with nobody on it. `load` makes controllers of paths."""
        self.load, self.fade, self.on_error = load, fade, on_error
        self.lock = threading.RLock()
        self.control_spent = 0.0  # s of wall time since the start, in `_control`
        self.actors: list[Actor] = []
        self.props: dict[str, Prop] = {}
        self.obstacles: dict[str, Obstacle] = {}
        self.prop_bodies = 0  # that stand by or are in use
        self.edits = 0  # how often the scene was changed by other than physics and control
        self.recorder: Recorder | None = None
        self.watch, self.conductor = Watch(), Conductor(self)
        self.unheard: deque[Event] = deque(maxlen=MAX_EVENTS)
        self.fresh: deque[Event] = deque(maxlen=MAX_EVENTS)  # of the call under way, for those who listen
        self.steps, self.alpha = 0, 0.0
        self.pushes: deque[tuple[Actor | Prop, int, np.ndarray]] = deque()  # of the next control step: N·s
        self.pushed: list[tuple[Actor | Prop, int]] = []  # whose bodies are pushed in this control step
        self._control_events: list[Event] = []
        self._slots: dict[str, Slots] = {}
        self._prop_slots: tuple[PropSlots, ...] = ()
        self._stale = False
        self._frozen: list[Actor] = []
        self._adopt(Layout().compile())
        self.reset()

    # --- what is there -----------------------------------------------------------------------------------------

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

    @property
    def time(self) -> float:
        """Simulated time, s."""
        return self.steps / PHYSICS_HZ

    def current(self) -> Frame:
        """What was published last, or will be once what was added is compiled."""
        if self._stale:
            self.compile()
        return self._frame

    def slots_of(self, name: str) -> Slots:
        """Where a character's numbers lie now."""
        self.compile()
        return self._slots[name]

    def servos_of(self, name: str) -> slice:
        """Where a character's 28 servos lie in ctrl."""
        start = self.slots_of(name).ctrl
        return slice(start, start + NU)

    def prop_slots_of(self, prop: Prop) -> PropSlots:
        """Where a prop's numbers lie now."""
        self.compile()
        return self._prop_slots[prop.number]

    def layout(self) -> Layout:
        """What the scene is compiled from."""
        names = tuple(actor.name for actor in self.actors)
        return Layout(names, tuple(obstacle.box for obstacle in self.obstacles.values()), self.prop_bodies)

    def edited(self) -> None:
        """Note that the scene was changed by other than physics and control."""
        self.edits += 1

    def changed_layout(self) -> None:
        """Have the scene compiled anew when somebody looks at it."""
        self._stale = True
        self.edited()

    def compile(self) -> None:
        """Compile the scene anew if its layout has changed; the motion of what stays goes on undisturbed."""
        if not self._stale:
            return
        with self.lock:
            if not self._stale:
                return
            old, old_slots, old_props = self._data, self._slots, self._prop_slots
            poses = self.old_position, self.old_rotation
            self._adopt(self.layout().compile())
            self._stale = False
            self._data.time = old.time
            for name, slots in self._slots.items():
                if name in old_slots:
                    copy_character(old, old_slots[name], self._data, slots)
                    self._keep_pose(poses, old_slots[name].body, slots.body, NB)
            for prop in self.props.values():
                prop.description.write(self._model, self._prop_slots[prop.number])
                if prop.number < len(old_props):
                    was, now = old_props[prop.number], self._prop_slots[prop.number]
                    copy_prop(old, was, self._data, now)
                    self._keep_pose(poses, was.body, now.body, 1)
            self._refresh_watch()
            self.place([actor for actor in self.actors if actor.name not in old_slots])

    def _adopt(self, model: mujoco.MjModel) -> None:
        """Work with another model from now on."""
        self._model, self._data = model, mujoco.MjData(model)
        names = [actor.name for actor in self.actors]
        self._slots = find_characters(model, names)
        self._prop_slots = find_props(model, self.prop_bodies)
        self._good = np.empty(mujoco.mj_stateSize(model, STATE))  # the state before the last physics steps
        self._velocity = self._data.qvel
        self.old_position, self.old_rotation = self._data.xpos.copy(), self._data.xquat.copy()
        self.conductor.regroup()

    def _keep_pose(self, old: tuple[np.ndarray, np.ndarray], was: int, now: int, count: int) -> None:
        """Take over from another scene where bodies were one physics step before."""
        for array, before in zip((self.old_position, self.old_rotation), old, strict=True):
            array[now : now + count] = before[was : was + count]

    def _refresh_watch(self) -> None:
        """Tell the watch who is who."""
        props = [(prop.name, self._prop_slots[prop.number].geom) for prop in self.props.values()]
        self.watch.look_at(self._model, self._slots, props, list(self.obstacles))

    # --- changing it -------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Put everything where it was last put, take thrown balls away and set the physics step count to zero."""
        self.compile()
        mujoco.mj_resetData(self._model, self._data)
        self.steps, self.alpha = 0, 0.0
        self.pushes.clear()
        self.pushed.clear()
        self._control_events.clear()
        for prop in list(self.props.values()):
            if prop.placement is None:
                self.remove_prop(prop)
            else:
                self._write_prop(self._prop_slots[prop.number], *prop.placement)
        self.watch.clear()
        self.place(self.actors)

    def place(self, actors: Sequence[Actor]) -> None:
        """Put characters where they are to start; nothing of their earlier motion is left."""
        self.compile()
        for actor in actors:
            if actor.placed is not None:  # one who has just come may have been pushed already
                self._drop_pushes(actor)
            _placing.write_placement(self, actor, self._data)
            self.watch.forget(actor.name, self.steps)
        self.conductor.regroup()
        first = [self._slots[actor.name].body for actor in actors]
        self.settle({body for start in first for body in range(start, start + NB)})
        overlaps = self.watch.overlaps(self._data, {actor.name for actor in actors})
        if overlaps:
            message = f"put into each other: {', '.join(overlaps)}; they will be driven apart violently, or break down"
            warnings.warn(message, stacklevel=4)

    def settle(self, bodies: set[int] | None = None) -> None:
        """Make positions, velocities and contacts of `data` agree after an edit, and publish.

        Args:
            bodies: which have no motion to interpolate from where they were; None: all.
        """
        mujoco.mj_step1(self._model, self._data)
        self._frozen = [actor for actor in self.actors if actor.frozen]
        self.old_position, self.old_rotation = self.old_position.copy(), self.old_rotation.copy()  # frames hold them
        moved = list(range(self._model.nbody) if bodies is None else bodies)
        self.old_position[moved], self.old_rotation[moved] = self._data.xpos[moved], self._data.xquat[moved]
        self.edited()
        self.publish()

    def add_prop(self, prop: Prop, pose: np.ndarray, velocity: np.ndarray) -> None:
        """Put a prop into the scene: pose [7] m and wxyz, velocity [3] m/s, not turning."""
        taken = {other.number for other in self.props.values()}
        prop.number = next(number for number in range(len(taken) + 1) if number not in taken)
        if prop.number >= self.prop_bodies:
            self.prop_bodies = max(4, 2 * self.prop_bodies)
            self.changed_layout()
        self.compile()
        self.props[prop.name] = prop
        slots = self._prop_slots[prop.number]
        prop.description.write(self._model, slots)
        self._write_prop(slots, pose, velocity)
        self._refresh_watch()

    def remove_prop(self, prop: Prop) -> None:
        """Take a prop out of the scene: its body stands by again."""
        with self.lock:
            if self.props.pop(prop.name, None) is None:
                return
            self._drop_pushes(prop)
            slots = self.prop_slots_of(prop)
            set_touching(self._model, slots, False)
            self._write_prop(slots, self._model.qpos0[slots.qpos : slots.qpos + 7], np.zeros(3))
            self.watch.forget(prop.name)
            self._refresh_watch()

    def remove_actor(self, actor: Actor) -> None:
        """Take a character out of the scene."""
        self.actors.remove(actor)
        actor.alive, actor.directing = False, None
        self._drop_pushes(actor)
        self.watch.forget(actor.name)
        self.happened(Removed(self.time, actor.name))

    def rebuild_props(self) -> None:
        """Give all bodies for props the shape and touch that they have now, after a restore."""
        self.compile()
        for slots in self._prop_slots:
            set_touching(self._model, slots, False)
        for prop in self.props.values():
            prop.description.write(self._model, self._prop_slots[prop.number])
        self._refresh_watch()

    def _write_prop(self, slots: PropSlots, pose: np.ndarray, velocity: np.ndarray) -> None:
        self._data.qpos[slots.qpos : slots.qpos + 7] = pose
        for array in (self._data.qvel, self._data.qacc_warmstart):
            array[slots.dof : slots.dof + 6] = 0.0
        self._data.qvel[slots.dof : slots.dof + 3] = velocity
        self._data.xfrc_applied[slots.body] = 0.0
        self.settle({slots.body})

    def push(self, thing: Actor | Prop, part: int, impulse: np.ndarray) -> None:
        """Push a body by `impulse` [3] N·s, world frame, over the next control step; from any thread."""
        self.pushes.append((thing, part, impulse))

    def happened(self, event: Event) -> None:
        """Keep an event for those who ask and those who listen."""
        self._control_events.append(event)
        self.unheard.append(event)
        self.fresh.append(event)

    # --- stepping it -------------------------------------------------------------------------------------------

    def run(self, count: int) -> None:
        """Make `count` physics steps, with control wherever a control step begins, and publish."""
        self.compile()
        try:
            while count > 0:
                phase = self.steps % PHYSICS_STEPS
                if phase == 0:
                    start = clock.perf_counter()
                    self._control()
                    self.control_spent += clock.perf_counter() - start
                steps = min(count, PHYSICS_STEPS - phase)
                self._physics(steps)
                count -= steps
        finally:
            self.publish()

    def play(self, count: int) -> None:
        """Make `count` physics steps without control: joint targets and forces are those in `data`. For a replay."""
        self.compile()
        while count > 0:
            steps = min(count, PHYSICS_STEPS - self.steps % PHYSICS_STEPS)
            self._physics(steps)
            count -= steps
        self._control_events.clear()
        self.publish()

    def publish(self) -> None:
        """Let others see this instant."""
        data = self._data
        self._frame = Frame(
            self.steps, self.alpha, self._slots, self._prop_slots, data.qpos.copy(), data.qvel.copy(), data.ctrl.copy(),
            data.xpos.copy(), data.xquat.copy(), self.old_position, self.old_rotation,
        )  # fmt: skip

    def _control(self) -> None:
        """Begin a control step: end and begin pushes, let everybody be asked, directed and moved."""
        for thing, part in self.pushed:
            self._data.xfrc_applied[self._body_of(thing) + part] = 0.0
        self.pushed.clear()
        while self.pushes:
            thing, part, impulse = self.pushes.popleft()
            self._data.xfrc_applied[self._body_of(thing) + part, :3] += impulse * CONTROL_HZ
            self.pushed.append((thing, part))
        happened, self._control_events = self._control_events, []
        self.conductor.control_step(self._data, self.steps, happened)
        if self.recorder is not None:
            self.recorder.control_step(self._data, sorted({self._body_of(thing) + part for thing, part in self.pushed}))

    def _body_of(self, thing: Actor | Prop) -> int:
        """The first of a character's bodies, or a prop's."""
        slots = self._slots.get(thing.name)
        return self.prop_slots_of(self.props[thing.name]).body if slots is None else slots.body

    def _drop_pushes(self, thing: Actor | Prop) -> None:
        """Forget the pushes that a thing gets and was to get."""
        self.pushed = [pushed for pushed in self.pushed if pushed[0] is not thing]
        for _ in range(len(self.pushes)):  # pushes that come in meanwhile are left alone
            push = self.pushes.popleft()
            if push[0] is not thing:
                self.pushes.append(push)

    def _physics(self, steps: int) -> None:
        """Make physics steps within a control step; where numbers break, deal with whose they are and try again."""
        if self.recorder is not None:
            self.recorder.physics(self.edits)
        mujoco.mj_getState(self._model, self._data, self._good, STATE)
        self._integrate(steps)
        if not self._velocity.dot(self._velocity) < _recovery.MAX_SPEED_SQUARED:  # true for NaN too
            _recovery.recover(self, self._good, lambda: self._integrate(steps))
        self.steps += steps
        if self.steps % PHYSICS_STEPS == 0:
            for event in self.watch.control_step(self._data, self.steps):
                self.happened(event)

    def _integrate(self, steps: int) -> None:
        """Make physics steps from a state that mj_step1 has been run on to another such state."""
        model, data = self._model, self._data
        mujoco.mj_step2(model, data)
        if not (self.watch.looks_for_hits or self._frozen):
            if steps > 1:
                mujoco.mj_step(model, data, steps - 1)
        else:
            for step in range(1, steps):
                self._look_at(step, steps)
                mujoco.mj_step1(model, data)
                mujoco.mj_step2(model, data)
            self._look_at(steps, steps)
        self.old_position, self.old_rotation = data.xpos.copy(), data.xquat.copy()  # one step behind here
        mujoco.mj_step1(model, data)

    def _look_at(self, step: int, steps: int) -> None:
        """See to hits, speeds and the frozen between mj_step2 of the `step`-th of `steps` and the next mj_step1."""
        if self.watch.looks_always:
            self.watch.physics_step(self._data, self.steps + step)
        elif self.watch.looks_for_hits and step == steps:
            self.watch.physics_step(self._data, self.steps + step, weight=steps)
        _recovery.cap_speeds(self._velocity[: NV * len(self.actors)])
        for actor in self._frozen:
            _placing.hold(self, actor, self._data)

    def fail(self, characters: Sequence[Actor], props: Sequence[Prop], reason: str) -> None:
        """Deal with a breakdown by the policy `on_error`, see _recovery.py."""
        _recovery.fail(self, characters, props, reason)

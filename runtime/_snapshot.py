"""A world as bytes, and back: exactly. Private; reached by `World.save`, `World.restore`, `World.from_snapshot`.

A snapshot is a msgpack map. Physics is MuJoCo's integration state, which goes on bit for bit (positions and velocities
alone do not: the solver's warm start is missing). Beside it stands all that decides what comes next: the layout that
the model is compiled from, clocks, pushes, props' shapes, and for each character its placement, controllers, fade,
goals, goals on their way, script and director. Controllers are named by path and SHA-256, not contained.

Bytes come from anywhere, so reading bounds every size, and refuses with one `SnapshotError` that names what was
expected and found. Nothing of the world has changed then, unless a controller's file went missing in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgpack
import mujoco
import numpy as np

from runtime._actor import Actor, Ask
from runtime._control import Fade
from runtime._scene import Box, PropShape
from runtime.character import PHYSICS_HZ, asset_sha256
from runtime.contract import ControllerError
from runtime.director import Directing, Director
from runtime.goal_records import goal_from_record, goal_record, recordable
from runtime.goal_script import GoalScript
from runtime.goals import checked_vector
from runtime.props import Obstacle, Prop

if TYPE_CHECKING:
    from runtime._simulation import Simulation
    from runtime.controller import Controller

FORMAT, VERSION = "smp-world", 1
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
MAX_BYTES = 256 * 1024 * 1024
MAX_THINGS = 10_000  # characters, props or obstacles


class SnapshotError(ValueError):
    """Bytes that are no snapshot, or one that this program cannot restore; the message says why."""


def save(simulation: Simulation, every_goal: bool = True) -> bytes:
    """Return the world as bytes; without `every_goal`, goals of classes that have no record are left out.

    Raises:
        GoalError: with `every_goal`, for such a goal.
    """
    with simulation.lock:
        simulation.compile()
        return msgpack.Packer().pack(_record(simulation, every_goal))


def _record(simulation: Simulation, every_goal: bool) -> dict[str, Any]:
    model, data = simulation.model, simulation.data
    state = np.empty(mujoco.mj_stateSize(model, _STATE))
    mujoco.mj_getState(model, data, state, _STATE)
    layout = simulation.layout()
    return {
        "format": FORMAT, "version": VERSION, **versions(),
        "characters": [_actor_record(actor, every_goal) for actor in simulation.actors],
        "obstacles": [[box.name, box.size, box.position, box.heading] for box in layout.obstacles],
        "prop_bodies": layout.props,
        "props": [_prop_record(prop) for prop in simulation.props.values()],
        "steps": simulation.steps, "alpha": simulation.alpha, "state": state.tobytes(),
        "old": [simulation.old_position.tobytes(), simulation.old_rotation.tobytes()],
        "pushes": [[thing.name, part, impulse.tolist()] for thing, part, impulse in simulation.pushes],
        "pushed": [[thing.name, part] for thing, part in simulation.pushed],
        "watch": simulation.watch.record(), "conductor": simulation.conductor.record(),
    }  # fmt: skip


def versions() -> dict[str, Any]:
    """What must be equal for physics to go on bit for bit."""
    return {"mujoco": mujoco.__version__, "character": asset_sha256(), "physics_hz": PHYSICS_HZ}


def _controller_record(controller: Controller | None) -> list[str] | None:
    return None if controller is None else [str(controller.path), controller.sha256]


def _actor_record(actor: Actor, every_goal: bool) -> dict[str, Any]:
    fade, directing = actor.fade, actor.directing
    goals = [ask.goal for ask in actor.asked.values() if every_goal or recordable(ask.goal)]
    return {
        "name": actor.name, "placement": actor.placement, "placed": actor.placed,
        "controller": _controller_record(actor.controller),
        "fade": fade and [_controller_record(fade.old), fade.held.tolist(), fade.steps, fade.done],
        "goals": [goal_record(goal) for goal in goals], "half_life": actor.half_life,
        "script": actor.script and actor.script.record(), "entry": actor.entry,
        "director": directing and [directing.director.record(), directing.state, directing.since, directing.given],
        "frozen": None if actor.frozen_pose is None else actor.frozen_pose.tolist(),
    }  # fmt: skip


def _prop_record(prop: Prop) -> list:
    shape, placement = prop.description, prop.placement
    return [prop.name, shape.kind, shape.size, shape.mass, prop.number, placement and [v.tolist() for v in placement]]


def unpack(snapshot: bytes) -> dict[str, Any]:
    """Return a snapshot's map, its format and versions checked.

    Raises:
        SnapshotError: it is none, or of another version.
    """
    record = unpack_any(snapshot)
    wanted = {"version": VERSION, **versions()}
    wrong = [f"{key} {value!r}, found {record.get(key)!r}" for key, value in wanted.items() if record.get(key) != value]
    if wrong:
        raise SnapshotError(f"snapshot: expected {'; '.join(wrong)}; it was saved by another version of the program")
    return record


def unpack_any(snapshot: bytes) -> dict[str, Any]:
    """Return the map of a snapshot of any version; raises SnapshotError where it is none."""
    if not isinstance(snapshot, bytes | bytearray | memoryview) or len(snapshot) > MAX_BYTES:
        raise SnapshotError(f"snapshot: expected at most {MAX_BYTES} bytes, found {type(snapshot).__name__}")
    try:
        record = msgpack.unpackb(snapshot, max_ext_len=0, strict_map_key=True)
    except Exception as error:  # msgpack raises many types on bad bytes
        raise SnapshotError(f"snapshot: expected msgpack, found {type(error).__name__}: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise SnapshotError("snapshot: expected the bytes of World.save, found something else")
    return record


def restore(simulation: Simulation, snapshot: bytes, controllers: bool = True) -> None:
    """Bring a simulation into the state that was saved; it is compiled anew where its layout differs.

    Args:
        simulation: any; what is there and not in the snapshot goes.
        snapshot: what `save` gave.
        controllers: False leaves controllers and directors out, for a replay that knows the joint targets.

    Raises:
        SnapshotError: it cannot be restored; nothing has changed.
    """
    record = unpack(snapshot)
    with simulation.lock:
        simulation.compile()
        before = _Parts(simulation, _record(simulation, every_goal=False), controllers=True)
        asked = [(actor, actor.asked) for actor in simulation.actors]
        try:
            parts = _Parts(simulation, record, controllers)
        except _BROKEN as error:
            raise _as_snapshot_error(error) from error
        try:
            parts.put_into(simulation)
        except _BROKEN as error:
            before.put_into(simulation)
            for actor, goals in asked:
                actor.asked = goals
            raise _as_snapshot_error(error) from error


_BROKEN = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ControllerError)
"""What a part of a snapshot that is not what it should be raises, wherever it is used."""


def _as_snapshot_error(error: Exception) -> SnapshotError:
    if isinstance(error, SnapshotError):
        return error
    return SnapshotError(f"snapshot: expected all of a world, found {type(error).__name__}: {str(error)[:300]}")


def _controllers_of(actors: Sequence[Actor]) -> dict[tuple[str, str], Controller]:
    """Return the controllers that are at work, by path and SHA-256: their files may be others by now."""
    fading = [actor.fade.old for actor in actors if actor.fade is not None]
    controllers = [*fading, *(actor.controller for actor in actors)]
    return {(str(each.path), each.sha256): each for each in controllers if each is not None}


class _Parts:
    """Everything in a snapshot, made and checked before the simulation is touched."""

    def __init__(self, simulation: Simulation, record: Mapping[str, Any], controllers: bool) -> None:
        self.record, self._simulation, self._controllers = record, simulation, controllers
        for key in ("characters", "obstacles", "props"):
            if len(record[key]) > MAX_THINGS:
                raise SnapshotError(f"snapshot: expected at most {MAX_THINGS} {key}, found {len(record[key])}")
        boxes = [
            Box(name, tuple(size), tuple(position), heading) for name, size, position, heading in record["obstacles"]
        ]
        self.obstacles = {box.name: Obstacle(box) for box in boxes}
        self._present = _controllers_of(simulation.actors)
        self.prop_bodies = int(record["prop_bodies"])
        if not 0 <= self.prop_bodies <= MAX_THINGS:
            raise SnapshotError(f"snapshot: expected at most {MAX_THINGS} bodies for props, found {self.prop_bodies}")
        self.props = {prop.name: prop for prop in map(self._prop, record["props"])}
        old = {actor.name: actor for actor in simulation.actors}
        self.fields = {each["name"]: self._actor_fields(each) for each in record["characters"]}
        self.actors = [old.get(name) or Actor(name, ((0.0, 0.0), 0.0)) for name in self.fields]
        self.state = np.frombuffer(record["state"])
        self.old = [np.frombuffer(part) for part in record["old"]]

    def _prop(self, record: list) -> Prop:
        name, kind, size, mass, number, placement = record
        old = self._simulation.props.get(name)
        shape = PropShape(kind, tuple(size), mass)
        prop = old if old is not None and old.description == shape else Prop(self._simulation, name, shape)
        if not 0 <= number < self.prop_bodies:
            raise SnapshotError(f"snapshot: expected a prop's body below {self.prop_bodies}, found {number}")
        prop.number, prop.placement = number, placement and (np.array(placement[0]), np.array(placement[1]))
        return prop

    def _controller(self, record: list | None) -> Controller | None:
        if record is None or not self._controllers:
            return None
        path, sha256 = record
        controller = self._present.get((path, sha256)) or self._simulation.load(path)
        if controller is None or controller.sha256 != sha256:
            raise SnapshotError(f"snapshot: expected {path} with SHA-256 {sha256}, found another file there")
        return controller

    def _fade(self, record: list | None) -> Fade | None:
        if record is None or not self._controllers:
            return None
        old, held, steps, done = record
        return Fade(self._controller(old), np.array(held), steps, done)

    def _actor_fields(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to set on an actor."""
        (x, y), heading = record["placement"]
        director, goals = record["director"], [goal_from_record(each) for each in record["goals"]]
        directing = None
        if director is not None and self._controllers:
            written = Director.from_record(director[0])
            controllers = {name: self._simulation.load(path) for name, path in written.states.items()}
            directing = Directing(written, director[1], director[2], controllers)
            directing.given = dict(director[3])
        return {
            "placement": ((x, y), heading), "placed": record["placed"],
            "controller": self._controller(record["controller"]),
            "fade": self._fade(record["fade"]),
            "asked": {goal.task: Ask(goal, checked_vector(goal)) for goal in goals}, "half_life": record["half_life"],
            "script": record["script"] and GoalScript.from_record(record["script"]), "entry": record["entry"],
            "directing": directing,
            "frozen_pose": None if record["frozen"] is None else np.array(record["frozen"]),
        }  # fmt: skip

    def put_into(self, simulation: Simulation) -> None:
        """Make the simulation what was saved."""
        record, before = self.record, simulation.layout()
        for actor in simulation.actors:
            actor.alive = False
        simulation.actors[:] = self.actors
        for actor in simulation.actors:
            actor.alive = True
        simulation.obstacles, simulation.props = self.obstacles, self.props
        simulation.prop_bodies = self.prop_bodies
        simulation.pushes.clear()
        if simulation.layout() != before:
            simulation.changed_layout()
        for actor in simulation.actors:
            actor.placement = self.fields[actor.name]["placement"]
        simulation.rebuild_props()
        if self.state.size != mujoco.mj_stateSize(simulation.model, _STATE):
            raise SnapshotError(f"snapshot: expected {mujoco.mj_stateSize(simulation.model, _STATE)} numbers of state")
        for actor in simulation.actors:
            vars(actor).update(self.fields[actor.name])
        simulation.conductor.restore(record["conductor"])
        simulation.watch.restore(record["watch"])
        simulation.steps, simulation.alpha = record["steps"], record["alpha"]
        things = {**{each.name: each for each in simulation.actors}, **simulation.props}
        simulation.pushes.extend((things[name], part, np.array(v)) for name, part, v in record["pushes"])
        simulation.pushed[:] = [(things[name], part) for name, part in record["pushed"]]
        mujoco.mj_setState(simulation.model, simulation.data, self.state, _STATE)
        simulation.settle()
        shapes = simulation.old_position.shape, simulation.old_rotation.shape
        simulation.old_position, simulation.old_rotation = (
            values.reshape(shape).copy() for values, shape in zip(self.old, shapes, strict=True)
        )
        simulation.publish()

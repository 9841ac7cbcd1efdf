"""Adding things to a world and taking them away: the part of `World` that is about props and obstacles. Private."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runtime._public import Public
from runtime._scene import Box, PropShape
from runtime._simulation import Simulation
from runtime.handle import Character
from runtime.props import Obstacle, Prop, aim, finite_vector


class Things(Public):
    """What a world has besides characters."""

    _simulation: Simulation

    @property
    def props(self) -> tuple[Prop, ...]:
        """Balls and boxes that move, in the order they came."""
        return tuple(self._simulation.props.values())

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """Boxes that do not move, in the order they came."""
        return tuple(self._simulation.obstacles.values())

    def allocate_props(self, count: int) -> None:
        """Have bodies for `count` props in the scene, so that adding that many compiles nothing.

        Raises:
            ValueError: the number is negative or above 10,000.
        """
        if not 0 <= count <= 10_000:
            raise ValueError(f"props: expected 0 to 10000, found {count!r}")
        with self._simulation.lock:
            if count > self._simulation.prop_bodies:
                self._simulation.prop_bodies = count
                self._simulation.changed_layout()

    def add_ball(
        self,
        radius: float = 0.1,
        mass: float = 1.0,
        position: Sequence[float] = (0.0, 0.0, 1.0),
        velocity: Sequence[float] = (0.0, 0.0, 0.0),
        name: str | None = None,
    ) -> Prop:
        """Put a ball into the world.

        Args:
            radius: m.
            mass: kg.
            position: of its centre, m, world.
            velocity: m/s, world.
            name: its name; the first is `ball`, the next `ball2` and so on.

        Raises:
            ValueError: a number is out of range, or the name is taken.
        """
        return self._add_prop(PropShape("ball", (radius,), mass), position, (1, 0, 0, 0), velocity, name, keep=True)

    def add_box(
        self,
        size: Sequence[float] = (0.3, 0.3, 0.3),
        mass: float = 1.0,
        position: Sequence[float] = (0.0, 0.0, 1.0),
        velocity: Sequence[float] = (0.0, 0.0, 0.0),
        rotation: Sequence[float] = (1.0, 0.0, 0.0, 0.0),
        name: str | None = None,
    ) -> Prop:
        """Put a box that moves into the world: `size` are its edges, m, `rotation` wxyz; the rest is as for a ball.

        Raises:
            ValueError: a number is out of range, or the name is taken.
        """
        edges = tuple(finite_vector("size", size, 3).tolist())
        return self._add_prop(PropShape("box", edges, mass), position, rotation, velocity, name, keep=True)

    def throw(
        self,
        at: Character,
        body: str = "torso",
        mass: float = 1.0,
        radius: float = 0.1,
        speed: float = 10.0,
        azimuth: float | None = None,
        distance: float = 4.0,
    ) -> Prop:
        """Throw a ball at a character, so that it hits if the character goes on as it does; a reset takes it away.

        Args:
            at: who is to be hit.
            body: where, one of `runtime.character.BODIES`.
            mass: kg.
            radius: m.
            speed: over ground, relative to the character, m/s, 0.1 to 100.
            azimuth: where the ball comes from, seen from the character, rad, world yaw; None: from where it faces.
            distance: from how far, m, 0.3 to 100.

        Raises:
            ValueError: a number is out of range or there is no such body.
        """
        start, velocity = aim(at, body, speed, azimuth, distance)
        start[2] = max(start[2], radius)
        return self._add_prop(PropShape("ball", (radius,), mass), start, (1, 0, 0, 0), velocity, None, keep=False)

    def add_obstacle(
        self,
        size: Sequence[float] = (1.0, 1.0, 1.0),
        position: Sequence[float] = (0.0, 0.0, 0.5),
        heading: float = 0.0,
        name: str | None = None,
    ) -> Obstacle:
        """Put a box into the world that never moves.

        Args:
            size: edges, m.
            position: of its centre, m, world.
            heading: yaw, rad.
            name: its name; the first is `obstacle`, the next `obstacle2` and so on.

        Raises:
            ValueError: a number is out of range, or the name is taken.
        """
        edges, centre = finite_vector("size", size, 3), finite_vector("position", position, 3)
        if edges.min() <= 0.0 or not math.isfinite(heading):
            raise ValueError(f"obstacle: expected edges above 0 m and a finite angle, found {size!r}, {heading!r}")
        with self._simulation.lock:
            box = Box(self._free_name(name, "obstacle"), tuple(edges.tolist()), tuple(centre.tolist()), float(heading))
            obstacle = self._simulation.obstacles[box.name] = Obstacle(box)
            self._simulation.changed_layout()
        return obstacle

    def remove(self, thing: Character | Prop | Obstacle) -> None:
        """Take a character, a prop or an obstacle out of the world; the others' motion goes on undisturbed.

        A character's leaving is a `Removed` event; using what was removed is an error.

        Raises:
            ValueError: it is not there.
        """
        simulation = self._simulation
        with simulation.lock:
            mine = thing._actor if isinstance(thing, Character) else thing
            if not any(mine is one for one in (*simulation.actors, *self.props, *self.obstacles)):
                raise ValueError(f"remove: expected something of this world, found {thing!r}")
            if isinstance(thing, Prop):
                simulation.remove_prop(thing)
                return
            if isinstance(thing, Character):
                simulation.remove_actor(thing._actor)
            else:
                del simulation.obstacles[thing.name]
            simulation.changed_layout()

    def _add_prop(
        self,
        shape: PropShape,
        position: Sequence[float],
        rotation: Sequence[float],
        velocity: Sequence[float],
        name: str | None,
        *,
        keep: bool,
    ) -> Prop:
        """Put a prop into the world; with `keep` a reset puts it there again."""
        turn = finite_vector("rotation", rotation, 4)
        if not np.linalg.norm(turn) > 1e-6:
            raise ValueError(f"rotation: expected a quaternion wxyz, found {rotation!r}")
        pose = np.concatenate([finite_vector("position", position, 3), turn / np.linalg.norm(turn)])
        speed = finite_vector("velocity", velocity, 3)
        with self._simulation.lock:
            name = self._free_name(name, shape.kind)
            prop = Prop(self._simulation, name, shape, (pose, speed) if keep else None)
            self._simulation.add_prop(prop, pose, speed)
        return prop

    def _free_name(self, name: str | None, stem: str) -> str:
        """Check a name, or find one: the stem, stem2, stem3 and so on; raises ValueError when it is taken."""
        simulation = self._simulation
        taken = {each.name for each in simulation.actors} | set(simulation.props) | set(simulation.obstacles)
        if name is None:
            names = (f"{stem}{number}" if number > 1 else stem for number in range(1, len(taken) + 2))
            return next(free for free in names if free not in taken)
        if name in taken or not name or "/" in name or len(name) > 100:
            expected = "one that is free, 1 to 100 characters without a slash"
            raise ValueError(f"name: expected {expected}, found {name!r}")
        return name

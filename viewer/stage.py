"""What is on show: a world with characters, what they should do, and how that goes.

Window and headless rendering both hold a `Stage`, advance it by their own clock (wall time; the time of a frame) and
draw the `scene()` and `status()` it gives. One character is steered, or all of them; `files` are the controllers
that can be switched to: the loaded ones, and once they are asked for those beside them that fit (`shelf.py`).

    Stage ── World      characters, balls, boxes, recorder
          ├─ stunts     who has which controller, jumps, gets up
          ├─ Trails, NaturalnessMeter
          └─ scenery    → Scene;  report → Status
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from runtime import Controller, Location, Prior, World
from runtime.character import BODIES, CONTROL_HZ, PHYSICS_HZ
from runtime.goals import Goal
from viewer import report, scenery, shelf
from viewer.camera import top_of
from viewer.hud import Status
from viewer.input import Wish
from viewer.naturalness import NaturalnessMeter, find_prior
from viewer.picking import Grab
from viewer.scene import Scene
from viewer.stunts import Stunts
from viewer.tracks import Trails
from viewer.wishes import ALIKE, goal_for

APART = 1.5  # m between characters
_AVERAGING = 0.5  # s, time constant of the speed shown: a stride or so, within which the root speeds up and slows down
MAX_PROPS = 24  # the oldest goes when there are more


class Stage:
    """A world with characters on it."""

    def __init__(self, controllers: Sequence[Path | str] = (), count: int | None = None, get_up: bool = True) -> None:
        """Put characters in rows across x, looking along it.

        Args:
            controllers: files, or names of shipped ones; the first character gets the first, the next the next, and
                over again. None at all lets the characters hold the default pose.
            count: how many characters; None is one for each controller.
            get_up: whether those who have fallen get up without being told, where a controller for it is at hand.

        Raises:
            ControllerError: a file is no good.
        """
        self.world = World(props=MAX_PROPS)
        files = list(controllers)
        count = max(len(files), 1) if count is None else count
        for index, place in enumerate(places(count)):
            self.world.add_character(files[index % len(files)] if files else None, position=place)
        self.loaded = [c for c in (each.controller for each in self.world.characters[: len(files)]) if c is not None]
        self.loaded += [Controller.load(path) for path in files[count:]]
        self.files = [controller.path for controller in self.loaded]
        """Files that can be switched to, in the order of the keys 1 to 9."""
        self._looked = False  # whether those beside the loaded ones are among them
        self.selected: int | None = 0 if count == 1 else None
        """Index of the character that is steered; None: all of them."""
        self.wish = Wish()
        self.held_goal: Goal | None = None
        """What the steered characters of its task do instead of the wish; None: the wish."""
        self.grab: Grab | None = None
        self.trails, self.show_trails, self.show_contacts = Trails(), False, False
        self.stunts = Stunts(self, get_up)
        for index in range(count if files else 0):
            self.stunts.give(index, self.files[index % len(files)])
        self.meter: NaturalnessMeter | None = None
        self._judge: Prior | None = None
        self._priors: dict[Path, Prior | None] = {}  # of each controller that has been judged by its own
        self.velocity = np.zeros((count, 2))  # m/s over ground, averaged

    def judge(self, prior: Prior | None = None) -> None:
        """Judge the lead character's naturalness from now on, by a prior; None: by that of its own controller.

        Raises:
            PriorError: a file in `priors/` beside a controller is no good.
        """
        self.meter, self._judge = NaturalnessMeter(), prior
        for controller in self.loaded if prior is None else ():
            self._priors[controller.path] = find_prior(controller)

    @property
    def steered(self) -> list[int]:
        """Indices of the characters that do what is wished."""
        return list(range(len(self.world.characters))) if self.selected is None else [self.selected]

    @property
    def lead(self) -> int:
        """Index of the character that the display tells of."""
        return self.selected or 0

    @property
    def focus(self) -> np.ndarray:
        """What the camera follows, [3] m: the middle of those that are steered."""
        position, _ = self.world.render_poses()
        return position[self.steered, 0].mean(axis=0)

    @property
    def top(self) -> float:
        """Height of the highest head among those that are steered, m."""
        position, _ = self.world.render_poses()
        return top_of(position[self.steered])

    def advance(self, seconds: float) -> None:
        """Simulate `seconds` of real time, at most `World.max_advance` of them, with the world's time scale.

        However long that is, goals are given and notes taken once a control step.

        Raises:
            SimulationError: the simulation broke down.
        """
        for piece in self._pieces(seconds):
            self._steer()
            if self.grab is not None and not self.world.paused:
                self._pull(piece)
            self._note(self.world.advance(piece) / PHYSICS_HZ)

    def _pieces(self, seconds: float) -> Iterator[float]:
        """Cut real time into pieces of a control step at most, after the world has dropped what is too much of it."""
        world, most = self.world, self.world.max_advance
        if seconds > most:
            world.max_advance = 0.0
            world.advance(seconds - most)
            world.max_advance = most
        kept = min(seconds, most)
        count = max(math.ceil(kept * world.time_scale * CONTROL_HZ - 1e-6), 1)
        yield from (kept / count for _ in range(count))

    def step(self) -> None:
        """Simulate one control step, also while paused."""
        self._steer()
        self.world.step()
        self._note(1.0 / 30.0)

    def reset(self) -> None:
        """Start over, without balls and boxes."""
        for prop in self.world.props:
            prop.remove()
        self.stunts.clear()
        self.world.reset()
        self.trails.clear()
        self.velocity[:] = 0.0
        if self.meter is not None:
            self.meter.clear()

    def select(self, index: int | None) -> None:
        """Steer one character, or all of them (None); the others stand still from now on."""
        left = [] if index is None else [other for other in self.steered if other != index]
        self.selected = index
        for other in left:
            character = self.world.characters[other]
            if character.controller is not None:
                root = character.state.root_position
                rest = Wish(0.0, report.yaw_of(character.state), None)
                character.goal = goal_for(character.controller.task, rest, None, root)

    def send(self, place: np.ndarray) -> None:
        """Send the steered characters whose task is `location` to a point of the ground, [2] m."""
        for index in self.steered:
            character = self.world.characters[index]
            if character.controller is not None and character.controller.task == Location.task:
                character.goal = Location(float(place[0]), float(place[1]))

    def switch(self, number: int) -> str:
        """Give the steered characters the controller of that number, from 0; returns what to say.

        One that begins in a state of its own (a single skill) begins in it, where the character is.

        Raises:
            ControllerError: its file is no good; nothing has changed.
            PriorError: so is its prior's.
        """
        if number >= len(self.files):
            self._look_beside()
        if not 0 <= number < len(self.files):
            choice = ", ".join(f"{n} {path.stem}" for n, path in enumerate(self.files[:9], start=1))
            return f"{number + 1} is no controller: {choice or 'none is loaded'}"
        for index in self.steered:
            self.stunts.give(index, self.files[number])
            character = self.world.characters[index]
            assert character.controller is not None
            if self.meter is not None and self._judge is None and character.controller.path not in self._priors:
                self._priors[character.controller.path] = find_prior(character.controller)
            if character.controller.start is not None:
                character.reset(character.state.root_position[:2].tolist(), report.yaw_of(character.state))
        return f"{number + 1} {self.files[number].stem}"

    def cycle(self, by: int) -> str:
        """Switch to the next or previous controller; returns what to say. Raises as `switch` does."""
        if not self.loaded:
            return "no controller is loaded"
        self._look_beside()
        if len(self.files) == 1:
            return f"there is no other controller for the same keys beside {self.files[0].name}"
        return self.switch((self.files.index(self.stunts.own[self.lead]) + by) % len(self.files))

    def _look_beside(self) -> None:
        if not self._looked:
            self.files += shelf.beside(self.loaded)
            self._looked = True

    def reload(self) -> str:
        """Load the controllers' files again; returns what to say. A bad file leaves everything as it is.

        A world loads each file once: the same state goes on in another world.

        Raises:
            ControllerError: a file is no good.
        """
        fresh = {path: Controller.load(path) for path in (*self.files[: len(self.loaded)], *self.stunts.own.values())}
        for index, path in self.stunts.own.items():
            self.world.characters[index].switch(fresh[path], fade=0.0)  # the old one has no share in it any more
        old, self.world = self.world, World.from_snapshot(self.world.save())
        self.world.paused, self.world.time_scale = old.paused, old.time_scale
        self.loaded = [fresh[controller.path] for controller in self.loaded]
        self.stunts.clear()
        return f"reloaded {len(fresh)} file{'s' * (len(fresh) != 1)}"

    def throw(self, azimuth: float) -> str:
        """Throw a ball at each steered character, coming from `azimuth` (rad, world yaw); returns what to say."""
        for index in self.steered[:MAX_PROPS]:
            self._make_room()
            self.world.throw(self.world.characters[index], mass=2.0, speed=9.0, azimuth=azimuth, distance=5.0)
        return ""

    def drop_box(self) -> str:
        """Drop a box on each steered character; returns what to say."""
        position, _ = self.world.render_poses()
        for index in self.steered[:MAX_PROPS]:
            self._make_room()
            above = position[index, 0] + [0.04, 0.03, 1.7]
            self.world.add_box((0.3, 0.3, 0.3), mass=5.0, position=above)
        return ""

    def scene(self) -> Scene:
        """What to draw now."""
        return scenery.scene(self)

    def status(self) -> Status:
        """What to tell now."""
        return report.status(self)

    def _make_room(self) -> None:
        if len(self.world.props) >= MAX_PROPS:
            self.world.props[0].remove()

    def _steer(self) -> None:
        """Turn the wish into goals, each in the terms of its character's task."""
        balls = [prop.state for prop in self.world.props if prop.shape == "ball"]
        flying = [(position, velocity) for position, _, velocity, _ in balls]
        roots, characters = self.world.render_poses()[0][:, 0], self.world.characters
        same: dict[str, Goal | None] = {}  # goals that are everybody's
        for index in self.steered:
            character = characters[index]
            if character.controller is None:
                continue
            task, now = character.controller.task, character.goal
            if self.held_goal is not None and self.held_goal.task == task:
                goal = self.held_goal
            elif task in same:
                goal = same[task]
            else:
                goal = goal_for(task, self.wish, now, roots[index], flying)
                if task in ALIKE:
                    same[task] = goal
            if goal != now:
                character.goal = goal

    def _pull(self, seconds: float) -> None:
        """Let the grab's spring pull for `seconds` of simulated time."""
        grab, model, data = self.grab, self.world.model, self.world.data
        assert grab is not None
        impulse = grab.force(model, data) * min(seconds * self.world.time_scale, self.world.max_advance)
        for prop in self.world.props:
            if model.body(f"prop{prop.number}").id == grab.body:
                prop.push(impulse.tolist())
        for character in self.world.characters:
            own = grab.body - character.slots.body
            if 0 <= own < len(BODIES):
                character.push(impulse.tolist(), BODIES[own])

    def _note(self, simulated: float) -> None:
        """Remember what has come of the last `simulated` s."""
        if simulated <= 0.0:
            return
        keep = math.exp(-simulated / _AVERAGING)
        characters = self.world.characters
        dof = np.array([character.slots.dof for character in characters])
        velocity = self.world.data.qvel[dof[:, None] + [0, 1]]  # of the roots over ground
        self.velocity = keep * self.velocity + (1.0 - keep) * velocity
        self.stunts.look()
        if self.show_trails:
            self.trails.add(self.world.time, self.world.render_poses()[0][:, 0])
        if self.meter is not None:
            own = self.stunts.own.get(self.lead)
            prior = self._judge or (None if own is None else self._priors.get(own))
            self.meter.add(self.world.time, characters[self.lead].state, prior, self.lead)


def places(count: int) -> list[tuple[float, float]]:
    """Where characters stand: abreast of each other, from eight on in ranks; x, y, m."""
    columns = count if count < 8 else math.ceil(math.sqrt(count))
    ranks = math.ceil(count / columns)
    spots = [divmod(index, columns) for index in range(count)]
    left, front = 0.5 * APART * (columns - 1), 0.5 * APART * (ranks - 1)
    return [(front - APART * rank, left - APART * column) for rank, column in spots]

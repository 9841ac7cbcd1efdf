"""A running simulation as the app shows it: commands, mouse and sticks become what the stage does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from runtime import ControllerError, PriorError, Skill
from runtime.events import Fell, GotUp, Hit
from runtime.replay import Recorder
from viewer import picking
from viewer.actions import command_keys
from viewer.camera import Camera
from viewer.files import next_free
from viewer.hud import Status
from viewer.input import Drive
from viewer.picking import Grab
from viewer.scene import Scene
from viewer.stage import Stage

_TOLD = 2.0  # s that an event is told for
_FALLEN = "fallen"


class Live:
    """A `Stage` that the user steers."""

    playback = False
    keys = command_keys()

    def __init__(self, stage: Stage, folder: Path = Path("out")) -> None:
        """Show a stage; `folder` is where recordings go."""
        self.stage, self.folder = stage, folder
        self._recorder: Recorder | None = None
        self._recording: Path | None = None
        self._clicked: int | None = None
        self._event, self._told = stage.stunts.trouble, 0.0
        self._commands: dict[str, Callable[[Camera], str]] = {
            "jump": lambda _: stage.stunts.jump(),
            "get up": lambda _: stage.stunts.get_up(),
            "throw": lambda camera: stage.throw(camera.yaw + np.pi - 0.5),
            "box": lambda _: stage.drop_box(),
            "next controller": lambda _: stage.cycle(1),
            "previous controller": lambda _: stage.cycle(-1),
            "everyone": lambda _: self._select(None),
            "reset": lambda _: self._reset(),
            "reload": lambda _: self._reload(),
            "step": lambda _: self._step(),
            "trail": lambda _: self._toggle_trail(),
            "contacts": lambda _: self._toggle_contacts(),
            "record": lambda _: self._record(),
        }

    @property
    def title(self) -> str:
        """The controllers' names."""
        return ", ".join(controller.path.stem for controller in self.stage.loaded) or "default pose"

    @property
    def paused(self) -> bool:
        """Whether the world stands still."""
        return self.stage.world.paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self.stage.world.paused = paused

    @property
    def time_scale(self) -> float:
        """Simulated time per real time that is wanted."""
        return self.stage.world.time_scale

    @time_scale.setter
    def time_scale(self, scale: float) -> None:
        self.stage.world.time_scale = scale

    @property
    def time(self) -> float:
        """Simulated time, s."""
        return self.stage.world.time

    @property
    def focus(self) -> np.ndarray:
        """What the camera follows, [3] m."""
        return self.stage.focus

    @property
    def top(self) -> float:
        """Height of the highest head among what the camera follows, m."""
        return self.stage.top

    def command(self, name: str, camera: Camera) -> str:
        """Do what a command says; returns a notice."""
        try:
            if name.startswith("controller "):
                return self.stage.switch(int(name.split()[1]) - 1)
            return self._commands[name](camera)
        except (ControllerError, PriorError) as error:
            return str(error).splitlines()[0]

    def update(self, elapsed: float, held: set[str], drive: Drive, camera: Camera) -> None:
        """Let `elapsed` s of real time pass.

        Raises:
            SimulationError: the simulation broke down.
        """
        self.stage.wish = drive.wish(held, camera.yaw)
        self.advance(elapsed)

    def advance(self, elapsed: float) -> None:
        """Simulate `elapsed` s of real time with the wish as it is.

        Raises:
            SimulationError: the simulation broke down.
        """
        self.stage.advance(elapsed)
        for event in self.stage.world.events():
            if isinstance(event, Hit):
                self._event, self._told = (
                    f"{event.by} hits the {event.body.replace('_', ' ')}: {event.impulse:.0f} N·s",
                    event.time,
                )
            elif isinstance(event, Fell) and not self._lies_by_trade(event.character):
                who = f"{event.character} has " if len(self.stage.world.characters) > 1 else ""
                self._event, self._told = f"{who}{_FALLEN}", event.time
            elif isinstance(event, GotUp) and self._event.endswith(_FALLEN):
                self._event = ""

    def costs(self) -> tuple[tuple[str, float], ...]:
        """What a control step takes: name, ms."""
        world = self.stage.world
        return ("physics", 1e3 * world.physics_time), ("networks", 1e3 * world.inference_time)

    def scene(self) -> Scene:
        """What to draw now."""
        return self.stage.scene()

    def status(self) -> Status:
        """What to tell now."""
        world = self.stage.world
        status = self.stage.status()
        notice = self._event if 0.0 <= world.time - self._told < _TOLD else ""
        lead = world.characters[self.stage.lead]
        if lead.fallen and not self._lies_by_trade(lead.name):
            notice = self._down(lead.director is not None)
        if self._recording is not None:
            notice = notice or f"recording to {self._recording}"
        return replace(status, notice=notice)

    def take(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> bool:
        """Take hold of the body that a ray meets; of the ground only to click on it."""
        world = self.stage.world
        picked = picking.pick(world.model, world.data, camera.eye, ray)
        if picked is None or picked.body == 0:
            return False
        found = picking.owner(picked.body, [character.slots for character in world.characters])
        self._clicked = None if found is None else found[0]
        self.stage.grab = Grab.start(picked, world.data)
        return True

    def drag(self, ray: np.ndarray, camera: Camera, at: tuple[float, float]) -> None:
        """Pull what is held towards the mouse."""
        if self.stage.grab is not None:
            self.stage.grab.drag(camera, ray)

    def drop(self, clicked: bool) -> str:
        """Let go of it; after a click, steer that character."""
        self.stage.grab = None
        if clicked and self._clicked is not None and len(self.stage.world.characters) > 1:
            return self._select(self._clicked)
        return ""

    def point(self, ray: np.ndarray, camera: Camera) -> None:
        """Send those who walk to points to where the ground was clicked."""
        place = picking.ground_point(camera.eye, ray)
        if place is not None:
            self.stage.send(place)

    def close(self) -> None:
        """Finish what is being written."""
        if self._recording is not None:
            self._record()

    def _lies_by_trade(self, name: str) -> bool:
        """Whether a character's controller is a single skill: who crawls or turns over has not fallen."""
        controller = next(each.controller for each in self.stage.world.characters if each.name == name)
        return controller is not None and controller.task == Skill.task

    def _down(self, can_get_up: bool) -> str:
        """What to say while the lead character lies."""
        if self.stage.stunts.getting_up(self.stage.lead):
            return "getting up"
        if not can_get_up:
            return "fallen: R starts over"
        return _FALLEN if self.stage.stunts.automatic else "fallen: C gets up, R starts over"

    def _select(self, index: int | None) -> str:
        self.stage.select(index)
        return "everyone is steered" if index is None else f"{self.stage.world.characters[index].name} is steered"

    def _reset(self) -> str:
        self.stage.reset()
        return ""

    def _reload(self) -> str:
        if self._recorder is not None:
            return "end the recording first: V"
        return self.stage.reload()

    def _step(self) -> str:
        self.stage.world.paused = True
        self.stage.step()
        return ""

    def _toggle_trail(self) -> str:
        self.stage.show_trails = not self.stage.show_trails
        self.stage.trails.clear()
        return ""

    def _toggle_contacts(self) -> str:
        self.stage.show_contacts = not self.stage.show_contacts
        return ""

    def _record(self) -> str:
        if self._recorder is not None:
            self._recorder.close()
            saved, self._recorder, self._recording = self._recording, None, None
            return f"saved {saved}"
        try:
            self._recording = next_free(self.folder, "recording", ".rec")
            self._recorder = self.stage.world.record(self._recording)
        except OSError as error:
            self._recording = None
            return f"nothing is recorded: {error.strerror or error}"
        return ""

"""Gamepads: pyglet's controller events in, the same sticks and commands as from the keyboard out.

Sticks are taken from `on_stick_motion` vectors (x right, y up): the values that can be polled differ in sign from one
operating system to the next. Any pad that is plugged in, before or after the start, steers; what an unplugged one held
is let go. Tests give a manager and controllers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from viewer.actions import PAD
from viewer.input import Pad


class Device(Protocol):
    """What is needed of a `pyglet.input.Controller`."""

    name: str

    def open(self) -> None:
        """Start sending events."""

    def push_handlers(self, *handlers: object) -> None:
        """Send events to an object's `on_…` methods."""


class Manager(Protocol):
    """What is needed of a `pyglet.input.ControllerManager`."""

    def get_controllers(self) -> list[Device]:
        """What is plugged in."""
        ...

    def push_handlers(self, *handlers: object) -> None:
        """Tell an object of `on_connect` and `on_disconnect`."""


class Gamepads:
    """Listens to every gamepad there is."""

    def __init__(self, pad: Pad, command: Callable[[str], None], notice: Callable[[str], None]) -> None:
        """Steer by them.

        Args:
            pad: where sticks and triggers are written.
            command: called with a command's name when a button is pressed.
            notice: called with a sentence when a gamepad comes or goes.
        """
        self._pad, self._command, self._notice = pad, command, notice
        self._open: list[Device] = []

    def watch(self, manager: Manager) -> None:
        """Open what is plugged in and whatever will be."""
        manager.push_handlers(self)
        for device in manager.get_controllers():
            self._add(device)

    def on_connect(self, device: Device) -> None:
        """Open a gamepad that was plugged in."""
        self._add(device)
        self._notice(f"{device.name} connected")

    def on_disconnect(self, device: Device) -> None:
        """Let go of what an unplugged one held."""
        if device in self._open:
            self._open.remove(device)
            self._pad.left = self._pad.right = (0.0, 0.0)
            self._pad.left_trigger = 0.0
            self._notice(f"{device.name} disconnected")

    def _add(self, device: Device) -> None:
        if device in self._open:
            return
        try:
            device.open()
        except OSError as error:  # no rights to the device, or another program holds it
            self._notice(f"{device.name} cannot be used: {error.strerror or error}")
            return
        device.push_handlers(self)
        self._open.append(device)

    def on_stick_motion(self, _: Device, stick: str, vector: tuple[float, float]) -> None:
        """Keep where a stick is: right, up."""
        right, up = float(vector[0]), float(vector[1])
        if stick == "leftstick":
            self._pad.left = right, up
        elif stick == "rightstick":
            self._pad.right = right, up

    def on_trigger_motion(self, _: Device, trigger: str, value: float) -> None:
        """Keep how far the left trigger is pulled."""
        if trigger == "lefttrigger":
            self._pad.left_trigger = value

    def on_button_press(self, _: Device, button: str) -> None:
        """Give the button's command."""
        if button in PAD:
            self._command(PAD[button])

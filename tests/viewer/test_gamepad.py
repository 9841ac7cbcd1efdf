"""Gamepads without a gamepad: a manager and devices of our own, with pyglet's events and names."""

import importlib.util
import sys
from pathlib import Path

import pytest

from viewer.gamepad import Gamepads
from viewer.input import Pad


class Dispatcher:
    """Sends events as pyglet's dispatchers do: to the `on_…` methods of what was pushed."""

    def __init__(self):
        self.handlers = []

    def push_handlers(self, *handlers):
        self.handlers += handlers

    def send(self, event, *arguments):
        for handler in self.handlers:
            if hasattr(handler, event):
                getattr(handler, event)(*arguments)


class FakeDevice(Dispatcher):
    def __init__(self, error=None):
        super().__init__()
        self.name, self.opened, self.error = "Test Pad", 0, error

    def open(self):
        self.opened += 1
        if self.error:
            raise self.error


class FakeManager(Dispatcher):
    def __init__(self, *devices):
        super().__init__()
        self.devices = list(devices)

    def get_controllers(self):
        return self.devices


class Seen:
    """Gamepads, and what they said."""

    def __init__(self, *devices):
        self.pad, self.commands, self.notices = Pad(), [], []
        self.manager = FakeManager(*devices)
        Gamepads(self.pad, self.commands.append, self.notices.append).watch(self.manager)


def test_sticks_and_triggers_are_kept_from_their_events():
    """As vectors x right, y up, in pyglet's names."""
    device = FakeDevice()
    seen = Seen(device)
    device.send("on_stick_motion", device, "leftstick", (0.5, -0.25))
    device.send("on_stick_motion", device, "rightstick", (-1.0, 0.0))
    device.send("on_trigger_motion", device, "lefttrigger", 0.75)
    device.send("on_trigger_motion", device, "righttrigger", 0.5)
    assert seen.pad == Pad((0.5, -0.25), (-1.0, 0.0), 0.75)
    assert device.opened == 1


@pytest.mark.parametrize(
    ("button", "command"),
    [("a", "jump"), ("x", "throw"), ("leftshoulder", "previous controller"), ("rightshoulder", "next controller")],
)
def test_buttons_give_commands(button, command):
    """And buttons without a meaning give none."""
    device = FakeDevice()
    seen = Seen(device)
    device.send("on_button_press", device, "guide")
    device.send("on_button_press", device, button)
    assert seen.commands == [command]


def test_a_pad_that_is_plugged_in_later_steers_too():
    """It is opened once, also when the system reports it twice."""
    seen, device = Seen(), FakeDevice()
    seen.manager.send("on_connect", device)
    seen.manager.send("on_connect", device)
    device.send("on_stick_motion", device, "leftstick", (0.0, 1.0))
    assert device.opened == 1
    assert seen.pad.left == (0.0, 1.0)
    assert seen.notices[0] == "Test Pad connected"


def test_what_an_unplugged_pad_held_is_let_go():
    """The character does not run on for ever, and the same pad may come back."""
    device = FakeDevice()
    seen = Seen(device)
    device.send("on_stick_motion", device, "leftstick", (0.0, 1.0))
    device.send("on_trigger_motion", device, "lefttrigger", 1.0)
    seen.manager.send("on_disconnect", device)
    assert seen.pad == Pad()
    assert seen.notices == ["Test Pad disconnected"]
    seen.manager.send("on_connect", device)
    assert device.opened == 2


def test_a_pad_that_may_not_be_opened_is_told_and_does_not_stop_the_viewer():
    """No rights to /dev/input is common on Linux."""
    seen = Seen(FakeDevice(PermissionError(13, "Permission denied")))
    assert seen.notices == ["Test Pad cannot be used: Permission denied"]


def test_pyglet_s_own_classes_fit():
    """The real controller dispatches these events with these arguments, and the real manager these."""
    spec = importlib.util.find_spec("pyglet")
    assert spec is not None and spec.origin is not None
    base = Path(spec.origin).parent / "input" / "base.py"  # alone: the package around it looks for a display
    loaded = importlib.util.spec_from_file_location("pyglet_input_base", base)
    module = importlib.util.module_from_spec(loaded)
    sys.modules[loaded.name] = module
    loaded.loader.exec_module(module)
    assert {"on_stick_motion", "on_trigger_motion", "on_button_press"} <= set(module.Controller.event_types)
    assert {"on_connect", "on_disconnect"} <= set(module.ControllerManager.event_types)
    assert {"on_stick_motion", "on_trigger_motion", "on_button_press", "on_connect", "on_disconnect"} <= set(
        dir(Gamepads)
    )

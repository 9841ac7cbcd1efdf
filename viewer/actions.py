"""What one can ask for with keys and buttons, in one table: window, gamepad, help and tests all read it.

Held actions steer for as long as they are down; commands act once when pressed. Keys have the names that
`pyglet.window.key.symbol_string` gives, so that this table and everything behind it work without a window.
"""

from __future__ import annotations

from typing import NamedTuple


class Binding(NamedTuple):
    """Keys that ask for one thing."""

    action: str
    keys: tuple[str, ...]
    shown: str
    """How the help names the keys."""
    told: str
    """What they do, for the help; empty where the line before says it."""


HELD = (
    Binding("forward", ("W", "UP"), "W A S D, arrows", "walk, relative to the camera"),
    Binding("back", ("S", "DOWN"), "", ""),
    Binding("left", ("A", "LEFT"), "", ""),
    Binding("right", ("D", "RIGHT"), "", ""),
    Binding("run", ("LSHIFT", "RSHIFT"), "Shift", "run"),
    Binding("face", ("LCTRL", "RCTRL"), "Ctrl", "keep facing away from the camera"),
)
COMMANDS = (
    Binding("jump", ("SPACE",), "Space", "jump"),
    Binding("get up", ("C",), "C", "get up"),
    Binding("throw", ("F",), "F", "throw a ball at the character"),
    Binding("box", ("G",), "G", "drop a box on it"),
    *(Binding(f"controller {n}", (f"_{n}", f"NUM_{n}"), "1 – 9" if n == 1 else "", "") for n in range(1, 10)),
    Binding("next controller", ("TAB",), "Tab", "the next controller"),
    Binding("everyone", ("_0", "NUM_0"), "0", "steer everyone (click: only one)"),
    Binding("reset", ("R",), "R", "start over"),
    Binding("reload", ("F5",), "F5", "load the controllers' files again"),
    Binding("pause", ("P",), "P", "pause"),
    Binding("step", ("PERIOD",), ".", "one control step"),
    Binding("slower", ("MINUS", "NUM_SUBTRACT"), "– =", "slower, faster"),
    Binding("faster", ("EQUAL", "PLUS", "NUM_ADD"), "", ""),
    Binding("trail", ("T",), "T", "show trails"),
    Binding("contacts", ("X",), "X", "show contacts"),
    Binding("record", ("V",), "V", "record the motion to a file"),
    Binding("screenshot", ("F12",), "F12", "save a picture"),
    Binding("full screen", ("F11",), "F11", "full screen, and back"),
    Binding("help", ("F1", "H"), "F1", "this help; again: the gamepad"),
    Binding("quit", ("ESCAPE",), "Esc", "quit"),
)
PLAYBACK = (
    Binding("left", (), "Left, right", "scrub; or drag along the bar"),
    Binding("pause", ("P", "SPACE"), "P, Space", "pause"),
    Binding("step", ("PERIOD",), ".", "one frame on"),
    Binding("step back", ("COMMA",), ",", "one frame back"),
    Binding("slower", ("MINUS", "NUM_SUBTRACT"), "– =", "slower, faster"),
    Binding("faster", ("EQUAL", "PLUS", "NUM_ADD"), "", ""),
    Binding("reset", ("R", "HOME"), "R", "from the start"),
    Binding("trail", ("T",), "T", "show trails"),
    Binding("export", ("E",), "E", "export as glTF"),
    Binding("screenshot", ("F12",), "F12", "save a picture"),
    Binding("full screen", ("F11",), "F11", "full screen, and back"),
    Binding("help", ("F1", "H"), "F1", "this help; again: the gamepad"),
    Binding("quit", ("ESCAPE",), "Esc", "quit"),
)
MOUSE = (
    ("drag", "turn the view; on a body: pull it"),
    ("click", "select a character, or a place to go to"),
    ("wheel", "come nearer"),
)
PAD = {
    "a": "jump", "b": "get up", "x": "throw", "y": "box", "leftshoulder": "previous controller",
    "rightshoulder": "next controller", "start": "pause", "back": "reset",
}  # fmt: skip
"""Which command a button of a gamepad gives, by pyglet's names."""
_BUTTONS = {
    "a": "A", "b": "B", "x": "X", "y": "Y", "leftshoulder": "left bumper", "rightshoulder": "right bumper",
    "start": "Start", "back": "Back",
}  # fmt: skip
_PAD_ONLY = {"previous controller": "the previous controller"}  # what no key does


def held_keys() -> dict[str, str]:
    """Key name → held action."""
    return {key: binding.action for binding in HELD for key in binding.keys}


def command_keys() -> dict[str, str]:
    """Key name → command."""
    return {key: binding.action for binding in COMMANDS for key in binding.keys}


def playback_keys() -> dict[str, str]:
    """Key name → command, in a recording."""
    return {key: binding.action for binding in PLAYBACK for key in binding.keys}


def help_lines(playback: bool = False) -> list[tuple[str, str]]:
    """What each key does, for the help: (keys, what they do)."""
    bindings = PLAYBACK if playback else (*HELD, *COMMANDS)
    lines = [(b.shown, b.told or "another controller for these keys") for b in bindings if b.shown]
    return [*lines, *(MOUSE[::2] if playback else MOUSE)]


def pad_lines(playback: bool = False) -> list[tuple[str, str]]:
    """What each stick and button of a gamepad does, for the help: (where, what it does)."""
    told = {b.action: b.told for b in (PLAYBACK if playback else COMMANDS)} | ({} if playback else _PAD_ONLY)
    buttons = [(_BUTTONS[button], told[command]) for button, command in PAD.items() if command in told]
    if playback:
        return [("right stick", "turn the view"), *buttons]
    return [
        ("left stick", "walk and run, relative to the camera"),
        ("right stick", "turn the view"),
        ("left trigger", "held: the right stick says where to face"),
        *buttons,
    ]


def help_pages(playback: bool = False) -> list[tuple[str, list[tuple[str, str]]]]:
    """The pages that F1 leafs through: a title, and what each key or button does."""
    return [
        ("Keys and mouse (F1: gamepad)", help_lines(playback)),
        ("Gamepad (F1: close)", pad_lines(playback)),
    ]

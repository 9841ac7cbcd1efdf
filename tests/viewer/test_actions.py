import pytest

from viewer import actions
from viewer.input import ACTIONS


def test_every_held_action_is_one_the_drive_knows():
    """And every one the drive knows has a key."""
    assert set(actions.held_keys().values()) == set(ACTIONS)


def test_no_key_means_two_things():
    """Neither two commands, nor a command and a held action, live or in a recording."""
    for bindings in (actions.HELD + actions.COMMANDS, actions.PLAYBACK):
        keys = [key for binding in bindings for key in binding.keys]
        assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("SPACE", "jump"), ("C", "get up"), ("F", "throw"), ("G", "box"), ("_1", "controller 1"),
        ("_9", "controller 9"), ("TAB", "next controller"), ("R", "reset"), ("P", "pause"), ("PERIOD", "step"),
        ("MINUS", "slower"), ("EQUAL", "faster"), ("F1", "help"), ("F5", "reload"), ("F12", "screenshot"),
        ("V", "record"), ("F11", "full screen"),
    ],
)  # fmt: skip
def test_the_promised_keys_are_bound(key, command):
    """Those of the project's description."""
    assert actions.command_keys()[key] == command


def test_buttons_give_commands_that_exist():
    """A jumps, X throws, the bumpers switch controllers."""
    known = {binding.action for binding in actions.COMMANDS} | {"previous controller"}
    assert set(actions.PAD.values()) <= known
    assert (actions.PAD["a"], actions.PAD["x"]) == ("jump", "throw")
    assert (actions.PAD["leftshoulder"], actions.PAD["rightshoulder"]) == ("previous controller", "next controller")


@pytest.mark.parametrize("playback", [False, True])
def test_the_help_tells_of_every_binding(playback):
    """Each line has a key and a text, and what a line leaves out is told by the line before it."""
    lines = actions.help_lines(playback)
    assert all(key and text for key, text in lines)
    shown = {key for key, _ in lines}
    bindings = actions.PLAYBACK if playback else actions.COMMANDS
    assert {binding.shown for binding in bindings if binding.told} <= shown


def test_keys_have_pyglet_s_names():
    """So that what the window reports is found in the table."""
    from viewer import context

    context.open_hidden().close()
    from pyglet.window import key

    names = {name for binding in (*actions.HELD, *actions.COMMANDS, *actions.PLAYBACK) for name in binding.keys}
    assert [name for name in names if key.symbol_string(getattr(key, name, -1)) != name] == []

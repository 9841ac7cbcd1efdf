import math

import pytest

from viewer.input import Wish
from viewer.script import ScriptError, parse


def test_a_script_is_read_entry_by_entry():
    """Times in s, speeds in m/s, angles in degrees become goals in rad."""
    script = parse("0:speed=1.5,dir=0;4:speed=1,dir=90")
    assert script.times == (0.0, 4.0)
    assert script.wishes == (Wish(1.5, 0.0), Wish(1.0, math.pi / 2))


def test_what_an_entry_leaves_out_stays_as_it_was():
    """Only the direction changes at 2 s, only the speed at 3 s."""
    script = parse("0:speed=2,dir=180; 2:dir=-90; 3:speed=0")
    assert script.wishes == (Wish(2.0, math.pi), Wish(2.0, -math.pi / 2), Wish(0.0, -math.pi / 2))


def test_facing_is_its_own_until_given_back_to_the_direction():
    """Facing 45 degrees from 1 s, the direction of travel again from 2 s."""
    script = parse("0:speed=1;1:facing=45;2:facing=dir")
    assert [goal.facing for goal in script.wishes] == [None, math.pi / 4, None]


def test_a_goal_holds_from_its_time_until_the_next():
    """Before the first entry the character stands; an entry counts from its very time on."""
    script = parse("1:speed=1;4:speed=2")
    assert [script.at(time).speed for time in (0.0, 0.999, 1.0, 3.999, 4.0, 100.0)] == [0, 0, 1, 1, 2, 2]


def test_a_time_that_rounding_made_a_hair_early_still_counts():
    """A hundred steps of 0.01 s end at 1 s less an ulp."""
    assert parse("1:speed=1").at(math.nextafter(1.0, 0.0)).speed == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "found none"),
        (";;", "found none"),
        ("speed=1", "no colon"),
        ("x:speed=1", "a number for time, found 'x'"),
        ("-1:speed=1", "at least 0 s, found -1"),
        ("nan:speed=1", "a finite number for time"),
        ("0:", "settings like speed=1,dir=90, found none"),
        ("0:pace=1", "one of speed, dir, facing, controller, throw, box, jump, getup, found 'pace'"),
        ("0:speed", "speed=NUMBER, found 'speed'"),
        ("0:speed=fast", "a number for speed, found 'fast'"),
        ("0:speed=dir", "a number for speed, found 'dir'"),
        ("0:dir=inf", "a finite number for dir"),
        ("0:speed=6", "a speed of 0 to 5 m/s, found 6"),
        ("0:speed=-1", "a speed of 0 to 5 m/s, found -1"),
        ("0:speed=1,speed=2", "speed once, found it twice"),
        ("0:controller=0", "controller=1 to 9, found 'controller=0'"),
        ("0:controller", "controller=1 to 9"),
        ("0:throw=2", "found 'throw'"),
        ("4:speed=1;2:speed=2", "a time after 4 s, found 2"),
        ("1:speed=1;1:speed=2", "a time after 1 s, found 1"),
    ],
)
def test_a_wrong_script_is_refused_with_what_was_expected(text, named):
    """Every mistake has its own sentence."""
    with pytest.raises(ScriptError) as caught:
        parse(text)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_message_quotes_the_entry_that_is_wrong():
    """In a long script one has to know which."""
    with pytest.raises(ScriptError, match=r"goal '4:spee=2'"):
        parse("0:speed=1;4:spee=2;8:speed=3")


def test_things_are_done_once_at_their_time():
    """What is wished stays as it was; several things may be done at once, beside settings."""
    script = parse("0:speed=1;2:throw;3:speed=2,controller=2,jump;4:getup,box")
    assert script.commands == ((), ("throw",), ("controller 2", "jump"), ("get up", "box"))
    assert [wish.speed for wish in script.wishes] == [1.0, 1.0, 2.0, 2.0]


def test_every_command_of_a_script_is_one_of_the_keyboard():
    """So that whatever can be scripted can be done by hand."""
    from viewer.actions import COMMANDS as KEYS
    from viewer.script import COMMANDS

    assert set(COMMANDS.values()) <= {binding.action for binding in KEYS}

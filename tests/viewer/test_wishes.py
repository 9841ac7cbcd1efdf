import math

import numpy as np
import pytest

from runtime import Dodgeball, Getup, Jump, Location, Skill, Speed, Steering
from runtime.goals import SCHEMAS
from viewer.input import Wish
from viewer.wishes import APEX, goal_for, take_off

ROOT = np.array([1.0, 2.0, 0.9])
WISH = Wish(2.0, math.pi / 2, 0.5)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("steering", Steering(2.0, math.pi / 2, 0.5)),
        ("speed", Speed(2.0, math.pi / 2)),
        ("jump", Jump(2.0, math.pi / 2, 0.5)),
        ("location", Location(1.0, 2.0 + 1.6 * 2.0)),
        ("dodgeball", Dodgeball()),
        ("getup", Getup()),
        ("skill", Skill()),
        ("unheard of", None),
    ],
)
def test_the_same_wish_is_a_goal_of_each_task(task, expected):
    """With the task's own numbers."""
    goal = goal_for(task, WISH, None, ROOT)
    if isinstance(expected, Location):
        np.testing.assert_allclose(goal.vector(), expected.vector(), atol=1e-6)
    else:
        assert goal == expected


@pytest.mark.parametrize("task", sorted(SCHEMAS))
def test_every_task_that_the_runtime_knows_has_a_goal(task):
    """As many numbers as its schema has entries."""
    assert len(goal_for(task, WISH, None, ROOT).vector()) == len(SCHEMAS[task])


def test_no_task_is_asked_for_more_than_it_knows():
    """Running with a controller that jumps, standing with one that only walks: clamped, and without a warning."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert goal_for("jump", Wish(5.0, 0.0), None, ROOT).speed == 3.0
        assert goal_for("speed", Wish(0.0, 0.0), None, ROOT).speed == 0.5


def test_a_jump_under_way_goes_on_and_can_be_steered():
    """Its height and countdown are its own."""
    now = Jump(1.0, 0.0, apex=0.3, countdown=0.4)
    assert goal_for("jump", Wish(2.0, 0.5), now, ROOT) == Jump(2.0, 0.5, apex=0.3, countdown=0.4)


def test_one_takes_off_once():
    """A jump that is under way is not begun anew, and a goal of another task does not jump."""
    jump = take_off(Jump(1.0, 0.5))
    assert jump == Jump(1.0, 0.5, apex=APEX)
    assert take_off(jump) is None
    assert take_off(Steering(1.0)) is None


def test_a_target_stays_when_the_keys_are_let_go():
    """It is walked to; without one the character stays where it is."""
    there = Location(5.0, 6.0)
    assert goal_for("location", Wish(), there, ROOT) == there
    assert goal_for("location", Wish(), None, ROOT) == Location(1.0, 2.0)


def test_the_ball_that_will_be_here_first_is_the_one_to_dodge():
    """4 m at 8 m/s come before 2 m at 2 m/s; one that lies, one that flies away and one that is past do not count."""
    at = lambda x, z=1.0: np.array([1.0 + x, 2.0, z])  # noqa: E731
    fast, slow = (at(4.0), np.array([-8.0, 0, 1.0])), (at(2.0), np.array([-2.0, 0, 0]))
    away, lying = (at(1.0), np.array([3.0, 0, 0])), (at(1.0, 0.1), np.array([-5.0, 0, 0]))
    goal = goal_for("dodgeball", Wish(), None, ROOT, [slow, away, fast, lying])
    assert goal == Dodgeball((5.0, 2.0, 1.0), (-8.0, 0.0, 1.0))
    assert goal_for("dodgeball", Wish(), None, ROOT, [away, lying]) == Dodgeball()

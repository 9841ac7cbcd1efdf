"""Goals of the tasks beside steering: vectors, clamping and what time does to them, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime import Dodgeball, Getup, GoalError, Jump, Location, Skill, Speed
from runtime.goals import SCHEMAS, default_vector


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Speed(2.0, math.pi / 2), [2.0, 0.0, 1.0]),
        (Location(3.0, -4.0), [3.0, -4.0]),
        (Jump(1.0, math.pi, facing=0.0, apex=0.3, countdown=0.5), [-1.0, 0.0, 1.0, 0.0, 0.3, 0.5]),
        (Jump(1.0, 0.0, countdown=0.5), [1.0, 0.0, 1.0, 0.0, 0.0, 0.8]),  # without a jump nothing counts down
        (Getup(), []),
        (Skill(), []),
        (Dodgeball((1, 2, 3), (4, 5, 6)), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ],
)
def test_vectors_by_hand(goal, expected):
    """Vectors have the schema's entries in its order."""
    vector = goal.vector()
    assert vector.dtype == np.float32 and len(vector) == len(SCHEMAS[goal.task])
    assert vector.tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("goal", [Speed, Location, Jump, Getup, Dodgeball, Skill])
def test_the_default_goal_is_the_schemas_default(goal):
    """A goal made without arguments is what a character does unasked, and lies within the schema's ranges."""
    assert goal().vector().tolist() == pytest.approx(default_vector(goal.task).tolist())
    for value, entry in zip(goal().vector(), SCHEMAS[goal.task], strict=True):
        assert entry.low <= value <= entry.high


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Speed(9.0), [5.0, 1.0, 0.0]),
        (lambda: Speed(0.1), [0.5, 1.0, 0.0]),
        (lambda: Location(x=2e3), [1e3, 0.0]),
        (lambda: Jump(apex=0.9), [0.0, 0.0, 1.0, 0.0, 0.4, 0.8]),
        (lambda: Jump(apex=0.01), [0.0, 0.0, 1.0, 0.0, 0.1, 0.8]),
        (lambda: Dodgeball((0, 0, 1), (-40, 0, 0)), [0.0, 0.0, 1.0, -25.0, 0.0, 0.0]),
    ],
)
def test_values_out_of_range_are_clamped_with_a_warning_here(make, expected):
    """The warning points to the line that made the goal."""
    with pytest.warns(UserWarning, match="clamped to") as caught:
        goal = make()
    assert goal.vector().tolist() == pytest.approx(expected)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "make",
    [
        lambda: Speed(math.nan), lambda: Speed(1.0, math.inf), lambda: Location(y=math.nan),
        lambda: Jump(apex=math.nan), lambda: Jump(facing=math.inf), lambda: Jump(countdown=math.nan),
        lambda: Dodgeball((0.0, math.nan, 0.0)), lambda: Dodgeball((0.0, 1.0)), lambda: Speed("fast"),  # type: ignore
    ],
)  # fmt: skip
def test_what_is_no_number_is_an_error(make):
    """NaN, infinity, words and vectors of the wrong length are refused by name."""
    with pytest.raises(GoalError, match=r"(Speed|Location|Jump|Dodgeball)\.\w+: expected"):
        make()


def test_a_jump_counts_down_and_ends_itself():
    """0.8 s before the apex, 46 control steps of 1/30 s are more than the 1.5 s that a command lasts."""
    goal = Jump(speed=1.0, apex=0.3)
    left = []
    while goal.apex:
        left.append(goal.countdown)
        goal = goal.after(1 / 30)
    assert left[:2] == pytest.approx([0.8, 0.8 - 1 / 30])
    assert left[-1] >= -0.7 and 44 <= len(left) <= 46
    assert goal == Jump(speed=1.0) and goal.after(1 / 30) is goal


def test_a_ball_falls_as_bodies_do():
    """From 2 m up and at 10 m/s: after 0.5 s 5 m further and 1.22625 m lower; after a second it is gone."""
    ball = Dodgeball((0.0, 1.0, 2.0), (10.0, 0.0, 0.0)).after(0.5)
    assert ball.ball_position == pytest.approx((5.0, 1.0, 2.0 - 0.5 * 9.81 * 0.25))
    assert ball.ball_velocity == pytest.approx((10.0, 0.0, -4.905))
    assert ball.after(0.5) == Dodgeball()

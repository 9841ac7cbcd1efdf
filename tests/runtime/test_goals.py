from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.goals import SCHEMAS, STEERING_SCHEMA, GoalError, Steering, default_vector


def test_steering_vector() -> None:
    """2 m/s along y while looking along -x is velocity (0, 2), facing (-1, 0)."""
    vector = Steering(speed=2.0, direction=math.pi / 2, facing=math.pi).vector()
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [0.0, 2.0, -1.0, 0.0], atol=1e-6)


def test_facing_follows_direction() -> None:
    """Without a facing the character looks where it goes, even when it stands."""
    np.testing.assert_allclose(Steering(speed=0.0, direction=math.pi / 2).vector(), [0.0, 0.0, 0.0, 1.0], atol=1e-6)


@pytest.mark.parametrize(("asked", "kept"), [(7.0, 5.0), (-1.0, 0.0)])
def test_speed_out_of_range_is_clamped_with_a_warning(asked: float, kept: float) -> None:
    """A speed outside 0 to 5 m/s is clamped; the warning names both numbers and points at the caller."""
    with pytest.warns(UserWarning, match=rf"Steering\.speed: {asked:g} m/s .* clamped to {kept:g}") as caught:
        goal = Steering(speed=asked)
    assert goal.speed == kept
    assert caught[0].filename == __file__


def test_speed_at_the_ends_is_silent(recwarn: pytest.WarningsRecorder) -> None:
    """0 and 5 m/s are in range."""
    assert Steering(speed=0.0).speed == 0.0
    assert Steering(speed=5.0).speed == 5.0
    assert not recwarn


@pytest.mark.parametrize("field", ["speed", "direction", "facing"])
@pytest.mark.parametrize("value", [math.nan, math.inf, "north", [1.0, 2.0]])
def test_what_is_no_finite_number_is_an_error(field: str, value: object) -> None:
    """NaN, infinity and what is no number at all raise a GoalError that names the field."""
    with pytest.raises(GoalError, match=f"Steering.{field}"):
        Steering(**{field: value})


def test_default_vector_is_the_schema_s() -> None:
    """Nobody asked for anything: stand still, look along x."""
    np.testing.assert_array_equal(default_vector("steering"), [0.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(Steering().vector(), default_vector("steering"))


def test_default_vector_of_an_unknown_task() -> None:
    """A task that does not exist is named together with those that do."""
    with pytest.raises(GoalError, match=r"'juggle'.*steering"):
        default_vector("juggle")


def test_schemas_are_sound() -> None:
    """Defaults lie within ranges, names are unique, a goal has as many numbers as its schema."""
    for schema in SCHEMAS.values():
        assert len({entry.name for entry in schema}) == len(schema)
        assert all(entry.low <= entry.default <= entry.high for entry in schema)
    assert len(Steering().vector()) == len(STEERING_SCHEMA)

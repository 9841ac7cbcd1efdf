from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from runtime import Controller, Prior, Steering, World
from runtime.character import STATE_SHAPES, State
from runtime.naturalness import Naturalness, Window
from tests.tiny import OFFSETS

ROOT = Path(__file__).parents[2]


def state(speed: float = 0.0) -> State:
    """A state of zeros but for a root velocity of (speed, speed, speed) m/s."""
    made = State(**{name: np.zeros(shape) for name, shape in STATE_SHAPES.items()})
    made.root_linear_velocity[:] = speed
    return made


def test_the_window_keeps_the_last_states_oldest_first() -> None:
    """Of states 0 to 12 those 6, 3, 1 and 0 steps back are there; before the seventh there is no window."""
    window = Window(OFFSETS)
    for number in range(13):
        assert window.full == (number >= 7)
        window.push(state(float(number)))
    np.testing.assert_array_equal(window.states().root_linear_velocity[0, :, 0], [6.0, 9.0, 11.0, 12.0])
    window.fill(state(3.0))
    np.testing.assert_array_equal(window.states().root_linear_velocity[0, :, 0], np.full(4, 3.0))
    window.clear()
    with pytest.raises(ValueError, match="expected 7 states, found 0"):
        window.states()


def test_naturalness_by_hand(prior_path: Path) -> None:
    """The tiny prior's ratio is half of mean noise² + mean speed²: from rest to 2 m/s it rises by 2, a state by .5.

    Of the states 6, 3, 1 and 0 steps back the newest is at 2 m/s at once, the next after one more step, and so on.
    """
    watch = Naturalness(Prior.load(prior_path), half_life=0.0, draws=2)
    assert all(math.isnan(watch.push(state())) for _ in range(6))
    rest = watch.push(state())
    found = [watch.push(state(2.0)) - rest for _ in range(7)]
    np.testing.assert_allclose(found, [0.5, 1.0, 1.0, 1.5, 1.5, 1.5, 2.0], rtol=1e-5)


def test_the_noise_is_kept(prior_path: Path) -> None:
    """Standing still gives the same value at every step, and the same for the same seed; another seed another."""
    one, same, other = (Naturalness(Prior.load(prior_path), seed=seed) for seed in (1, 1, 2))
    for _ in range(10):
        first = (one.push(state()), same.push(state()), other.push(state()))
    assert first[0] == first[1] != first[2]
    assert one.push(state()) == pytest.approx(first[0], rel=1e-6)


def test_smoothing_halves_the_way_in_a_half_life(prior_path: Path) -> None:
    """After a step of the latest value, half a second at 30 Hz later the smoothed one has made half of the way."""
    watch = Naturalness(Prior.load(prior_path), half_life=0.5)
    for _ in range(10):
        before = watch.push(state())
    for _ in range(10):  # the window fills with motion at 2 m/s
        watch.push(state(2.0))
    there, start = watch.latest, watch.value
    for _ in range(15):
        watch.push(state(2.0))
    assert before < start < there
    assert watch.value == pytest.approx(0.5 * (start + there), rel=1e-5)


def test_every_spares_network_calls(prior_path: Path, monkeypatch) -> None:
    """Judged every third step: of 30 pushes, those at 9, 12, ... 30 call the prior, eight in all."""
    prior, calls = Prior.load(prior_path), []
    score = prior.score
    monkeypatch.setattr(prior, "score", lambda *given: (calls.append(1), score(*given))[1])
    watch = Naturalness(prior, every=3)
    for _ in range(30):
        watch.push(state())
    assert len(calls) == 8
    watch.clear()
    assert math.isnan(watch.value) and math.isnan(watch.push(state()))


def test_bad_settings_are_refused(prior_path: Path) -> None:
    """No draws, no steps, a negative half-life."""
    for settings in ({"draws": 0}, {"every": 0}, {"half_life": -1.0}):
        with pytest.raises(ValueError, match="half_life ≥ 0"):
            Naturalness(Prior.load(prior_path), **settings)


def test_walking_is_natural_and_falling_is_not(walking_prior_path: Path) -> None:
    """To a prior of the shipped controller's walk, its walk at 1.5 m/s is usual within a half, falling over is not."""
    prior = Prior.load(walking_prior_path)
    walker, faller = World(), World()
    hero = walker.add_character(Controller.load(ROOT / "exported/steering.onnx"))
    hero.goal = Steering(speed=1.5)
    other = faller.add_character(None)  # holds the default pose
    walking, falling = Naturalness(prior), Naturalness(prior)
    for step in range(90):
        if step == 60:
            other.push((0.0, 150.0, 0.0), "head")
        walker.step()
        faller.step()
        walking.push(hero.state)
        falling.push(other.state)
    assert 0.5 < walking.value < 1.5
    assert falling.value > 2.0 * walking.value

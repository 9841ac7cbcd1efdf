import numpy as np
import pytest

from runtime import Controller, Prior, State
from runtime.character import STATE_SHAPES
from tests.tiny import write_controller, write_prior
from viewer.hud import CURVE_POINTS
from viewer.naturalness import NaturalnessMeter, find_prior


@pytest.fixture
def prior(tmp_path):
    """One whose error grows with the square of the root's speed."""
    return Prior.load(write_prior(tmp_path / "prior.onnx"))


@pytest.fixture
def meter():
    """A meter."""
    return NaturalnessMeter()


def state(speed: float = 0.0) -> State:
    """A state that moves along x, m/s."""
    fields = {name: np.zeros(shape) for name, shape in STATE_SHAPES.items()}
    fields["root_linear_velocity"] = np.array([speed, 0.0, 0.0])
    return State(**fields)


def watch(meter, prior, seconds, start=0.0, speed=0.0, who=0, rate=120):
    """Show states as often as `rate` a second."""
    for step in range(round(seconds * rate)):
        meter.add(start + step / rate, state(speed), prior, who)


def test_a_value_comes_every_third_control_step_once_seven_were_seen(meter, prior):
    """However often it looks: from 0.3 s on ten a second, the last 110 are kept."""
    watch(meter, prior, 1.0)
    assert len(meter.values) == 7
    watch(meter, prior, 20.0, start=1.0, rate=60)
    assert len(meter.values) == CURVE_POINTS


def test_what_moves_worse_stands_higher(meter, prior):
    """And what is the same gives the same: no dice in it."""
    watch(meter, prior, 1.0)
    still = meter.values[-1]
    assert np.ptp(meter.values) == pytest.approx(0.0, abs=1e-6)
    watch(meter, prior, 2.0, start=1.0, speed=3.0)
    assert meter.values[-1] > still + 1.0


@pytest.mark.parametrize("start", [0.0, 5.0])
def test_a_leap_in_time_starts_a_new_window(meter, prior, start):
    """No value comes from a window that mixes two times, until seven states were seen again."""
    watch(meter, prior, 0.5)
    before = len(meter.values)
    watch(meter, prior, 0.29, speed=100.0, start=start)
    assert len(meter.values) == before
    watch(meter, prior, 0.5, start=start + 0.29, speed=100.0)
    assert len(meter.values) > before


def test_another_character_has_a_curve_of_its_own(meter, prior):
    """The curve of the one before is gone at once; where there is no prior there is none."""
    watch(meter, prior, 1.0)
    watch(meter, prior, 0.29, start=1.0, who=1)
    assert len(meter.values) == 0
    watch(meter, prior, 0.5, start=1.29, who=1)
    assert len(meter.values) == 5
    watch(meter, None, 0.1, start=1.79, who=1)
    assert meter.values is None


def test_a_reset_clears_the_curve(meter, prior):
    """As if nothing had been."""
    watch(meter, prior, 1.0)
    meter.clear()
    assert len(meter.values) == 0


def test_the_prior_beside_a_controller_is_found(tmp_path):
    """By the name in the controller's metadata, in priors/; without a name or a file there is none."""

    def named(metadata):
        metadata["prior"] = {"name": "tiny", "sha256": "0" * 64}

    bare = Controller.load(write_controller(tmp_path / "bare.onnx"))
    assert find_prior(bare) is None
    controller = Controller.load(write_controller(tmp_path / "c.onnx", edit_metadata=named))
    assert find_prior(controller) is None
    (tmp_path / "priors").mkdir()
    write_prior(tmp_path / "priors" / "tiny.onnx")
    assert find_prior(controller).path.name == "tiny.onnx"

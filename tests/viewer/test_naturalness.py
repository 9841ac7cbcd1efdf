import numpy as np
import pytest

from runtime import Controller, Prior, State
from runtime.character import STATE_SHAPES
from tests.tiny import write_controller, write_prior
from viewer.hud import CURVE_POINTS
from viewer.naturalness import NaturalnessMeter, find_prior


@pytest.fixture
def meter(tmp_path):
    """A meter whose prior's error grows with the square of the root's speed."""
    return NaturalnessMeter(Prior.load(write_prior(tmp_path / "prior.onnx")))


def state(speed: float = 0.0) -> State:
    """A state that moves along x, m/s."""
    fields = {name: np.zeros(shape) for name, shape in STATE_SHAPES.items()}
    fields["root_linear_velocity"] = np.array([speed, 0.0, 0.0])
    return State(**fields)


def watch(meter, seconds, start=0.0, speed=0.0, who=0, rate=120):
    """Show states as often as `rate` a second."""
    for step in range(round(seconds * rate)):
        meter.add(start + step / rate, state(speed), who)


def test_a_value_comes_every_third_control_step_once_seven_were_seen(meter):
    """However often it looks: from 0.3 s on ten a second, the last 110 are kept."""
    watch(meter, 1.0)
    assert len(meter.values) == 7
    watch(meter, 20.0, start=1.0, rate=60)
    assert len(meter.values) == CURVE_POINTS


def test_what_moves_worse_stands_higher(meter):
    """And what is the same gives the same: no dice in it."""
    watch(meter, 1.0)
    still = meter.values[-1]
    assert np.ptp(meter.values) == pytest.approx(0.0, abs=1e-6)
    watch(meter, 2.0, start=1.0, speed=3.0)
    assert meter.values[-1] > still + 1.0


@pytest.mark.parametrize("change", [{"who": 1, "start": 0.5}, {"start": 0.0}, {"start": 5.0}])
def test_another_character_or_a_leap_in_time_starts_a_new_window(meter, change):
    """No value comes from a window that mixes two, until seven states were seen again."""
    watch(meter, 0.5)
    before = len(meter.values)
    watch(meter, 0.29, speed=100.0, **change)
    assert len(meter.values) == before
    watch(meter, 0.5, start=change["start"] + 0.29, speed=100.0, who=change.get("who", 0))
    assert len(meter.values) > before


def test_a_reset_clears_the_curve(meter):
    """As if nothing had been."""
    watch(meter, 1.0)
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

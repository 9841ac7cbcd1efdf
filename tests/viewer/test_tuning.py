import math

import numpy as np
import pytest

from runtime import Dodgeball, Jump, Steering
from runtime.character import add_character, scene_spec
from viewer.stage import Stage
from viewer.tuning import Physics, Tuner, goal_fields, with_fields


def model():
    """A scene of its own with one character: `runtime.character.model` is everybody's."""
    spec = scene_spec()
    add_character(spec)
    return spec.compile()


def test_physics_is_what_was_wished_however_often_it_is_asked_for():
    """Half gravity, twice the friction, three quarters of the strength; then as trained again."""
    scene, tuner = model(), Tuner()
    before = [scene.opt.gravity.copy(), scene.geom_friction.copy(), scene.actuator_gainprm.copy(),
              scene.actuator_biasprm.copy(), scene.actuator_forcerange.copy()]  # fmt: skip
    for wanted in (Physics(0.9, 0.5, 1.5), Physics(0.5, 2.0, 0.75), Physics(0.5, 2.0, 0.75)):
        tuner.apply(scene, wanted)
    after = [scene.opt.gravity, scene.geom_friction, scene.actuator_gainprm, scene.actuator_biasprm,
             scene.actuator_forcerange]  # fmt: skip
    for factor, old, new in zip((0.5, 2.0, 0.75, 0.75, 0.75), before, after, strict=True):
        np.testing.assert_allclose(new, factor * old, rtol=1e-12)
    tuner.apply(scene, Physics())
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-12)


def test_another_model_is_changed_from_what_it_is():
    """A scene that was compiled anew starts as trained."""
    first, second, tuner = model(), model(), Tuner()
    tuner.apply(first, Physics(gravity=0.5))
    tuner.apply(second, Physics(gravity=0.5))
    assert second.opt.gravity[2] == pytest.approx(-9.81 / 2)


def test_no_gravity_at_all_is_refused():
    """There would be no way back."""
    with pytest.raises(ValueError, match="factors above 0"):
        Tuner().apply(model(), Physics(gravity=0.0))


def test_the_numbers_of_a_goal_can_be_changed_within_their_ranges():
    """What is no single number stays as it is."""
    assert goal_fields(Steering(1.0, 0.5)) == {"speed": 1.0, "direction": 0.5}
    assert with_fields(Steering(1.0, 0.5, 0.1), {"speed": 9.0}) == Steering(5.0, 0.5, 0.1)
    assert with_fields(Jump(1.0), {"apex": 0.25, "direction": 9.0}) == Jump(1.0, math.pi, apex=0.25)
    assert goal_fields(Dodgeball()) == {}


def test_a_held_goal_holds_whatever_is_wished(tmp_path):
    """Until it is let go."""
    from tests.tiny import write_controller
    from viewer.input import Wish

    stage = Stage([write_controller(tmp_path / "a.onnx")])
    stage.wish, stage.held_goal = Wish(1.0), Steering(3.0, 1.0)
    stage.advance(0.1)
    assert stage.world.characters[0].goal == Steering(3.0, 1.0)
    stage.held_goal = None
    stage.advance(0.1)
    assert stage.world.characters[0].goal == Steering(1.0)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime import Director, DirectorError, GoalError, Jump, Location, Steering, Transition, World
from runtime.character import DEFAULT_POSE, JOINT_NAMES
from runtime.director import Directing, Situation
from runtime.events import ControllerChanged
from tests.tiny import linear, write_controller

KNEE = JOINT_NAMES.index("right_knee")


@pytest.fixture
def states(tmp_path: Path) -> dict[str, str]:
    """Controllers for three tasks: all hold the default pose; walking bends the right knee by 0.2 rad per m/s."""
    tasks = {"walk": "steering", "jump": "jump", "getup": "getup", "go": "location"}
    weights = {"walk": linear(right_knee=0.2)}
    return {
        name: str(write_controller(tmp_path / f"{name}.onnx", weights.get(name), task=task))
        for name, task in tasks.items()
    }  # fmt: skip


def at(time: float, *happened: str, fallen: bool = False, airborne: bool = False, upright: float = 0.0) -> Situation:
    """Return a situation."""
    return Situation(time, frozenset(happened), fallen, airborne, upright)


def test_transitions_are_taken_in_order_when_all_conditions_hold() -> None:
    """The first arrow out of the state with all its conditions met is taken, one at a time; `*` is any other state."""
    director = Director(
        {"a": None, "b": None, "c": None},
        "a",
        (
            Transition("*", "c", "fell"),
            Transition("a", "b", ("landed", "after:0.5")),
            Transition("c", "a", "upright:0.3"),
            Transition("b", "a", "airborne"),
        ),
    )
    directing = Directing(director, "a", 0.0, {})
    assert directing.next(at(0.4, "landed")) is None  # not 0.5 s yet
    assert directing.next(at(0.5)) is None  # not landed
    assert directing.next(at(0.6, "landed")) == director.transitions[1] and directing.state == "b"
    assert directing.next(at(0.7, "fell", airborne=True)).target == "c"
    assert directing.next(at(0.8, "fell")) is None  # it is in c already
    assert directing.next(at(0.9, upright=0.2)) is None
    assert directing.next(at(1.0, upright=0.3, fallen=True)) is None
    assert directing.next(at(1.1, upright=0.3)).target == "a"


def test_a_goal_asked_for_waits_half_a_second() -> None:
    """A jump asked for while getting up still counts 0.5 s later, not 0.6 s later, and counts once."""
    arrows = (Transition("getup", "walk", "upright"), Transition("walk", "jump", "goal:jump"))
    director = Director({"getup": None, "walk": None, "jump": None}, "getup", arrows)
    for late, jumps in ((0.5, True), (0.6, False)):
        directing = Directing(director, "getup", 0.0, {})
        directing.given["jump"] = 1.0
        assert directing.next(at(1.2, fallen=True)) is None
        assert directing.next(at(1.3)).target == "walk"
        assert (directing.next(at(1.0 + late)) is not None) == jumps
        assert "jump" not in directing.given


def test_everything_wrong_is_told_at_once() -> None:
    """A missing start, an unknown state, nonsense conditions and no condition are one error with all of them."""
    with pytest.raises(DirectorError) as told:
        Director(
            {"walk": None},
            "run",
            (Transition("walk", "fly", "fell"), Transition("walk", "*", "dances"), Transition("*", "walk", ())),
            fade=-1.0,
        )
    for text in ("'run'", "no state 'fly'", "'dances'", "a target is one state", "no condition", "fade"):
        assert text in str(told.value)


@pytest.mark.parametrize("condition", ["after", "after:-1", "after:x", "upright:nan", "goal:swim", "fell:1", 3])
def test_conditions_that_mean_nothing(condition: object) -> None:
    """A time that is none, an unknown task and superfluous arguments are refused."""
    with pytest.raises(DirectorError, match="condition"):
        Director({"a": None, "b": None}, "a", (Transition("a", "b", (condition,)),))  # type: ignore[arg-type]


def test_json_and_back() -> None:
    """A director survives JSON; what is no director is refused."""
    arrows = (Transition("*", "getup", "fell"), Transition("getup", "walk", ("upright:0.5", "after:1")))
    director = Director({"walk": "walk.onnx", "getup": None}, "walk", arrows, fade=0.3)
    assert Director.from_json(director.to_json()) == director
    for text in ("", "[]", "{}", '{"states": 3, "start": "a", "transitions": []}'):
        with pytest.raises(DirectorError):
            Director.from_json(text)


def test_a_fallen_character_is_handed_over_and_back(states: dict[str, str]) -> None:
    """Shoved over, it goes from walk to getup; put upright it goes back after 0.5 s, with the goal it had."""
    world = World(fade=0.0)
    hero = world.add_character()
    arrows = (Transition("*", "getup", "fell"), Transition("getup", "walk", "upright:0.5"))
    hero.director = Director({name: states[name] for name in ("walk", "getup")}, "walk", arrows)
    assert hero.director_state == "walk" and hero.controller.task == "steering"
    hero.goal = Steering(speed=1.0)
    world.step()
    assert hero.joint_target[KNEE] - DEFAULT_POSE[KNEE] == pytest.approx(0.2, abs=1e-6)
    hero.push((150.0, 0.0, 0.0))
    for _ in range(90):
        world.step()
    assert hero.director_state == "getup" and hero.controller.task == "getup"
    hero.reset()
    for _ in range(14):
        world.step()
    assert hero.director_state == "getup"
    world.step()
    world.step()
    assert hero.director_state == "walk"
    assert hero.joint_target[KNEE] - DEFAULT_POSE[KNEE] == pytest.approx(0.2, abs=1e-6)
    changes = [event.reason for event in world.events() if isinstance(event, ControllerChanged)]
    assert changes == ["director: walk", "director: * -> getup (fell)", "director: getup -> walk (upright:0.5)"]


def test_goals_pick_states_and_every_task_keeps_its_own(states: dict[str, str]) -> None:
    """A jump leads to its state and back when it has landed; a point to go to leads to its own; walking goes on."""
    world = World(fade=0.0)
    hero = world.add_character()
    arrows = (
        Transition("walk", "jump", "goal:jump"),
        Transition("jump", "walk", "after:0.2"),
        Transition("walk", "go", "goal:location"),
        Transition("go", "walk", "reached"),
    )
    hero.director = Director({name: states[name] for name in ("walk", "jump", "go")}, "walk", arrows)
    hero.goal = Steering(speed=1.5)
    world.step()
    hero.goal = Jump(apex=0.3)
    world.step()
    assert hero.director_state == "jump" and isinstance(hero.goal, Jump)
    assert hero.goal.countdown < 0.8 + 1e-9
    for _ in range(7):
        world.step()
    assert hero.director_state == "walk" and hero.goal == Steering(speed=1.5)
    hero.reset()
    hero.goal = Location(0.1, 0.0)
    world.step()
    assert hero.director_state == "go"
    for _ in range(5):
        world.step()
    assert hero.director_state == "walk"


def test_a_director_s_controllers_must_fit(states: dict[str, str], tmp_path: Path) -> None:
    """A bad file leaves the old director; a goal for no state is refused; a controller by hand takes over."""
    world = World()
    hero = world.add_character()
    director = Director({"walk": states["walk"]}, "walk")
    hero.director = director
    with pytest.raises(Exception, match=r"nowhere\.onnx"):
        hero.director = Director({"walk": str(tmp_path / "nowhere.onnx")}, "walk")
    assert hero.director == director
    with pytest.raises(GoalError, match="location"):
        hero.goal = Location(1.0, 1.0)
    hero.controller = None
    assert hero.director is None and hero.director_state is None


def test_a_moving_goal_moves_on_every_control_step(states: dict[str, str]) -> None:
    """A jump counts down by 1/30 s a control step from the step after the first, and is over 0.7 s past its apex."""
    world = World()
    hero = world.add_character(states["jump"])
    hero.goal = Jump(speed=1.0, apex=0.2, countdown=0.5)
    world.step()
    assert hero.goal.countdown == pytest.approx(0.5)
    world.step()
    assert hero.goal.countdown == pytest.approx(0.5 - 1 / 30)
    for _ in range(40):
        world.step()
    assert hero.goal.apex == 0.0 and hero.goal.speed == 1.0
    np.testing.assert_allclose(hero.goal_vector(), [1.0, 0.0, 1.0, 0.0, 0.0, 0.8], atol=1e-6)

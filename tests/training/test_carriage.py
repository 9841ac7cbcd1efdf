"""How sources carry themselves, on puppets: who leans is marked, with others and without."""

from __future__ import annotations

import pytest
from rich.console import Console

from tests.training.motions import standing
from tests.training.puppet import puppet
from tests.training.test_evaluate import walk
from training.measure import carriage
from training.motion import figures, report
from training.motion.dataset import Clip
from training.motion.reading import Reading


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch):
    """`sources(name={option: value}, ...)`: what is found of a puppet's eight seconds each."""

    def make(**told: dict[str, float]) -> dict:
        monkeypatch.setattr(
            carriage, "motion_states", lambda motion: puppet(8.0, **{"strides": 0.9, **told[motion.name]})
        )
        motions = [standing(name=name, source=f"{name}/take") for name in told]
        return carriage.by_source([Clip(motion, "walk", "train", motion.source, 1.0) for motion in motions])

    return make


def lines(found: dict) -> str:
    """All that is printed of it."""
    console = Console(width=140)
    with console.capture() as shown:
        console.print(carriage.table(found))
    return shown.get() + "\n".join(carriage.remarks(found))


def test_numbers_of_a_source_by_speed(sources) -> None:
    """At 1.2 m/s seven whole seconds with the puppet's lean, knee and elbow, and strides of 1/.9 s."""
    row = sources(one={})["one"][".8-1.3"]
    assert row["pieces"] == 7 and row["lean_deg"] == pytest.approx(7.0) and row["elbow_deg"] == pytest.approx(25.0)
    assert row["stance_knee_deg"] == pytest.approx(10.0) and row["strides_per_s"] == pytest.approx(0.9, rel=0.01)
    assert row["apart"] == row["outside"] == []
    assert list(sources(one={"speed": 2.5})["one"]) == ["2-3"]


def test_a_source_apart_from_two_others_is_marked(sources) -> None:
    """Others lean by 7 and 3°: 11° is within 5° of them, -3° is not, nor is 1.05 strides a second of .9."""
    found = sources(one={}, two={"lean": 3.0}, odd={"lean": 11.0})
    assert found["odd"][".8-1.3"]["apart"] == [] and carriage.remarks(found) == []
    found = sources(one={}, two={"lean": 3.0}, odd={"lean": -3.0, "strides": 1.05})
    assert found["odd"][".8-1.3"]["apart"] == ["lean_deg", "strides_per_s"]
    assert found["one"][".8-1.3"]["apart"] == []  # the odd one widens what the others have
    assert "(-3)" in lines(found) and "odd carries itself differently: lean_deg at .8-1.3 m/s" in lines(found)


def test_a_lone_source_is_set_beside_peoples_bands(sources) -> None:
    """30° of lean is nobody's, with or without others at that speed; one other cannot say who is odd."""
    found = sources(runners={"lean": 30.0, "speed": 1.5}, walkers={})
    assert found["runners"]["1.3-2"]["outside"] == ["lean_deg"] and found["runners"]["1.3-2"]["apart"] == []
    assert "30!" in lines(found) and "runners carries itself differently: lean_deg at 1.3-2 m/s" in lines(found)
    found = sources(runners={"lean": 30.0}, walkers={})
    assert found["walkers"][".8-1.3"]["apart"] == found["runners"][".8-1.3"]["apart"] == []


def test_who_stands_or_goes_aside(sources) -> None:
    """Standing counts whatever way it drifts; going backwards does not count; real motions, too, have a carriage."""
    assert sources(back={"speed": -1.2}) == {"back": {}}
    assert list(sources(still={"speed": -0.1})["still"]) == ["0-.3"]


def test_real_motions_are_measured() -> None:
    """Ten seconds of swinging hips at 1 m/s, two of standing."""
    motions = (walk(1.0, 1.0, "a/walk"), standing(source="b/still"))
    found = carriage.by_source([Clip(m, "walk", "train", m.source, 0.0) for m in motions])
    assert found["a"][".8-1.3"]["strides_per_s"] == pytest.approx(1.0, rel=0.02) and found["a"][".8-1.3"]["pieces"] > 8
    assert found["b"] == {}  # one whole second is too little


def test_a_datasets_report_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """In the report that `training.prepare` writes, and on the terminal."""
    clip = Clip(walk(1.0, 1.0, "a/walk"), "walk", "train", "a/walk", 1.0)
    summary = report.report([clip], [figures.measure(clip.motion)], Reading())
    assert summary["carriage"] == carriage.by_source([clip])
    report.show(summary, Console())
    assert "strides/s" in capsys.readouterr().out

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import Controller, ControllerError, Director, Prior, World, shipped
from runtime._shipped import shipped_names
from tests.tiny import write_controller

EXPORTED = Path(__file__).parents[2] / "exported"


def test_a_shipped_file_is_found_by_its_name() -> None:
    """`exported/` is the source: each controller and prior there has a name, and `shipped` gives its file."""
    files = {*EXPORTED.glob("*.onnx"), *EXPORTED.glob("priors/*.onnx")}
    assert {shipped(name) for name in shipped_names()} == files
    assert shipped("steering") == EXPORTED / "steering.onnx"
    assert Prior.load(shipped("priors/locomotion")).offsets


@pytest.mark.parametrize("name", ["steerin", "", "../exported/steering", "steering.onnx", None])
def test_an_unknown_name_is_told_the_known_ones(name: str | None) -> None:
    """The error lists what is shipped."""
    with pytest.raises(ControllerError, match=r"expected one of .*steering.*priors/locomotion, found"):
        shipped(name)


def test_a_name_moves_a_character_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with nothing but a folder of that name, as a controller, in a director and for `Controller.load`."""
    (tmp_path / "steering").mkdir()
    monkeypatch.chdir(tmp_path)
    world = World()
    hero = world.add_character("steering")
    assert hero.controller is not None and hero.controller.path == shipped("steering").resolve()
    assert Controller.load("steering").sha256 == hero.controller.sha256
    hero.director = Director(states={"walk": "steering"}, start="walk")
    assert hero.controller.path == shipped("steering").resolve()
    with pytest.raises(ControllerError, match="expected one of"):
        world.add_character("walker")


def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, an ending or a Path makes it the file there, whatever is shipped under that name."""
    monkeypatch.chdir(tmp_path)
    written = write_controller(tmp_path / "steering.onnx")
    (tmp_path / "steering").write_bytes(written.read_bytes())
    for given in ("steering.onnx", "./steering", Path("steering")):
        assert World().add_character(given).controller.path.parent == tmp_path

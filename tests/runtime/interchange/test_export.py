from __future__ import annotations

from pathlib import Path

import pytest

from runtime.interchange import InterchangeError, save
from runtime.interchange.__main__ import main
from runtime.recording import save_motion
from tests.runtime.interchange.motions import tumbling


@pytest.mark.parametrize(("name", "magic"), [("a.glb", b"glTF"), ("a.BVH", b"HIERARCHY")])
def test_the_command_writes_what_the_name_says(tmp_path: Path, capsys, name: str, magic: bytes) -> None:
    """A clip of 90 frames at 30 Hz becomes a file of the named format, and one line says so."""
    save_motion(tmp_path / "clip.motion", tumbling())
    assert main([str(tmp_path / "clip.motion"), str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert "90 frames, 2.97 s at 30 Hz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("clip", "out", "said"),
    [
        ("clip.motion", "a.fbx", "expected a name that ends with .glb or .bvh"),
        ("none.motion", "a.glb", "No such file"),
        ("clip.motion", "folder/a.glb", "No such file"),
        ("text", "a.bvh", "expected a motion file"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, capsys, clip: str, out: str, said: str) -> None:
    """A bad name, a missing file, a missing folder and another kind of file: status 1 and one line, no traceback."""
    save_motion(tmp_path / "clip.motion", tumbling(frames=2))
    (tmp_path / "text").write_text("no motion")
    assert main([str(tmp_path / clip), str(tmp_path / out)]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_an_unknown_unit_is_named(tmp_path: Path) -> None:
    """`save` refuses a unit that it does not know."""
    with pytest.raises(InterchangeError, match="unit: expected one of cm, m"):
        save(tmp_path / "a.bvh", tumbling(frames=2), "inch")  # pyright: ignore

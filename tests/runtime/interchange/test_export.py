from __future__ import annotations

from pathlib import Path

import numpy as np
import pybvh
import pygltflib
import pytest

from runtime import World
from runtime.interchange import InterchangeError, load, save
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


def test_the_character_is_skinned_unless_rigid_parts_are_asked_for(tmp_path: Path) -> None:
    """One mesh with a skin; with --rigid 15 meshes without."""
    save_motion(tmp_path / "clip.motion", tumbling(frames=2))
    for flags, meshes, skins in (([], 1, 1), (["--rigid"], 15, 0)):
        assert main([str(tmp_path / "clip.motion"), str(tmp_path / "a.glb"), *flags]) == 0
        glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
        assert (len(glb.meshes), len(glb.skins)) == (meshes, skins)


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


def recorded(folder: Path) -> Path:
    """Two characters, one of them pushed, over a third of a second."""
    world = World()
    pushed = world.add_character(None, name="pushed")
    world.add_character(None, position=(0, 2), name="other")
    pushed.push((50.0, 0.0, 0.0))
    with world.record(folder / "world.rec"):
        for _ in range(10):
            world.step()
    return folder / "world.rec"


def test_a_worlds_recording_has_all_its_characters(tmp_path: Path, capsys) -> None:
    """Both are in the .glb under their names; BVH wants one of them named and then holds it."""
    clip = str(recorded(tmp_path))
    assert main([clip, str(tmp_path / "a.glb")]) == 0
    glb = pygltflib.GLTF2().load(tmp_path / "a.glb")
    assert [glb.nodes[root].name for root in glb.scenes[0].nodes] == ["pushed", "other"]
    assert main([clip, str(tmp_path / "a.bvh")]) == 1
    assert "expected one character for BVH, found pushed, other" in capsys.readouterr().err
    assert main([clip, str(tmp_path / "a.bvh"), "--character", "nobody"]) == 1
    assert "expected one of pushed, other, found 'nobody'" in capsys.readouterr().err
    assert main([clip, str(tmp_path / "a.bvh"), "--character", "pushed", "--unit", "m"]) == 0
    bvh = pybvh.read_bvh_file(tmp_path / "a.bvh")
    assert bvh.frame_time == pytest.approx(1 / 30, abs=1e-8)
    found = bvh.joint_positions()[-1, bvh.joint_names.index("pelvis")]
    expected = load(clip)["pushed"].root_position[-1]
    np.testing.assert_allclose(found, expected[[1, 2, 0]], atol=1e-4)
    assert found[2] > 0.02  # pushed along x, which is the file's z

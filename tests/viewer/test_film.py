import json
import struct

import numpy as np
import pytest

from runtime import Motion, RecordingError, character, save_motion
from runtime.character import DEFAULT_HEIGHT, DEFAULT_POSE
from runtime.interchange import InterchangeError
from runtime.skeleton import Skeleton, save_skeleton
from viewer import film
from viewer.__main__ import main
from viewer.player import Player, export


def motion(turn=0.0, frames=31, rate=30.0, **changes) -> Motion:
    """Walks 1 m along x in a second, turning by `turn` rad."""
    share = np.linspace(0.0, 1.0, frames)
    place = np.column_stack([share, np.zeros(frames), np.full(frames, DEFAULT_HEIGHT)])
    half = 0.5 * turn * share
    rotation = np.column_stack([np.cos(half), np.zeros((frames, 2)), np.sin(half)])
    fields = {"rate": rate, "root_position": place, "root_rotation": rotation,
              "joint_position": np.tile(DEFAULT_POSE, (frames, 1))}  # fmt: skip
    return Motion(**(fields | changes))


def test_poses_lie_between_frames():
    """A third of the way from one frame to the next, and the last one for ever after."""
    at = film.at(motion(), (10 + 1 / 3) / 30)
    np.testing.assert_allclose(at[:3], [(10 + 1 / 3) / 30, 0.0, DEFAULT_HEIGHT])
    np.testing.assert_allclose(film.at(motion(), 99.0)[0], 1.0)
    np.testing.assert_allclose(film.at(motion(), -1.0)[0], 0.0)


def test_rotations_take_the_shorter_way():
    """Also where the file changes a quaternion's sign, which means the same rotation."""
    turning = motion(turn=1.0)
    flipped = turning.root_rotation.copy()
    flipped[11] *= -1.0
    got = film.at(motion(root_rotation=flipped), 10.5 / 30)[3:7]
    angle = 2.0 * np.arctan2(got[3], got[0])
    assert np.remainder(angle, 2 * np.pi) == pytest.approx(10.5 / 30, abs=1e-4)


def test_bodies_are_mujoco_s():
    """The pelvis where the root is, the soles of the default pose near the ground."""
    position, rotation = film.Film("a", {"one": motion(), "two": motion(turn=1.0)}).poses(0.5)
    assert position.shape == (2, 15, 3)
    assert rotation.shape == (2, 15, 4)
    np.testing.assert_allclose(position[0, 0], [0.5, 0.0, DEFAULT_HEIGHT])
    feet = [character.BODIES.index(foot) for foot in character.FEET]
    assert (position[:, feet, 2] < 0.12).all()


def test_the_source_s_skeleton_is_shown_beside_the_clip(tmp_path):
    """Joints and bones from NAME.skeleton, 1 m to the left; without that file there is only the figure."""
    save_motion(tmp_path / "walk.motion", motion())
    assert not Player(film.load(tmp_path / "walk.motion")).scene().props
    joints = np.zeros((31, 3, 3))
    joints[:, :, 2] = [0.9, 1.2, 1.5]
    joints[:, :, 0] = np.linspace(0.0, 1.0, 31)[:, None]
    save_skeleton(tmp_path / "walk.skeleton", Skeleton(30.0, ("hip", "chest", "head"), (-1, 0, 1), joints))
    player = Player(film.load(tmp_path / "walk.motion"))
    player.seek(0.5)
    props = player.scene().props
    assert [prop.shape for prop in props] == ["ball"] * 3 + ["box"] * 2
    np.testing.assert_allclose(props[2].position, [0.5, 1.0, 1.5], atol=1e-6)
    np.testing.assert_allclose(props[3].position, [0.5, 1.0, 1.05], atol=1e-6)
    np.testing.assert_allclose(props[3].size[0], 0.15, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"SMPWRLD\n", b"hello there, no motion at all"])
def test_what_is_no_recording_is_told(tmp_path, content):
    """In the reader's words."""
    (tmp_path / "a.rec").write_bytes(content)
    with pytest.raises(RecordingError, match=r"a\.rec"):
        film.load(tmp_path / "a.rec")


def test_a_film_is_exported_for_other_programs(tmp_path, capsys):
    """By the command: glTF with its animation, BVH with its frames."""
    save_motion(tmp_path / "walk.motion", motion())
    for name in ("walk.glb", "walk.bvh"):
        arguments = ["--recording", str(tmp_path / "walk.motion"), "--export", str(tmp_path / name)]
        assert main(arguments) == 0
        assert name in capsys.readouterr().out
    data = (tmp_path / "walk.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    scene = json.loads(data[20 : 20 + length])
    assert data[:4] == b"glTF"
    assert scene["animations"]
    assert "Frames: 31" in (tmp_path / "walk.bvh").read_text()
    with pytest.raises(InterchangeError):
        export(film.Film("a", {"one": motion()}), tmp_path / "walk.fbx")
    blocked = ["--recording", str(tmp_path / "walk.motion"), "--export", str(tmp_path / "no" / "such" / "a.glb")]
    assert main(blocked) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_recording_is_rendered_without_a_display(gl_window, tmp_path):
    """As long as it lasts, the same picture every time."""
    save_motion(tmp_path / "walk.motion", motion(turn=1.0))
    pictures = [tmp_path / "a.png", tmp_path / "b.png"]
    for picture in pictures:
        arguments = ["--recording", str(tmp_path / "walk.motion"), "--headless", "--size", "160x90", "--trail"]
        assert main([*arguments, "--screenshot", str(picture), "--strip", str(tmp_path / "s.png")]) == 0
    assert pictures[0].read_bytes() == pictures[1].read_bytes()

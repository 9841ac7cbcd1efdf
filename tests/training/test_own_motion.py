"""docs/own-motion.md as it stands: the character's own motion as BVH, read back by a dataset of five lines."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime import Steering, World
from runtime.character import BODIES
from runtime.interchange import write_bvh
from runtime.recording import Motion
from training import prepare
from training.motion import bvh, dataset, skeleton
from training.motion.clips import kinematics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-motion.md").read_text()


def block(marker: str) -> str:
    """The YAML that follows a marker of the page."""
    found = re.search(rf"<!-- {marker} -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"docs/own-motion.md has lost its marker {marker}"
    return found[1]


@pytest.fixture(scope="module")
def walk() -> Motion:
    """Three seconds of the shipped controller's walking, turning a little."""
    world = World()
    character = world.add_character(ROOT / "exported" / "steering.onnx")
    character.goal = Steering(1.3, 0.6)
    states = []
    for _ in range(90):
        world.step()
        states.append(character.state)
    rows = ("root_position", "root_rotation", "joint_position")
    return Motion(30.0, *(np.array([getattr(state, name) for state in states]) for name in rows), name="walk")


def test_our_own_motion_is_read_back(walk, tmp_path, hydra, monkeypatch, capsys):
    """Export, five lines of YAML, the page's first command: a clip whose joints are within a centimetre."""
    (tmp_path / "capture" / "takes").mkdir(parents=True)
    (tmp_path / "mine.yaml").write_text(block("file: mine.yaml"))
    assert len(block("file: mine.yaml").splitlines()) == 5
    write_bvh(tmp_path / "capture" / "takes" / "walk.bvh", walk)
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"python -m training\.prepare (.*)", PAGE)
    own = [f"--config-path={ROOT}/training/conf", f"hydra.run.dir={tmp_path}/hydra", "workers=1"]
    monkeypatch.setattr(sys, "argv", ["prepare", *own, *shlex.split(command)])
    prepare.main()
    assert "1 clips written to data/mine" in capsys.readouterr().out
    (clip,) = dataset.load(tmp_path / "data" / "mine")
    back = clip.motion
    assert back.licence == "my own" and len(back) == len(walk)
    before, after = (kinematics(m.root_position, m.root_rotation, m.joint_position)[0] for m in (walk, back))
    apart = np.linalg.norm(after - before - (after - before)[:, :1].mean(axis=0), axis=-1).mean(axis=0)  # [15] m
    assert apart.mean() < 0.006 and apart.max() < 0.012
    feet = [BODIES.index(name) for name in ("left_foot", "right_foot")]
    turned = np.abs(back.joint_position - walk.joint_position).mean(axis=0)
    assert turned.max() < 0.08 and apart[feet].max() < 0.01


def test_our_skeleton_has_toes(walk, tmp_path):
    """The map of our own names finds all landmarks in what we write, the toes at the feet's ends."""
    write_bvh(tmp_path / "walk.bvh", walk)
    (found,) = skeleton.find_maps(bvh.read(tmp_path / "walk.bvh").names)
    assert found.family == "humanoid"
    assert [found.joints[f"{side}_toe"] for side in skeleton.SIDES] == ["left_foot.end", "right_foot.end"]


def test_the_map_on_the_page_is_one(tmp_path):
    """It is read as it stands, and says what the shipped map of that family says."""
    (tmp_path / "map.yaml").write_text(block("map"))
    (mixamo,) = (known for known in skeleton.known_maps() if known.family == "mixamo")
    assert skeleton.load_map(tmp_path / "map.yaml").joints == mixamo.joints


def test_the_help_names_the_page():
    """Whoever meets an unknown skeleton is told where maps are explained."""
    with pytest.raises(skeleton.SkeletonError, match=r"docs/own-motion\.md"):
        skeleton.find_maps(("Wing", "Tail"))

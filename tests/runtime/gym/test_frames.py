"""Frames, drawn in processes of their own: MuJoCo chooses its OpenGL when it is imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import runtime.gym  # registers the tasks

ROOT = Path(__file__).parents[3]

DRAW = """
import warnings
import gymnasium, numpy as np
from gymnasium.utils.env_checker import check_env
import runtime.gym
from runtime.character import DEFAULT_POSE

env = gymnasium.make("smp/steering-v0", render_mode="rgb_array", width=160, height=120)
assert env.metadata["render_fps"] == 30
env.reset(seed=0, options={"heading": 0.0})
first = env.render()
assert first.shape == (120, 160, 3) and first.dtype == np.uint8
middle, corner = first[20:100, 70:90].reshape(-1, 3).astype(float), first[90:, :30].reshape(-1, 3).astype(float)
warm = lambda pixels: ((pixels[:, 0] - pixels[:, 2]) > 30).mean()  # the body is orange, ground and sky are blue
assert warm(middle) > 0.2 and warm(corner) == 0.0, (warm(middle), warm(corner))
folded = np.float32(DEFAULT_POSE); folded[[17, 24]] = 2.7
for _ in range(20):
    env.step(folded)
assert (env.render() != first).any(axis=2).mean() > 0.02
env.close()

envs = gymnasium.make_vec("smp/steering-v0", num_envs=2, render_mode="rgb_array", width=160, height=120)
envs.reset(seed=0, options={"heading": 0.0})
frames = envs.render()
assert len(frames) == 2 and all(np.abs(frame.astype(int) - first).max() <= 3 for frame in frames)
envs.close()

warnings.simplefilter("ignore")
check_env(gymnasium.make("smp/steering-v0", render_mode="rgb_array").unwrapped)
print("drawn")
"""
REFUSED = """
import gymnasium
import runtime.gym

env = gymnasium.make("smp/steering-v0", render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())  # all but frames works
try:
    env.render()
except gymnasium.error.DependencyNotInstalled as error:
    print(error)
"""


def python(program: str, opengl: str) -> str:
    """What a process prints, with `opengl` as MUJOCO_GL."""
    environment = {name: value for name, value in os.environ.items() if name != "PYOPENGL_PLATFORM"}
    environment |= {"MUJOCO_GL": opengl}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_frames_show_the_character() -> None:
    """[H, W, 3] bytes with the body in the middle, another picture after a fall; the same from a vector environment."""
    assert python(DRAW, "egl") == "drawn"


def test_without_opengl_the_error_says_what_to_do() -> None:
    """Steps work; `render` says in one sentence to set MUJOCO_GL and what to install."""
    text = python(REFUSED, "off")
    assert re.fullmatch("render_mode rgb_array needs OpenGL without a display: set MUJOCO_GL=egl .*", text)


def test_without_a_mode_nothing_is_drawn_and_wrong_ones_are_named() -> None:
    """No mode, no frame and no OpenGL; another mode and a frame without pixels are refused."""
    env = runtime.gym.CharacterEnv()
    env.reset(seed=0)
    assert env.render() is None and runtime.gym.CharacterVectorEnv(1).render() is None
    with pytest.raises(ValueError, match="render_mode: expected rgb_array or None, found 'human'"):
        runtime.gym.CharacterEnv(render_mode="human")
    with pytest.raises(ValueError, match="width and height: expected 1 to 4096 pixels, found 0 and 480"):
        gymnasium.make("smp/steering-v0", render_mode="rgb_array", width=0)

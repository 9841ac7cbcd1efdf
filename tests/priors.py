"""Small priors fitted in some seconds, of clips made up or of a shipped controller's own walk. For tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from runtime import Controller, Steering, World
from runtime.character import CONTROL_HZ
from runtime.recording import Motion
from training.config import DenoiserConfig, PriorConfig
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.prior import file as prior_file
from training.prior.fit import fit, joint_statistics

ROOT = Path(__file__).parents[1]
SMALL = DenoiserConfig(components=8, width=16, blocks=1)


def fit_prior(path: Path, clips: list[Clip], denoiser: DenoiserConfig = SMALL, **settings) -> Path:
    """Fit a prior to all windows of the clips in 250 steps, judge it on every fourth of them, and write its file."""
    windows = motion_windows.cut(clips)
    weights = torch.ones(len(windows))
    config = PriorConfig(name="tiny", denoiser=denoiser, iterations=250, batch=32, **settings)
    every_fourth = windows.take(torch.arange(0, len(windows), 4))
    result = fit(config, windows, weights, every_fourth, 0, lambda *figures: None)
    mean, std = joint_statistics(windows, weights, config.mirrored)
    minutes = sum(clip.motion.seconds for clip in clips) / 60
    training = {"seed": 0, "iterations": result.iterations, "minutes": 0.1, "windows": len(windows)}
    training |= {"held_out_windows": len(every_fourth), "held_out_error": result.curve[-1][2]}
    extra = {
        "training": training,
        "joints": {"mean": mean.tolist(), "std": std.tolist()},
        "datasets": [{"name": "made", "licence": "CC0", "clips": len(clips), "minutes": minutes, "sha256": "0"}],
    }
    prior_file.save(path, result.score, config, extra)
    return path


def walking_prior(path: Path, seconds: float = 40.0) -> Path:
    """A prior of how the shipped steering controller sets off from rest, walks at 1.5 m/s and stops, over and over."""
    world = World()
    hero = world.add_character(Controller.load(ROOT / "exported/steering.onnx"))
    states = []
    for step in range(round(seconds * CONTROL_HZ)):
        hero.goal = Steering(speed=0.0 if step // 100 % 2 else 1.5)
        world.step()
        states.append(hero.state)
    names = ("root_position", "root_rotation", "joint_position")
    frames = (np.stack([getattr(state, name) for state in states]) for name in names)
    clip = Clip(Motion(30.0, *frames, source="made/walk"), "walk", "train", "walk", 1.0)
    return fit_prior(path, [clip], DenoiserConfig(components=64, width=32, blocks=1))

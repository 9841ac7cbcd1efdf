"""Recorded policies, and a policy's window in the place of a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runtime import Controller
from tests.tiny import write_controller
from training.prior import rollouts


def windows(speeds: list[float]) -> torch.Tensor:
    """Windows whose root comes that many metres."""
    made = torch.zeros(len(speeds), 10, 58)
    made[:, 0, 0] = -torch.tensor(speeds)
    return made


def test_each_meets_one_of_its_own_speed():
    """Of 60 policy windows at 0 to .59 m, a real one at 0 meets one of the 25 slowest, one at 1 m of the fastest."""
    policy = windows([0.01 * i for i in range(60)])
    change = rollouts.instead(policy)
    found = change(windows([0.0, 1.0] * 40), torch.Generator().manual_seed(0))
    travel = -found[:, 0, 0].view(40, 2)
    assert travel[:, 0].max() < 0.25 and travel[:, 1].min() > 0.34
    assert len(travel[:, 0].unique()) > 5


def test_recording_and_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A controller that holds a pose: stretches between falls, read back as windows under the folder's name."""
    monkeypatch.setattr(rollouts, "EPISODES", 1)
    monkeypatch.setattr(rollouts, "SECONDS", 1.0)
    controller = Controller.load(write_controller(tmp_path / "still.onnx"))
    assert rollouts.record(controller, tmp_path / "all" / "still") == 1
    found = rollouts.load(tmp_path / "all")
    assert list(found) == ["still"] and found["still"].shape == (21, 10, 58)  # 30 frames
    assert rollouts.load(tmp_path / "nothing") == {}

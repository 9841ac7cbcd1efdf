"""Motion of policies that have not learned yet: `python -m training.prior.rollouts CONTROLLER.onnx FOLDER`.

The changes of training/prior/changes.py are gross or made by formula. What a prior must tell from real motion in
practice is what a policy does half-way: shuffles, leans, falls. This records such motion once, from an exported
controller run through `runtime` on the random goals of an evaluation, the longest stretches between falls as one motion
file each; the audit then asks of each real window whether it is preferred to a policy's window of about the same speed.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from runtime import Controller
from runtime.character import CONTROL_HZ
from runtime.recording import Motion, load_motion, save_motion
from training import _episodes, features, trials
from training.metrics import Rollout
from training.motion import windows as motion_windows
from training.motion.dataset import Clip
from training.prior.changes import Change
from training.trials import Request

EPISODES, SECONDS = 8, 10.0
STRETCHES = 12  # the longest are kept
CANDIDATES = 25  # policy windows nearest in speed, of which each real window meets one


def record(controller: Controller, folder: Path, seed: int = 0) -> int:
    """Write the longest stretches without a fall of 8 random episodes of 10 s to `folder`; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = trials.of(controller.task).plan(Request(EPISODES, SECONDS, 0, seed))
    stretches = [
        _motion(rollout, first, last, folder.name)
        for rollout in _episodes.roll_out(controller, plan)
        for first, last in _lives(rollout)
    ]
    longest = sorted(stretches, key=len, reverse=True)[:STRETCHES]
    for number, motion in enumerate(longest):
        save_motion(folder / f"{number}.motion", motion)
    return len(longest)


def _lives(rollout: Rollout) -> list[tuple[int, int]]:
    """Ranges of frames between (re)starts that are long enough for a window."""
    starts = [*np.flatnonzero(rollout.life == 0).tolist(), len(rollout.life)]
    return [(a, b) for a, b in pairwise(starts) if b - a > features.WINDOW]


def _motion(rollout: Rollout, first: int, last: int, name: str) -> Motion:
    states = rollout.states
    parts = (states.root_position, states.root_rotation, states.joint_position)
    return Motion(
        float(CONTROL_HZ), *(part[first:last] for part in parts), loop=False, name=name, source=f"policy/{name}",
        licence="made by this program",
    )  # fmt: skip


def load(folder: Path) -> dict[str, Tensor]:
    """Windows [N, 10, 58] of the recordings in each sub-folder of `folder`, by its name; {} where there are none."""
    found = {}
    for part in sorted(path for path in folder.glob("*") if path.is_dir()):
        motions = [load_motion(file) for file in sorted(part.glob("*.motion"))]
        clips = [Clip(motion, "policy", "held_out", part.name, 0.0) for motion in motions]
        found[part.name] = motion_windows.cut(clips).values
    return found


def instead(policy: Tensor) -> Change:
    """A change that puts a policy's window of about the same speed in the place of each real one.

    `policy` [P, 10, 58]. The one taken is drawn from the 25 nearest in root speed.
    """
    speeds = _speed(policy)

    def change(windows: Tensor, generator: torch.Generator) -> Tensor:
        apart = (_speed(windows).unsqueeze(1) - speeds).abs()
        near = apart.topk(min(CANDIDATES, len(policy)), largest=False).indices
        draw = torch.randint(near.shape[1], (len(windows), 1), generator=generator)
        return policy[near.gather(1, draw).squeeze(1)]

    return change


def _speed(windows: Tensor) -> Tensor:
    return windows[:, 0, :2].norm(dim=1)


def main() -> None:
    """Record; exits with 2 and one sentence when the arguments are not a controller and a folder."""
    if len(sys.argv) != 3:
        print("usage: python -m training.prior.rollouts CONTROLLER.onnx FOLDER", file=sys.stderr)
        raise SystemExit(2)
    folder = Path(sys.argv[2])
    print(f"{record(Controller.load(sys.argv[1]), folder)} stretches written to {folder}")


if __name__ == "__main__":
    main()

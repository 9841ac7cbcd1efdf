"""Get up: from prone, supine, either side, and random drops."""

from __future__ import annotations

import numpy as np
import torch

from runtime import Getup
from runtime.character import BODIES, CONTROL_HZ, FALLEN_HEAD, FALLEN_ROOT
from training import fallen
from training.metrics import Rollout
from training.trials import Episode, Order, Outcome, Request, Start

SECONDS = 8.0
UP = 1.2  # m, of the head
WITHIN, STANDING_AFTER = 5.0, 1.0  # s
POSES = {"prone": (0.0, 1.0), "supine": (0.0, -1.0), "right side": (1.0, 0.0), "left side": (-1.0, 0.0), "drop": None}
"""Which way to tip over: about x (the right side down) and about y (face down), in quarter turns; None: dropped."""

RESTARTS = False
DEFINITION = (
    "a fifth of the episodes each from prone, supine, the right and the left side, and from random drops left limp for "
    "3 s; a success has its head above 1.2 m within 5 s and stands (root above "
    f"{FALLEN_ROOT} m, head above {FALLEN_HEAD} m) 1 s later. time_s: until the head is above 1.2 m, nan: never"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`; episodes are 8 s long whatever is asked for."""
    each = -(-request.episodes // len(POSES))
    every = []
    for index, (label, tip) in enumerate(POSES.items()):
        generator = torch.Generator().manual_seed(1000 * request.seed + index)
        windows = fallen.drop(max(8, 2 * each), generator, tip)
        for row in range(each):
            start = Start(windows["qpos"][row].numpy().astype(float), windows["qvel"][row].numpy().astype(float))
            every.append(Episode("random", label, SECONDS, 0.0, (Order(0.0, Getup()),), start))
    return every


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`."""
    head = rollout.states.body_position[:, BODIES.index("head"), 2]
    (up,) = np.nonzero(head > UP)
    if not len(up):
        return [Outcome(False, episode.label, True, {"time_s": float("nan"), "head_m": float(head.max())})]
    later = min(int(up[0]) + round(STANDING_AFTER * CONTROL_HZ), len(head) - 1)
    stands = bool(head[later] > FALLEN_HEAD and rollout.states.root_position[later, 2] > FALLEN_ROOT)
    time = (up[0] + 1) / CONTROL_HZ
    figures = {"time_s": float(time), "head_m": float(head.max())}
    return [Outcome(stands and time <= WITHIN, episode.label, not stands, figures)]

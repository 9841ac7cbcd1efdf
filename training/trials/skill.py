"""Skill: ten seconds of it from about the state in which its file begins, and how far it is from its clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from runtime import Skill
from runtime.character import CONTROL_HZ, JOINTS, State
from runtime.recording import Motion
from training import metrics, rotation
from training.config import ConfigError
from training.learning.starts import Starts
from training.metrics import Rollout
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.motion.edit import unroll
from training.prior import file
from training.tasks import StartStates
from training.trials import Episode, Order, Outcome, Request, Start

SECONDS = 10.0
MARGIN = 0.15  # m
NOISE = 0.05  # rad
CYCLES = 4

RESTARTS = False
DEFINITION = (
    "ten seconds from the state in which the controller's file begins, each joint off by a normal deviation of 0.05 "
    "rad (from a sample of the prior where the file says nothing); a success is that the root is never more than 0.15 "
    "m lower than in the prior's samples (without a prior: than where training ended episodes); time_s: until it is. "
    "dtw_error_m (needs data=): distance of the bodies from "
    "those of the clip, both relative to the root and in its heading frame, averaged over bodies and time after "
    "dynamic time warping against the clip in a loop, with between half and twice the clip's speed; "
    "dtw_error_turned_m: the same with every pose turned about the vertical as fits the clip's best, since the heading "
    "of a pelvis that is upside down says little about where the body faces"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`; `label` of an episode is the height (m) the root must not fall below.

    Raises ConfigError where neither a prior nor the controller's file says where to start.
    """
    if request.prior is None:
        pool, lowest = None, request.lowest_root
    else:
        generator, count = torch.Generator().manual_seed(request.seed), max(64, request.episodes)
        score = file.load(str(request.prior.path)).score
        pool = Starts(score, count, generator, StartStates(upright=False)).draw(count)
        lowest = float(pool["root_position"][..., 2].min()) - MARGIN

    def start(number: int) -> Start:
        if request.start is not None:
            return _about(*request.start, np.random.default_rng((request.seed, number)))
        if pool is None:
            raise ConfigError("a skill whose file does not say where it begins needs a prior: name prior=FILE")
        return Start(*(pool[name][number].numpy().astype(float) for name in ("qpos", "qvel")))

    return [
        Episode("random", f"{lowest:.3f}", SECONDS, 0.0, (Order(0.0, Skill()),), start(number))
        for number in range(request.episodes)
    ]


def _about(qpos: np.ndarray, qvel: np.ndarray, rng: np.random.Generator) -> Start:
    """A start, qpos [35] and qvel [34], with every joint a little off, within its range."""
    low, high = np.array([joint.range for joint in JOINTS]).T
    joints = np.clip(qpos[7:] + rng.normal(0.0, NOISE, len(JOINTS)), low, high)
    return Start(np.append(qpos[:7], joints), qvel)


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`."""
    low = rollout.states.root_position[:, 2] < float(episode.label)
    time = (int(low.argmax()) if low.any() else len(low)) / CONTROL_HZ
    return [Outcome(not low.any(), "all", bool(low.any()), {"time_s": time})]


def errors(rollouts: Sequence[Rollout], clips: Sequence[Clip]) -> dict[str, dict[str, float | int | None]]:
    """Spreads over rollouts of `warped_error` (m) to whichever of the clips is nearest, by the figure's name."""
    references = [shapes(whole_cycles(clip.motion)) for clip in clips]
    found = [shapes(rollout.states) for rollout in rollouts]
    measures = {"dtw_error_m": distances, "dtw_error_turned_m": turned_distances}
    return {
        name: metrics.spread([min(warped_error(apart(motion, clip)) for clip in references) for motion in found])
        for name, apart in measures.items()
    }


def whole_cycles(motion: Motion) -> State:
    """States [P] at the control rate of a loop's four cycles, so that the last leads to the first; else of all of it.

    One cycle alone may be half a frame longer or shorter than a whole number of control steps.
    """
    if not motion.loop:
        return motion_states(motion)
    seconds = (len(unroll(motion, 2)) - len(unroll(motion, 1))) / motion.rate * CYCLES
    return metrics.take(motion_states(motion, loop_seconds=seconds), np.arange(round(seconds * CONTROL_HZ)))


def shapes(states: State) -> np.ndarray:
    """Bodies [T, 15, 3] m of states [T] relative to the root, in its heading frame, which is the prior's and policies'.

    It is the twist about the vertical: the direction of the pelvis' x axis says little in a crawl, which points it 60
    to 76° down, so that a pelvis that rolls by one degree would have turned everything by up to four.
    """
    cos, sin = (part.unsqueeze(1) for part in rotation.heading(torch.from_numpy(states.root_rotation)))
    return rotation.unyaw(cos, sin, torch.from_numpy(states.body_position - states.root_position[:, None])).numpy()


def distances(motion: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Mean distances [T, P] m of the bodies of every pose [T, 15, 3] from those of every pose [P, 15, 3]."""
    return np.linalg.norm(motion[:, None] - clip[None], axis=-1).mean(axis=-1)


def turned_distances(motion: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """`distances`, of every pair once one pose is turned about the vertical so that their squares sum to the least."""
    flat, other = (poses[..., 0] + 1j * poses[..., 1] for poses in (motion, clip))  # [T, 15], [P, 15]
    product = flat @ other.conj().T  # a turn by φ multiplies by exp(iφ): best is φ = arg Σ m conj(c)
    turn = product / np.maximum(np.abs(product), 1e-12)
    level = np.abs(flat[:, None] - turn[..., None] * other[None])
    return np.hypot(level, motion[:, None, :, 2] - clip[None, :, :, 2]).mean(axis=-1)


def warped_error(cost: np.ndarray) -> float:
    """Mean of the distances [T, P] of a motion from a looping clip along the best warping path.

    A step of the path takes one frame of both, or two of either; it may begin anywhere in the clip.
    """
    before = np.full((2, cost.shape[1]), np.inf)  # totals one and two frames back
    before[0] = cost[0]
    for t in range(1, len(cost)):
        skipped = np.roll(before[0], 2) + 0.5 * (np.roll(cost[t], 1) + cost[t])
        held = np.roll(before[1], 1) + cost[t - 1] + cost[t]
        best = np.minimum(np.minimum(np.roll(before[0], 1) + cost[t], skipped), held)
        before = np.stack((best, before[0]))
    return float(before[0].min() / len(cost))

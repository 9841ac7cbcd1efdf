"""How far a policy's strides are from people's, in units of how far people are from each other.

Whole strides are compared, joint by joint: what twelve numbers do not see (a stiff trunk, a hand held aside) is in
them. The people are those of a prepared dataset, held-out ones apart: no prior was fitted to them.

    compare ── cut                  strides of runs, 50 phases each
            ├─ mean stride of everybody at a speed
            └─ distance             RMS over phases and joints, each joint over its spread between people

The ratio at a speed is the policy's mean distance to the held-out people, divided by the mean distance between any two
people: 1 is like one more person. What held-out people themselves come to stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from runtime.character import CONTROL_HZ, JOINT_NAMES, State
from training.measure import gait
from training.metrics import take
from training.motion import rotation
from training.motion.clips import motion_states
from training.motion.dataset import Clip

PHASES = 50
SPEEDS = (0.9, 1.2, 1.5)  # m/s
SPEED_SLACK = 0.15  # m/s: strides this much faster or slower are at a speed
SHORTEST_STEP = 0.08  # m: in a stride each foot gets this far ahead of the other
STRAIGHT = np.radians(30.0)  # in a straight stride the heading ends this near to where it began …
FORWARD = np.radians(45.0)  # … and the root goes this near to it: nobody walks backwards or aside
SPREAD_FLOOR = 0.03  # rad: a joint in which people hardly differ is not blown up
FEWEST_PEOPLE, FEWEST_HELD_OUT, FEWEST_STRIDES = 3, 1, 3  # for a figure; strides of the policy

GROUPS = {
    "trunk": [i for i, name in enumerate(JOINT_NAMES) if name.startswith(("abdomen", "neck"))],
    "arms": [i for i, name in enumerate(JOINT_NAMES) if "shoulder" in name or "elbow" in name],
    "legs": [i for i, name in enumerate(JOINT_NAMES) if "hip" in name or "knee" in name or "ankle" in name],
}
"""Joints that are looked at together."""

DEFINITION = (
    "RMS difference, over 50 phases and all joints, of mean strides (from one passing of the left foot by the right to "
    "the next, straight ahead, within 0.15 m/s of the speed), each joint over its spread between people; ratio: the "
    "policy's mean distance to held-out people over the mean distance between any two people, 1 is like one more "
    "person; held_out_ratio: the same of held-out people to all others; trunk, arms, legs: the ratio of those joints"
)


@dataclass(frozen=True)
class Strides:
    """Strides, straight ahead, of one walker."""

    angle: np.ndarray  # [N, 50, 28] rad, at phases 0, 1/50, … of the way from one passing to the next
    speed: np.ndarray  # [N] m/s, net horizontal speed of the root
    seconds: np.ndarray  # [N] s, from one passing to the next

    def mean_at(self, speed: float) -> np.ndarray | None:
        """Average the strides within 0.15 m/s of `speed`: [50, 28] rad; None where there are none."""
        near = np.abs(self.speed - speed) <= SPEED_SLACK
        return self.angle[near].mean(axis=0) if near.any() else None

    def count_at(self, speed: float) -> int:
        """Count the strides within 0.15 m/s of `speed`."""
        return int((np.abs(self.speed - speed) <= SPEED_SLACK).sum())


def cut(runs: Iterable[State]) -> Strides:
    """Find the straight strides of runs, each a `State` [T, ...] at 30 Hz in unbroken motion."""
    angles, speeds, seconds = [np.zeros((0, PHASES, len(JOINT_NAMES)))], [np.zeros(0)], []
    for states in runs:
        for first, last in pairwise(gait.passings(states)):
            if _is_stride(states, first, last):
                moments = first + (last - first) * np.arange(PHASES) / PHASES
                angles.append(_at(states.joint_position, moments)[None])
                travel = _at(states.root_position, np.array([first, last]))[:, :2]
                seconds.append((last - first) / CONTROL_HZ)
                speeds.append(np.linalg.norm(travel[1:] - travel[:1], axis=1) / seconds[-1])
    return Strides(np.concatenate(angles), np.concatenate(speeds), np.array(seconds))


def people(clips: Sequence[Clip]) -> dict[str, Strides]:
    """Strides of everybody in a dataset by `person`, of those who take any straight ahead."""
    names = sorted({person(clip) for clip in clips})
    runs = {name: [motion_states(clip.motion) for clip in clips if person(clip) == name] for name in names}
    return {name: strides for name, parts in runs.items() if len((strides := cut(parts)).speed)}


def strangers(clips: Sequence[Clip]) -> set[str]:
    """Who of a dataset is held out, with all clips."""
    return {person(clip) for clip in clips} - {person(clip) for clip in clips if clip.split != "held_out"}


def person(clip: Clip) -> str:
    """Who moves in a clip: its group or, where that is a take of nobody's (FOLDER/TAKE), the folder.

    Takes of one folder are often one actor's; as so many people they would make people alike.
    """
    return clip.group.partition("/")[0]


def compare(policy: Strides, everybody: Mapping[str, Strides], held_out: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Say for every speed how far a policy is from the held-out people, see the module; figures are None for too few.

    Args:
        policy: its strides.
        everybody: those of all people by name, the held-out ones too.
        held_out: names of those the policy's prior was not fitted to.
    """
    names = set(held_out)
    return {f"{speed:g} m/s": _compare_at(speed, policy, everybody, names) for speed in SPEEDS}


def distance(a: np.ndarray, b: np.ndarray, spread: np.ndarray) -> float:
    """RMS difference of strides [50, J] rad over phases and joints, each joint over its `spread` [J] rad."""
    return float(np.sqrt((((a - b) / spread) ** 2).mean()))


def spread_between(strides: Sequence[np.ndarray]) -> np.ndarray:
    """Standard deviation [28] rad of every joint between people's mean strides [50, 28] at the same phase."""
    return np.maximum(np.sqrt(np.stack(strides).var(axis=0, ddof=1).mean(axis=0)), SPREAD_FLOOR)


def _compare_at(speed: float, policy: Strides, everybody: Mapping[str, Strides], held_out: set[str]) -> dict[str, Any]:
    means = {name: mean for name, strides in everybody.items() if (mean := strides.mean_at(speed)) is not None}
    known, own = [mean for name, mean in means.items() if name in held_out], policy.mean_at(speed)
    counts = {"people": len(means), "held_out_people": len(known), "strides": policy.count_at(speed)}
    names = ("ratio", "held_out_ratio", *GROUPS)
    if len(means) < FEWEST_PEOPLE or len(known) < FEWEST_HELD_OUT:
        return counts | dict.fromkeys(names)
    every = list(means.values())
    spread, joints = spread_between(every), slice(None)
    others = [(a, b) for a in known for b in every if a is not b]
    figures = {"held_out_ratio": _ratio(others, every, joints, spread)}
    if own is not None and counts["strides"] >= FEWEST_STRIDES:
        pairs = [(own, stranger) for stranger in known]
        figures["ratio"] = _ratio(pairs, every, joints, spread)
        figures |= {group: _ratio(pairs, every, part, spread) for group, part in GROUPS.items()}
    return counts | {name: figures.get(name) for name in names}


def _ratio(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], every: Sequence[np.ndarray], joints: list[int] | slice,
    spread: np.ndarray,
) -> float | None:  # fmt: skip
    """Mean distance of pairs of strides over that of all pairs of `every`, in some joints; None where those agree."""

    def mean(chosen: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
        return float(np.mean([distance(a[:, joints], b[:, joints], spread[joints]) for a, b in chosen]))

    between = mean(combinations(every, 2))
    return mean(pairs) / between if between > 0.0 else None


def _is_stride(states: State, first: float, last: float) -> bool:
    """Whether what lies between two passings, at frames that need not be whole, is a step of either foot, straight."""
    seconds = (last - first) / CONTROL_HZ
    frames = slice(int(np.ceil(first)), int(last) + 1)
    if not gait.SHORTEST_STRIDE < seconds < gait.LONGEST_STRIDE:
        return False
    lead = gait.right_lead(states)[frames]
    stepped = lead.max() > SHORTEST_STEP and lead.min() < -SHORTEST_STEP
    return bool(stepped) and is_straight(take(states, frames))


def is_straight(states: State) -> bool:
    """Whether somebody [T] goes ahead and hardly turns: within 45° of the mean heading, which ends where it began."""
    yaw = np.unwrap(rotation.yaw(states.root_rotation))
    travel = states.root_position[-1] - states.root_position[0]
    course = np.arctan2(travel[1], travel[0]) - yaw.mean()
    off = np.abs((course + np.pi) % (2 * np.pi) - np.pi)
    return bool(abs(yaw[-1] - yaw[0]) < STRAIGHT and off < FORWARD)


def _at(values: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Values [N, C] of [T, C] at moments [N] in frames, linearly between them."""
    before = np.minimum(moments.astype(int), len(values) - 2)
    share = (moments - before)[:, None]
    return (1.0 - share) * values[before] + share * values[before + 1]

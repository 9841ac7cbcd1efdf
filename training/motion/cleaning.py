"""Clips fit for a prior: cut at jumps, frozen ends trimmed, one flat floor at height zero.

`clean` turns one motion into pieces and says what was dropped and why. Terrain is told from the soles: a foot that
rests (slower than 0.4 m/s) shows where the ground is. A motion on one floor is shifted so that its resting soles lie
at zero; of a motion over several floors (platforms, stairs, vaults) the stretches of at least a second on one of them
are kept, as long as the character is upright and its hands are free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from runtime.character import BODIES, CONTROL_HZ, State, rotate
from runtime.recording import Motion
from training.motion import soles
from training.motion.clips import motion_states
from training.motion.edit import cut, lift
from training.motion.ground import raise_toes
from training.motion.spans import lasting, runs

MAX_ROOT_SPEED = 8.0  # m/s
MAX_ROOT_TURN = 15.0  # rad/s; rolls reach 12
MAX_JOINT_SPEED = 30.0  # rad/s; sprinting knees reach 17
FROZEN_JOINT_SPEED = 0.02  # rad/s, of the fastest hinge
FROZEN_ROOT_SPEED = 0.004  # m/s
FROZEN_KEPT = 0.5  # s
MIN_SECONDS = 1.0
HALF_MEAN = 1 / 6  # s, either side of the moment for which `quick` takes a speed
REST_SPEED = 0.4  # m/s, a slower sole rests on ground
REST_FRAMES = 4  # at 30 Hz; a swinging foot hangs still for less
LEVEL_BAND = 0.05  # m, resting soles this near belong to one floor
MAX_SPREAD = 0.08  # m, the 5th and 60th percentile of a flat clip's lower sole lie this near its floor
MAX_SINK = 0.06  # m, the 5th percentile of the lower sole lies no deeper
MAX_RISE = 0.25  # m, both soles higher above their floor: a leap or a climb
MARGIN = 3  # frames at 30 Hz cut away beside terrain


@dataclass
class Cleaned:
    """What became of one motion."""

    pieces: list[Motion] = field(default_factory=list)
    origins: list[tuple[int, float]] = field(default_factory=list)
    """Of each piece the frame of the motion with which it begins, and by how much it was lifted, m."""
    remarks: list[str] = field(default_factory=list)
    """One line for everything dropped or changed: how much, and why."""

    def keep(self, motion: Motion, first: int, lifted: float) -> None:
        """Add a piece that begins with frame `first`, lifted by `lifted` m."""
        self.pieces.append(lift(motion, lifted))
        self.origins.append((first, lifted))


def clean(motion: Motion, flat: bool, floor: float | None = None, min_seconds: float = MIN_SECONDS) -> Cleaned:
    """Pieces of `motion` without jumps or frozen ends, soles on the ground at height zero.

    `flat` says that the motion was captured on one floor: it is kept whole, or dropped when its soles deny it; where
    the floor's height is known (`floor`, m), soles are not asked: they may be off the ground all the time (a crawl).
    Otherwise it may cross several floors and its flat stretches are kept.
    """
    result = Cleaned()
    for first, last in _without_jumps(motion, result):
        begin, part = _trim_frozen(cut(motion, first, last), result)
        states = motion_states(part)
        if not flat:
            _cut_stretches(part, first + begin, list(flat_stretches(states)), result)
            continue
        level = floor_height(states) if floor is None else floor
        low, high = np.percentile(soles.heights(states).min(axis=1) - level, (5, 60))
        if floor is not None or (low > -MAX_SPREAD and high < MAX_SPREAD):
            result.keep(part, first + begin, -level)
        else:
            result.remarks.append(f"{part.name}: soles at {low:.2f}..{high:.2f} m around the floor (needs terrain)")
    return _out_of_ground(motion.name, result, min_seconds)


def _out_of_ground(name: str, found: Cleaned, min_seconds: float) -> Cleaned:
    """`found` with soles raised, what is too deep or too short left out, and its pieces named after `name`."""
    result = Cleaned(remarks=found.remarks)
    for piece, origin in zip(found.pieces, found.origins, strict=True):
        piece, turn = raise_toes(piece)
        sink = float(-np.percentile(soles.heights(motion_states(piece)).min(axis=1), 5))
        if turn > 0.1:
            result.remarks.append(f"{piece.name}: ankles turned by up to {turn:.2f} rad to keep soles above ground")
        if sink > MAX_SINK:
            result.remarks.append(f"{piece.name}: dropped, soles {sink:.2f} m under ground")
        elif not piece.loop and piece.seconds < min_seconds:
            result.remarks.append(f"{piece.name}: dropped, {piece.seconds:.2f} s left of at least {min_seconds} s")
        else:
            result.pieces.append(piece)
            result.origins.append(origin)
    if len(result.pieces) > 1:
        result.pieces = [replace(piece, name=f"{name}_{index}") for index, piece in enumerate(result.pieces)]
    return result


def quick(motion: Motion, slowest: float, min_seconds: float = MIN_SECONDS) -> list[Motion]:
    """Stretches of at least `min_seconds` over which the root goes `slowest` m/s or faster, by the mean of 1/3 s."""
    ticks = np.arange(len(motion)) / motion.rate
    before, after = np.maximum(ticks - HALF_MEAN, 0.0), np.minimum(ticks + HALF_MEAN, ticks[-1])
    way = [np.interp(after, ticks, path) - np.interp(before, ticks, path) for path in motion.root_position[:, :2].T]
    speed = np.hypot(*way) / (after - before)
    spans = [span for span in runs(speed >= slowest) if span[1] - span[0] > min_seconds * motion.rate]
    names = [motion.name] if len(spans) == 1 else [f"{motion.name}_{index}" for index in range(len(spans))]
    return [cut(motion, *span, name) for span, name in zip(spans, names, strict=True)]


def floor_height(states: State) -> float:
    """Height of the ground under a motion on one floor, m: the median of resting soles, else their 20th percentile."""
    height, resting = soles.heights(states), resting_soles(states)
    low = height[resting & (height < np.percentile(height.min(axis=1), 60) + LEVEL_BAND)]
    return float(np.median(low) if len(low) >= 5 else np.percentile(height.min(axis=1), 20))


def resting_soles(states: State, rate: float = CONTROL_HZ) -> np.ndarray:
    """Which soles rest on ground, [T, 2] bool: their lowest corner moves slower than 0.4 m/s."""
    points = soles.corners(states)
    speed = np.linalg.norm(np.diff(points, axis=0), axis=-1) * rate  # [T - 1, 2, 8]
    lowest = points[1:, ..., 2].argmin(axis=-1)
    slow = np.take_along_axis(speed, lowest[..., None], axis=-1)[..., 0] < REST_SPEED
    return np.concatenate((slow[:1], slow))


def flat_stretches(states: State) -> Iterator[tuple[int, int, float]]:
    """Maximal stretches (first, last + 1, floor height m) at 30 Hz over which all resting soles share one floor."""
    height, resting = soles.heights(states), resting_soles(states)
    levels = height[resting]
    while len(levels) >= 3:
        counts = [(np.abs(levels - level) < LEVEL_BAND).sum() for level in levels]
        floor = float(np.median(levels[np.abs(levels - levels[int(np.argmax(counts))]) < LEVEL_BAND]))
        elsewhere = lasting(resting & (np.abs(height - floor) > 1.5 * LEVEL_BAND), REST_FRAMES).any(axis=1)
        fine = ~elsewhere & (np.abs(height.min(axis=1) - floor) < MAX_RISE) & _upright(states, floor)
        for first, last in runs(fine):
            first += MARGIN if first > 0 else 0
            last -= MARGIN if last < len(fine) else 0
            touching = np.nonzero(np.abs(height[first:last].min(axis=1) - floor) < LEVEL_BAND)[0]
            if len(touching) and last - first > 1:
                yield first + int(touching[0]), first + int(touching[-1]) + 1, floor
        levels = levels[np.abs(levels - floor) > 2 * LEVEL_BAND]


def _upright(states: State, floor: float) -> np.ndarray:
    """Frames [T] in which the character is on its feet and its hands are free.

    Pelvis up, trunk within 70° of upright (37° when slow: bent over slowly, it leans on something), hands below the
    shoulders.
    """
    torso, head = BODIES.index("torso"), BODIES.index("head")
    up = rotate(states.body_rotation[:, torso], np.array([0.0, 0.0, 1.0]))[:, 2]
    speed = np.linalg.norm(states.root_linear_velocity[:, :2], axis=1)
    hands = states.body_position[:, [BODIES.index("right_hand"), BODIES.index("left_hand")], 2].max(axis=1)
    free = hands < states.body_position[:, head, 2] + 0.05
    return (states.root_position[:, 2] - floor > 0.45) & (up > np.where(speed > 1.2, 0.34, 0.8)) & free


def _cut_stretches(motion: Motion, start: int, stretches: list[tuple[int, int, float]], result: Cleaned) -> None:
    """Keep the flat stretches of a motion over terrain (its frame 0 is `start`), each shifted to its floor."""
    scale, kept = motion.rate / CONTROL_HZ, 0.0
    for first, last, floor in sorted(stretches):
        begin, end = round(first * scale), min(round((last - 1) * scale) + 1, len(motion))
        if (end - 1 - begin) / motion.rate >= MIN_SECONDS:
            result.keep(cut(motion, begin, end), start + begin, -floor)
            kept += (end - 1 - begin) / motion.rate
    result.remarks.append(f"{motion.name}: {motion.seconds - kept:.1f} s of {motion.seconds:.1f} s on terrain")


def _without_jumps(motion: Motion, result: Cleaned) -> list[tuple[int, int]]:
    """Frame ranges between jumps of the root or of a joint."""
    one = cut(motion, 0, len(motion))
    position, joints = np.diff(one.root_position, axis=0), np.diff(one.joint_position, axis=0)
    dot = np.abs(np.sum(one.root_rotation[1:] * one.root_rotation[:-1], axis=1)).clip(0.0, 1.0)
    speed = np.stack((
        np.linalg.norm(position, axis=1) / MAX_ROOT_SPEED,
        2.0 * np.arccos(dot) / MAX_ROOT_TURN,
        np.abs(joints).max(axis=1) / MAX_JOINT_SPEED,
    )) * motion.rate  # fmt: skip
    jumps = np.nonzero((speed > 1.0).any(axis=0))[0] + 1
    for frame in jumps:
        what = ("root speed", "root turn", "joint speed")[int(speed[:, frame - 1].argmax())]
        result.remarks.append(f"{motion.name}: cut at {frame / motion.rate:.2f} s, a jump in {what}")
    if len(jumps) and motion.loop:
        return []
    edges = [0, *(int(frame) for frame in jumps), len(motion)]
    return [(a, b) for a, b in pairwise(edges) if b - a > motion.rate / 2]


def _trim_frozen(motion: Motion, result: Cleaned) -> tuple[int, Motion]:
    """First frame kept and the rest: ends that hold one pose shortened to half a second; who sways is left alone."""
    if motion.loop:
        return 0, motion
    joint = np.abs(np.diff(motion.joint_position, axis=0)).max(axis=1) * motion.rate
    root = np.linalg.norm(np.diff(motion.root_position, axis=0), axis=1) * motion.rate
    moving = np.nonzero((joint > FROZEN_JOINT_SPEED) | (root > FROZEN_ROOT_SPEED))[0]
    if len(moving) == 0:
        result.remarks.append(f"{motion.name}: nothing moves")
        return 0, cut(motion, 0, 2)
    kept = round(FROZEN_KEPT * motion.rate)
    first, last = max(0, int(moving[0]) - kept), min(len(motion), int(moving[-1]) + 2 + kept)
    if first > 0 or last < len(motion):
        seconds = (len(motion) - (last - first)) / motion.rate
        result.remarks.append(f"{motion.name}: {seconds:.2f} s of frozen ends")
    return first, cut(motion, first, last)

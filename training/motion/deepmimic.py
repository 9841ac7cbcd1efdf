"""DeepMimic clips: JSON with 44 numbers a frame, y up, arms hanging in the zero pose.

Axes: DeepMimic's x forward, y up, z right become x forward, z up, y left: (x, y, z) -> (x, -z, y), for positions and
for the vector parts of quaternions alike. Arms: our zero pose is the T-pose, so a shoulder is followed by the quarter
turn about x that takes a T-pose arm down (right +90°, left -90°), and an elbow's axis turns with it: their z becomes
our z on the right and -z on the left. A knee bends about their z, which is our -y.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.motion import rotation
from training.motion.hinges import Conversion, from_rotations

LAYOUT = (
    ("abdomen", 4), ("neck", 4), ("right_hip", 4), ("right_knee", 1), ("right_ankle", 4), ("right_shoulder", 4),
    ("right_elbow", 1), ("left_hip", 4), ("left_knee", 1), ("left_ankle", 4), ("left_shoulder", 4), ("left_elbow", 1),
)  # fmt: skip
WIDTH = 44
LICENCE = "MIT"
_ARM = {"right_shoulder": np.pi / 2, "left_shoulder": -np.pi / 2}
_SIGN = {"right_knee": -1.0, "left_knee": -1.0, "right_elbow": 1.0, "left_elbow": -1.0}


def read(path: Path) -> Conversion:
    """Read one JSON clip; raises ValueError naming the file when it is not as described."""
    content = json.loads(path.read_text())
    frames = np.array(content["Frames"], dtype=np.float64)
    if frames.ndim != 2 or frames.shape[1] != WIDTH or len(frames) < 2 or not np.isfinite(frames).all():
        raise ValueError(f"{path}: expected finite Frames [T > 1, {WIDTH}], found {frames.shape}")
    durations = frames[:-1, 0]
    rate = 1.0 / float(np.median(durations))
    frames = frames[_nearest(durations, rate)]
    balls, singles = split(frames)
    return from_rotations(
        balls, singles, rate, axes(frames[:, 1:4]), _quaternion(frames[:, 4:8]),
        loop=content.get("Loop") == "wrap", name=path.stem.removeprefix("humanoid3d_"),
        source=f"deepmimic/{path.stem}", licence=LICENCE,
    )  # fmt: skip


def split(frames: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Our ball rotations {joint: [T, 4]} and hinge angles {joint: [T] rad} of `frames` [T, 44]."""
    balls, singles, column = {}, {}, 8
    for name, width in LAYOUT:
        values = frames[:, column : column + width]
        column += width
        if width == 1:
            singles[name] = _SIGN[name] * values[:, 0]
        else:
            balls[name] = rotation.multiply(_quaternion(values), rotation.about(0, _ARM.get(name, 0.0)))
    return balls, singles


def axes(vector: np.ndarray) -> np.ndarray:
    """(x, y, z) with y up to (x, -z, y) with z up; `vector` [..., 3]."""
    return np.stack((vector[..., 0], -vector[..., 2], vector[..., 1]), axis=-1)


def _quaternion(q: np.ndarray) -> np.ndarray:
    return rotation.normalise(np.concatenate((q[..., :1], axes(q[..., 1:])), axis=-1))


def _nearest(durations: np.ndarray, rate: float) -> np.ndarray:
    """Frame indices of a constant `rate`: a frame that lasts twice as long (roll) is repeated."""
    times = np.concatenate(([0.0], np.cumsum(durations)))
    ticks = np.arange(round(times[-1] * rate) + 1) / rate
    return np.abs(times[None] - ticks[:, None]).argmin(axis=1)

"""MimicKit clips: npz with fps, loop and frames [T, 34], already on a humanoid of our proportions.

A frame is root position 3 (m, z up), root rotation vector 3, then the joints depth first: ball joints as rotation
vectors in the parent's frame (zero: T-pose), elbows and knees as angles. Some files hold NaN for joints that never
move (walk.npz, neck): a rotation vector of zero divided by its length. They are read as no rotation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.motion import rotation
from training.motion.hinges import Conversion, from_rotations

LAYOUT = (
    ("abdomen", 3), ("neck", 3), ("right_shoulder", 3), ("right_elbow", 1), ("left_shoulder", 3), ("left_elbow", 1),
    ("right_hip", 3), ("right_knee", 1), ("right_ankle", 3), ("left_hip", 3), ("left_knee", 1), ("left_ankle", 3),
)  # fmt: skip
WIDTH = 6 + sum(width for _, width in LAYOUT)
LICENCE = "Apache-2.0"


def read(path: Path) -> Conversion:
    """Read one npz; raises ValueError naming the file when it is not as described."""
    with np.load(path, allow_pickle=False) as data:
        missing = {"fps", "loop", "frames"} - set(data.files)
        if missing:
            raise ValueError(f"{path}: expected arrays fps, loop and frames, missing {sorted(missing)}")
        frames, rate, loop = data["frames"].astype(np.float64), float(data["fps"]), bool(data["loop"])
    if frames.ndim != 2 or frames.shape[1] != WIDTH or len(frames) < 2:
        raise ValueError(f"{path}: expected frames [T > 1, {WIDTH}], found {frames.shape}")
    blank = np.isnan(frames).all(axis=0)
    frames[:, blank] = 0.0
    if not np.isfinite(frames).all():
        raise ValueError(f"{path}: frames hold values that are not finite")
    balls, singles = split(frames)
    return from_rotations(
        balls, singles, rate, frames[:, :3], rotation.from_rotation_vector(frames[:, 3:6]),
        loop=loop, name=path.stem, source="/".join((*path.parts[-2:-1], path.stem)), licence=LICENCE,
    )  # fmt: skip


def split(frames: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Ball rotations {joint: [T, 4]} and hinge angles {joint: [T] rad} of `frames` [T, 34]."""
    balls, singles, column = {}, {}, 6
    for name, width in LAYOUT:
        values = frames[:, column : column + width]
        column += width
        if width == 3:
            balls[name] = rotation.from_rotation_vector(values)
        else:
            singles[name] = values[:, 0]
    return balls, singles

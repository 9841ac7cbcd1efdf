"""Captures cut at jumps of the root, low-passed without delay, and thinned to at most 60 Hz.

Marker jitter and rough conversions shake the joints (CMU subjects 1 to 14: a stance foot moves .3 to .5 m/s). A
Butterworth filter of second order run forwards and backwards over the positions takes that out and delays nothing;
body axes are filtered entry by entry and made orthonormal again, the bones keep their length later, on our skeleton.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.signal import butter, sosfiltfilt

from training.motion.capture import Capture
from training.motion.spans import runs

MAX_ROOT_SPEED = 8.0  # m/s, beyond it the root jumps
MAX_RATE = 60.0  # Hz


def pieces(capture: Capture, min_seconds: float) -> Iterator[tuple[int, int]]:
    """Frame ranges [first, last) of at least `min_seconds` between jumps of the hips."""
    hips = 0.5 * (capture.point("left_hip") + capture.point("right_hip"))
    steady = np.linalg.norm(np.diff(hips, axis=0), axis=1) * capture.rate < MAX_ROOT_SPEED
    for first, last in runs(steady):
        if (last - first) / capture.rate >= min_seconds:
            yield first, last + 1


def cut(capture: Capture, first: int, last: int, step: int = 1) -> Capture:
    """Frames first, first + step, ... before `last`."""
    fields = {name: getattr(capture, name)[first:last:step] for name in ("points", "trunk", "ankles", "joints")}
    return replace(capture, **fields, rate=capture.rate / step)


def low_pass(capture: Capture, cutoff: float) -> Capture:
    """The capture with everything faster than `cutoff` Hz taken out, nothing delayed."""
    if cutoff >= 0.5 * capture.rate:
        return capture

    def smooth(values: np.ndarray) -> np.ndarray:
        sections = butter(2, cutoff, fs=capture.rate, output="sos")
        return sosfiltfilt(sections, values, axis=0, padlen=min(len(values) - 1, int(capture.rate)))

    return replace(
        capture,
        points=smooth(capture.points),
        joints=smooth(capture.joints),
        trunk=orthonormal(smooth(capture.trunk)),
        ankles=orthonormal(smooth(capture.ankles)),
    )


def thin(capture: Capture) -> Capture:
    """Every n-th frame, so that at most 60 a second are left (120 becomes 60, 100 becomes 50)."""
    step = int(np.ceil(capture.rate / MAX_RATE - 1e-6))
    return cut(capture, 0, len(capture.points), step) if step > 1 else capture


def orthonormal(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotations to [..., 3, 3]."""
    u, _, vt = np.linalg.svd(matrices)
    sign = np.linalg.det(u @ vt)
    u[..., :, 2] *= sign[..., None]
    return u @ vt

"""How natural the motion of the character on show is, over the last eleven seconds: the curve of the display."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path

import numpy as np

from runtime import Controller, Prior, State
from runtime.character import CONTROL_HZ
from runtime.naturalness import Naturalness
from viewer.hud import CURVE_POINTS

_EVERY = 3  # control steps between the curve's points
_HALF_LIFE = 0.2  # s of smoothing


class NaturalnessMeter:
    """Follows one character at a time; gives one value for every third control step."""

    def __init__(self) -> None:
        self._watch: Naturalness | None = None
        self._values: deque[float] = deque(maxlen=CURVE_POINTS)
        self._next, self._of = 0, (None, -1)

    @property
    def values(self) -> np.ndarray | None:
        """The prior's error over that of real motion as fast, oldest first; 1 is as usual as motion capture.

        None where there is no prior to judge by.
        """
        return None if self._watch is None else np.array(self._values)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._next, self._of = 0, (None, -1)

    def add(self, time: float, state: State, prior: Prior | None, who: int = 0) -> None:
        """Look at a state, world time `time` s; call it once a control step at least, it keeps one of each.

        Another character (`who`) or prior starts a new curve; time that goes back or leaps a new window.
        """
        step = int(time * CONTROL_HZ + 1e-6)
        if (prior, who) != self._of:
            self._watch = None if prior is None else Naturalness(prior, half_life=_HALF_LIFE, every=_EVERY)
            self._values.clear()
            self._of, self._next = (prior, who), step
        if self._watch is None:
            return
        if not self._next - 1 <= step <= self._next:
            self._watch.clear()
            self._next = step
        if step < self._next:
            return
        self._next = step + 1
        value = self._watch.push(state)
        if step % _EVERY == 0 and not math.isnan(value):
            self._values.append(value)


def find_prior(controller: Controller) -> Prior | None:
    """The prior that a controller was trained with, if it lies in `priors/` beside it.

    Raises:
        PriorError: there is a file of that name, but it is no good.
    """
    record = controller.metadata.get("prior")
    if not isinstance(record, dict):
        return None
    path = Path(controller.path).parent / "priors" / f"{record.get('name')}.onnx"
    return Prior.load(path) if path.is_file() else None

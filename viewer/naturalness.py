"""How natural the motion is, live: a prior's error over that of held-out real motion, every tenth of a second.

A prior judges windows of ten control steps. The noise it adds is the same for every window, so that the curve shows
the motion and not the dice. One judgement costs about as much as a control step, and three are made for ten of those.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from runtime import Controller, Prior, State
from runtime.character import CONTROL_HZ
from viewer.hud import CURVE_POINTS

_EVERY = 3  # control steps between judgements


class NaturalnessMeter:
    """The last eleven seconds of one character's naturalness."""

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self._noise = np.random.default_rng(0).standard_normal((1, *prior.noise_shape), dtype=np.float32)
        self._states: deque[State] = deque(maxlen=prior.window)
        self._values: deque[float] = deque(maxlen=CURVE_POINTS)
        self._next, self._steps, self._who = 0, 0, -1

    @property
    def values(self) -> np.ndarray:
        """The judgements, oldest first; 1 is as natural as motion capture."""
        return np.array(self._values)

    def clear(self) -> None:
        """Forget everything."""
        self._states.clear()
        self._values.clear()
        self._next = self._steps = 0

    def add(self, time: float, state: State, who: int = 0) -> None:
        """Look at a state, world time `time` s; call it as often as you like, it keeps one a control step.

        Another character (`who`), or time that goes back or leaps, starts a new window.
        """
        step = int(time * CONTROL_HZ + 1e-6)
        if who != self._who or step < self._next - 1 or step > self._next + 1:
            self._states.clear()
            self._who, self._next = who, step
        if step < self._next:
            return
        self._next = step + 1
        self._states.append(state)
        self._steps += 1
        if len(self._states) == self.prior.window and self._steps % _EVERY == 0:
            window = {name: np.stack([vars(s)[name] for s in self._states])[None] for name in vars(state)}
            self._values.append(float(self.prior.naturalness(State(**window), self._noise)[0]))


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

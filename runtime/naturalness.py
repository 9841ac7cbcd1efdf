"""How natural a character moves, live: the prior's judgement of its last second, for a HUD or a game.

A single window's value is noisy, because the prior adds noise before it judges. Here the noise is drawn once and kept,
so that the value changes with the motion alone, several draws are averaged, and the result is smoothed over time by a
half-life. It costs one network call of `draws` windows a control step, about 2 ms of one core for four; `every` spreads
it over more steps.

    watch = Naturalness(Prior.load(shipped("priors/locomotion")))
    world.step(); value = watch.push(hero.state)          # 1 is as usual as real motion, nan at first
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runtime.character import CONTROL_HZ, STATE_SHAPES, State
from runtime.prior import Prior


class Window:
    """The last states of one character: a ring from which the window that a prior wants is taken."""

    def __init__(self, offsets: Sequence[int]) -> None:
        """Make room for windows whose states lie `offsets` control steps back, newest last."""
        self._offsets = np.array(offsets)
        self.length = int(offsets[0]) + 1
        self.count = 0
        """States pushed since it was last emptied."""
        self._rings = {name: np.zeros((self.length, *shape), dtype=np.float32) for name, shape in STATE_SHAPES.items()}

    @property
    def full(self) -> bool:
        """Whether the states reach as far back as a prior wants."""
        return self.count >= self.length

    def push(self, state: State) -> None:
        """Append a state without leading axes, one control step after the one before; the oldest goes."""
        row = self.count % self.length
        for name, ring in self._rings.items():
            ring[row] = getattr(state, name)
        self.count += 1

    def fill(self, state: State) -> None:
        """Forget all and stand still: the same state throughout."""
        self.clear()
        for _ in range(self.length):
            self.push(state)

    def clear(self) -> None:
        """Forget all, as after a jump from one place to another."""
        self.count = 0

    def states(self) -> State:
        """Return the window with leading axes [1, F], oldest first; raises ValueError until the ring is full."""
        if not self.full:
            raise ValueError(f"window: expected {self.length} states, found {self.count}")
        order = (self.count - 1 - self._offsets) % self.length
        return State(**{name: ring[order][None] for name, ring in self._rings.items()})


class Naturalness:
    """A live value for one character."""

    value: float
    """The prior's error over that of real motion as fast, smoothed; nan until the states reach far enough back."""
    latest: float
    """The same, of the last window alone."""

    def __init__(self, prior: Prior, *, half_life: float = 0.5, draws: int = 4, every: int = 1, seed: int = 0) -> None:
        """Watch with `prior`.

        Args:
            prior: what judges.
            half_life: of the smoothing, s; 0 gives the last window's value.
            draws: of noise, averaged.
            every: control steps between judgements.
            seed: of the noise.

        Raises:
            ValueError: a number is out of range.
        """
        if not (0.0 <= half_life < math.inf and draws >= 1 and every >= 1):
            raise ValueError("expected half_life ≥ 0, draws ≥ 1 and every ≥ 1")
        self.value = self.latest = math.nan
        self._prior, self._every = prior, every
        self._window = Window(prior.offsets)
        self._noise = np.random.default_rng(seed).standard_normal((draws, *prior.noise_shape), dtype=np.float32)
        self._keep = 0.5 ** (every / (half_life * CONTROL_HZ)) if half_life > 0.0 else 0.0

    def push(self, state: State) -> float:
        """Take the state of one more control step, no leading axes; returns `value`."""
        self._window.push(state)
        if self._window.full and self._window.count % self._every == 0:
            window = self._window.states()
            draws = len(self._noise)
            many = State(**{name: np.repeat(value, draws, axis=0) for name, value in vars(window).items()})
            self.latest = float(self._prior.naturalness(many, self._noise).mean())
            smoothed = self._keep * self.value + (1.0 - self._keep) * self.latest
            self.value = self.latest if math.isnan(self.value) else smoothed
        return self.value

    def clear(self) -> None:
        """Forget the past: call it when the character was put somewhere else."""
        self._window.clear()
        self.value = self.latest = math.nan

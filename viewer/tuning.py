"""What can be changed while it runs: a goal that holds whatever the keys say, and the physics.

Controllers take no style: a prior's style weights act while a policy is trained, none is left in its file. So there is
nothing live to edit there; it says so where one would look for it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import mujoco
import numpy as np

from runtime.goals import Goal

NO_STYLE = "style weights act in training; this controller has none to change"
RANGES = {
    "speed": (0.0, 5.0), "direction": (-math.pi, math.pi), "facing": (-math.pi, math.pi),
    "x": (-20.0, 20.0), "y": (-20.0, 20.0), "apex": (0.0, 0.4),
}  # fmt: skip
"""What a slider for a field of a goal spans; SI units, rad."""


@dataclass
class Physics:
    """Factors on what the characters were trained with; 1 is as trained."""

    gravity: float = 1.0
    friction: float = 1.0
    """Of everything that touches."""
    strength: float = 1.0
    """Of all servos: their gains and what they can give at most."""


class Tuner:
    """Keeps a model as `Physics` says, also when the scene is compiled anew."""

    def __init__(self) -> None:
        self._model: mujoco.MjModel | None = None
        self._now = Physics()

    def apply(self, model: mujoco.MjModel, wanted: Physics) -> None:
        """Change a model in place; the same wish again changes nothing."""
        now = self._now if model is self._model else Physics()
        if model is self._model and now == wanted:
            return
        model.opt.gravity[:] *= _ratio(wanted.gravity, now.gravity)
        model.geom_friction[:] *= _ratio(wanted.friction, now.friction)
        strength = _ratio(wanted.strength, now.strength)
        model.actuator_gainprm[:] *= strength
        model.actuator_biasprm[:] *= strength
        model.actuator_forcerange[:] *= strength
        self._model, self._now = model, dataclasses.replace(wanted)


def _ratio(wanted: float, now: float) -> float:
    if not (wanted > 0.0 and now > 0.0):
        raise ValueError(f"physics: expected factors above 0, found {wanted:g} after {now:g}")
    return wanted / now


def goal_fields(goal: Goal) -> dict[str, float]:
    """The numbers of a goal that a slider can change."""
    fields = {field.name: getattr(goal, field.name) for field in dataclasses.fields(goal)}  # pyright: ignore
    return {name: float(value) for name, value in fields.items() if name in RANGES and isinstance(value, int | float)}


def with_fields(goal: Goal, fields: dict[str, float]) -> Goal:
    """The goal with other numbers, each kept in its range."""
    kept = {name: float(np.clip(value, *RANGES[name])) for name, value in fields.items()}
    return dataclasses.replace(goal, **kept)  # pyright: ignore

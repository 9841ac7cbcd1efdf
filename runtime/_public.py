"""What users hold: only declared settings can be set, only what is for users is shown. Private."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import numpy as np


class Public:
    """A class whose settings are its properties: setting anything else is an error, so that a typo is one.

    `dir`, and with it completion, shows public names alone.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        """Set a property or a private attribute; AttributeError, with what can be set, for anything else."""
        if not (name.startswith("_") or isinstance(inspect.getattr_static(type(self), name, None), property)):
            raise AttributeError(
                f"{type(self).__name__}: expected one of {', '.join(_settings(type(self)))} to be set, found {name!r}"
            )
        super().__setattr__(name, value)

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]


def _settings(kind: type) -> list[str]:
    """Names of the properties that can be set."""
    return sorted(name for name, value in inspect.getmembers_static(kind) if getattr(value, "fset", None))


def ranged(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """Return a number within its range as a float; raises ValueError naming it where it is none."""
    if not (isinstance(value, int | float | np.number) and low <= value <= high):
        raise ValueError(f"{name}: expected {low:g} to {high:g}{unit and ' '}{unit}, found {value!r}")
    return float(value)

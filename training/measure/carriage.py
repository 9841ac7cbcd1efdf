"""How the people of each source of motion capture carry themselves, by speed: lean, stance knee, elbow, strides.

A prior learns the blend of what it is given. Runners of a parkour park who lean by 40° at every speed make a jogger of
every walker, and no figure of skate, speed or coverage shows it. So a dataset's report sets its sources side by side.
A number of a source is marked twice over: where it is `apart` from all the others at that speed, and where it is
`outside` people's bands there (training.measure.gait).

    by_source ── pieces: seconds of straight motion, each with its numbers (gait.measure)
              ├─ strides.cut
              └─ apart from the others, outside people's bands
    table, remarks

Apart: the median lies beyond the lowest 10 % or the highest 90 % quantile that any of the others has, by more than
`SLACK`, what one person differs from the next. Where fewer than two others have that speed, nobody can say who of them
is the odd one: the bands alone speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.table import Table

from runtime.character import CONTROL_HZ, State
from training.measure import gait, strides
from training.metrics import take
from training.motion.clips import motion_states
from training.motion.dataset import Clip
from training.motion.figures import SPEED_BINS, SPEED_EDGES

PIECE = CONTROL_HZ  # frames: numbers are of pieces of a second, stride frequencies of strides
STANDING = 0.3  # m/s: slower pieces count whatever way they go
FEWEST = 3  # pieces or strides without which a source has no figure at a speed
FEWEST_OTHERS = 2
LOWEST, HIGHEST = 0.1, 0.9  # quantiles between which a source's values spread

SLACK = {"lean_deg": 5.0, "stance_knee_deg": 6.0, "elbow_deg": 12.0, "strides_per_s": 0.1}
NUMBERS = tuple(SLACK)
"""What is set side by side, see `training.measure.gait.DEFINITIONS`."""


@dataclass
class _Values:
    """Values met by one source at one speed, by number, and the speeds, m/s, of its pieces and strides."""

    of: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NUMBERS})
    speeds: list[float] = field(default_factory=list)
    pieces: int = 0

    def add(self, speed: float, numbers: dict[str, float]) -> None:
        """Note what a piece or a stride has."""
        self.speeds.append(speed)
        for name, value in numbers.items():
            self.of[name].append(value)

    def spread(self, name: str) -> tuple[float, float, float] | None:
        """10 % quantile, median and 90 % quantile; None of too few values."""
        known = [value for value in self.of[name] if np.isfinite(value)]
        if len(known) < FEWEST:
            return None
        low, middle, high = np.quantile(known, (LOWEST, 0.5, HIGHEST))
        return float(low), float(middle), float(high)


def by_source(clips: Sequence[Clip]) -> dict[str, Any]:
    """Medians of every source folder at every speed it has, with the names of those apart and outside."""
    met: dict[str, dict[str, _Values]] = {}
    for clip in clips:
        speeds = met.setdefault(clip.motion.source.split("/")[0], {name: _Values() for name in SPEED_BINS})
        _collect(motion_states(clip.motion), speeds)
    return {
        folder: {
            speed: row
            for speed in SPEED_BINS
            if (row := _row(met[folder][speed], [met[other][speed] for other in met if other != folder]))
        }
        for folder in sorted(met)
    }


def remarks(carriage: dict[str, Any]) -> list[str]:
    """One line for every source that is apart from the others or outside people's bands."""
    lines = []
    for folder, rows in carriage.items():
        told = []
        for name in NUMBERS:
            speeds = [speed for speed, row in rows.items() if name in row["apart"] or name in row["outside"]]
            told += [f"{name} at {', '.join(speeds)} m/s"] if speeds else []
        if told:
            lines.append(f"{folder} carries itself differently: {'; '.join(told)}")
    return lines


def table(carriage: dict[str, Any]) -> Table:
    """A row a source and speed."""
    shown = Table(title="carriage by source and speed; (apart from all others), outside people's bands!")
    for name in ("source", "m/s", "pieces", "lean °", "stance knee °", "elbow °", "strides/s"):
        shown.add_column(name, justify="left" if name == "source" else "right")
    for speed in SPEED_BINS:
        for folder, rows in carriage.items():
            if speed in rows:
                cells = [_cell(rows[speed], name) for name in NUMBERS]
                shown.add_row(folder, speed, str(rows[speed]["pieces"]), *cells)
        shown.add_section()
    return shown


def _collect(states: State, speeds: dict[str, _Values]) -> None:
    """Put a clip's values into the bins of their speeds."""
    for start in range(0, len(states.root_position) - PIECE, PIECE):
        piece = take(states, slice(start, start + PIECE + 1))
        numbers = gait.measure(piece)
        speed = numbers["speed_m_s"]
        if speed < STANDING or strides.is_straight(piece):
            _bin(speeds, speed).add(speed, {name: numbers[name] for name in NUMBERS if name != "strides_per_s"})
            _bin(speeds, speed).pieces += 1
    found = strides.cut([states])
    for speed, seconds in zip(found.speed.tolist(), found.seconds.tolist(), strict=True):
        _bin(speeds, speed).add(speed, {"strides_per_s": 1.0 / seconds})


def _bin(speeds: dict[str, _Values], speed: float) -> _Values:
    return speeds[SPEED_BINS[int(np.digitize(speed, SPEED_EDGES)) - 1]]


def _row(values: _Values, others: Sequence[_Values]) -> dict[str, Any] | None:
    """Medians of a source at a speed; None where it has too little of it for any."""
    spreads = {name: values.spread(name) for name in NUMBERS}
    medians = {name: spread[1] for name, spread in spreads.items() if spread}
    if not medians:
        return None
    bands = gait.bands(float(np.mean(values.speeds)))
    outside = [n for n, value in medians.items() if n in bands and not bands[n][0] <= value <= bands[n][1]]
    return {
        "pieces": values.pieces,
        **{name: round(medians[name], 3) if name in medians else None for name in NUMBERS},
        "apart": [name for name, value in medians.items() if _is_apart(value, others, name)],
        "outside": outside,
    }


def _is_apart(value: float, others: Sequence[_Values], name: str) -> bool:
    spreads = [spread for other in others if (spread := other.spread(name)) is not None]
    if len(spreads) < FEWEST_OTHERS:
        return False
    low, high = min(spread[0] for spread in spreads), max(spread[2] for spread in spreads)
    return not low - SLACK[name] <= value <= high + SLACK[name]


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    text = "-" if value is None else f"{value:.2f}" if name == "strides_per_s" else f"{value:.0f}"
    text = f"({text})" if name in row["apart"] else text
    return f"{text}!" if name in row["outside"] else text

"""What a prepared dataset holds: report.json and its tables on the terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from training.motion.dataset import Clip
from training.motion.figures import (
    SPEED_BINS,
    SPEED_EDGES,
    TURN_BINS,
    TURN_EDGES,
    Figures,
    flight_by_speed,
    minutes_by_bin,
    sum_by,
)


def report(clips: list[Clip], measured: list[Figures], changed: dict[str, dict], remarks: list[str]) -> dict:
    """Minutes by category, split, speed and turning rate; skate and flight; what was dropped or changed, and why.

    Figures are of the clips as written (no mirror images); loops count one cycle.
    """
    seconds = [figure.seconds for figure in measured]
    sides = {
        side: [figure for clip, figure in zip(clips, measured, strict=True) if clip.split == side]
        for side in ("train", "held_out")
    }
    gaits = {
        gait: np.concatenate([f.skate for c, f in zip(clips, measured, strict=True) if c.category == gait])
        for gait in sorted({clip.category for clip in clips})
    }
    return {
        "clips": len(clips),
        "groups": len({clip.group for clip in clips}),
        "minutes": round(sum(seconds) / 60, 3),
        "minutes_by_category": sum_by([clip.category for clip in clips], seconds),
        "minutes_by_split": sum_by([clip.split for clip in clips], seconds),
        "minutes_by_licence": sum_by([clip.motion.licence for clip in clips], seconds),
        "minutes_by_tag": sum_by(
            [tag for clip in clips for tag in clip.tags],
            [length for clip, length in zip(clips, seconds, strict=True) for _ in clip.tags],
        ),
        "minutes_by_speed": {side: _speeds(group) for side, group in [("all", measured), *sides.items()]},
        "minutes_by_turning": minutes_by_bin(np.abs(_joined(measured, "turn")), TURN_EDGES, TURN_BINS),
        "flight_by_speed": flight_by_speed(measured),
        "skate_m_s": {
            gait: {"mean": round(float(v.mean()), 3), "median": round(float(np.median(v)), 3), "samples": len(v)}
            for gait, v in gaits.items()
            if len(v)
        },
        "sink_m": {
            clip.motion.source: round(f.sink, 3) for clip, f in zip(clips, measured, strict=True) if f.sink > 0.02
        },
        "changed_by_limits": changed,
        "remarks": remarks,
    }


def show(summary: dict, console: Console) -> None:
    """Print the report's tables."""
    speeds = Table(title="minutes by root speed, m/s")
    for name in ("", *SPEED_BINS, "total"):
        speeds.add_column(name, justify="right")
    for side, minutes in summary["minutes_by_speed"].items():
        speeds.add_row(side, *(f"{m:.2f}" for m in minutes.values()), f"{sum(minutes.values()):.2f}")
    flight = summary["flight_by_speed"].values()
    speeds.add_row("flight", *("-" if share is None else f"{share:.2f}" for share in flight), "")
    console.print(speeds)
    for key in (
        "minutes_by_category",
        "minutes_by_split",
        "minutes_by_tag",
        "minutes_by_turning",
        "minutes_by_licence",
    ):
        console.print(f"{key.replace('_', ' ')}: " + ", ".join(f"{k} {v:.2f}" for k, v in summary[key].items()))
    skate = ", ".join(f"{gait} {v['mean']:.2f} (median {v['median']:.2f})" for gait, v in summary["skate_m_s"].items())
    console.print(f"skate m/s: {skate}")
    console.print(
        f"{summary['groups']} groups; {len(summary['remarks'])} remarks on what was dropped or changed, see report.json"
    )


def _joined(measured: list[Figures], name: str) -> np.ndarray:
    return np.concatenate([getattr(figure, name) for figure in measured])


def _speeds(measured: list[Figures]) -> dict[str, float]:
    return minutes_by_bin(_joined(measured, "speed") if measured else np.zeros(0), SPEED_EDGES, SPEED_BINS)

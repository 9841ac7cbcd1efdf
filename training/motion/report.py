"""What a prepared dataset holds: report.json and its tables on the terminal."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from rich.console import Console
from rich.table import Table

from training.measure import carriage
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
from training.motion.reading import Reading


def report(clips: list[Clip], measured: list[Figures], read: Reading) -> dict:
    """Minutes by category, split, speed and turning rate; skate and flight; what was dropped or changed, and why.

    Of retargeted clips also, by skeleton family, the distance from the source and the slip of standing feet before and
    after.

    Figures are of the clips as written (no mirror images); loops count one cycle.
    """
    seconds = [figure.seconds for figure in measured]
    sides = {
        side: [figure for clip, figure in zip(clips, measured, strict=True) if clip.split == side]
        for side in ("train", "held_out")
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
        "skate_m_s": _skate(clips, measured),
        "sink_m": {
            clip.motion.source: round(f.sink, 3) for clip, f in zip(clips, measured, strict=True) if f.sink > 0.02
        },
        "carriage": carriage.by_source(clips),
        "minutes_by_action": sum_by([clip.action or "unlabelled" for clip in clips], seconds),
        "minutes_by_style": sum_by([clip.style or "unlabelled" for clip in clips], seconds),
        "retargeting": by_family(read.imported),
        "retargeted": read.imported,
        "damaged": read.damaged,
        "changed_by_limits": read.changed,
        "remarks": read.remarks,
    }


def _skate(clips: list[Clip], measured: list[Figures]) -> dict[str, dict]:
    """Speed of lowest sole corners under 2 cm, by category."""
    gaits = {
        gait: np.concatenate([f.skate for c, f in zip(clips, measured, strict=True) if c.category == gait])
        for gait in sorted({clip.category for clip in clips})
    }
    return {
        gait: {"mean": round(float(v.mean()), 3), "median": round(float(np.median(v)), 3), "samples": len(v)}
        for gait, v in gaits.items()
        if len(v)
    }


def by_family(imported: dict[str, dict]) -> dict[str, dict]:
    """Figures of retargeted clips by skeleton family, means weighted by time (skate: by frames in stance)."""
    families: dict[str, list[dict]] = defaultdict(list)
    for figures in imported.values():
        families[figures["found"]["family"]].append(figures)
    found = {}
    for family, members in sorted(families.items()):
        seconds = [member["seconds"] for member in members]
        standing = [member["stance_frames"] for member in members]
        found[family] = {
            "files": len(members),
            "minutes": round(sum(seconds) / 60, 2),
            "error_cm": {
                body: _weighted([member["error_cm"][body] for member in members], seconds)
                for body in members[0]["error_cm"]
            },
            "units": sorted({_units(member["found"]) for member in members}),
        } | {
            key: _weighted([member[key] for member in members], weights)
            for key, weights in (
                ("mean_error_cm", seconds),
                ("leg_scaled_error_cm", seconds),
                ("skate_before_m_s", standing),
                ("skate_after_m_s", standing),
            )
        }  # fmt: skip
    return found


def _units(found: dict[str, str | float]) -> str:
    unit = str(found["unit"]).partition(":")[0]
    return f"{found['unit_to_m']} m ({unit}), up {found['up']}"


def _weighted(values: list[float | None], weights: list[float]) -> float | None:
    pairs = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in pairs)
    return round(sum(value * weight for value, weight in pairs) / total, 4) if total else None


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
        "minutes_by_action",
        "minutes_by_style",
    ):
        console.print(f"{key.replace('_', ' ')}: " + ", ".join(f"{k} {v:.2f}" for k, v in summary[key].items()))
    if summary["retargeting"]:
        console.print(_families(summary["retargeting"]))
    skate = ", ".join(f"{gait} {v['mean']:.2f} (median {v['median']:.2f})" for gait, v in summary["skate_m_s"].items())
    console.print(f"skate m/s: {skate}")
    console.print(carriage.table(summary["carriage"]), *carriage.remarks(summary["carriage"]), sep="\n", soft_wrap=True)
    console.print(
        f"{summary['groups']} groups; {len(summary['remarks'])} remarks on what was dropped or changed, see report.json"
    )


def _families(retargeting: dict[str, dict]) -> Table:
    """Retargeting by skeleton family."""
    table = Table(title="retargeting: mean distance from the limb-wise (leg-) scaled source; slip of standing feet")
    for name in ("family", "files", "min", "error cm", "worst body", "leg-scaled cm", "slip before m/s", "after m/s"):
        table.add_column(name, justify="left" if name in ("family", "worst body") else "right")
    for family, f in retargeting.items():
        worst = max(f["error_cm"], key=f["error_cm"].get)
        slips = ["-" if f[key] is None else f"{f[key]:.3f}" for key in ("skate_before_m_s", "skate_after_m_s")]
        table.add_row(
            family, str(f["files"]), f"{f['minutes']:.1f}", f"{f['mean_error_cm']:.2f}",
            f"{worst} {f['error_cm'][worst]:.1f}", f"{f['leg_scaled_error_cm']:.1f}", *slips,
        )  # fmt: skip
    return table


def _joined(measured: list[Figures], name: str) -> np.ndarray:
    return np.concatenate([getattr(figure, name) for figure in measured])


def _speeds(measured: list[Figures]) -> dict[str, float]:
    return minutes_by_bin(_joined(measured, "speed") if measured else np.zeros(0), SPEED_EDGES, SPEED_BINS)

"""An audit's report as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

_LADDER = {  # title: groups, by_speed, calm_weight, tolerance_quantile
    "no extra below": (False, False, 0.0, 0.0),
    "+ groups": (True, False, 0.0, 0.0),
    "+ by speed": (True, True, 0.0, 0.0),
    "+ dead zone .5": (True, True, 0.0, 0.5),
    "+ calm .25": (True, True, 0.25, 0.5),
    "+ calm .5": (True, True, 0.5, 0.5),
    "+ calm 1": (True, True, 1.0, 0.5),
    "calm .5, no groups": (False, True, 0.5, 0.5),
    "calm .5, not by speed": (True, False, 0.5, 0.5),
    "calm .5, no dead zone": (True, True, 0.5, 0.0),
}
"""Calibrations shown; the report has all."""


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables of `training.audit.audit`'s report."""
    _preference(report, console)
    _remedies(report["remedies"], console)
    _generated(report["generated"], console)
    console.print("coverage: " + ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in report["coverage"].items()))
    cost = report["cost"]
    console.print(
        f"cost: {cost['windows_per_second_one_thread']:,.0f} windows/s on one thread of {cost['hardware']}, "
        f"{cost['parameters']:,} parameters"
    )


def _preference(report: dict[str, Any], console: Console) -> None:
    data, changes = report["data"], report["preference"]["changes"]
    title = f"share of {data['held_out_windows']:,} held-out windows preferred over the change (.50 = blind)"
    table = Table(title=title)
    levels = [f"t = {level}" for level in report["preference"]["levels"]]
    for name in ("change", *levels, "reward", "cross-fitted", "mean reward"):
        table.add_column(name, justify="left" if name == "change" else "right")
    fitted = report["remedies"]["shipped"]
    for name, row in changes.items():
        spread = f"{_share(fitted['changes'][name])} ± {_share(fitted['standard_error'][name])}"
        shares = (_share(share) for share in (*row["error"], row["reward"]))
        table.add_row(name, *shares, spread, _share(row["mean_reward"]))
    table.add_row("(real)", *("",) * (len(levels) + 2), _share(next(iter(changes.values()))["mean_reward_of_real"]))
    console.print(table)


def _remedies(remedies: dict[str, Any], console: Console) -> None:
    table = Table(title="the same for the reward, each remedy calibrated on the other half of the performances")
    for name in ("change", "mean error", *_LADDER):
        table.add_column(name, justify="left" if name == "change" else "right", min_width=5)
    keys = ("groups", "by_speed", "calm_weight", "tolerance_quantile")
    shares = {tuple(entry[key] for key in keys): entry["changes"] for entry in remedies["cross_fitted"]}
    for name, plain in remedies["mean_error"].items():
        table.add_row(name, _share(plain), *(_share(shares[setting][name]) for setting in _LADDER.values()))
    console.print(table)
    name, most = max(remedies["shipped_minus_as_in_the_file"].items(), key=lambda item: abs(item[1]))
    console.print(f"cross-fitted shares differ from the shipped calibration's by {most:+.3f} at most ({name})")


def _generated(figures: dict[str, Any], console: Console) -> None:
    table = Table(title="windows as bodies")
    sets = ("samples", "training", "held_out")
    for name in ("", *sets):
        table.add_column(name.replace("_", " "), justify="right" if name else "left")
    for key, value in figures["samples"].items():
        for part in value if isinstance(value, dict) else (None,):
            values = [figures[name][key] if part is None else figures[name][key][part] for name in sets]
            label = key.replace("_", " ") + (f" {part}" if part else "")
            table.add_row(
                label, *("-" if v is None else f"{v:,}" if isinstance(v, int) else f"{v:.3f}" for v in values)
            )
    rejected = figures["rejected_as_starts"]
    table.add_row("rejected as starts", "almost all" if rejected is None else f"{rejected:.3f}", "", "")
    console.print(table)


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.00"

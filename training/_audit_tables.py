"""An audit's report as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables of `training.audit.audit`'s report."""
    _preference(report, console)
    _remedies(report["remedies"], console)
    _by_speed(report["by_speed"], console)
    _generated(report["generated"], console)
    _validity(report["validity"], report["starts"], console)
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
    title = "the same for rewards calibrated on the other half of the performances: remedies"
    _columns(f"{title} added one by one", {"mean error": remedies["mean_error"], **remedies["added"]}, console)
    _columns(f"{title} left out or weighted otherwise", remedies["left_out"], console)
    name, most = max(remedies["shipped_minus_as_in_the_file"].items(), key=lambda item: abs(item[1]))
    console.print(f"cross-fitted shares differ from the shipped calibration's by {most:+.3f} at most ({name})")


def _columns(title: str, columns: dict[str, dict[str, float]], console: Console) -> None:
    """Print shares of changes by {title of column: {change: share}}."""
    table = Table(title=title)
    for name in ("change", *columns):
        table.add_column(name, justify="left" if name == "change" else "right", min_width=5)
    for change in next(iter(columns.values())):
        table.add_row(change, *(_share(column[change]) for column in columns.values()))
    console.print(table)


def _generated(figures: dict[str, Any], console: Console) -> None:
    table = Table(title="windows as bodies")
    sets = ("samples", "projected", "training", "held_out")
    for name in ("", *sets):
        table.add_column(name.replace("_", " "), justify="right" if name else "left")
    for key, value in figures["samples"].items():
        for part in value if isinstance(value, dict) else (None,):
            values = [figures[name][key] if part is None else figures[name][key][part] for name in sets]
            label = key.replace("_", " ") + (f" {part}" if part else "")
            table.add_row(
                label, *("-" if v is None else f"{v:,}" if isinstance(v, int) else f"{v:.3f}" for v in values)
            )
    console.print(table)


def _validity(validity: dict[str, Any], starts: dict[str, Any], console: Console) -> None:
    bound = validity["skate_bound_m_s"]
    table = Table(title=f"share of windows with faults (skating: faster than {bound:.2f} m/s, as 5 % of held-out do)")
    sets = ("samples", "projected", "training", "held_out")
    for name in ("", *sets):
        table.add_column(name.replace("_", " "), justify="right" if name else "left")
    for fault in validity["samples"]["faults"]:
        table.add_row(fault, *(f"{validity[name]['faults'][fault]:.4f}" for name in sets))
    table.add_row("valid", *(f"{validity[name]['valid']:.4f}" for name in sets))
    console.print(table)
    if starts["rejected"] is None:
        console.print("starts: almost all samples rejected")
        return
    rows = (f"{name.replace('_', ' ')} {starts[name]}" for name in ("samples", "held_out"))
    console.print(f"starts: {starts['rejected']:.3f} rejected; first .2 s of physics: " + "; ".join(rows))


def _by_speed(report: dict[str, Any], console: Console) -> None:
    bins = report["bins"]
    table = Table(title="real windows by root speed: median errors, median reward, share preferred to calmer motion")
    levels, calm = [f"t = {level}" for level in report["levels"]], next(iter(bins.values()))["preferred_to"]
    for name in ("root speed", "windows", *levels, "reward", *calm):
        table.add_column(name, justify="left" if name == "root speed" else "right", min_width=5)
    for name, row in bins.items():
        errors = (f"{quantiles[1]:.3f}" for quantiles in row["error_quantiles"])
        shares = (_share(row["preferred_to"][change]) for change in calm)
        table.add_row(name, str(row["windows"]), *errors, _share(row["reward_quantiles"][1]), *shares)
    console.print(table)


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.00"

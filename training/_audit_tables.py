"""An audit's report as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables of `training.audit.audit`'s report."""
    _real(report["real"], console)
    _preference(report, console)
    _generated(report["generated"], console)
    _validity(report["validity"], report["starts"], console)
    console.print("coverage: " + ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in report["coverage"].items()))
    cost = report["cost"]
    console.print(
        f"cost: {cost['windows_per_second_one_thread']:,.0f} windows/s on one thread of {cost['hardware']}, "
        f"{cost['parameters']:,} parameters"
    )


def _real(real: dict[str, Any], console: Console) -> None:
    """What real motion scores: by whom it is and how fast."""
    table = Table(title="ratio e/ρ of real windows: 1 is as usual as what the prior learned from")
    for name in ("", "windows", *(f"{quantile:.0%}" for quantile in real["quantiles"])):
        table.add_column(name, justify="right" if name else "left")
    rows = {"learned from": real["training"], "held out": real["held_out"]}
    rows |= {f"  {name}": row for part in ("by_person", "by_speed") for name, row in real[part].items()}
    for name, row in rows.items():
        table.add_row(name, f"{row['windows']:,}", *(f"{value:.2f}" for value in row["ratio"]))
    console.print(table)


def _preference(report: dict[str, Any], console: Console) -> None:
    changes = report["preference"]["changes"]
    table = Table(title="share of changed windows to which a held-out one as fast is preferred (.50 = blind)")
    levels = [f"t = {level}" for level in report["preference"]["levels"]]
    for name in ("change", *levels, "together", "least person", "median ratio"):
        table.add_column(name, justify="left" if name == "change" else "right")
    for name, row in changes.items():
        shares = (*row["by_level"], row["preferred"], min(row["by_person"].values()))
        table.add_row(name, *(_share(share) for share in shares), f"{row['median_ratio']:.2f}")
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


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.00"

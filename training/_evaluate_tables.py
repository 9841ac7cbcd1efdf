"""The report as tables on the terminal. Private to `training.evaluate`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

Entry = dict[str, Any]


def show(result: Entry, console: Console) -> None:
    """Print the most telling figures of a report."""
    console.print(_goals(result["random"]) if "speed_error_m_s" in result["random"] else _outcomes(result))
    console.print(_motion(result["random"], result["mocap"]))
    if result.get("steady"):
        console.print(_steady(result["steady"]))
    if changes := {**result.get("turn", {}), **result.get("aside", {}), **_stops(result)}:
        console.print(_changes(changes))
    if "gait" in result:
        console.print(_gait(result["gait"]))
        console.print(*_answers(result), sep="\n", soft_wrap=True)
    if "robustness" in result:
        console.print(_robustness(result["robustness"]))
    for part in ("prior", "mocap", "strides"):
        if result.get(part, {}).get("note"):
            console.print(f"{part}: {result[part]['note']}", markup=False, soft_wrap=True)


def _goals(random: Entry) -> Table:
    table = Table(title=f"random goals: {random['episodes']} episodes, {random['goals']} goals")
    for name in ("figure", "mean", "std", "p10", "median", "p90"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    success = random["success"]
    rows = {
        "success per goal": success,
        "speed error, m/s": random["speed_error_m_s"],
        "velocity error, m/s": random["velocity_error_m_s"],
        "heading error, deg": random["heading_error_deg"],
        "time to reach (of goals reached), s": random["reach_time_s"],
        "falls per minute": random["falls"]["over_episodes"],
    }
    for name, figure in rows.items():
        table.add_row(name, *(_number(figure[key]) for key in ("mean", "std", "p10", "median", "p90")))
    bands = [f"{name} m/s {_number(band['share'])}" for name, band in success["by_speed"].items()]
    bands += [f"{name}° {_number(band['share'])}" for name, band in success["by_turn"].items()]
    table.caption = f"success by speed and turn: {', '.join(bands)}; survival {_number(random['falls']['survival'])}"
    return table


def _stops(result: Entry) -> Entry:
    return {f"stop {name}": entry for name, entry in result.get("stop", {}).items()}


def _outcomes(result: Entry) -> Table:
    random = result["random"]
    task = result["controller"]["task"]
    table = Table(title=f"{task}: {random['episodes']} episodes, {random['goals']} goals")
    for name in ("figure", "mean", "std", "p10", "median", "p90"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name, figure in {"success per episode": random["success"], **random["figures"]}.items():
        table.add_row(name, *(_number(figure[key]) for key in ("mean", "std", "p10", "median", "p90")))
    bands = [f"{label} {_number(band['share'])}" for label, band in random["success"]["by_label"].items()]
    share, falls = _number(random["success"]["share"]), _number(random["falls"]["per_minute"])
    table.caption = f"success {share} ({', '.join(bands)}); falls per minute {falls}"
    return table


def _robustness(robustness: Entry) -> Table:
    table = Table(title="robustness")
    for name in ("hardship", "survival", "falls per minute", "success"):
        table.add_column(name, justify="left" if name == "hardship" else "right")
    for name, entry in robustness.items():
        table.add_row(name, *(_number(entry[key]) for key in ("survival", "falls_per_minute", "success")))
    return table


def _motion(random: Entry, mocap: Entry) -> Table:
    held_out = {name: mocap.get(f"held_out_{name}") or {} for name in ("ratio", "reward")}
    table = Table(title="motion under random goals, against mocap at the same speeds")
    for name in ("figure", "mean", "std", "mocap", "ratio"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    rows = {f"foot skate, {name}, m/s": figure for name, figure in random["skate_m_s"].items()}
    rows |= {"flight share": random["flight_share"], "joint jerk, rad/s³": random["jerk_rad_s3"]}
    rows |= {"stride frequency, Hz": random["stride_frequency_hz"]}
    rows |= {f"stride amplitude, {name}, rad": entry for name, entry in random["stride_amplitude_rad"].items()}
    rows |= {"torque / limit": random["torque_share"], "power, W": random["power_w"]}
    for name, row in (("ratio", "prior's error / real's"), ("reward", "prior's reward")):
        rows[row] = {**random["prior"][name], "mocap": held_out[name].get("mean")}
    for name, figure in rows.items():
        table.add_row(name, *(_number(figure.get(key)) for key in ("mean", "std", "mocap", "ratio")))
    table.caption = "mocap of the prior's figures: held-out clips"
    return table


def _steady(steady: dict[str, Entry]) -> Table:
    """One column a speed."""
    table = Table(title="steady speeds, from 3 s on")
    table.add_column("m/s wanted")
    for label in steady:
        table.add_column(label.removesuffix(" m/s"), justify="right")
    entries = list(steady.values())

    def row(name: str, figures: list[Entry], key: str = "mean", end_section: bool = False) -> None:
        table.add_row(name, *(_number(figure[key]) for figure in figures), end_section=end_section)

    row("m/s had", [entry["speed_m_s"] for entry in entries])
    row("speed error, m/s", [entry["speed_error_m_s"] for entry in entries])
    row("heading error, deg", [entry["heading_error_deg"] for entry in entries])
    row("falls per minute", [entry["falls"] for entry in entries], "per_minute")
    row("prior's error / real", [entry["prior"]["ratio"] for entry in entries])
    row("prior's reward", [entry["prior"]["reward"] for entry in entries], end_section=True)
    for name, figures in (
        ("flight share", [entry["flight_share"] for entry in entries]),
        ("foot skate, m/s", [entry["skate_m_s"]["mean"] for entry in entries]),
        ("strides, Hz", [entry["stride_frequency_hz"] for entry in entries]),
        ("legs swing, rad", [entry["stride_amplitude_rad"]["legs"] for entry in entries]),
        ("arms swing, rad", [entry["stride_amplitude_rad"]["arms"] for entry in entries]),
        ("jerk, rad/s³", [entry["jerk_rad_s3"] for entry in entries]),
    ):
        row(name, figures)
        row("  mocap", figures, "mocap", end_section=True)
    return table


def _gait(gait: Entry) -> Table:
    """One column a speed; what people at that speed do not have is in brackets."""
    table = Table(title=f"gait: {gait['inside']} of {gait['of']} numbers as people's; (outside their bands)")
    table.add_column("m/s wanted")
    entries = gait["by_speed"]
    for label in entries:
        table.add_column(label.removesuffix(" m/s"), justify="right")
    for name in next(iter(entries.values()))["numbers"]:
        cells = [(_number(entry["numbers"][name]), name in entry["outside"]) for entry in entries.values()]
        table.add_row(name, *(f"({cell})" if outside else cell for cell, outside in cells))
    table.add_section()
    table.add_row("inside", *(f"{entry['inside']} of {entry['of']}" for entry in entries.values()))
    table.add_row("effort", *(_number(entry["effort"]) for entry in entries.values()))
    table.add_row("runs that fell", *(str(entry["fell"]) for entry in entries.values()))
    return table


def _answers(result: Entry) -> list[str]:
    """A line a change of pace, a way of standing and a speed at which strides were compared."""
    lines = [
        f"{kind}: {_number(entry['mean_s'])} s, at worst {_number(entry['worst_s'])} s; "
        f"answered {entry['answered']} of {entry['of']}, fell {entry['fell']}"
        for kind, entry in result["responses"].items()
        if entry
    ]
    lines += [
        f"{said}, two minutes: stepped in {entry['stepped']} of {entry['runs']} runs, moved {entry['moved_m']:.2f} m, "
        f"turned {entry['turned_deg']:.0f}°, fell {entry['fell']}"
        for said, entry in (result["standing"] or {}).items()
    ]
    lines += [
        f"strides at {speed}: {_number(entry['ratio'])} × as far from {entry['held_out_people']} held-out people as "
        f"{entry['people']} are from each other (held-out people {_number(entry['held_out_ratio'])})"
        for speed, entry in (result["strides"]["by_speed"] or {}).items()
    ]
    return lines


def _changes(changes: dict[str, Entry]) -> Table:
    table = Table(title="turns and stops")
    table.add_column(no_wrap=True)
    for name in ("kept", "fell", "reached", "in s", "off m/s", "off deg", "way m"):
        table.add_column(name, justify="right")
    for label, entry in changes.items():
        table.add_row(
            label, *(_number(entry[name]) for name in ("success", "fell", "reached_share")),
            *(_number(entry[name]["mean"]) for name in ("reach_time_s", "speed_error_m_s", "heading_error_deg")),
            _number(entry.get("stopping_distance_m", {}).get("mean")),
        )  # fmt: skip
    return table


def _number(value: float | None) -> str:
    """Three digits that matter, a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"

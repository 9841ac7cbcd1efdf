"""Model cards: `python -m training.cards` writes exported/README.md from what the exported files say of themselves.

A card tells what a file does, what it was trained on, for how long and on what machine, what was measured and whether
that is good enough (`MARKS`). Figures come from `NAME.evaluation.json` (training.evaluate) and `NAME.audit.json`
(training.audit) beside the file, never from here; a report that was made for another file is an error, a missing one is
said to be missing. `NAME.notes.md`, what was tried and is not good yet, is taken in word for word, and the film strip
`docs/NAME.png` is shown where there is one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime import Controller, ControllerError
from runtime.goal_records import GOALS
from training import _robustness as hardships
from training import trials
from training.prior import file
from training.prior.file import PriorFileError

FOLDER = Path("exported")
STRIPS = Path("docs")
MARKS = {"steering": 0.9, "speed": 0.9, "location": 0.9, "jump": 0.8, "getup": 0.95, "dodgeball": 0.7, "skill": 1.0}
"""Share of goals that must be a success."""
SKATE_MARK = 2.0
"""Foot skate over that of the motion capture, at most."""
STANDING_MARK = 0.05
"""m/s: the root's speed, at most, when told to stand."""
DTW_MARKS = {
    "walk": 0.028, "run": 0.088, "spinkick": 0.049, "cartwheel": 0.043, "backflip": 0.058, "crawl": 0.011,
}  # fmt: skip
"""m: position error of single clips in the paper's AMP column, by the prior's name."""


class CardError(ValueError):
    """A report that does not belong to the file it lies beside."""


def main() -> None:
    """Write the cards; exits with 2 and one sentence when a file or its report is no good."""
    try:
        (FOLDER / "README.md").write_text("\n".join(cards(FOLDER)) + "\n")
    except (CardError, ControllerError, PriorFileError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def cards(folder: Path) -> Iterator[str]:
    """Lines of the cards of all controllers and priors under `folder`."""
    yield "# Model cards"
    yield ""
    yield "Written by `python -m training.cards` from the files' own metadata and the reports beside them."
    for path in sorted(folder.glob("*.onnx")):
        yield from _controller_card(path)
    for path in sorted((folder / "priors").glob("*.onnx")):
        yield from _prior_card(path)


def _controller_card(path: Path) -> Iterator[str]:
    """One controller: what it obeys, how it came about, what it was measured to do."""
    metadata = Controller.load(path).metadata
    training, prior = metadata["training"], metadata["prior"]
    task = metadata["task"]
    yield from ("", f"## {path.name}", "", f"Task `{task}`: {(GOALS[task].__doc__ or '').splitlines()[0]}", "")
    yield from _strip(path)
    yield from _goal(metadata["goal"]["entries"])
    yield f"A success: {trials.of(task).DEFINITION}."
    yield ""
    yield f"- trained for {training['samples']:,} control steps in {training['hours']:.2f} h on {training['hardware']}"
    for run in training.get("lineage", []):
        yield f"  - of which {run['samples']:,} in {run['hours']:.2f} h before (`{run['checkpoint']}`)"
    yield f"- seed {training['seed']}, code {training['code_version'][:12]}"
    yield f"- prior `{prior['name']}` (SHA-256 {prior['sha256'][:16]}…)" if prior else "- no prior"
    yield from _datasets(metadata["datasets"])
    report = path.with_name(path.stem + ".evaluation.json")
    content = json.loads(report.read_text()) if report.is_file() else {}
    robust = " robustness=true" if "robustness" in content else ""
    clip = f" data={content['mocap']['source']}" if "dtw_error_m" in content.get("headline", {}) else ""
    yield from _figures(path, ".evaluation.json", f"python -m training.evaluate controller={path}{clip}{robust}")
    if content:
        yield from _spreads(content.get("random", {}))
        yield from _gait(content.get("gait", {}).get("by_speed", {}))
        yield from _robustness(content.get("robustness", {}))
        yield from _marks(task, prior["name"] if prior else "", content["headline"])
    notes = path.with_name(path.stem + ".notes.md")
    if notes.is_file():
        yield from ("", notes.read_text().rstrip())


def _goal(entries: list[dict[str, Any]]) -> Iterator[str]:
    if not entries:
        yield from ("Its goal has no entries.", "")
        return
    yield from ("Goal (world frame; outside the range is clamped with a warning, not finite is an error):", "")
    yield "| entry | unit | range | default | meaning |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        span = f"{entry['low']:g} … {entry['high']:g}"
        yield f"| `{entry['name']}` | {entry['unit']} | {span} | {entry['default']:g} | {entry['meaning']} |"
    yield ""


def _strip(path: Path) -> Iterator[str]:
    picture = STRIPS / f"{path.stem}.png"
    if picture.is_file():
        yield from (f"![{path.stem}, frames from left to right in time](../{picture})", "")
    else:
        yield f"No film strip: `python -m viewer --controller {path} --headless --strip {picture}` renders one."
        yield ""


def _spreads(random: dict[str, Any]) -> Iterator[str]:
    """Figures of random goals with their spread: over episodes, of the task's own over goals."""
    entries = {"success": random.get("success")} | random.get("figures", {})
    names = ("speed_error_m_s", "heading_error_deg", "reach_time_s")
    entries |= {name: random.get(name) for name in names}
    entries |= {"falls per minute": random.get("falls", {}).get("over_episodes")}
    entries |= {f"skate m/s, {name}": figure for name, figure in random.get("skate_m_s", {}).items()}
    entries |= {f"prior's {name}": figure for name, figure in random.get("prior", {}).items() if name in _PRIOR}
    rows = [(name, entry) for name, entry in entries.items() if entry and entry.get("mean") is not None]
    if not rows:
        return
    yield from ("", "Random goals, spread over episodes (the task's own errors: over goals):", "")
    yield "| figure | mean | std | p10 | median | p90 | of |"
    yield "|---|---|---|---|---|---|---|"
    for name, entry in rows:
        values = (entry.get(key) for key in ("mean", "std", "p10", "median", "p90"))
        cells = " | ".join("–" if value is None else f"{value:.3g}" for value in values)
        yield f"| {name.replace('_', ' ')} | {cells} | {entry.get('count', '–')} |"


_PRIOR = ("ratio", "reward")


def _gait(by_speed: dict[str, Any]) -> Iterator[str]:
    """How many numbers of its gait are people's, at each speed, and which are not."""
    if not by_speed:
        return
    yield from (
        "",
        "Gait, straight ahead (training/measure/gait.py says what is measured and whose bands these are):",
        "",
    )
    yield "| speed wanted | numbers as people's | not as people's: measured, people |"
    yield "|---|---|---|"
    for label, entry in by_speed.items():
        cells = [_beside(name, entry["numbers"][name], entry["bands"][name]) for name in entry["outside"]]
        yield f"| {label} | {entry['inside']} of {entry['of']} | {'; '.join(cells) or '–'} |"


def _beside(name: str, value: float | None, band: list[float]) -> str:
    measured = "none" if value is None else f"{value:.3g}"
    return f"{name.replace('_', ' ')} {measured}, {band[0]:.2g} to {band[1]:.2g}"


def _robustness(figures: dict[str, Any]) -> Iterator[str]:
    if not figures:
        return
    yield from ("", f"Robustness: {hardships.DEFINITION}.", "")
    yield "| hardship | survival | success | episodes |"
    yield "|---|---|---|---|"
    for name, entry in figures.items():
        yield f"| {name} | {entry['survival']:.0%} | {entry['success']:.0%} | {entry['episodes']} |"


def _marks(task: str, prior: str, headline: dict[str, Any]) -> Iterator[str]:
    """What was asked for and whether it is met."""
    skate = headline.get("skate_ratio", {})
    rows = [("success", headline.get("success"), f"≥ {MARKS[task]:.2f}", lambda value: value >= MARKS[task])]
    if "success_facing_freely" in headline:
        free = headline["success_facing_freely"]
        rows.append(("success, facing any way", free, f"≥ {MARKS[task]:.2f}", lambda value: value >= MARKS[task]))
    if "standing_speed_m_s" in headline:
        standing = headline["standing_speed_m_s"]
        mark = f"≤ {STANDING_MARK:g}"
        rows.append(("speed told to stand, m/s", standing, mark, lambda value: value <= STANDING_MARK))
    for kind in ("mean", "median"):
        name = f"foot skate over mocap's, {kind}"
        rows.append((name, skate.get(kind), f"≤ {SKATE_MARK:g}", lambda value: value <= SKATE_MARK))
    if prior in DTW_MARKS:
        for name, key in (("warped error, m", "dtw_error_m"), ("… of poses turned to fit, m", "dtw_error_turned_m")):
            error = (headline.get(key) or {}).get("mean")
            rows.append((name, error, f"≤ {DTW_MARKS[prior]:g}", lambda value: value <= DTW_MARKS[prior]))
    yield from ("", "| mark | asked for | measured | met |", "|---|---|---|---|")
    for name, value, asked, met in rows:
        measured = "not measured" if value is None else f"{value:.3g}"
        yield f"| {name} | {asked} | {measured} | {'yes' if value is not None and met(value) else 'no'} |"


def _prior_card(path: Path) -> Iterator[str]:
    """One prior: what it knows and how well it judges."""
    metadata = file.load(path).metadata
    training, settings = metadata["training"], metadata["configuration"]
    yield from ("", f"## priors/{path.name}", "")
    yield f"- levels {metadata['levels']}, frames {metadata['offsets']} control steps back"
    yield f"- {training['windows']:,} training windows, {training['held_out_windows']:,} held out"
    yield f"- {training['iterations']:,} steps in {training['minutes']:.1f} min, seed {training['seed']}"
    yield f"- held-out error {training['held_out_error']:.4f}"
    if settings.get("held_out") == "between":
        yield "- learned whole: held-out windows are of the same clips, at playing speeds between those of training"
    if metadata["styles"]:
        yield f"- styles: {', '.join(metadata['styles'])}"
    yield from _datasets(metadata["datasets"])
    if any("NC" in entry["licence"] for entry in metadata["datasets"]):
        yield "- **not for commercial use**: the weights carry the note of the data they were trained on"
    yield from _figures(path, ".audit.json", "python -m training.audit")


def _datasets(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield f"- data {entry['name']}: {entry['clips']} clips, {entry['minutes']:.2f} min, {entry['licence']}"


def _figures(path: Path, suffix: str, command: str) -> Iterator[str]:
    """The headline figures of the report beside `path`, as a table."""
    report_path = path.with_name(path.stem + suffix)
    yield ""
    if not report_path.is_file():
        yield f"Not measured yet: no {report_path.name} (`{command}`)."
        return
    report = json.loads(report_path.read_text())
    stated = report.get("sha256") or report.get("controller", {}).get("sha256")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if stated != found:
        raise CardError(
            f"{report_path}: made for a file with SHA-256 {stated}, but {path} has {found}; run `{command}`"
        )
    yield f"Measured with `{command}` ({report_path.name}):"
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for name, value in _flat(report["headline"]):
        yield f"| {name} | {value} |"


def _flat(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested figures as rows of name and text."""
    for name, value in figures.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            yield from _flat(value, f"{label}: ")
        else:
            yield label, f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()

"""Model cards: `python -m training.cards` writes exported/README.md, a page a file, from what files say of themselves.

A card tells what a controller is for, how it is made again, five figures beside the marks they were to reach
(`marks`), and its gait beside people's. Figures come from `NAME.evaluation.json` (training.evaluate) and
`NAME.audit.json` (training.audit) beside the file, which have all others; a report that was made for another file is an
error, a missing one is said to be missing. `NAME.notes.md`, what the file cannot do, is taken in word for word, and the
film strip `docs/NAME.png` is shown where there is one. The table of all files goes into README.md as well, between the
two lines that are there for it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from runtime import Controller, ControllerError
from runtime.goal_records import GOALS
from training import trials
from training.prior import file
from training.prior.file import PriorFileError

FOLDER = Path("exported")
STRIPS = Path("docs")
FIRST_PAGE = Path("README.md")
BEGIN, END = "<!-- results: python -m training.cards writes this table -->", "<!-- end of results -->"
"""The lines of README.md between which the table of all files stands."""


class Mark(NamedTuple):
    """A figure of a report and what was asked of it."""

    label: str
    keys: tuple[str, ...]
    """Where it is in the report."""
    bound: float
    at_least: bool
    """Whether more is better."""

    def row(self, report: dict[str, Any], unknown: str) -> str:
        """Give the row of a table: name, measured (or `unknown`), asked for, whether it is met."""
        value: Any = report
        for key in self.keys:
            value = value.get(key) if isinstance(value, dict) else None
        asked = f"{'≥' if self.at_least else '≤'} {self.bound:g}"
        if value is None:
            return f"| {self.label} | {unknown} | {asked} | no |"
        met = value >= self.bound if self.at_least else value <= self.bound
        return f"| {self.label} | {value:.3g} | {asked} | {'yes' if met else 'no'} |"


SUCCESS = {
    "steering": 0.97, "speed": 0.97, "location": 0.97, "jump": 0.95, "getup": 0.98, "dodgeball": 0.8, "skill": 1.0,
}  # fmt: skip
"""Share of goals that must be a success, by task."""
DTW = {"walk": 0.028, "run": 0.088, "spinkick": 0.049, "cartwheel": 0.043, "backflip": 0.058, "crawl": 0.011}
"""m: position error of single clips in the paper's AMP column, by the prior's name."""


def marks(task: str, prior: str) -> list[Mark]:
    """Five figures, and what was asked of a controller of that task under the prior of that name."""
    found = [Mark("goals kept", ("headline", "success"), SUCCESS[task], True)]
    if task not in ("getup", "skill"):  # they begin fallen, or lie
        most = 0.5 if task == "dodgeball" else 0.1
        found.append(Mark("falls a minute", ("headline", "falls_per_minute"), most, False))
    if prior in DTW:
        found.append(Mark("error after warping, m", ("headline", "dtw_error_m", "mean"), DTW[prior], False))
    if task in ("steering", "speed"):
        found.append(Mark("speed error, m/s", ("headline", "speed_error_m_s"), 0.1, False))
    found.append(Mark("foot skate over the capture's, median", ("headline", "skate_ratio", "median"), 2.0, False))
    survival = ("robustness", "pushes of 50 N·s", "survival")
    found.append(Mark("episodes without a fall under pushes of 50 N·s", survival, 0.8, True))
    return found


class CardError(ValueError):
    """A report that does not belong to the file it lies beside."""


def main() -> None:
    """Write the cards; exits with 2 and one sentence when a file or its report is no good."""
    try:
        lines = list(cards(FOLDER))
        first_page = with_table(FIRST_PAGE.read_text(), lines)
        (FOLDER / "README.md").write_text("\n".join(lines) + "\n")
        FIRST_PAGE.write_text(first_page)
    except (CardError, ControllerError, PriorFileError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def with_table(page: str, lines: Sequence[str]) -> str:
    """Return a page of the root with the table in front of the cards `lines` between `BEGIN` and `END`.

    Raises CardError where the page has no such place.
    """
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CardError(f"{FIRST_PAGE}: expected the lines {BEGIN} and {END} about its table of results, found none")
    first = next(number for number, line in enumerate(lines) if line.startswith("| file |"))
    table = lines[first : lines.index("", first)]
    text = "\n".join(table).replace("](#", f"]({FOLDER}/README.md#")
    return f"{before}{begin}\n{text}\n\n{end}{after}"


def cards(folder: Path) -> Iterator[str]:
    """Lines of a table of all controllers under `folder`, then of the cards of controllers and priors."""
    controllers = [(path, Controller.load(path).metadata) for path in sorted(folder.glob("*.onnx"))]
    yield "# Model cards"
    yield ""
    yield "Written by `python -m training.cards` from the files' own metadata and the reports beside them."
    yield ""
    yield "| file | task | prior | made by | samples, million | hours | goals kept | gait as people's |"
    yield "|---|---|---|---|---|---|---|---|"
    for path, metadata in controllers:
        yield _line(path, metadata)
    for path, metadata in controllers:
        yield from _controller_card(path, metadata)
    for path in sorted((folder / "priors").glob("*.onnx")):
        yield from _prior_card(path)


def _line(path: Path, metadata: dict[str, Any]) -> str:
    """One controller's row of the table."""
    training, prior = metadata["training"], metadata["prior"]
    headline = _report(path, ".evaluation.json", "python -m training.evaluate").get("headline", {})
    gait, asked = headline.get("gait"), command(metadata).split()[3:]  # after `python -m training.run`
    cells = (
        f"[{path.name}](#{path.stem}onnx)",
        metadata["task"],
        f"{prior['name']} {prior['sha256'][:8]}" if prior else "–",
        asked[0] if asked else "not reproducible",
        f"{training['samples'] / 1e6:.1f}",
        f"{training['hours']:.1f}",
        f"{headline['success']:.0%}" if "success" in headline else "–",
        f"{gait['inside']} of {gait['of']}" if gait else "–",
    )
    return f"| {' | '.join(cells)} |"


def command(metadata: dict[str, Any]) -> str:
    """Give what was typed to make a controller of that metadata; empty where its commit does not hold what it ran."""
    training = metadata["training"]
    clean = not training["code_version"].endswith("+dirty") and training["code_version"] != "unknown"
    return training["configuration"].get("command", "") if clean else ""


def _controller_card(path: Path, metadata: dict[str, Any]) -> Iterator[str]:
    """One controller: what it obeys, how it came about, what it was measured to do."""
    prior, task = metadata["prior"], metadata["task"]
    yield from ("", f"## {path.name}", "", f"{(GOALS[task].__doc__ or '').splitlines()[0]}", "")
    yield from _strip(path)
    yield from _goal(metadata["goal"]["entries"])
    yield from _made(metadata)
    kind = trials.of(task)
    command = f"python -m training.evaluate controller={path} robustness=true"
    report = _report(path, ".evaluation.json", command)
    if not report:
        yield from ("", f"Not measured yet: no {path.stem}.evaluation.json (`{command}`).")
    else:
        yield from ("", f"Measured with `{command}` ([all figures]({path.stem}.evaluation.json)):", "")
        yield from ("| figure | measured | asked for | met |", "|---|---|---|---|")
        for mark in marks(task, prior["name"] if prior else ""):
            yield mark.row(report, "not measured")
        yield from ("", f"A goal is kept: {kind.DEFINITION}.")
        yield from _gait(report.get("gait", {}).get("by_speed", {}))
    notes = path.with_name(path.stem + ".notes.md")
    if notes.is_file():
        yield from ("", "**Limits.** " + notes.read_text().rstrip())


def _made(metadata: dict[str, Any]) -> Iterator[str]:
    """How it is made again, what it cost, under which prior, of whose motion."""
    training, prior, asked = metadata["training"], metadata["prior"], command(metadata)
    made = f"made by `{asked}`, seed {training['seed']}," if asked else "not reproducible: made"
    yield f"- {made} at commit {training['code_version'][:12]}"
    spent = f"- {training['samples']:,} control steps in {training['hours']:.2f} h on {training['hardware']}"
    parents = ", ".join(f"`{run['checkpoint']}`" for run in training.get("lineage", []))
    yield spent + (f", those of what it began with ({parents}) included" if parents else "")
    yield f"- prior `{prior['name']}`, SHA-256 {prior['sha256'][:16]}…" if prior else "- no prior"
    yield from _datasets(metadata["datasets"])


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
    command = f"python -m training.audit prior={path}"
    report = _report(path, ".audit.json", command)
    yield ""
    if not report:
        yield f"Not measured yet: no {path.stem}.audit.json (`{command}`)."
        return
    yield f"Measured with `{command}` ([all figures]({path.parent.name}/{path.stem}.audit.json)):"
    yield from ("", "| figure | value |", "|---|---|")
    for name, value in _flat(report["headline"]):
        yield f"| {name} | {value} |"


def _datasets(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield f"- data {entry['name']}: {entry['clips']} clips, {entry['minutes']:.2f} min, {entry['licence']}"


def _report(path: Path, suffix: str, command: str) -> dict[str, Any]:
    """Read the report beside `path`, {} where there is none; raises CardError where it is another file's."""
    report_path = path.with_name(path.stem + suffix)
    if not report_path.is_file():
        return {}
    report = json.loads(report_path.read_text())
    stated = report.get("sha256") or report.get("controller", {}).get("sha256")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if stated != found:
        raise CardError(
            f"{report_path}: made for a file with SHA-256 {stated}, but {path} has {found}; run `{command}`"
        )
    return report


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

"""Model cards: `python -m training.cards` writes exported/README.md from what the exported files say of themselves.

A card tells what a file does, what it was trained on, for how long and on what machine, and what was measured. Figures
come from `NAME.evaluation.json` (training.evaluate) and `NAME.audit.json` (training.audit) beside the file, never from
here; a report that was made for another file is an error, a missing one is said to be missing.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime import Controller, ControllerError
from training.prior import file
from training.prior.file import PriorFileError

FOLDER = Path("exported")


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
    yield from ("", f"## {path.name}", "", f"Task `{metadata['task']}`; goal (world frame):", "")
    yield "| entry | unit | trained range | meaning |"
    yield "|---|---|---|---|"
    for entry in metadata["goal"]["entries"]:
        yield f"| `{entry['name']}` | {entry['unit']} | {entry['low']:g} … {entry['high']:g} | {entry['meaning']} |"
    yield ""
    yield f"- trained for {training['samples']:,} control steps in {training['hours']:.2f} h on {training['hardware']}"
    for run in training.get("lineage", []):
        yield f"  - of which {run['samples']:,} in {run['hours']:.2f} h in a run that it started from"
    yield f"- seed {training['seed']}, code {training['code_version'][:12]}"
    yield f"- prior `{prior['name']}` (SHA-256 {prior['sha256'][:16]}…)" if prior else "- no prior"
    yield from _datasets(metadata["datasets"])
    yield from _figures(path, ".evaluation.json", "python -m training.evaluate")


def _prior_card(path: Path) -> Iterator[str]:
    """One prior: what it knows and how well it judges."""
    metadata = file.load(path).metadata
    training, settings = metadata["training"], metadata["configuration"]
    yield from ("", f"## priors/{path.name}", "")
    yield f"- denoiser `{settings['denoiser']['kind']}`, levels {metadata['levels']}, {metadata['window']} frames"
    yield f"- {training['windows']:,} training windows, {training['held_out_windows']:,} held out"
    yield f"- {training['iterations']:,} steps in {training['minutes']:.1f} min, seed {training['seed']}"
    yield f"- held-out error {training['held_out_error']:.4f}"
    yield from _datasets(metadata["datasets"])
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

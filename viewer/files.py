"""Names for what the viewer writes while it runs."""

from __future__ import annotations

from pathlib import Path


def next_free(folder: Path, stem: str, suffix: str) -> Path:
    """The first of stem-001, stem-002, … that `folder` does not hold yet; the folder is made.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / f"{stem}-{number:03d}{suffix}").exists():
        number += 1
    return path

"""The pages that are written by hand, their Python examples, and an example run. For tests."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "training/README.md")),
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
"""Text of each page by its path in the checkout; what is generated or dated (cards, changelog, journal) is not here."""
_EXAMPLE = re.compile(r"<!-- example: (.+?) -->\n+```python\n(.*?)```", re.DOTALL)


def examples() -> dict[str, tuple[str, str]]:
    """Return page and code of every marked Python example, by its name; a name stands once."""
    found: dict[str, tuple[str, str]] = {}
    for page, text in PAGES.items():
        for name, code in _EXAMPLE.findall(text):
            assert name not in found, f"{page} and {found[name][0]} both have an example {name!r}"
            found[name] = page, code
    return found


def example(name: str) -> str:
    """Return the Python block that follows the marker `<!-- example: NAME -->`."""
    found = examples()
    assert name in found, f"no page has an example {name!r}; there are {', '.join(found)}"
    return found[name][1]


def run(code: str) -> dict:
    """Run an example; returns what it defined."""
    names: dict = {}
    exec(compile(code, "example", "exec"), names)
    return names

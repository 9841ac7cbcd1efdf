"""What `mkdocs` is told beyond mkdocs.yml: pages that lie outside docs/, and links that hold on disk and on the site.

Every page links to other files as they lie in the checkout, so that it can be read there. A page from outside docs/
becomes one of the site under its own path, README.md under index.md; a link to it is rewritten accordingly.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "training/README.md", "exported/README.md")
REPORTS = "exported/**/*.json"
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")  # the target of [text](target#part), unless an address


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/."""
    from mkdocs.structure.files import File  # here, since tests of the links go without mkdocs

    for path in (*OUTSIDE, *sorted(str(found.relative_to(ROOT)) for found in ROOT.glob(REPORTS))):
        files.append(File.generated(config, in_site(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page from paths in the checkout to paths in the site."""
    source = page.file.src_uri
    return relinked(markdown, {"index.md": "README.md"}.get(source, source if source in OUTSIDE else f"docs/{source}"))


def in_site(path: str) -> str:
    """Return where a file of the checkout is in the site."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")


def relinked(markdown: str, path: str) -> str:
    """Return the text of the file `path` of the checkout with its links as they are in the site."""
    here, there = posixpath.dirname(path), posixpath.dirname(in_site(path))

    def target(link: re.Match[str]) -> str:
        wanted = in_site(posixpath.normpath(posixpath.join(here, link[1])))
        return posixpath.relpath(wanted, there or ".")

    return _LINK.sub(target, markdown)

"""What the pages say is there: links, commands, settings, files; and each keeps to its size."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from docs import hooks
from tests.pages import PAGES, ROOT, examples

CONF = ROOT / "training" / "conf"
_SETTINGS = (ROOT / "training" / "config.py").read_text()  # read, since to import it is to import torch


def settings(group: str) -> set[str]:
    """Names of the fields of `GroupConfig` in training/config.py."""
    body = _SETTINGS.partition(f"class {group.capitalize()}Config:\n")[2].partition("\n@dataclass")[0]
    return set(re.findall(r"^    (\w+): ", body, re.MULTILINE))


every_page = pytest.mark.parametrize("page", PAGES)


def links(text: str) -> list[str]:
    """Targets of links and pictures that are no addresses."""
    return re.findall(r"\]\((?!\w+:)([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(text: str) -> list[str]:
    """Everything that is set as code, a line each; a command that goes on after a backslash is one line."""
    joined = re.sub(r" *\\\n +", " ", text)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", joined, flags=re.DOTALL | re.MULTILINE))
    return inline + re.findall(r"^    (\S.*)$", joined, re.MULTILINE)


def written(text: str) -> set[str]:
    """Files that the page shows whole, which the page's own test writes and uses."""
    return set(re.findall(r"^<!-- file: (\S+) -->$", text, re.MULTILINE))


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_first_page_is_read_in_one_go():
    """README.md has at most 150 lines, training's map 60; embedding a character takes at most twelve lines of code."""
    assert PAGES["README.md"].count("\n") <= 150
    assert PAGES["training/README.md"].count("\n") <= 60
    code = examples()["embedding"][1]
    assert 5 <= len([line for line in code.splitlines() if line.strip()]) <= 12


@every_page
def test_every_link_leads_somewhere(page):
    """Links and pictures are files of the checkout; what follows # is a heading there."""
    broken = []
    for link in links(PAGES[page]):
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


@every_page
def test_every_command_exists(page):
    """`python -m NAME` names a module that is there and options that it knows, `make NAME` a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(PAGES[page]):
        for name in re.findall(r"^make ([a-z-]+)", command):
            assert name in targets, command
        for module, rest in re.findall(r"-m ((?:runtime|training|viewer|tests)\b[\w.]*)(.*)", command):
            spec = importlib.util.find_spec(module)
            assert spec is not None and spec.origin, command
            origin = Path(spec.origin)
            files = origin.parent.glob("*.py") if origin.name == "__init__.py" else [origin]
            source = "".join(file.read_text() for file in files)
            unknown = [option for option in re.findall(r" (--[a-z-]+)", rest) if f'"{option}"' not in source]
            assert not unknown or "@hydra.main" in source, command


@every_page
def test_every_option_exists(page):
    """An option that is named without its command is one of some command of runtime or viewer."""
    files = [*(ROOT / "runtime").rglob("*.py"), *(ROOT / "viewer").rglob("*.py")]
    known = set(re.findall(r'\badd(?:_argument)?\(\s*"(--[a-z-]+)"', "".join(file.read_text() for file in files)))
    assert {code.split()[0] for code in commands(PAGES[page]) if code.startswith("--")} <= known | {"--help"}


@every_page
def test_every_setting_exists(page):
    """`task=NAME` and the like name a file of training/conf, `learner.NAME` and the like a field of config.py."""
    for code in commands(PAGES[page]):
        for group, name in re.findall(r"\b(task|recipe|dataset|learner|prior)=([a-z_]\w*)(?![\w./])", code):
            there = (CONF / group / f"{name}.yaml").is_file() or f"{name}.py" in written(PAGES[page])
            assert there, f"{group}={name} in {code}"
        for group, name in re.findall(
            r"(?<![\w/.])(learner|environment|reward|prior|task)\.([a-z_]\w*)\b(?![.(])", code
        ):
            assert name in settings(group), f"{group}.{name} in {code}"


@every_page
def test_every_file_exists(page):
    """What is set as code and looks like a file of the checkout is one; NAME in capitals stands for any."""
    for code in commands(PAGES[page]):
        for path in re.findall(r"(?<![\w/.:])((?:runtime|training|viewer|tests|exported|docs)/[\w./-]+)", code):
            if not re.search(r"[A-Z]{4}", path.replace("README", "")) and "output=" not in code.partition(path)[0][-8:]:
                assert (ROOT / path.rstrip(".")).exists(), f"{path} in {code}"
        if re.fullmatch(r"[a-z_/]+\.py", code) and Path(code).name not in written(PAGES[page]):
            assert (ROOT / code).exists() or ((ROOT / page).parent / code).exists(), code


@every_page
def test_every_python_block_is_an_example(page):
    """No Python stands on a page without a marker, by which it is run."""
    marked = sum(one == page for one, _ in examples().values())
    files = sum(name.endswith(".py") for name in written(PAGES[page]))
    assert PAGES[page].count("```python\n") == marked + files


def test_the_table_of_results_is_that_of_the_cards():
    """README's table is what `python -m training.cards` makes of exported/README.md's."""
    from training import cards

    lines = (ROOT / "exported" / "README.md").read_text(encoding="utf-8").splitlines()
    assert cards.with_table(PAGES["README.md"], lines) == PAGES["README.md"]


def test_every_page_is_in_the_navigation():
    """mkdocs.yml names every page of docs/, journal and all, and none that is not there."""
    named = set(re.findall(r"([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    outside = {hooks.in_site(path) for path in hooks.OUTSIDE if path.endswith(".md")}
    assert named == there | outside


@pytest.mark.parametrize(
    ("path", "link", "there"),
    [
        ("README.md", "docs/demo.webp", "demo.webp"),
        ("README.md", "LICENSE", "LICENSE"),
        ("docs/train.md", "../exported/README.md#a", "exported/README.md#a"),
        ("docs/journal/README.md", "../method.md", "../method.md"),
        ("exported/README.md", "../docs/walk.png", "../walk.png"),
        ("exported/README.md", "walk.evaluation.json", "walk.evaluation.json"),
        ("training/README.md", "../docs/train.md", "../train.md"),
        ("docs/train.md", "../README.md", "index.md"),
        ("docs/train.md", "https://a.b/c", "https://a.b/c"),
        ("docs/train.md", "#tasks", "#tasks"),
    ],
)
def test_links_are_rewritten_for_the_site(path, link, there):
    """The path in the checkout becomes the path in the site, where docs/ is the root and README.md its first page."""
    assert hooks.relinked(f"[a]({link})", path) == f"[a]({there})"

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def embedding_example() -> str:
    """The Python block that follows the marker `<!-- example: embedding -->`."""
    match = re.search(r"<!-- example: embedding -->\n+```python\n(.*?)```", README, re.DOTALL)
    assert match, "README.md has lost the marker of its embedding example"
    return match[1]


def test_the_embedding_example_is_at_most_20_lines():
    """Embedding a character fits in 20 lines of code."""
    lines = [line for line in embedding_example().splitlines() if line.strip()]
    assert 5 <= len(lines) <= 20


def test_the_embedding_example_walks(monkeypatch, capsys):
    """Exactly the README's lines, run in the checkout: 4 s pass, the character stands and has walked ahead."""
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(embedding_example(), "README.md", "exec"), names)
    world, hero = names["world"], names["hero"]
    assert abs(world.time - 4.0) <= 1 / 60
    assert not hero.fallen
    assert 2.0 < hero.state.root_position[0] < 6.5  # 4 s at 1.5 m/s are 6 m, less the start from standing
    assert capsys.readouterr().out.count("\n") >= 4


def test_every_link_to_a_file_leads_somewhere():
    """Images and links of the README that are not addresses are files of the checkout."""
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_exists():
    """`python -m NAME` names a module that is there, `make NAME` a target of the Makefile."""
    modules = set(re.findall(r"python -m ((?:runtime|training|viewer)[\w.]*)", README))
    assert {"training.run", "viewer"} <= modules
    assert [name for name in sorted(modules) if importlib.util.find_spec(name) is None] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`", README)) <= targets

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def embedding_example(name: str = "embedding") -> str:
    """The Python block that follows the marker `<!-- example: NAME -->`."""
    match = re.search(rf"<!-- example: {name} -->\n+```python\n(.*?)```", README, re.DOTALL)
    assert match, f"README.md has lost the marker of its {name} example"
    return match[1]


def test_the_embedding_example_is_at_most_20_lines():
    """Embedding a character fits in 20 lines of code."""
    lines = [line for line in embedding_example().splitlines() if line.strip()]
    assert 5 <= len(lines) <= 20


def test_the_embedding_example_walks(monkeypatch, tmp_path, capsys):
    """Exactly the README's lines, run in an empty folder: 4 s pass, the character stands and has walked ahead."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(embedding_example(), "README.md", "exec"), names)
    world, hero = names["world"], names["hero"]
    assert abs(world.time - 4.0) <= 1 / 60
    assert not hero.fallen
    assert 2.0 < hero.state.root_position[0] < 6.5  # 4 s at 1.5 m/s are 6 m, less the start from standing
    assert capsys.readouterr().out.count("\n") >= 4


def test_the_example_of_a_crowd_is_hit_by_balls(monkeypatch, tmp_path, capsys):
    """Exactly the README's lines: 6 s pass, four characters with directors, and whoever is hit is told of."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(embedding_example("crowd"), "README.md", "exec"), names)
    world = names["world"]
    assert abs(world.time - 6.0) < 1e-9
    assert {character.director_state for character in world.characters} <= {"walk", "getup"}
    assert len(world.props) == 6
    assert re.search(r"^\d+\.\d\d s: Hit humanoid", capsys.readouterr().out, re.MULTILINE)


def test_the_example_of_a_loop_with_a_thread(monkeypatch, tmp_path, capsys):
    """Exactly the README's lines: a thread simulates while another one sets goals and reads poses; both end."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(embedding_example("loop"), "README.md", "exec"), names)
    assert not names["thread"].is_alive()
    assert names["world"].time > 0.0
    assert names["positions"].shape == (1, 15, 3)
    assert "s simulated" in capsys.readouterr().out


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

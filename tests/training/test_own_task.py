"""docs/add-a-task.md as it stands: its file is checked, trained, exported, evaluated, filmed, played and installed."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from runtime import tasks as outside
from runtime.goal_records import GOALS
from runtime.goals import SCHEMAS
from tests.training.test_run import ROOT, TINY
from training import check_task, film, run, trials
from training import tasks as torch_tasks
from training.evaluate import EvaluateConfig, evaluate
from training.tasks import Body, base
from training.trials import TrialError
from viewer.input import Wish
from viewer.wishes import goal_for

PAGE = (ROOT / "docs" / "add-a-task.md").read_text()


def block(marker: str, language: str) -> str:
    """The block that follows a marker of the page."""
    found = re.search(rf"<!-- {marker} -->\n```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"docs/add-a-task.md has lost its marker {marker}"
    return found[1]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A working folder with the page's file in it; afterwards the task is forgotten."""
    (tmp_path / "retreat.py").write_text(block("file: retreat.py", "python"))
    (tmp_path / "exported").symlink_to(ROOT / "exported")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    yield tmp_path
    sys.modules.pop("retreat", None)
    for known in (outside._known, SCHEMAS, GOALS):
        known.pop("retreat", None)


def test_the_page_from_the_file_to_a_video(folder, hydra, prior_path, monkeypatch, capsys):
    """Nothing is wrong with its task; a short run of it is exported, evaluated, filmed and runs in the page's game."""
    monkeypatch.setattr(sys, "argv", ["check_task", "retreat"])
    check_task.main()
    assert "nothing is wrong with task 'retreat'" in capsys.readouterr().out
    own = [f"--config-path={ROOT}/training/conf", f"hydra.run.dir={folder}/hydra", "learner.processes=1"]
    tiny = [setting for setting in TINY if not setting.startswith("task=")]
    options = ["task=retreat", f"task.prior={prior_path}", "task.options.farthest=6", "learner.samples=64"]
    monkeypatch.setattr(sys, "argv", ["run", *own, *tiny, *options, f"folder={folder}/run", "output=retreat.onnx"])
    run.main()
    report = evaluate(EvaluateConfig("retreat.onnx", episodes=1, seconds=4.0, grid_episodes=0, gait=True))
    assert report["random"]["goals"] >= 1 and "facing_cosine" in report["random"]["figures"]
    assert "retreat draws them" in report["definitions"]["task"]
    names: dict[str, Any] = {}
    exec(compile(block("example: game", "python"), "add-a-task.md", "exec"), names)
    assert names["world"].time == pytest.approx(1.0)
    monkeypatch.setattr(film, "SECONDS", 0.2)
    video = film.film(folder / "run")
    assert video.name == "000000000064.mp4" and video.stat().st_size > 1000


def test_its_line_makes_it_known(folder):
    """The line for a package's pyproject.toml is an entry point of our group, and names the module."""
    (line,) = tomllib.loads(block("entry point", "toml"))["project"]["entry-points"][outside.GROUP].items()
    assert line == ("retreat", outside.load("retreat").__module__)


def test_its_keys(folder):
    """The viewer asks for a point behind the way that the keys say."""
    outside.load("retreat")
    goal: Any = goal_for("retreat", Wish(2.0, 0.0), None, np.array([1.0, 1.0, 0.9]))
    assert (goal.x, goal.y, goal.speed) == (-2.0, 1.0, 1.0)


@dataclass(frozen=True)
class Bad:
    """Formulas with one fault each, put into the page's task."""

    def halves(self, xp: Any, body: Any, goal: Any) -> Any:
        return 0.5 * body.root_position[: len(goal) // 2, 0]

    def high(self, xp: Any, body: Any, goal: Any) -> Any:
        return 2.0 + 0.0 * body.root_position[:, 0]

    def numpy_only(self, xp: Any, body: Any, goal: Any) -> Any:
        return np.clip(np.asarray(body.root_position)[:, 2], 0.0, 1.0)

    def branches(self, xp: Any, body: Any, goal: Any) -> Any:
        height = xp.clip(body.root_position[:, 2], 0.0, 1.0)
        return height if float(height[0]) > 0.5 else 0.5 * height

    def differs(self, xp: Any, body: Any, goal: Any) -> Any:
        return xp.clip((0.5 if xp is np else 0.4) * body.root_position[:, 2], 0.0, 1.0)

    def writes(self, xp: Any, body: Any, goal: Any) -> Any:
        goal[:, 0] = 0.0
        return xp.clip(body.root_position[:, 2], 0.0, 1.0)

    def always(self, xp: Any, body: Any, goal: Any) -> Any:
        return body.root_position[:, 2] < 5.0

    def far(self, xp: Any, body: Any, uniform: Any) -> Any:
        return xp.stack([uniform(0.0, 1.0), uniform(0.0, 1.0), uniform(0.0, 7.0)], 1)

    def own_dice(self, xp: Any, body: Any, uniform: Any) -> Any:
        return xp.stack([uniform(0.0, 1.0) + np.random.random(), uniform(0.0, 1.0), uniform(0.0, 1.0)], 1)

    def nothing(self, wish: Any, root: Any) -> Any:
        return None


@pytest.mark.parametrize(
    ("member", "fault", "words"),
    [
        ("reward", "halves", r"reward: expected finite numbers \[64\], found numbers \[32\] in numpy"),
        ("reward", "high", "reward: expected 0 to 1, found 2 to 2"),
        ("reward", "numpy_only", "reward: asks for a number or an index, which a GPU would wait for"),
        ("reward", "branches", "reward: asks for a number or an index, which a GPU would wait for"),
        ("reward", "differs", "reward: gives other numbers in torch than in numpy"),
        ("reward", "writes", "reward: changes the goals that it is given in numpy"),
        ("failed", "high", r"failed: expected a mask \[64\], found numbers \[64\]"),
        ("failed", "always", "failed: a character that stands in the default pose has failed"),
        ("observe", "high", r"observe: raises in numpy: TypeError"),
        ("draw", "far", "draw: speed: expected 0 to 1 m/s, found"),
        ("draw", "own_dice", "draw: gives other goals for the same `uniform`"),
        ("keys", "nothing", "keys: expected a Retreat, found None"),
        ("mirror", (1.0, 1.0, 1.0, -1.0, 1.0), r"mirror\[1\]: expected -1 for 'velocity_left', found 1"),
        ("mirror", (1.0, -1.0, 1.0), r"observation_names: expected none or 3 as in mirror, found 5"),
        ("settings", {"environment": {"task_wieght": 1.0}}, r"settings: .*task_wieght: there is no such key"),
    ],
)
def test_what_is_wrong_is_named(folder, member, fault, words):
    """Every fault of a formula is found, and said with the formula's name."""
    kind = outside.load("retreat")
    value = getattr(Bad, fault) if isinstance(fault, str) else fault
    broken = dataclass(frozen=True)(type("Broken", (kind,), {member: value, "__module__": "retreat"}))
    found = check_task.check(broken)
    assert any(re.search(words, line) for line in found), found
    assert check_task.check(kind) == []


def test_terms_are_trainings_own():
    """The terms that outside tasks share are those of training/tasks/base.py, in both libraries."""
    states = check_task.characters()
    body = Body(**{name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in vars(states).items()})
    velocity = torch.randn(check_task.COUNT, 2, generator=torch.Generator().manual_seed(0))
    x, y = velocity.unbind(1)
    expected = base.walk(body.root_rotation, (x, y), (y, x))
    terms = outside.task_terms
    torch.testing.assert_close(terms.walk(torch, body.root_rotation, (x, y), (y, x)), expected)
    ours = terms.walk(np, states.root_rotation, (x.numpy(), y.numpy()), (y.numpy(), x.numpy()))
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5)
    np.testing.assert_array_equal(terms.fallen(states), base.fallen(body).numpy())
    torch.testing.assert_close(terms.closeness(torch, x * x), base.closeness(x * x))
    assert (terms.WALK, terms.WALK_MIRROR, terms.STAND) == (base.WALK, base.WALK_MIRROR, base.STAND)
    upside_down = np.array([[0.0, 1.0, 0.0, 0.0]])
    assert [float(part[0]) for part in terms.heading(np, upside_down)] == [1.0, 0.0]


def test_goals_change_when_their_time_is_up(folder):
    """In training a goal stays for `hold`, and only those that are due are drawn anew."""
    task: Any = torch_tasks.create("retreat", {"farthest": 2.0}, 64, torch.Generator().manual_seed(0))
    states = check_task.characters()
    body = Body(**{name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in vars(states).items()})
    task.reset(torch_tasks.own.Rows.of(torch.ones(64, dtype=torch.bool)), body)
    assert ((task.left >= 90) & (task.left <= 240)).all()  # 3 to 8 s
    distance = (task.goal[:, :2] - body.root_position[:, :2]).norm(dim=1)
    assert ((distance > 0.99) & (distance < 2.01)).all()
    before = task.goal.clone()
    task.left[:5] = 1
    task.advance(body)
    assert (task.goal != before).any(1).tolist() == [True] * 5 + [False] * 59


def test_a_task_without_a_trial():
    """Says which there are."""
    with pytest.raises(TrialError, match="task 'hover' has no trial: expected one of steering, speed"):
        trials.of("hover")


def test_films_are_made_one_at_a_time(monkeypatch, config):
    """A video is due every so many minutes, not while one is in the making; without `record` never."""
    ends: list[int | None] = [None, 0]
    process = SimpleNamespace(poll=lambda: ends[0], wait=lambda: None)
    started: list[list[str]] = []
    monkeypatch.setattr(film.subprocess, "Popen", lambda command, **_: started.append(command) or process)
    assert not film.Films(config).due(1e9)
    films = film.Films(torch_tasks.settings.RunConfig(record=2.0, folder="runs/x"))
    assert not films.due(119.0) and films.due(120.0)
    films.start(120.0)
    assert started == [[sys.executable, "-m", "training.film", "runs/x"]]
    assert not films.due(400.0)
    ends[0] = 0
    assert not films.due(239.0) and films.due(240.0)

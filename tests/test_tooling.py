import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from viewer.context import PACKAGES

ROOT = Path(__file__).parent.parent
BANNED = {
    "runtime": ("torch", "hydra", "rsl_rl", "pyglet", "training", "viewer"),
    "viewer": ("torch", "hydra", "rsl_rl", "training"),
    "training": ("pyglet", "viewer"),
}


def lint(package: str, code: str) -> str:
    """What ruff says of `code` as if it were a file of `package`."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "concise"]
    command += ["--stdin-filename", f"{package}/sub/example.py", "-"]
    return subprocess.run(command, input=code, cwd=ROOT, text=True, capture_output=True, check=False).stdout


@pytest.mark.parametrize(("package", "module"), [(p, m) for p, modules in BANNED.items() for m in modules])
@pytest.mark.parametrize(
    "form", ["import {0}", "import {0}.part", "from {0} import part", "def f():\n    from {0}.part import x"]
)
def test_a_banned_import_fails_the_lint(package, module, form):
    """Each form of a banned import is reported, with the package and the module named."""
    report = lint(package, form.format(module) + "\n")
    assert "TID251" in report
    assert f"{package} must not import {module}" in report


@pytest.mark.parametrize("package", BANNED)
def test_an_allowed_import_passes_the_lint(package):
    """The ban is on the listed modules, not on names that only look like them."""
    assert "TID251" not in lint(package, "import mujoco\nimport numpy\nimport torchlike\nfrom runtime import World\n")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, keeping what it says."""
    return subprocess.run(["make", *arguments], cwd=ROOT, text=True, capture_output=True, check=False)


def test_a_wrong_python_is_refused_in_one_sentence(tmp_path):
    """An interpreter that fails the version check makes no venv, and the message says which ones would do."""
    python = tmp_path / "python3.10"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    result = make(f"PYTHON={python}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/made")
    assert result.returncode != 0
    assert f"{python} is not Python 3.11, 3.12 or 3.13" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_ci_installs_what_the_viewer_asks_for():
    """The system packages of .ci/run are those that the viewer names where OpenGL is missing."""
    script = (ROOT / ".ci" / "run").read_text()
    assert f"for package in make git {PACKAGES}; do" in script


def ci(
    folder: Path, *, root: bool = True, network: bool = True, present: tuple[str, ...] = ()
) -> tuple[int, list, str]:
    """Run .ci/run on a pretended machine: its exit code, what apt-get and make were called with, and what it said."""
    log, exits = folder / "log", {"apt-get": 0 if network else 100, "dpkg-query": 0, "python3": 0, "make": 0}
    commands = {name: f'echo "{name} $*" >> {log}; exit {code}' for name, code in exits.items()}
    commands |= {"dpkg-query": 'echo "install ok installed"', "id": f"echo {0 if root else 1000}"}
    commands |= dict.fromkeys(present, "exit 0")
    for name, body in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    for name in ("dirname", "grep", "sh", "bash"):
        (folder / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(folder), "CI": "true"}
    done = subprocess.run(
        [folder / "bash", ROOT / ".ci" / "run"], env=environment, text=True, capture_output=True, check=False
    )
    calls = [line for line in log.read_text().splitlines() if line.startswith(("apt-get install", "make"))]
    return done.returncode, calls, done.stdout


def test_ci_installs_what_the_tests_of_the_window_need(tmp_path):
    """As root with apt: Xvfb and xdotool; then the tests. Where they are there already, nothing."""
    code, calls, _ = ci(tmp_path)
    assert (code, calls) == (0, ["apt-get install -y -qq --no-install-recommends xvfb xdotool", "make test"])
    (tmp_path / "second").mkdir()
    code, calls, said = ci(tmp_path / "second", present=("Xvfb", "xdotool"))
    assert (code, calls, said) == (0, ["make test"], "")


@pytest.mark.parametrize("machine", [{"root": False}, {"network": False}])
def test_ci_says_what_is_skipped_where_it_cannot_install(tmp_path, machine):
    """Without root, or without a network, it names the packages, and the tests run all the same."""
    code, calls, said = ci(tmp_path, **machine)
    assert (code, calls[-1]) == (0, "make test")
    assert "xvfb xdotool not installed" in said
    assert "apt-get install xvfb xdotool" in said

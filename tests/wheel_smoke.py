"""Run by `make wheel-check` in a venv that holds the built wheel and its declared dependencies, nothing else.

It leaves the repository first: all that is used from there are the pages, whose examples must run as they stand.
"""

import os
import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import runtime
from runtime import ControllerError, Steering, World, shipped

MOST_MEGABYTES = 20
"""What the shipped files may weigh together: what is larger does not belong in a wheel."""
EXAMPLES = ("embedding", "crowd", "loop", "interchange", "naturalness")
"""Those of the pages' that need no extra."""

root = Path(__file__).parent.parent
pages = "".join(path.read_text(encoding="utf-8") for path in (root / "README.md", *(root / "docs").glob("*.md")))
os.chdir(tempfile.mkdtemp())

package = Path(runtime.__file__).parent
assert package.parent.name == "site-packages", f"imported from {package}, not from the wheel"
world = World()
world.add_character(None)
world.step()  # compiles the character, whose XML must have come with the wheel
assert abs(world.time - 1 / 30) < 1e-9, world.time

assert shipped("steering").is_relative_to(package), f"{shipped('steering')} is not the wheel's"
try:
    shipped("steerin")
except ControllerError as error:
    assert "steering" in str(error) and "priors/locomotion" in str(error), error
else:
    raise AssertionError("an unknown name was taken")
megabytes = sum(path.stat().st_size for path in (package / "exported").rglob("*")) / 1e6
assert megabytes <= MOST_MEGABYTES, f"the shipped files are {megabytes:.1f} MB"
world = World()
hero = world.add_character("steering")
hero.goal = Steering(speed=1.0)
for _ in range(120):  # 4 s
    world.step()
assert not hero.fallen, "the shipped steering controller fell within 4 s"
for name in EXAMPLES:
    code = re.search(rf"<!-- example: {name} -->\n+```python\n(.*?)```", pages, re.DOTALL)
    assert code, f"the pages have lost their example {name}"
    exec(compile(code[1], f"example {name}", "exec"), {})

conf = [path.name for path in (files("training") / "conf").iterdir()]
assert conf, "training/conf did not come with the wheel"
heavy = {"torch", "hydra", "rsl_rl", "pyglet"} & sys.modules.keys()
assert not heavy, f"importing runtime brought {heavy}"
print(f"wheel ok: World steps, {megabytes:.1f} MB are shipped, the pages' examples run, training/conf holds "
      f"{', '.join(sorted(conf))}")  # fmt: skip

"""Run by `make wheel-check` in a venv that holds the built wheel and its declared dependencies, nothing else."""

import sys
from importlib.resources import files

from runtime import World

assert "site-packages" in sys.modules["runtime"].__file__, "imported from the checkout, not from the wheel"
world = World()
world.add_character(None)
world.step()  # compiles the character, whose XML must have come with the wheel
assert abs(world.time - 1 / 30) < 1e-9, world.time

conf = [path.name for path in (files("training") / "conf").iterdir()]
assert conf, "training/conf did not come with the wheel"
heavy = {"torch", "hydra", "rsl_rl", "pyglet"} & sys.modules.keys()
assert not heavy, f"importing runtime brought {heavy}"
print(f"wheel ok: World steps, training/conf holds {', '.join(sorted(conf))}")

"""A long run with everything happening in it: does it leak, slow down or drift? Part of the benchmark. Private.

One character walks through random goals, is pushed, hit by balls, switched between controllers, saved and restored,
and reset after falls, while the memory, the time of a control step and the state's health are watched.
"""

from __future__ import annotations

import sys
import time as clock
from pathlib import Path

import numpy as np

from runtime.character import CONTROL_HZ
from runtime.controller import Controller
from runtime.events import Fell
from runtime.goals import Steering
from runtime.world import World

FAR = 500.0  # m from the origin, where the character is brought back
_PARTS = 10


def resident_mib() -> float:
    """Resident memory of this process now, MiB (its peak where /proc is missing)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024


def soak(controller: Path | str, steps: int, seed: int = 0) -> dict[str, float]:
    """Run `steps` control steps and watch.

    Returns memory (MiB) and processor time of a control step (ms) after a tenth and at
    the end, falls a minute, the largest error of any unit quaternion and of the clock.
    """
    world = World(props=2, on_error="reset")
    hero = world.add_character(controller)
    twin = Controller.load(controller)  # the same file loaded again: a switch to it is a switch
    rng = np.random.default_rng(seed)
    falls, quaternion = 0, 0.0
    resident, spent = np.zeros(_PARTS), np.zeros(_PARTS)
    for part in range(_PARTS):
        count = steps * (part + 1) // _PARTS - steps * part // _PARTS
        start = clock.thread_time()
        for _ in range(count):
            if rng.random() < 0.1:
                _disturb(world, rng, twin, controller)
            world.step()
            if hero.fallen or np.abs(hero.state.root_position[:2]).max() > FAR:
                hero.reset(position=(0.0, 0.0))
            falls += sum(isinstance(event, Fell) for event in world.events())
        spent[part] = (clock.thread_time() - start) / max(count, 1)
        resident[part] = resident_mib()
        quaternion = max(quaternion, float(np.abs(np.linalg.norm(world.data.xquat, axis=1) - 1.0).max()))
    simulated = steps / CONTROL_HZ
    return {
        "steps": steps,
        "resident_mib_after_a_tenth": float(resident[0]), "resident_mib_at_the_end": float(resident[-1]),
        "step_ms_in_the_first_tenth": 1e3 * float(spent[0]), "step_ms_in_the_last_tenth": 1e3 * float(spent[-1]),
        "falls_a_minute": 60.0 * falls / simulated, "quaternion_error": quaternion,
        "clock_error_s": abs(world.time - simulated),
    }  # fmt: skip


def _disturb(world: World, rng: np.random.Generator, twin: Controller, path: Path | str) -> None:
    """Do one of the things that happen in a game."""
    hero, what = world.characters[0], rng.integers(0, 60)
    if what < 20:
        hero.goal = Steering(float(rng.uniform(0.0, 3.0)), float(rng.uniform(-np.pi, np.pi)))
    elif what < 25:
        hero.push((*rng.uniform(-15.0, 15.0, 2), 0.0))
    elif what < 27:
        hero.controller = path if hero.controller is twin else twin
    elif what == 27:
        world.restore(world.save())
    elif what == 28 and not world.props:
        world.throw(hero, mass=0.3, azimuth=float(rng.uniform(-np.pi, np.pi)))
    elif what == 29:
        for prop in world.props:
            prop.remove()

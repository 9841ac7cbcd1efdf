"""What the runtime costs, measured here: `python -m runtime.benchmark [--json PATH] [--soak STEPS] [--switch PATH]`.

Overhead is told against the bare minimum: `mj_step` four times on the same model from the same state, and the network's
session run once on inputs that are there already. Both are measured in turn with `World.step`, in one process, one
after the other, first the one and then the other in every second round, so that neither finds the caches warmer.

Two clocks. Wall time is what a game feels: its median and 99th percentile. On a machine that others use too it says
more about them, so that overhead and real-time factors are told in processor time of the thread that steps as well; on
an idle machine the two agree, and `load` in the output tells how idle it was.

Characters on two cores are two `World`s, each stepped by a thread of its own (MuJoCo and ONNX Runtime let go of
Python's lock), half of the characters in each. MuJoCo's own thread pool within one scene gives the same bits, but only
collisions and solving are shared there: two threads took 22 % off the stepping thread's time at 200 characters and
added 33 % to the process's.

    main ── measure ─┬─ overhead            one character, a hundred
                     ├─ real_time           in processes of their own, held to one core or two
                     ├─ import_time, memory
                     └─ soak, switching
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import onnxruntime

from runtime._shipped import shipped
from runtime._soak import resident_mib
from runtime.character import CONTROL_HZ
from runtime.goals import Steering
from runtime.world import World

COUNTS = (1, 10, 50, 100, 200)
SPACING = 3.0  # m between characters
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


def crowd(controller: Path | str, count: int, settle: int = 45) -> World:
    """A world with `count` characters on a grid, walking in all directions for `settle` control steps already."""
    world, side = World(), max(1, round(count**0.5))
    for number in range(count):
        heading = 2.4 * number  # the golden angle: all directions, evenly
        place = SPACING * (number % side), SPACING * (number // side)
        world.add_character(controller, place, heading).goal = Steering(1.5, heading)
    for _ in range(settle):
        world.step()
    return world


def overhead(controller: Path | str, count: int, rounds: int) -> dict[str, float]:
    """Measure `World.step` against bare physics and bare inference; milliseconds, and the overhead in per cent."""
    world = crowd(controller, count)
    loaded = world.characters[0].controller
    assert loaded is not None
    inputs = {name: array.copy() for name, array in loaded.batch(count).inputs.items()}
    session, model, data, twin = loaded.session, world.model, world.data, mujoco.MjData(world.model)
    state = np.empty(mujoco.mj_stateSize(model, _STATE))
    times: dict[str, list[tuple[float, float]]] = {"step": [], "physics": [], "inference": []}

    def timed(what: str, call: Any, *arguments: Any) -> None:  # noqa: ANN401
        wall, cpu = clock.perf_counter(), clock.thread_time()
        call(*arguments)
        cpu, wall = clock.thread_time() - cpu, clock.perf_counter() - wall
        times[what].append((wall, cpu))

    def bare() -> None:
        timed("physics", mujoco.mj_step, model, twin, 4)
        timed("inference", session.run, ["joint_target"], inputs)

    for number in range(rounds):
        mujoco.mj_getState(model, data, state, _STATE)
        mujoco.mj_setState(model, twin, state, _STATE)
        mujoco.mj_step1(model, twin)
        if number % 2:
            bare()
        timed("step", world.step)
        if not number % 2:
            bare()
    milliseconds = {what: 1e3 * np.array(each) for what, each in times.items()}  # [rounds, wall and cpu]
    median = {what: np.median(each, axis=0) for what, each in milliseconds.items()}
    ratio = median["step"] / (median["physics"] + median["inference"])
    return {
        "characters": count, "rounds": rounds,
        "step_p50_ms": float(median["step"][0]), "step_p99_ms": float(np.percentile(milliseconds["step"][:, 0], 99)),
        "step_cpu_ms": float(median["step"][1]), "physics_cpu_ms": float(median["physics"][1]),
        "inference_cpu_ms": float(median["inference"][1]),
        "overhead_wall_percent": 100.0 * float(ratio[0] - 1.0), "overhead_cpu_percent": 100.0 * float(ratio[1] - 1.0),
    }  # fmt: skip


def real_time(controller: Path | str, count: int, cores: int, steps: int) -> dict[str, float]:
    """Measure how many times faster than real time `count` characters go: one world and thread for each core."""
    worlds = [crowd(controller, count // cores + (core < count % cores)) for core in range(cores)]
    spent = [0.0] * cores

    def run(core: int) -> None:
        start = clock.thread_time()
        for _ in range(steps):
            worlds[core].step()
        spent[core] = clock.thread_time() - start

    threads = [threading.Thread(target=run, args=(core,)) for core in range(cores)]
    start = clock.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    simulated = steps / CONTROL_HZ
    return {
        "characters": count, "cores": cores, "steps": steps,
        "factor_wall": simulated / (clock.perf_counter() - start), "factor_cpu": simulated / max(spent),
        "fallen": sum(character.fallen for world in worlds for character in world.characters),
    }  # fmt: skip


def in_process(what: str, arguments: Sequence[object], cores: int, module: str = "benchmark") -> Any:  # noqa: ANN401
    """Run a function of this module or another one in a fresh process, held to some cores; returns what it returned."""
    call = f"import json; from runtime import {module}; print(json.dumps({module}.{what}(*{list(arguments)!r})))"
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    hold = f"import os; os.sched_setaffinity(0, {allowed[-cores:]}); " if len(allowed) >= cores else ""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", hold + call], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"benchmark of {what}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def import_time(runs: int = 5) -> dict[str, float]:
    """Processor time of `import runtime` in fresh processes, median and worst, s."""
    program = "import time; start = time.process_time(); import runtime; print(time.process_time() - start)"
    spent = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(runs + 1)
    ][1:]
    return {"runs": runs, "median_cpu_s": float(np.median(spent)), "worst_cpu_s": max(spent)}


def memory(controller: str, count: int) -> dict[str, float]:
    """Resident memory of a world with one character and with many, MiB, and what each more has cost, KiB."""
    few = crowd(controller, 1)
    one = resident_mib()
    many = crowd(controller, count)
    all_ = resident_mib()
    assert few.time == many.time
    return {"characters": count, "one_mib": one, "all_mib": all_, "each_kib": 1024.0 * (all_ - one) / count}


def machine() -> dict[str, Any]:
    """What this was measured on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": name, "cores": os.cpu_count(), "load": load, "python": platform.python_version(),
        "mujoco": mujoco.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__,
    }  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that was asked for."""
    controller = str(options.controller)
    result: dict[str, Any] = {"machine": machine(), "controller": controller}
    many = max((count for count in options.counts if count <= 100), default=1)
    result["overhead"] = [
        in_process("overhead", (controller, count, rounds), cores=1)
        for count, rounds in ((1, options.rounds), (many, max(options.rounds // 20, 5)))
    ]
    result["real_time"] = [
        in_process("real_time", (controller, count, cores, options.steps), cores=cores)
        for cores in (1, 2)
        for count in options.counts
        if count >= cores
    ]
    result["import"] = import_time(2 if options.quick else 5)
    result["memory"] = in_process("memory", (controller, max(options.counts)), cores=1)
    if options.soak:
        result["soak"] = in_process("soak", (controller, options.soak), cores=1, module="_soak")
    if options.switch:
        result["switching"] = in_process("switching", (controller, str(options.switch)), cores=1, module="_switching")
    if options.among:
        files = (controller, *(str(path) for path in options.among))
        result["among"] = in_process("among", files, cores=1, module="_switching")
    return result


def table(result: dict[str, Any]) -> str:
    """Write the result for people."""
    host = result["machine"]
    lines = [f"{host['processor']}, {host['cores']} cores, load {host['load']:.1f}, MuJoCo {host['mujoco']}"]
    lines += ["", "characters  step p50 ms  p99 ms   cpu ms  physics  network  overhead cpu  wall"]
    lines += [
        f"{row['characters']:10d} {row['step_p50_ms']:12.3f} {row['step_p99_ms']:7.3f} {row['step_cpu_ms']:8.3f}"
        f" {row['physics_cpu_ms']:8.3f} {row['inference_cpu_ms']:8.3f} {row['overhead_cpu_percent']:11.1f} %"
        f" {row['overhead_wall_percent']:4.1f} %"
        for row in result["overhead"]
    ]
    lines += ["", "characters  cores  times real time: cpu    wall  fallen"]
    lines += [
        f"{row['characters']:10d} {row['cores']:6d} {row['factor_cpu']:20.2f} {row['factor_wall']:7.2f}"
        f" {row['fallen']:7d}"
        for row in result["real_time"]
    ]
    cost = result["memory"]
    lines += ["", f"import runtime: {result['import']['median_cpu_s']:.2f} s of processor time"]
    lines += [f"memory: {cost['one_mib']:.0f} MiB with one character, {cost['each_kib']:.0f} KiB for each more"]
    if "soak" in result:
        lines += ["soak: " + ", ".join(f"{key} {value:.6g}" for key, value in result["soak"].items())]
    lines += [
        f"{row['case']}, fade {row['fade']:.1f} s: {row['switches']} switches, {row['falls']} falls"
        for row in (*result.get("switching", ()), *result.get("among", ()))
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m runtime.benchmark", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--controller", type=Path, default=shipped("steering"), help="for steering (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="how many characters")
    parser.add_argument("--rounds", type=int, default=3000, help="control steps of one character (%(default)s)")
    parser.add_argument("--steps", type=int, default=90, help="control steps of every crowd (%(default)s)")
    parser.add_argument("--soak", type=int, default=0, help="control steps of the soak; 1000000 takes some 5 minutes")
    parser.add_argument("--switch", type=Path, help="another steering controller: falls with and without switching")
    parser.add_argument("--among", type=Path, nargs=2, metavar=("JUMP", "GETUP"), help="falls in turn with these two")
    parser.add_argument("--quick", action="store_true", help="a few rounds of everything, to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.counts, options.rounds, options.steps = (1, 4), 40, 10
    if not options.controller.is_file():
        parser.error(f"no controller file {options.controller}; name one with --controller")
    result = measure(options)
    print(table(result))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Measure an exported controller: `python -m training.evaluate controller=exported/steering.onnx output=report.json`.

The ONNX file is run through `runtime`, as a game would, never from a checkpoint: 64 episodes of random goals and, for
velocities, set courses (steady speeds, turns, stops) and walks that are set beside people's. The controller says which
task it is for, `training/trials/` how that is tried and judged. JSON goes to `output` or to stdout, tables to the
terminal. The same controller, prior, settings and seed give the same report on the same machine.

    main ── evaluate ── trials, _episodes.roll_out    run the controller
                     ├─ _mocap.load or measure        what real motion does at the same speeds
                     ├─ _report.report ── metrics     figures
                     ├─ measure.report                gait beside people's, responses, standing
                     └─ _robustness.robustness        with `robustness=true`: pushes, friction, masses, latency

Where `data=` names a prepared dataset, real motion is measured there; otherwise a file next to the prior holds what was
measured once (`reference=true data=data/locomotion` writes it). With neither, and where the prior is missing or of an
older version, figures that need it are null and the report says why. `help=true` prints what every figure means, and
what counts as each task's success.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from runtime import Controller, ControllerError, Prior, PriorError, SimulationError
from runtime.character import CONTROL_HZ
from runtime.tasks import TaskError, load
from training import _episodes, _mocap, _robustness, trials
from training import config as settings
from training._evaluate_tables import show
from training._mocap import Mocap
from training._naturalness import Measure
from training._report import DEFINITIONS, report
from training._robustness import HARDSHIPS, robustness
from training.command import Command
from training.measure import report as beside_people
from training.metrics import Rollout
from training.motion import dataset
from training.provenance import sha256
from training.trials import Episode, Request, skill, speed


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure an exported controller: `python -m training.evaluate controller=FILE output=REPORT`."""

    controller: str = "exported/steering.onnx"
    """Controller file to measure."""
    task: str = ""
    """Module of a task from outside the package that is not installed (docs/add-a-task.md)."""
    prior: str = ""
    """Prior file that judges the motion; empty: the one the controller was trained against, by its hash, looked for
    in the folder `priors` beside the controller and in exported/priors."""
    data: str = ""
    """Folder that `training.prepare` wrote; empty: the reference file next to the prior."""
    output: str = ""
    """JSON file to write; empty: stdout."""
    episodes: int = 64
    """Episodes of random goals."""
    seconds: float = 20.0
    """Length of those."""
    grid_episodes: int = 8
    """Episodes of every steady speed, turn and stop."""
    gait: bool = True
    """Set walks beside people's too, for goals that are velocities: gait, how soon changes are answered, standing and,
    where `data` tells of people, strides."""
    robustness: bool = False
    """Run random episodes again under pushes, other friction and masses, and latency."""
    robustness_episodes: int = 16
    """Episodes of each of those."""
    record: str = ""
    """Recording to write of one episode, number `record_episode`, to be seen by `python -m viewer --recording`."""
    record_episode: int = 0
    """Which episode, from 0."""
    seed: int = 0
    """Draws goals, starts and the prior's noise."""
    reference: bool = False
    """Measure the motion capture of `data` and write the prior's reference file instead."""
    help: bool = False
    """Print what every figure means instead."""


class EvaluateError(ValueError):
    """What was asked for cannot be done."""


def main() -> None:
    """Do what the command line (`key=value` of EvaluateConfig) asks for; exits with 2 and one sentence on bad input."""
    Command("training.evaluate", EvaluateConfig).read(sys.argv[1:])
    try:
        config = settings.resolve(EvaluateConfig, OmegaConf.from_cli())
        if config.task:
            load(config.task)
        if config.help:
            _explain(Console())
        elif config.reference:
            _write_reference(config, Console())
        else:
            _evaluate_and_show(config)
    except (
        settings.ConfigError, EvaluateError, ControllerError, PriorError, SimulationError, _mocap.ReferenceError,
        trials.TrialError, TaskError, FileNotFoundError,
    ) as error:  # fmt: skip
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def evaluate(config: EvaluateConfig, console: Console | None = None) -> dict[str, Any]:
    """Measure a controller and return the report; `console` shows a progress bar.

    Raises ControllerError, PriorError, ReferenceError and EvaluateError for files and settings that are no good,
    SimulationError when the controller or the physics give numbers that are not finite.
    """
    if config.episodes < 1 or config.grid_episodes < 0 or not config.seconds > 0.0:
        raise EvaluateError("expected episodes of at least 1, grid_episodes of at least 0 and seconds above 0")
    controller = Controller.load(config.controller)
    prior, missing = _judge(config, controller)
    trial = trials.of(controller.task)
    mocap, note = _real_motion(config, prior)
    plan = trial.plan(
        Request(
            config.episodes, config.seconds, config.grid_episodes, config.seed, prior, controller.start,
            _lowest_root(controller),
        )
    )  # fmt: skip
    if config.record:
        if not 0 <= config.record_episode < len(plan):
            raise EvaluateError(f"record_episode is {config.record_episode}: expected 0 to {len(plan) - 1}")
        Path(config.record).parent.mkdir(parents=True, exist_ok=True)
        _episodes.record(controller, plan[config.record_episode], trial.RESTARTS, Path(config.record))
    hard = [e for e in plan if e.kind == "random"][: config.robustness_episodes] if config.robustness else []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    walks = [e for e in trials.walks(controller.task) if config.data or e.kind != "strides"] if config.gait else []
    with Progress(*columns, console=console, disable=console is None) as progress:
        seconds = sum(e.seconds for e in [*plan, *walks]) + len(HARDSHIPS) * sum(e.seconds for e in hard)
        total = seconds * CONTROL_HZ
        bar, start = progress.add_task(f"{len(plan) + len(walks)} episodes", total=total, rate=""), time.monotonic()

        def done(steps: int) -> None:
            rate = (progress.tasks[bar].completed + steps) / (time.monotonic() - start)
            progress.update(bar, advance=steps, rate=f"{rate:,.0f} control steps/s")

        rollouts = list(_episodes.roll_out(controller, plan, trial.RESTARTS, done=done))
        walked = list(_episodes.roll_out(controller, walks, restarts=False, done=done))
        harder = {"robustness": robustness(controller, trial, hard, done)} if hard else {}
    described = {
        "controller": _describe_controller(config, controller),
        "prior": _describe_prior(prior, controller, missing),
        "mocap": note,
        "protocol": {
            "seed": config.seed, "random_episodes": config.episodes, "seconds": config.seconds,
            "episodes_of_each_set_course": config.grid_episodes, "walks": len(walks),
            "control_steps": sum(len(r.life) for r in [*rollouts, *walked]),
        },
        "definitions": {"task": trial.DEFINITION, **DEFINITIONS, **beside_people.DEFINITIONS},
    }  # fmt: skip
    figures = report(controller.task, trial, plan, rollouts, Measure(prior, mocap, config.seed))
    if walks:
        figures = _with_walks(figures, controller.task, walks, walked, config.data)
    if controller.task == "skill" and config.data:
        figures["headline"] |= skill.errors(rollouts, dataset.load(config.data))
    return plain({**described, **figures, **harder})


def _with_walks(
    figures: dict[str, Any], task: str, walks: Sequence[Episode], rollouts: Sequence[Rollout], data: str
) -> dict[str, Any]:
    """Add what walks tell to a report's figures, how many gait numbers are people's to its headline."""
    as_velocities = [speed.as_steering(rollout) if task == "speed" else rollout for rollout in rollouts]
    clips = dataset.load(data) if data else None
    found = beside_people.report(list(zip(walks, as_velocities, strict=True)), clips, data)
    figures["headline"]["gait"] = {name: found["gait"][name] for name in ("inside", "of")}
    return {**figures, **found}


def _judge(config: EvaluateConfig, controller: Controller) -> tuple[Prior | None, str | None]:
    """Give the prior that judges; where none was named and the controller's own is not there to be read, say so."""
    if config.prior:
        return Prior.load(config.prior), None
    path, note = _own_prior(controller)
    if path is None:
        return None, note
    try:
        return Prior.load(path), None
    except PriorError as error:
        return None, f"{error}; what it would say is null"


def _own_prior(controller: Controller) -> tuple[Path | None, str | None]:
    """Path of the prior the controller was trained against; where it is not to be found, a note that says so."""
    own = controller.metadata["prior"]
    folders = (controller.path.parent / "priors", Path("exported/priors"))
    for path in (path for folder in folders for path in sorted(folder.glob("*.onnx"))):
        if own and sha256(path) == own["sha256"]:
            return path, None
    wanted = f"the prior {own['name']!r} (SHA-256 {own['sha256'][:16]}…)" if own else "a prior of its own"
    return None, (
        f"what a prior would say is null: {controller.path} has no {wanted} in {folders[0]} or {folders[1]}; "
        "name prior=FILE"
    )


def _lowest_root(controller: Controller) -> float:
    """Height (m) of the root at which episodes of training ended; 0 where the file does not tell."""
    trained = controller.metadata["training"].get("configuration", {})
    return float(trained.get("task", {}).get("options", {}).get("lowest_root", 0.0))


def _real_motion(config: EvaluateConfig, prior: Prior | None) -> tuple[Mocap | None, dict[str, Any]]:
    """Real motion to compare with, where there is any, and what the report says of it."""
    beside = None if prior is None else _mocap.path_beside(prior.path)
    if config.data:
        mocap, source = _mocap.measure(dataset.load(config.data), prior), config.data
    elif prior is not None and beside is not None and beside.is_file():
        mocap, source = _mocap.load(prior.path), str(beside)
    else:
        reason = (
            "figures that need motion capture are null: data= names no prepared dataset and there is no "
            f"{beside or 'prior with a reference file'}; `python -m training.evaluate reference=true data=FOLDER` "
            "writes it"
        )
        return None, {"source": None, "note": reason}
    judged = mocap.figures["prior"]
    same = bool(prior and judged and judged["sha256"] == sha256(prior.path))
    return mocap, {
        "source": source,
        **mocap.figures["data"],
        "held_out_ratio": judged["held_out_ratio"] if same else None,
        "held_out_reward": judged["held_out_reward"] if same else None,
        "note": None if same else f"{source} was not measured with this prior; held_out_ratio and _reward are null",
    }


def _describe_controller(config: EvaluateConfig, controller: Controller) -> dict[str, Any]:
    training = controller.metadata["training"]
    return {
        "path": config.controller,
        "sha256": sha256(Path(config.controller)),
        "task": controller.task,
        **{key: training.get(key) for key in ("seed", "samples", "hours", "hardware", "code_version")},
    }


def _describe_prior(prior: Prior | None, controller: Controller, missing: str | None) -> dict[str, Any]:
    """Which prior judges, and whether it is the one the controller was trained against."""
    own, judged = controller.metadata["prior"], None if prior is None else sha256(prior.path)
    trained, note = own["sha256"] if own else None, missing
    if prior is not None and trained != judged:
        note = f"the controller was trained against {'another prior' if own else 'no prior'}, not against this one"
    path = None if prior is None else str(prior.path)
    return {"path": path, "sha256": judged, "trained_against_sha256": trained, "note": note}


def plain(value: Any) -> Any:  # noqa: ANN401 - anything that JSON can hold, with numpy's numbers in it
    """Return the same in JSON's own types; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _evaluate_and_show(config: EvaluateConfig) -> None:
    """Measure; JSON goes to `output`, or to stdout with tables on stderr."""
    console, start = Console(stderr=not config.output), time.monotonic()
    result = evaluate(config, console)
    text = json.dumps(result, indent=1, allow_nan=False)
    if config.output:
        Path(config.output).parent.mkdir(parents=True, exist_ok=True)
        Path(config.output).write_text(text + "\n")
    else:
        print(text)
    show(result, console)
    console.print(
        f"{result['protocol']['control_steps']:,} control steps in {time.monotonic() - start:.0f} s, seed {config.seed}"
    )


def _write_reference(config: EvaluateConfig, console: Console) -> None:
    if not config.data:
        raise EvaluateError("data= is missing: name the folder that `training.prepare` wrote")
    path, note = (Path(config.prior), None) if config.prior else _own_prior(Controller.load(config.controller))
    if path is None:
        raise EvaluateError(note)
    written = _mocap.save(_mocap.measure(dataset.load(config.data), Prior.load(path)), path)
    console.print(f"wrote {written} ({written.stat().st_size / 1000:.0f} kB)", soft_wrap=True)


def _explain(console: Console) -> None:
    table = Table(title="what every figure means", show_header=False, show_lines=True)
    success = {f"success: {task}": trials.of(task).DEFINITION for task in trials.TRIALS}
    meanings = {**success, "robustness": _robustness.DEFINITION, **DEFINITIONS, **beside_people.DEFINITIONS}
    for name, meaning in meanings.items():
        table.add_row(name, meaning)
    console.print(__doc__, markup=False, highlight=False, soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    main()

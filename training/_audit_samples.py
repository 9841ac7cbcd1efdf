"""What a prior generates, measured: the second half of `training.audit`. Private to it.

samples ──> as they come, and projected to valid states (training.prior.projection)
        ──> figures as bodies, faults, coverage, Fréchet distance, nearest training windows, first steps of physics
training data drawn as training draws it, held-out motion ──> the same figures, to read them against
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from runtime import character
from training import features, physics
from training.learning.starts import Starts, start_windows
from training.motion import windows as motion_windows
from training.motion.windows import Windows
from training.prior import frechet, generated, sampling
from training.prior.coverage import coverage
from training.prior.projection import Poses, Projector
from training.prior.score import Score
from training.tasks import StartStates

SIMULATED = 512  # states
COMPARED = 40_000  # training windows
SETTLE_STEPS = 6  # control steps, .2 s
JOLT = 1.0  # m/s: a root that changes speed by more within one control step was thrown; 10 cm of ground give 1.6
SKATE_QUANTILE = 0.95


@dataclass(frozen=True)
class Sets:
    """What is compared, raw windows [N, F, 58] each."""

    samples: Tensor
    projected: Tensor
    alike: Tensor
    """Training windows, as many as samples, drawn as training draws them: what a perfect generator would make."""
    held_out: Tensor
    training: Tensor
    """All training windows, or where there are very many every k-th: neighbours are a thirtieth of a second apart."""


def measure(
    score: Score, held_out: Windows, training: Windows, weights: Tensor, count: int, generator: torch.Generator,
    style: Tensor | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All figures of `count` samples of a prior: {"generated", "validity", "coverage", "starts"}.

    With `style` [N, 2S] of the training windows samples are of the styles of as many of those, drawn by `weights`.
    """
    projector = Projector(score.offsets)
    picks = torch.multinomial(weights, count, replacement=True, generator=generator)
    samples = sampling.ddpm(score, count, generator, None if style is None else style[picks])
    start = time.perf_counter()
    poses = projector.project(samples)
    seconds = time.perf_counter() - start
    known = training.values[:: -(-len(training) // COMPARED)]
    sets = Sets(samples, poses.windows(), training.values[picks], held_out.values, known)
    shown = {"samples": samples, "projected": sets.projected, "training": sets.alike, "held_out": sets.held_out}
    return {
        "generated": {name: generated.figures(values, score.offsets) for name, values in shown.items()},
        "validity": {**_validity(projector, sets, poses), "projection_seconds_per_4096": seconds * 4096 / count},
        "coverage": _coverage(sets, score.channel_std),
        "starts": _starts(score, count, held_out, generator),
    }


def _validity(projector: Projector, sets: Sets, poses: Poses) -> dict[str, Any]:
    """Shares of windows with each fault and with none; soles may skate as fast as 95 % of held-out windows do."""
    real = projector.poses(sets.held_out)
    bound = projector.skate(real).quantile(SKATE_QUANTILE).item()
    report: dict[str, Any] = {"skate_bound_m_s": bound}
    for name, values, bodies in (
        ("samples", sets.samples, projector.poses(sets.samples)),
        ("projected", sets.projected, poses),
        ("training", sets.alike, projector.poses(sets.alike)),
        ("held_out", sets.held_out, real),
    ):
        faults = projector.faults(values, bodies, fastest_skate=bound)
        whole = ~torch.stack(list(faults.values())).any(0)
        report[name] = {"valid": _share(whole), "faults": {fault: _share(mask) for fault, mask in faults.items()}}
    moved = (poses.joints - features.unpack_window(sets.samples)[2]).abs()
    report["projection_turns_joints_rad"] = {"mean": moved.mean().item(), "q95": _quantile(moved, 0.95)}
    return report


def _coverage(sets: Sets, channel_std: Tensor) -> dict[str, Any]:
    """Coverage, fidelity and novelty of samples, the same of projected ones, Fréchet distances to held-out windows."""
    report: dict[str, Any] = coverage(sets.samples, sets.held_out, sets.training, sets.alike, channel_std)
    projected = coverage(sets.projected, sets.held_out, sets.training, sets.alike, channel_std)
    ceiling = report["coverage_of_held_out_by_training"]
    mirrored = torch.cat((sets.held_out, motion_windows.mirror(sets.held_out)))
    real = frechet.embed(mirrored, channel_std)
    apart = {
        name: frechet.distance(frechet.embed(torch.cat((values, motion_windows.mirror(values))), channel_std), real)
        for name, values in (("samples", sets.samples), ("projected", sets.projected), ("training", sets.alike))
    }
    return {
        **report,
        "of_what_training_covers": report["coverage_of_held_out"] / max(ceiling, 1e-9),
        "coverage_of_held_out_by_projected": projected["coverage_of_held_out"],
        "fidelity_to_training_of_projected": projected["fidelity_to_training"],
        **{f"frechet_{name}": value for name, value in apart.items()},
    }


def _starts(score: Score, count: int, held_out: Windows, generator: torch.Generator) -> dict[str, Any]:
    """Share of samples rejected as start states, and what physics makes of the others and of held-out motion."""
    try:
        pool = Starts(score, count, generator, StartStates(upright=False))
    except RuntimeError:
        return {"rejected": None, "samples": None, "held_out": None}
    picks = torch.randint(len(held_out), (SIMULATED,), generator=generator)
    projector = Projector(score.offsets)
    real = start_windows(projector.dense(projector.poses(held_out.values[picks])))
    return {
        "rejected": pool.rejected / pool.sampled,
        "samples": settle(pool.draw(SIMULATED)),
        "held_out": settle(real),
    }


def settle(start: dict[str, Tensor]) -> dict[str, float]:
    """Simulate start states for .2 s, servos driven to the poses that constant joint velocities would lead to.

    `thrown`: share whose root changes speed by more than 1 m/s in the first control step, as what lies in the ground is
    flung out; `fallen`: share that is down after .2 s of those that were up; `blown_up`: share beyond all sense.
    """
    count = len(start["qpos"])
    engine = physics.create("mujoco", count)
    engine.reset(torch.arange(count), start["qpos"], start["qvel"])
    upright, thrown, blown = engine.qpos[:, 2] > 0.6, torch.zeros(count, dtype=torch.bool), torch.zeros(count)
    before = start["qvel"][:, :3].double()
    for step in range(SETTLE_STEPS):
        lead = start["qvel"][:, 6:] * ((step + 1) / character.CONTROL_HZ)
        blown += engine.step(start["qpos"][:, 7:] + lead).float()
        if step == 0:
            thrown = (engine.qvel[:, :3] - before).norm(dim=1) > JOLT
    down = upright & (engine.qpos[:, 2] < 0.55)
    return {
        "thrown": _share(thrown),
        "fallen": float(down.sum() / upright.sum().clamp_min(1)),
        "blown_up": _share(blown > 0),
    }


def _share(mask: Tensor) -> float:
    return mask.float().mean().item()


def _quantile(values: Tensor, q: float) -> float:
    """A quantile of many numbers: torch's own takes at most 16 million."""
    flat = values.flatten()
    return flat[:: max(1, len(flat) // 1_000_000)].quantile(q).item()

"""Walks (`training.trials.walking`) as a report tells of them: rollouts in, a JSON-ready dictionary out.

report ── gait:       numbers, bands, inside and effort at every speed
       ├─ responses:  how soon changes of pace are answered
       ├─ standing:   steps and falls of who is to stand
       └─ strides:    distance to people held out, where a dataset tells of people
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from runtime.character import State
from training import metrics
from training.measure import gait, responses, strides
from training.metrics import Rollout
from training.motion.dataset import Clip
from training.trials import Episode

SKIP = 90  # steps of a walk that are not measured: it starts from standing

DEFINITIONS = {
    "gait": "straight ahead, 8 s from 3 s on, two headings, nobody put back after a fall; inside: numbers of `of` that "
    "lie within people's bands at the speed wanted, averaged over the headings; "
    + "; ".join(f"{name}: {meaning}" for name, meaning in gait.DEFINITIONS.items())
    + "; effort: mean Σ|servo torque · joint velocity| / (m·g·(v + 0.5 m/s))",
    "responses": "; ".join(f"{name}: {responses.DEFINITIONS[name]}" for name in responses.TIMES)
    + "; mean and worst over those answered without a fall, in eight headings and moments of the stride",
    "standing": responses.DEFINITIONS["standing"],
    "strides": strides.DEFINITION,
}
"""What the figures of walks are."""

Walk = tuple[Episode, Rollout]


def report(walks: Sequence[Walk], clips: Sequence[Clip] | None, source: str) -> dict[str, Any]:
    """All figures of walks.

    Args:
        walks: episodes with their rollouts, whose goals are velocity x, y and facing x, y.
        clips: of the dataset that tells of people; None: there is none.
        source: where that lies.
    """
    return {
        "gait": _gait([walk for walk in walks if walk[0].kind == "gait"]),
        "responses": {kind: _response(time, walks, kind) for kind, time in responses.TIMES.items()},
        "standing": _standing([walk for walk in walks if walk[0].kind == "standing"]),
        "strides": _strides([walk for walk in walks if walk[0].kind in ("gait", "strides")], clips, source),
    }


def _gait(walks: Sequence[Walk]) -> dict[str, Any]:
    labels = dict.fromkeys(episode.label for episode, _ in walks)
    by_speed = {label: _at_speed([r for episode, r in walks if episode.label == label]) for label in labels}
    return {
        "inside": sum(entry["inside"] for entry in by_speed.values()),
        "of": sum(entry["of"] for entry in by_speed.values()),
        "by_speed": by_speed,
    }


def _at_speed(rollouts: Sequence[Rollout]) -> dict[str, Any]:
    """Numbers at one speed, means over the rollouts, beside people's."""
    speed = round(float(np.linalg.norm(rollouts[0].goal[-1, :2])), 3)
    measured = [gait.measure(_settled(rollout)) for rollout in rollouts]
    efforts = [
        gait.effort(metrics.effort(rollout)[1][SKIP:], numbers["speed_m_s"])
        for rollout, numbers in zip(rollouts, measured, strict=True)
    ]
    numbers = gait.average(measured)
    inside, of = gait.inside(numbers, speed)
    return {
        "inside": inside,
        "of": of,
        "outside": [name for name, good in gait.judge(numbers, speed).items() if not good],
        "fell": sum(bool(rollout.fell.any()) for rollout in rollouts),
        "numbers": numbers,
        "bands": gait.bands(speed),
        "effort": float(np.mean(efforts)),
    }


def _response(time: Callable[[Rollout], float], walks: Sequence[Walk], kind: str) -> dict[str, Any] | None:
    """Times of one kind of change; None where the task has no such."""
    rollouts = [rollout for episode, rollout in walks if episode.kind == kind]
    if not rollouts:
        return None
    times = np.array([time(rollout) for rollout in rollouts])
    known = times[np.isfinite(times)]
    return {
        "mean_s": metrics.mean(known),
        "worst_s": float(known.max()) if len(known) else None,
        "answered": len(known),
        "of": len(times),
        "fell": sum(bool(rollout.fell.any()) for rollout in rollouts),
    }


def _standing(walks: Sequence[Walk]) -> dict[str, Any] | None:
    """What became of standing, by what was said; None where the task cannot be told to stand."""
    found: dict[str, list[responses.Standing]] = {}
    for episode, rollout in walks:
        found.setdefault(episode.label, []).append(responses.standing(rollout))
    return {
        label: {
            "runs": len(runs),
            "stepped": sum(bool(np.isfinite(run.first_step)) for run in runs),
            "first_step_s": min((run.first_step for run in runs if np.isfinite(run.first_step)), default=None),
            "moved_m": max(run.moved for run in runs),
            "turned_deg": float(np.degrees(max(run.turned for run in runs))),
            "fell": sum(run.fell for run in runs),
        }
        for label, runs in found.items()
    } or None


def _strides(walks: Sequence[Walk], clips: Sequence[Clip] | None, source: str) -> dict[str, Any]:
    if clips is None:
        note = "no people to compare strides with: data= names no prepared dataset"
        return {"source": None, "note": note, "by_speed": None}
    everybody = strides.people(clips)
    held_out = strides.strangers(clips) & everybody.keys()
    own = strides.cut([_settled(rollout) for _, rollout in walks if not rollout.fell.any()])
    by_speed = strides.compare(own, everybody, held_out)
    few = [label for label, entry in by_speed.items() if entry["ratio"] is None]
    note = f"too few people, nobody held out, or no strides at {', '.join(few)}" if few else None
    counts = {"people": len(everybody), "held_out_people": len(held_out)}
    return {"source": source, "note": note, **counts, "by_speed": by_speed}


def _settled(rollout: Rollout) -> State:
    """States from 3 s on."""
    return metrics.take(rollout.states, slice(SKIP, None))

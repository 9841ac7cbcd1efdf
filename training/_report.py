"""What an evaluation reports: rollouts in, a JSON-ready dictionary out. Private to `training.evaluate`.

    report ── random:  _goals or _outcomes, naturalness              goals drawn anew every few seconds
           ── free:    _goals                           likewise, facing any way
           ── steady:  _steady, naturalness             one entry a speed
           ── turn, aside: _change                      one entry a turn
           ── stop:    _stop                            one entry a stop

Steering and speed, whose goals are velocities, are judged step by step and have the set courses; of the other tasks
what counts is the `Outcome` of every goal. `DEFINITIONS` says what every figure is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from runtime.character import CONTROL_HZ, FALLEN_HEAD, FALLEN_ROOT
from training import _gait, metrics
from training._naturalness import START_SKIP, Group, Measure, naturalness, runs
from training.metrics import GoalResult, Rollout
from training.trials import Episode, Outcome, Trial
from training.trials.speed import as_steering

STEADY_SKIP = 90  # steps after which a steady course is measured
SPEED_BANDS = {"stop": (0.0, 1e-6), "0-1": (1e-6, 1.0), "1-2": (1.0, 2.0), "2-3": (2.0, 3.001)}  # m/s wanted
TURN_BANDS = {"0-45": (0.0, 45.0), "45-90": (45.0, 90.0), "90-180": (90.0, 180.1)}  # deg

DEFINITIONS = {
    "spread": "mean, std, p10, median and p90 are over episodes: a figure is taken in every episode first; count is "
    "how many episodes have it. For what exists once a goal (reach_time_s, all of turn and stop) they are over goals",
    "mocap, ratio": "mocap: the figure real motion has at the speeds at which the policy's values were met "
    "(interpolated between speed bins); ratio: the figure of all episodes' values together, divided by that",
    "random": "goals drawn at random, as the task's own definition says; of steering anew every 4 to 7 s: speed 0 to "
    "3 m/s and a turn of up to ±180°, or (12 %) a stop as it stands; facing = direction of travel. Episodes start "
    "standing in the default pose; after a fall the character stands again where it began and goes on with the goal in "
    "force (but not in getup and skill)",
    "free": "as random, but facing any way whatever the direction of travel, at up to 1.3 m/s",
    "steady": "one speed straight ahead for 10 s, measured from 3 s on; starts up to 30° off the direction",
    "turn, stop": "4 s straight ahead at a speed, then a turn at that speed (6 s) or a stop (5 s): the second goal's "
    "figures; aside: 4 s straight ahead at 1 m/s, then on like that while facing another way (6 s)",
    "standing_speed_m_s": "the root's horizontal speed in the last 2 s of stops, sway and steps on the spot included "
    "(drift_m_s: what is left of it as a way made); in the headline the mean over stops. Success does not see it: "
    "0.3 m/s is within tolerance",
    "success": "share of goals that are a success by the task's own definition; of steering: with no fall in them for "
    "which, averaged over the goal's time after its first 1.5 s, "
    "velocity_error is within 15 % of the speed wanted or 0.3 m/s, whichever is more, and heading_error within 20°; "
    "goals that last less than 2.5 s are not judged",
    "speed_error_m_s": "| |v| − |v wanted| |, v the root's horizontal velocity averaged over the last half second; "
    "counted from 1.5 s after a goal was given",
    "velocity_error_m_s": "|v − v wanted|, likewise",
    "heading_error_deg": "between the root's heading at that instant (its swing in gait included) and the facing asked "
    "for; likewise counted from 1.5 s",
    "smooth_heading_error_deg": "the same for the heading averaged over the last half second",
    "reach_time_s": "from the goal to the first half second spent wholly within tolerance, facing smoothed; "
    "reached_share: goals in which there is one before a fall",
    "falls": f"a root below {FALLEN_ROOT} m or a head below {FALLEN_HEAD} m; survival: share of episodes without one",
    "skate_m_s": "horizontal speed of the lowest corner of a sole that is less than 2 cm above ground at both ends of "
    "a control step; from 1 s after a start (as all that follows)",
    "flight_share": "share of frames with both soles more than 1.2 cm above ground",
    "jerk_rad_s3": "mean |third difference| of the joint angles at 30 Hz",
    "stride_frequency_hz": "median over strides: from one passing of the right foot by the left to the next, if each "
    "gets 8 cm ahead of the other; stride_time_share: share of the time that is part of a stride",
    "stride_amplitude_rad": "median over strides of the range of a joint's angle, averaged over a group of joints",
    "torque_share, power_w": "mean |servo torque| / limit over the joints, and Σ|servo torque · joint velocity|",
    "prior.ratio": "the prior's error on motion windows, every third one, over that of real motion as fast, which its "
    "file holds (runtime/prior.py); 1 is as usual as the motion that it learned from. Held-out real motion itself has "
    "mocap.held_out_ratio. prior.reward: exp(-ratio) of the same windows. Null where there is no prior to judge",
}  # fmt: skip
"""What every figure means."""


VELOCITY_TASKS = ("steering", "speed")
"""Tasks whose goals are velocities and facings."""


def report(
    task: str, trial: Trial, plan: Sequence[Episode], rollouts: Sequence[Rollout], measure: Measure
) -> dict[str, Any]:
    """All figures of an evaluation by kind of episode, the most telling ones repeated in front as `headline`."""
    numbered = list(enumerate(zip(plan, rollouts, strict=True)))
    random = [(number, rollout) for number, (episode, rollout) in numbered if episode.kind == "random"]
    natural = naturalness(random, START_SKIP, measure)
    if task not in VELOCITY_TASKS:
        judged = [trial.judge(plan[number], rollout) for number, rollout in random]
        figures = {"random": {**_outcomes(judged), "falls": _falls(random), **natural}}
        return {"headline": _headline_of_outcomes(figures["random"]), **figures}
    groups: dict[str, dict[str, list[tuple[int, Rollout]]]] = {}
    for number, (episode, rollout) in numbered:
        as_velocity = as_steering(rollout) if task == "speed" else rollout
        groups.setdefault(episode.kind, {}).setdefault(episode.label, []).append((number, as_velocity))
    figures = {
        "random": {**_goals(groups["random"]["random"]), **natural},
        **({"free": _goals(groups["free"]["random"])} if "free" in groups else {}),
        "steady": {label: _steady(group, measure) for label, group in groups.get("steady", {}).items()},
        "turn": {label: _change(group) for label, group in groups.get("turn", {}).items()},
        "aside": {label: _change(group) for label, group in groups.get("aside", {}).items()},
        "stop": {label: _stop(group) for label, group in groups.get("stop", {}).items()},
    }
    return {"headline": _headline(figures), **figures}


def _outcomes(judged: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    """Success of episodes of several goals each, by label too, and the task's own errors, spread over goals."""
    every = list(chain.from_iterable(judged))
    labels = sorted({outcome.label for outcome in every})
    names = sorted({name for outcome in every for name in outcome.figures})
    return {
        "episodes": len(judged),
        "goals": len(every),
        "success": {
            "share": _share(every),
            **metrics.spread([_share(of_episode) for of_episode in judged]),
            "by_label": {label: _labelled(every, label) for label in labels},
        },
        "fell": metrics.mean(np.array([outcome.fell for outcome in every])),
        "figures": {name: metrics.spread([o.figures.get(name, np.nan) for o in every]) for name in names},
    }


def _labelled(every: Sequence[Outcome], label: str) -> dict[str, float | int]:
    chosen = [outcome for outcome in every if outcome.label == label]
    return {"share": _share(chosen), "goals": len(chosen)}


def _headline_of_outcomes(random: dict[str, Any]) -> dict[str, Any]:
    """The figures by which controllers of one task are compared, one number each."""
    success = random["success"]
    return {
        "success": success["share"],
        "success_by_kind": {label: entry["share"] for label, entry in success["by_label"].items()},
        "goals": random["goals"],
        **{name: figure["mean"] for name, figure in random["figures"].items()},
        "falls_per_minute": random["falls"]["per_minute"],
        **_naturalness_headline(random),
    }


def _naturalness_headline(random: dict[str, Any]) -> dict[str, Any]:
    return {
        "prior_ratio": random["prior"]["ratio"]["mean"],
        "skate_ratio": {name: figure["ratio"] for name, figure in random["skate_m_s"].items()},
        "jerk_ratio": random["jerk_rad_s3"]["ratio"],
    }


def _headline(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures by which controllers are compared, one number each."""
    random, steady = figures["random"], figures["steady"]
    standing = [entry["standing_speed_m_s"]["mean"] for entry in figures["stop"].values()]
    return {
        "success": random["success"]["share"],
        **({"success_facing_freely": figures["free"]["success"]["share"]} if "free" in figures else {}),
        "speed_error_m_s": random["speed_error_m_s"]["mean"],
        "heading_error_deg": random["heading_error_deg"]["mean"],
        **({"standing_speed_m_s": metrics.mean(np.array(standing, dtype=float))} if standing else {}),
        "falls_per_minute": random["falls"]["per_minute"],
        "survival": random["falls"]["survival"],
        **_naturalness_headline(random),
        "prior_ratio_steady": {label: entry["prior"]["ratio"]["mean"] for label, entry in steady.items()},
        "flight_steady": {
            label: {"policy": entry["flight_share"]["mean"], "mocap": entry["flight_share"]["mocap"]}
            for label, entry in steady.items()
        },
    }


def _goals(group: Group) -> dict[str, Any]:
    """How well goals were kept in episodes of several goals each."""
    results = [metrics.goal_results(rollout) for _, rollout in group]
    every = [result for of_episode in results for result in of_episode]
    return {
        "episodes": len(group),
        "goals": len(every),
        "success": {
            "share": _share(every),
            **metrics.spread([_share(of_episode) for of_episode in results]),
            "by_speed": _by_band(every, SPEED_BANDS, lambda result: result.speed),
            "by_turn": _by_band(every, TURN_BANDS, lambda result: abs(result.turn)),
        },
        **_tracking(group, metrics.REACTION),
        **_reach(every),
        "falls": _falls(group),
    }


def _share(results: Sequence[GoalResult] | Sequence[Outcome]) -> float:
    return metrics.mean(np.array([result.success for result in results]))


def _by_band(
    results: Sequence[GoalResult], bands: dict[str, tuple[float, float]], key: Callable[[GoalResult], float]
) -> dict[str, dict[str, float | int]]:
    groups = {name: [r for r in results if low <= key(r) < high] for name, (low, high) in bands.items()}
    return {name: {"share": _share(group), "goals": len(group)} for name, group in groups.items()}


def _tracking(group: Group, after: int) -> dict[str, Any]:
    """Errors of every episode, over the steps at least `after` steps into a goal."""
    errors = [(metrics.tracking(rollout), rollout.goal_age >= after) for _, rollout in group]
    names = {
        "speed_error_m_s": "speed_error", "velocity_error_m_s": "velocity_error", "heading_error_deg": "heading_error",
        "smooth_heading_error_deg": "smooth_heading_error", "time_within_tolerance": "within",
    }  # fmt: skip
    return {
        figure: metrics.spread([metrics.mean(getattr(error, name)[counted]) for error, counted in errors])
        for figure, name in names.items()
    }


def _reach(results: Sequence[GoalResult]) -> dict[str, Any]:
    """How long reaching goals took, where they were reached; spread over goals."""
    times = np.array([result.reach_time for result in results])
    return {"reach_time_s": metrics.spread(times), "reached_share": metrics.mean(np.isfinite(times))}


def _falls(group: Group) -> dict[str, Any]:
    """Falls per minute and the share of episodes without one."""
    counts = np.array([rollout.fell.sum() for _, rollout in group])
    minutes = np.array([len(rollout.fell) for _, rollout in group]) / CONTROL_HZ / 60
    return {
        "falls": int(counts.sum()),
        "minutes": float(minutes.sum()),
        "per_minute": float(counts.sum() / minutes.sum()),
        "over_episodes": metrics.spread(counts / minutes),
        "survival": float((counts == 0).mean()),
    }


def _steady(group: Group, measure: Measure) -> dict[str, Any]:
    """Figures of one speed, straight ahead, from 3 s on."""
    had = [metrics.mean(_gait.pieces(runs(rollout, STEADY_SKIP)).speed) for _, rollout in group]
    return {
        "episodes": len(group),
        "speed_m_s": metrics.spread(had),
        **_tracking(group, STEADY_SKIP),
        "falls": _falls(group),
        **naturalness(group, STEADY_SKIP, measure),
    }


def _change(group: Group) -> dict[str, Any]:
    """What became of the second and last goal."""
    last = [metrics.goal_results(rollout)[-1] for _, rollout in group]
    return {
        "episodes": len(group),
        "success": _share(last),
        "fell": metrics.mean(np.array([result.fell for result in last])),
        **_reach(last),
        "speed_error_m_s": metrics.spread([result.speed_error for result in last]),
        "velocity_error_m_s": metrics.spread([result.velocity_error for result in last]),
        "heading_error_deg": metrics.spread([result.heading_error for result in last]),
    }


def _stop(group: Group) -> dict[str, Any]:
    """`_change`, the way made after the order to stop and, in the last 2 s, drift and speed, where nobody fell."""
    way, drift, speed = [], [], []
    for _, rollout in group:
        order = int(np.argmax(rollout.goal_index == 1))
        if not rollout.fell[order:].any():
            place = rollout.states.root_position[:, :2]
            way.append(np.linalg.norm(place[-1] - place[order]))
            drift.append(np.linalg.norm(place[-1] - place[-1 - 2 * CONTROL_HZ]) / 2)
            velocity = rollout.states.root_linear_velocity[-2 * CONTROL_HZ :, :2]
            speed.append(np.linalg.norm(velocity, axis=1).mean())
    figures = {"stopping_distance_m": way, "drift_m_s": drift, "standing_speed_m_s": speed}
    return {**_change(group), **{name: metrics.spread(values) for name, values in figures.items()}}

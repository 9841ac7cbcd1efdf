"""What is measured of episodes: pure functions of states at 30 Hz.

A `Rollout` is an episode: states with goals, restarts and falls. `tracking` and `goal_results` measure how well its
goals are kept, `effort` what that takes; `spread` sums up episodes. Gait has a file of its own, _gait.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.character import CONTROL_HZ, JOINTS, State

SMOOTHING = 15  # frames: velocities had are means over the last half second
REACTION = 45  # frames: errors count from 1.5 s after a goal was given
SHORTEST_GOAL = 75  # frames: a goal that lasted less than 2.5 s is not judged
RELATIVE_TOLERANCE, TOLERANCE = 0.15, 0.3  # a velocity is reached within 15 % or 0.3 m/s, whichever is more …
FACING_TOLERANCE = 20.0  # … deg, with the facing this close

_KP, _EFFORT = (np.array([getattr(joint, name) for joint in JOINTS]) for name in ("kp", "effort"))


@dataclass(frozen=True)
class Rollout:
    """One episode of one character under a controller: T control steps, each with the state it led to."""

    states: State
    """Leading axis [T]."""
    joint_target: np.ndarray
    """[T, 28] rad, held during the step."""
    goal: np.ndarray
    """[T, 4] as `runtime.goals.STEERING_SCHEMA` orders it, in force during the step."""
    goal_index: np.ndarray
    """[T] int: which of the episode's goals that was."""
    goal_age: np.ndarray
    """[T] int: steps since that goal was given or, where that is later, since the last restart; 0 is the first."""
    life: np.ndarray
    """[T] int: steps since the last (re)start; 0 is the first."""
    fell: np.ndarray
    """[T] bool: the step ended in a fall; the next one starts from standing again."""

    def runs(self, skip: int = 0) -> Iterator[slice]:
        """Stretches between restarts without the first `skip` steps after each, where anything is left."""
        starts = np.flatnonzero(self.life == 0)
        for start, end in zip(starts, [*starts[1:], len(self.life)], strict=True):
            if end - start > skip:
                yield slice(int(start) + skip, int(end))


@dataclass(frozen=True)
class Tracking:
    """How well the goal in force is kept, each [T]."""

    speed_error: np.ndarray  # m/s, |speed had − speed wanted|, of the velocity over the last half second
    velocity_error: np.ndarray  # m/s, ‖velocity had − velocity wanted‖, likewise
    heading_error: np.ndarray  # deg, 0..180, of the root's yaw at that instant
    smooth_heading_error: np.ndarray  # deg, of its circular mean over the last half second
    within: np.ndarray  # bool: velocity within tolerance and smoothed heading within 20°
    settled: np.ndarray  # bool: at least 1.5 s after the goal was given: what counts


@dataclass(frozen=True)
class GoalResult:
    """What became of one goal."""

    speed: float  # m/s wanted
    turn: float  # deg, −180..180, from the goal before; nan for an episode's first
    fell: bool
    success: bool
    speed_error: float  # m/s, mean over the goal's time after 1.5 s; nan when none was left
    velocity_error: float  # m/s, likewise
    heading_error: float  # deg, likewise, of the instantaneous heading
    reach_time: float  # s until velocity and facing are within tolerance for half a second; nan: never


def take(states: State, index: slice | np.ndarray) -> State:
    """Index the leading axes of every field."""
    return State(**{name: value[index] for name, value in vars(states).items()})


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float | int | None]:
    """Mean, standard deviation, quantiles and count of the values that are numbers; None where there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {"mean": None, "std": None, "p10": None, "median": None, "p90": None, "count": 0}
    p10, median, p90 = (float(q) for q in np.quantile(numbers, (0.1, 0.5, 0.9)))
    return {
        "mean": float(numbers.mean()), "std": float(numbers.std()), "p10": p10, "median": median, "p90": p90,
        "count": len(numbers),
    }  # fmt: skip


def mean(values: np.ndarray) -> float:
    """Mean, nan (and no warning) of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def _over_last_half_second(values: np.ndarray, life: np.ndarray) -> np.ndarray:
    """Means of [T, C] over the last 15 frames; before a (re)start the first value is taken to have lasted."""
    smooth = np.empty_like(values)
    starts = np.flatnonzero(life == 0)
    for start, end in zip(starts, [*starts[1:], len(life)], strict=True):
        run = values[start:end]
        total = np.cumsum(np.concatenate((np.repeat(run[:1], SMOOTHING, axis=0), run)), axis=0)
        smooth[start:end] = (total[SMOOTHING:] - total[:-SMOOTHING]) / SMOOTHING
    return smooth


def tracking(rollout: Rollout) -> Tracking:
    """Compare the motion with the goals step by step."""
    states, wanted = rollout.states, rollout.goal[:, :2]
    had = _over_last_half_second(states.root_linear_velocity[:, :2], rollout.life)
    yaw = 2.0 * np.arctan2(states.root_rotation[:, 3], states.root_rotation[:, 0])  # the heading controllers see
    facing = np.arctan2(rollout.goal[:, 3], rollout.goal[:, 2])
    mean_heading = _over_last_half_second(np.stack((np.cos(yaw), np.sin(yaw)), axis=1), rollout.life)
    smooth_yaw = np.arctan2(mean_heading[:, 1], mean_heading[:, 0])
    speed = np.linalg.norm(wanted, axis=1)
    velocity_error = np.linalg.norm(had - wanted, axis=1)
    smooth_error = _angle_between(smooth_yaw, facing)
    return Tracking(
        speed_error=np.abs(np.linalg.norm(had, axis=1) - speed),
        velocity_error=velocity_error,
        heading_error=_angle_between(yaw, facing),
        smooth_heading_error=smooth_error,
        within=(velocity_error <= tolerance(speed)) & (smooth_error <= FACING_TOLERANCE),
        settled=rollout.goal_age >= REACTION,
    )


def tolerance(speed: np.ndarray | float) -> np.ndarray:
    """How far from a wanted speed a velocity may be, m/s."""
    return np.maximum(RELATIVE_TOLERANCE * np.asarray(speed), TOLERANCE)


def _angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees 0..180 between yaws in rad."""
    return np.abs(np.degrees((a - b + np.pi) % (2 * np.pi) - np.pi))


def goal_results(rollout: Rollout) -> list[GoalResult]:
    """Judge every goal of an episode that lasted at least 2.5 s.

    Success: no fall, and both mean errors over the goal's time after its first 1.5 s are within tolerance.
    """
    errors, results, before = tracking(rollout), [], None
    for index in range(int(rollout.goal_index.max()) + 1):
        (frames,) = np.nonzero(rollout.goal_index == index)
        yaw = np.arctan2(*rollout.goal[frames[0], [3, 2]])
        turn = np.nan if before is None else np.degrees((yaw - before + np.pi) % (2 * np.pi) - np.pi)
        before = yaw
        if len(frames) < SHORTEST_GOAL:
            continue
        counted = frames[errors.settled[frames]]
        speed, fell = float(np.linalg.norm(rollout.goal[frames[0], :2])), bool(rollout.fell[frames].any())
        velocity_error, heading_error = mean(errors.velocity_error[counted]), mean(errors.heading_error[counted])
        kept = velocity_error <= tolerance(speed) and heading_error <= FACING_TOLERANCE
        result = GoalResult(
            speed, float(turn), fell, bool(kept and not fell), mean(errors.speed_error[counted]), velocity_error,
            heading_error, _reach_time(errors.within[frames], rollout.fell[frames]),
        )  # fmt: skip
        results.append(result)
    return results


def _reach_time(within: np.ndarray, fell: np.ndarray) -> float:
    """Seconds to the first of 15 frames [T] within tolerance in a row, before any fall; nan: there are none."""
    end = int(fell.argmax()) if fell.any() else len(within)
    held = np.convolve(within[:end], np.ones(SMOOTHING), mode="valid") > SMOOTHING - 0.5 if end >= SMOOTHING else []
    return float(np.argmax(held) + 1) / CONTROL_HZ if np.any(held) else float("nan")


def effort(rollout: Rollout) -> tuple[np.ndarray, np.ndarray]:
    """Mean |torque| / limit over the joints [T], and the servos' mechanical power Σ|torque · velocity| [T] W.

    A torque is clip(kp·(target − q), ±limit). It falls while a target is held, so what counts for a step is the mean
    of its two ends (measured: within 3 % of the mean over the physics steps; the later end alone is 20 % low).
    """
    now = np.arange(len(rollout.life))
    share, power = np.zeros(len(now)), np.zeros(len(now))
    for moment in (now, np.where(rollout.life > 0, now - 1, now)):
        torque = _KP * (rollout.joint_target - rollout.states.joint_position[moment])
        torque = np.clip(torque, -_EFFORT, _EFFORT)
        share += 0.5 * (np.abs(torque) / _EFFORT).mean(axis=1)
        power += 0.5 * np.abs(torque * rollout.states.joint_velocity[moment]).sum(axis=1)
    return share, power

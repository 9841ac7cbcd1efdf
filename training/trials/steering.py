"""Steering: random velocities and facings, steady speeds, turns and stops."""

from __future__ import annotations

from itertools import product

import numpy as np

from runtime import Steering
from training import metrics
from training.metrics import Rollout
from training.trials import Episode, Order, Outcome, Request, walking

MAX_SPEED = 3.0  # m/s
STOP_SHARE = 0.12
HOLD = (4.0, 7.0)  # s a random goal lasts
START_TURN = 30.0  # deg: an episode with a set goal starts up to this far off its direction

STEADY_SPEEDS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # m/s
STEADY_SECONDS = 10.0
TURN_SPEEDS, TURNS = (1.0, 2.0), (90.0, -90.0, 180.0)  # m/s, deg
STOP_SPEEDS = (1.0, 2.0, 3.0)  # m/s
LEAD_SECONDS, TURN_SECONDS, STOP_SECONDS = 4.0, 6.0, 5.0
FACINGS = (45.0, -45.0, 90.0, -90.0, 180.0)  # deg off the direction of travel
FACING_SPEED = 1.0  # m/s
FREE_SPEED, FREE_PER_COURSE = 1.3, 2  # m/s; random episodes of free facing for each episode of a set course

RESTARTS = True
DEFINITION = (
    "a goal is a success with no fall in it and, averaged over its time after the first 1.5 s, the velocity within "
    "15 % of the speed wanted or 0.3 m/s, whichever is more, and the heading within 20°; goals that last less than "
    "2.5 s are not judged"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`: `episodes` random ones, `courses` of every set course, twice as many that face freely."""
    seed = request.seed
    every = [_random(np.random.default_rng((seed, 0, n)), request.seconds) for n in range(request.episodes)]
    free = range(FREE_PER_COURSE * request.courses)
    every += [_random(np.random.default_rng((seed, 99, n)), request.seconds, free=True) for n in free]
    courses = [_steady(speed) for speed in STEADY_SPEEDS]
    courses += [_turn(speed, turn) for speed, turn in product(TURN_SPEEDS, TURNS)]
    courses += [_stop(speed) for speed in STOP_SPEEDS]
    courses += [_aside(facing) for facing in FACINGS]
    for index, (kind, label, length, orders) in enumerate(courses):
        for number in range(request.courses):
            rng = np.random.default_rng((seed, 1 + index, number))
            heading = np.radians(rng.uniform(-START_TURN, START_TURN))
            every.append(Episode(kind, label, length, float(heading), orders))
    return every


def walks() -> list[Episode]:
    """See `training.trials.walks`."""
    every = walking.steady(Steering) + walking.steady(Steering, walking.STRIDE_SPEEDS, "strides")
    every += walking.from_rest(Steering, Steering) + walking.to_rest(Steering) + walking.half_turn(Steering)
    return every + walking.standing(Steering)


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`; labels are the speed wanted, rounded."""
    return outcomes(rollout)


def outcomes(rollout: Rollout) -> list[Outcome]:
    """Outcomes of a rollout whose goals begin with velocity x, y and facing x, y."""
    return [
        Outcome(
            result.success, f"{round(result.speed)} m/s", result.fell,
            {"velocity_error_m_s": result.velocity_error, "heading_error_deg": result.heading_error},
        )
        for result in metrics.goal_results(rollout)
    ]  # fmt: skip


def _random(rng: np.random.Generator, seconds: float, free: bool = False) -> Episode:
    """Goals drawn anew every 4 to 7 s: speed 0 to 3 m/s and a turn of up to ±180°, or a stop as it stands.

    With `free` any facing, whatever the direction, and at most 1.3 m/s.
    """
    heading = direction = rng.uniform(-np.pi, np.pi)
    orders, second = [], 0.0
    while second < seconds:
        stop, turn, speed, hold = (
            rng.random(),
            rng.uniform(-np.pi, np.pi),
            rng.uniform(0, FREE_SPEED if free else MAX_SPEED),
            rng.uniform(*HOLD),
        )
        if stop < STOP_SHARE:
            speed = 0.0
        else:
            direction += turn
        facing = float(rng.uniform(-np.pi, np.pi)) if free else None
        orders.append(Order(second, Steering(float(speed), float(direction), facing)))
        second += hold
    return Episode("free" if free else "random", "random", seconds, float(heading), tuple(orders))


Course = tuple[str, str, float, tuple[Order, ...]]


def _steady(speed: float) -> Course:
    return "steady", f"{speed:g} m/s", STEADY_SECONDS, (Order(0.0, Steering(speed)),)


def _turn(speed: float, turn: float) -> Course:
    orders = (Order(0.0, Steering(speed)), Order(LEAD_SECONDS, Steering(speed, float(np.radians(turn)))))
    return "turn", f"{turn:+g}° at {speed:g} m/s", LEAD_SECONDS + TURN_SECONDS, orders


def _stop(speed: float) -> Course:
    orders = (Order(0.0, Steering(speed)), Order(LEAD_SECONDS, Steering(0.0)))
    return "stop", f"from {speed:g} m/s", LEAD_SECONDS + STOP_SECONDS, orders


def _aside(facing: float) -> Course:
    goal = Steering(FACING_SPEED, 0.0, float(np.radians(facing)))
    orders = (Order(0.0, Steering(FACING_SPEED)), Order(LEAD_SECONDS, goal))
    return "aside", f"facing {facing:+g}°", LEAD_SECONDS + TURN_SECONDS, orders

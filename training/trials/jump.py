"""Jump: standing, walking and jogging, with a jump commanded every four seconds."""

from __future__ import annotations

import numpy as np

from runtime import Jump
from runtime.character import BODIES, CONTROL_HZ, DEFAULT_HEIGHT, FALLEN_HEAD
from runtime.task_goals import HIGHEST_APEX, JUMP_TAIL, LOWEST_APEX
from training.metrics import Rollout
from training.motion import soles
from training.trials import Episode, Order, Outcome, Request

SPEEDS = (0.5, 2.0)  # m/s, of those that walk
STAND_SHARE = 0.4
FIRST, EVERY = 2.0, 4.0  # s, of the commands
TOLERANCE = 0.1  # m
UPRIGHT_AFTER = 1.0  # s from the apex's landing

RESTARTS = True
DEFINITION = (
    "standing (40 %) or moving at 0.5 to 2 m/s, a jump of 0.1 to 0.4 m commanded every 4 s; apex: the root's "
    "greatest height over its height in standing in the 1.5 s of a command, of frames with both soles more than "
    "1.2 cm up. A jump is a success if its apex is within 0.1 m of the command and 1 s after the first sole "
    "is down again the character has not fallen and its head is above "
    f"{FALLEN_HEAD} m. distance_m: the root's way in flight"
)


def plan(request: Request) -> list[Episode]:
    """See `Trial.plan`."""
    every = []
    for number in range(request.episodes):
        rng = np.random.default_rng((request.seed, 0, number))
        speed = 0.0 if rng.random() < STAND_SHARE else float(rng.uniform(*SPEEDS))
        orders = [Order(0.0, Jump(speed))]
        for second in np.arange(FIRST, request.seconds, EVERY):
            orders.append(Order(float(second), Jump(speed, apex=float(rng.uniform(LOWEST_APEX, HIGHEST_APEX)))))
        every.append(Episode("random", "random", request.seconds, 0.0, tuple(orders)))
    return every


def judge(episode: Episode, rollout: Rollout) -> list[Outcome]:
    """See `Trial.judge`: one outcome a jump; the time before the first is none."""
    rise = rollout.states.root_position[:, 2] - DEFAULT_HEIGHT
    off = soles.flight(rollout.states)
    outcomes = []
    for index in range(1, int(rollout.goal_index.max()) + 1):
        (frames,) = np.nonzero(rollout.goal_index == index)
        wanted = float(rollout.goal[frames[0], 4])
        window = frames[rollout.goal[frames, 4] > 0]
        if len(frames) < len(window) + (UPRIGHT_AFTER - JUMP_TAIL) * CONTROL_HZ:
            continue  # the episode ended within it
        flying = window[off[window]]
        top = flying[rise[flying].argmax()] if len(flying) else window[0]
        down = next((frame for frame in frames if frame > top and not off[frame]), frames[-1])
        until = frames[frames <= down + round(UPRIGHT_AFTER * CONTROL_HZ)]
        fell = bool(rollout.fell[until].any())
        upright = rollout.states.body_position[until[-1], BODIES.index("head"), 2] > FALLEN_HEAD
        apex = float(rise[top]) if len(flying) else float("nan")
        takeoff = next((frame for frame in frames[::-1] if frame < top and not off[frame]), frames[0])
        place = rollout.states.root_position[:, :2]
        figures = {
            "apex_m": apex, "apex_error_m": abs(apex - wanted), "flight_s": (down - takeoff - 1) / CONTROL_HZ,
            "distance_m": float(np.linalg.norm(place[down] - place[takeoff])),
        }  # fmt: skip
        success = len(flying) > 0 and abs(apex - wanted) <= TOLERANCE and upright and not fell
        speed = float(np.linalg.norm(rollout.goal[frames[0], :2]))
        label = f"{'standing' if speed == 0 else 'moving'}, {wanted:.1f} m"
        outcomes.append(Outcome(bool(success), label, fell, figures))
    return outcomes

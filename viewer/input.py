"""From held keys to a steering goal.

Keys mean directions relative to the camera: forward is away from it. Which physical key means what is the window's
business; here a key is one of `ACTIONS`, so that all of this runs without a window.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from runtime import Steering

WALK_SPEED, RUN_SPEED = 1.3, 3.0  # m/s

ACTIONS = ("forward", "back", "left", "right", "run")


class Drive:
    """Turns held actions into goals; remembers the last direction, so that a stop does not turn the character."""

    def __init__(self, direction: float = 0.0) -> None:
        """Start standing, looking along `direction` (rad, world yaw)."""
        self.direction = direction

    def goal(self, held: Collection[str], camera_yaw: float) -> Steering:
        """The goal of what is held now.

        Args:
            held: some of `ACTIONS`; opposite ones cancel each other, no direction means stop.
            camera_yaw: horizontal direction of view, rad, world.
        """
        ahead = ("forward" in held) - ("back" in held)
        left = ("left" in held) - ("right" in held)
        if ahead == 0 and left == 0:
            return Steering(0.0, self.direction)
        turn = camera_yaw + math.atan2(left, ahead)  # yaw is counter-clockwise seen from above: left is positive
        self.direction = math.remainder(turn, 2.0 * math.pi)
        return Steering(RUN_SPEED if "run" in held else WALK_SPEED, self.direction)

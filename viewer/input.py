"""From held keys and sticks to what the user wishes of a character.

Directions are relative to the camera: forward is away from it. A `Wish` is the same for every task; which goal of
which task it becomes is `wishes.py`'s business. Which physical key or button means what stands in `actions.py`, so that
all of this runs without a window and without a device.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

WALK_SPEED, RUN_SPEED = 1.3, 3.0  # m/s
DEAD_ZONE = 0.2  # of a stick's reach: worn sticks rest anywhere in there
ACTIONS = ("forward", "back", "left", "right", "run", "face")

Stick = tuple[float, float]
"""How far a stick is pushed: right, up; each −1 to 1."""


@dataclass(frozen=True)
class Wish:
    """Where to, how fast, looking where."""

    speed: float = 0.0
    """m/s over ground."""
    direction: float = 0.0
    """rad, world yaw."""
    facing: float | None = None
    """rad, world yaw; None: where it goes."""


@dataclass
class Pad:
    """What a gamepad's sticks and triggers say now."""

    left: Stick = (0.0, 0.0)
    right: Stick = (0.0, 0.0)
    left_trigger: float = 0.0


def beyond_dead_zone(stick: Stick) -> tuple[float, float, float]:
    """A stick's direction and how far it is pushed beyond the dead zone: unit right, unit up, 0 to 1.

    The zone is radial: a stick pushed straight stays straight, and past its edge the value starts from 0. A corner of a
    square gate (1, 1) counts as 1.
    """
    right, up = stick
    length = math.hypot(right, up)
    if length <= DEAD_ZONE:
        return 0.0, 0.0, 0.0
    return right / length, up / length, min((length - DEAD_ZONE) / (1.0 - DEAD_ZONE), 1.0)


@dataclass
class Drive:
    """Turns held actions and sticks into wishes; remembers the last direction, so that a stop does not turn anybody."""

    direction: float = 0.0
    """rad, world yaw: where it last went."""
    pad: Pad = field(default_factory=Pad)

    def wish(self, held: Collection[str], camera_yaw: float) -> Wish:
        """What is wished now.

        Args:
            held: some of `ACTIONS`; opposite ones cancel each other, no direction means stop.
            camera_yaw: horizontal direction of view, rad, world.
        """
        ahead = ("forward" in held) - ("back" in held)
        left = ("left" in held) - ("right" in held)
        speed = RUN_SPEED if "run" in held else WALK_SPEED
        if ahead == 0 and left == 0:
            right, ahead, pushed = beyond_dead_zone(self.pad.left)
            left, speed = -right, RUN_SPEED * pushed
        facing = self._facing(held, camera_yaw)
        if ahead == 0 and left == 0:
            return Wish(0.0, self.direction, facing)
        self.direction = _wrapped(
            camera_yaw + math.atan2(left, ahead)
        )  # counter-clockwise from above: left is positive
        if facing is None:
            return Wish(speed, self.direction)
        return Wish(speed, self.direction, facing)

    def look(self) -> Stick:
        """How the right stick turns the camera now: right and up, −1 to 1; nothing while it says where to face."""
        if self.pad.left_trigger > 0.5:
            return 0.0, 0.0
        right, up, pushed = beyond_dead_zone(self.pad.right)
        return right * pushed * pushed, up * pushed * pushed  # squared: small turns are easy

    def _facing(self, held: Collection[str], camera_yaw: float) -> float | None:
        if "face" in held:
            return _wrapped(camera_yaw)
        right, up, pushed = beyond_dead_zone(self.pad.right)
        if self.pad.left_trigger > 0.5 and pushed > 0.0:
            return _wrapped(camera_yaw + math.atan2(-right, up))
        return None


def _wrapped(angle: float) -> float:
    return math.remainder(angle, 2.0 * math.pi)

"""Typed goals of the tasks beside steering, with their schemas; `runtime.goals` gathers them all.

Two of them move: a `Jump` counts down to its apex and ends itself 0.7 s after it, the ball of a `Dodgeball` flies on
along its parabola until it is on the ground. `after(seconds)` gives the goal that much later; whoever steps a world
calls it once a control step. So a jump is commanded by setting one goal, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from runtime._goal import GoalEntry, GoalError, clamped, finite
from runtime.character import BODIES, FALLEN_HEAD, FALLEN_ROOT

if TYPE_CHECKING:
    from runtime.character import State

FAR = 1000.0  # m from the world's origin: float32 still tells a tenth of a millimetre there
MIN_SPEED, MAX_SPEED = 0.5, 5.0  # m/s
JUMP_SPEED = 3.0  # m/s, largest at which a jump is asked for
LOWEST_APEX, HIGHEST_APEX = 0.1, 0.4  # m
JUMP_LEAD = 0.8  # s from the command to the apex: recorded jumps dip and take off within that time
JUMP_TAIL = 0.7  # s from the apex to the end of the command: coming down and rising from the knees
BALL_SPEED = 25.0  # m/s, largest
GRAVITY = 9.81  # m/s²
NO_BALL = (0.0, 0.0, -10.0)  # m: under the ground there is no ball

SPEED_SCHEMA = (
    GoalEntry("speed", "m/s", MIN_SPEED, MAX_SPEED, 1.0, "wanted speed of the root along the direction"),
    GoalEntry("direction_x", "1", -1.0, 1.0, 1.0, "x of the horizontal unit vector to move along and to face, world"),
    GoalEntry("direction_y", "1", -1.0, 1.0, 0.0, "y of the horizontal unit vector to move along and to face, world"),
)
LOCATION_SCHEMA = (
    GoalEntry("target_x", "m", -FAR, FAR, 0.0, "x of the point to go to and to stop at, world"),
    GoalEntry("target_y", "m", -FAR, FAR, 0.0, "y of the point to go to and to stop at, world"),
)
JUMP_SCHEMA = (
    GoalEntry("velocity_x", "m/s", -JUMP_SPEED, JUMP_SPEED, 0.0, "wanted velocity of the root, world x"),
    GoalEntry("velocity_y", "m/s", -JUMP_SPEED, JUMP_SPEED, 0.0, "wanted velocity of the root, world y"),
    GoalEntry("facing_x", "1", -1.0, 1.0, 1.0, "x of the horizontal unit vector the root should face, world"),
    GoalEntry("facing_y", "1", -1.0, 1.0, 0.0, "y of the horizontal unit vector the root should face, world"),
    GoalEntry("apex", "m", 0.0, HIGHEST_APEX, 0.0, "wanted rise of the root over its height in standing; 0: no jump"),
    GoalEntry("countdown", "s", -JUMP_TAIL, JUMP_LEAD, JUMP_LEAD, "time until the apex, negative after it"),
)
DODGEBALL_SCHEMA = (
    GoalEntry("ball_x", "m", -FAR, FAR, NO_BALL[0], "x of the ball's centre, world"),
    GoalEntry("ball_y", "m", -FAR, FAR, NO_BALL[1], "y of the ball's centre, world"),
    GoalEntry("ball_z", "m", -FAR, FAR, NO_BALL[2], "height of the ball's centre; below 0 there is no ball"),
    GoalEntry("ball_velocity_x", "m/s", -BALL_SPEED, BALL_SPEED, 0.0, "velocity of the ball, world x"),
    GoalEntry("ball_velocity_y", "m/s", -BALL_SPEED, BALL_SPEED, 0.0, "velocity of the ball, world y"),
    GoalEntry("ball_velocity_z", "m/s", -BALL_SPEED, BALL_SPEED, 0.0, "velocity of the ball, upwards"),
)
NO_ENTRIES: tuple[GoalEntry, ...] = ()


@dataclass(frozen=True)
class Speed:
    """Move forward at a speed, along a direction and facing it.

    A speed outside 0.5 to 5 m/s is clamped with a warning; raises GoalError for a value that is not a finite number.
    """

    speed: float = 1.0
    """m/s, 0.5 to 5."""
    direction: float = 0.0
    """rad, yaw in the world frame: 0 is along x, pi/2 along y."""

    task: ClassVar[str] = "speed"

    def __post_init__(self) -> None:
        """Check the numbers and clamp the speed."""
        object.__setattr__(self, "speed", clamped("Speed.speed", self.speed, MIN_SPEED, MAX_SPEED, "m/s"))
        object.__setattr__(self, "direction", finite("Speed.direction", self.direction))

    def vector(self) -> np.ndarray:
        """Return [3] float32: speed (m/s), direction x, y (unit vector, world)."""
        return _float32(self.speed, math.cos(self.direction), math.sin(self.direction))


@dataclass(frozen=True)
class Location:
    """Go to a point on the ground and stop there.

    Trained on points up to 10 m away; one farther off is walked towards all the same. A coordinate beyond 1,000 m is
    clamped with a warning; raises GoalError for a value that is not a finite number.
    """

    x: float = 0.0
    """m, world."""
    y: float = 0.0
    """m, world."""

    task: ClassVar[str] = "location"

    def __post_init__(self) -> None:
        """Check the numbers and clamp them."""
        object.__setattr__(self, "x", clamped("Location.x", self.x, -FAR, FAR, "m"))
        object.__setattr__(self, "y", clamped("Location.y", self.y, -FAR, FAR, "m"))

    @staticmethod
    def reached(states: State, goals: np.ndarray) -> np.ndarray:
        """Tell who is within 0.5 m of the point and slower than 0.5 m/s: states of B characters, goals [B, 2]."""
        distance = np.hypot(*(states.root_position[:, :2] - goals).T)
        return (distance < 0.5) & (np.hypot(*states.root_linear_velocity[:, :2].T) < 0.5)

    def vector(self) -> np.ndarray:
        """Return [2] float32: x, y (m, world)."""
        return _float32(self.x, self.y)


@dataclass(frozen=True)
class Jump:
    """Walk or stand; with an apex, jump that high on the way and go on.

    Speeds outside 0 to 3 m/s, apexes outside 0.1 to 0.4 m (0 is no jump) and countdowns outside −0.7 to 0.8 s are
    clamped with a warning; raises GoalError for a value that is not a finite number.
    """

    speed: float = 0.0
    """Speed over ground, m/s, 0 to 3; how far a jump goes follows from it."""
    direction: float = 0.0
    """Direction of travel, rad, yaw in the world frame."""
    facing: float | None = None
    """Direction to look in, rad, yaw in the world frame; None: the direction of travel."""
    apex: float = 0.0
    """How far the root is to rise over its height in standing, m, 0.1 to 0.4; 0: no jump."""
    countdown: float = JUMP_LEAD
    """Time until the apex, s."""

    task: ClassVar[str] = "jump"

    def __post_init__(self) -> None:
        """Check the numbers and clamp them."""
        object.__setattr__(self, "speed", clamped("Jump.speed", self.speed, 0.0, JUMP_SPEED, "m/s"))
        object.__setattr__(self, "direction", finite("Jump.direction", self.direction))
        if self.facing is not None:
            object.__setattr__(self, "facing", finite("Jump.facing", self.facing))
        apex = finite("Jump.apex", self.apex)
        if apex != 0.0:
            apex = clamped("Jump.apex", apex, LOWEST_APEX, HIGHEST_APEX, "m")
        object.__setattr__(self, "apex", apex)
        countdown = clamped("Jump.countdown", self.countdown, -JUMP_TAIL, JUMP_LEAD, "s")
        object.__setattr__(self, "countdown", countdown)

    def vector(self) -> np.ndarray:
        """Return [6] float32: velocity x, y (m/s, world), facing x, y (unit), apex (m), countdown (s)."""
        facing = self.direction if self.facing is None else self.facing
        countdown = self.countdown if self.apex else JUMP_LEAD
        velocity = self.speed * math.cos(self.direction), self.speed * math.sin(self.direction)
        return _float32(*velocity, math.cos(facing), math.sin(facing), self.apex, countdown)

    def after(self, seconds: float) -> Jump:
        """Return the goal `seconds` later: nearer to the apex or past it, and no jump any more 0.7 s after it."""
        if not self.apex:
            return self
        left = self.countdown - seconds
        return replace(self, countdown=left) if left >= -JUMP_TAIL else replace(self, apex=0.0, countdown=JUMP_LEAD)


@dataclass(frozen=True)
class Getup:
    """Get up from wherever one lies and stand; there is nothing to be said."""

    task: ClassVar[str] = "getup"

    @staticmethod
    def reached(states: State, goals: np.ndarray) -> np.ndarray:
        """Tell who stands: head above 0.95 m, root above 0.55 m; states of B characters, goals [B, 0]."""
        head = states.body_position[:, BODIES.index("head"), 2]
        return (head > FALLEN_HEAD) & (states.root_position[:, 2] > FALLEN_ROOT)

    def vector(self) -> np.ndarray:
        """Return [0] float32."""
        return _float32()


@dataclass(frozen=True)
class Dodgeball:
    """Stay clear of a ball, radius 0.1 m, in free flight.

    Coordinates beyond 1,000 m and velocities beyond 25 m/s along an axis are clamped with a warning; raises GoalError
    for values that are not three finite numbers each.
    """

    ball_position: Sequence[float] = NO_BALL
    """x, y, z of its centre, m, world; a z below 0 is no ball."""
    ball_velocity: Sequence[float] = (0.0, 0.0, 0.0)
    """m/s, world."""

    task: ClassVar[str] = "dodgeball"

    def __post_init__(self) -> None:
        """Check the numbers and clamp them."""
        for name, limit, unit in (("ball_position", FAR, "m"), ("ball_velocity", BALL_SPEED, "m/s")):
            values = tuple(getattr(self, name))
            if len(values) != 3:
                raise GoalError(f"Dodgeball.{name}: expected 3 numbers, found {values!r}")
            x = clamped(f"Dodgeball.{name}", values[0], -limit, limit, unit)
            y = clamped(f"Dodgeball.{name}", values[1], -limit, limit, unit)
            z = clamped(f"Dodgeball.{name}", values[2], -limit, limit, unit)
            object.__setattr__(self, name, (x, y, z))

    def vector(self) -> np.ndarray:
        """Return [6] float32: position (m, world), velocity (m/s, world)."""
        return _float32(*self.ball_position, *self.ball_velocity)

    def after(self, seconds: float) -> Dodgeball:
        """Return the goal `seconds` later: the ball further along its parabola, or gone once it is on the ground."""
        (x, y, z), (vx, vy, vz) = self.ball_position, self.ball_velocity
        z, fall = z + vz * seconds - 0.5 * GRAVITY * seconds**2, vz - GRAVITY * seconds
        if z < 0.0:
            return Dodgeball()
        return Dodgeball((x + vx * seconds, y + vy * seconds, z), (vx, vy, max(fall, -BALL_SPEED)))


@dataclass(frozen=True)
class Skill:
    """Do the one thing the controller's prior knows; there is nothing to be said."""

    task: ClassVar[str] = "skill"

    def vector(self) -> np.ndarray:
        """Return [0] float32."""
        return _float32()


def _float32(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)

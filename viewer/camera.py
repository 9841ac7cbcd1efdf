"""The camera: an orbit around a focus that follows a character smoothly.

The focus is at the pelvis. Where the camera is so near that the head would leave the picture, it looks higher: the top
of the character stays under the upper edge.

Angles are world yaw and pitch: the camera looks along (cos yaw · cos pitch, sin yaw · cos pitch, −sin pitch), so yaw 0
looks along x and a positive pitch looks down. "Forward" for whoever steers is the horizontal part of that direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from runtime.character import BODIES

PITCH_LIMITS = math.radians(2.0), math.radians(85.0)  # rad, never from below the ground
DISTANCE_LIMITS = 1.2, 40.0  # m
FIELD_OF_VIEW = math.radians(38.0)  # rad, vertical
NEAR, FAR = 0.1, 300.0  # m
HEAD_ROOM = 0.12  # of half the picture's height, over the top of what is followed
_HEAD, _SKULL = BODIES.index("head"), 0.29  # the body's frame is at the neck, m under the top of the skull
_RISE = 0.15  # s, lag of the height of that top


@dataclass
class Camera:
    """Where the picture is taken from."""

    yaw: float = math.radians(-35.0)
    """Horizontal direction of view, rad, world."""
    pitch: float = math.radians(11.0)
    """Downward angle of view, rad."""
    distance: float = 3.9
    """From the focus to the eye, m."""
    focus: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 0.85]))
    """What stays in the middle of the picture unless that cuts off the top, [3] m, world."""
    top: float = 0.0
    """Height of what stays in the picture above the focus, m."""
    field_of_view: float = FIELD_OF_VIEW
    """Vertical angle of view, rad."""

    @property
    def forward(self) -> np.ndarray:
        """Unit vector of view, [3] world."""
        flat = math.cos(self.pitch)
        return np.array([math.cos(self.yaw) * flat, math.sin(self.yaw) * flat, -math.sin(self.pitch)])

    @property
    def eye(self) -> np.ndarray:
        """Where the camera is, [3] m, world."""
        return self.focus + [0.0, 0.0, self.lift] - self.distance * self.forward

    @property
    def lift(self) -> float:
        """How much higher than at the focus the camera looks, m, so that the top is in the picture.

        A point `rise` over what is looked at appears at rise · cos(pitch) / (distance - rise · sin(pitch)) over the
        middle; that may be `slope` at most.
        """
        slope = (1.0 - HEAD_ROOM) * math.tan(0.5 * self.field_of_view)
        rise = slope * self.distance / (math.cos(self.pitch) + slope * math.sin(self.pitch))
        return max(self.top - rise - float(self.focus[2]), 0.0)

    def orbit(self, right: float, up: float) -> None:
        """Turn by mouse drag: `right` and `up` in rad; dragging right turns the view to the right."""
        self.yaw = (self.yaw - right + math.pi) % (2.0 * math.pi) - math.pi
        self.pitch = min(max(self.pitch - up, PITCH_LIMITS[0]), PITCH_LIMITS[1])

    def zoom(self, notches: float) -> None:
        """Turn the wheel: each notch away from the user comes an eighth nearer."""
        self.distance = min(max(self.distance * 0.88**notches, DISTANCE_LIMITS[0]), DISTANCE_LIMITS[1])

    def follow(self, root: np.ndarray, elapsed: float, top: float = 0.0) -> None:
        """Move the focus towards a character's root [3] m.

        Exponential, so that the result does not depend on the frame rate: half a stride's lag over ground, and slow
        in height, so that the picture does not bob with every step.

        Args:
            root: position of the followed root, [3] m, world.
            elapsed: time since the last call, s; infinity jumps there.
            top: height of the highest point that is followed, m.
        """
        lag = np.array([0.18, 0.18, 0.7])  # s
        target = np.array([root[0], root[1], max(root[2], 0.3) - 0.03])
        self.focus = self.focus + (target - self.focus) * (1.0 - np.exp(-elapsed / lag))
        self.top += (top - self.top) * (1.0 - math.exp(-elapsed / _RISE))

    def view_projection(self, aspect: float) -> np.ndarray:
        """World to clip space, [4, 4] row-major, for a picture of `aspect` = width / height."""
        return perspective(self.field_of_view, aspect, NEAR, FAR) @ look_along(self.eye, self.forward)

    def ray(self, x: float, y: float, aspect: float) -> np.ndarray:
        """Unit direction [3] from the eye through a point of the picture.

        Args:
            x: 0 at the left edge to 1 at the right one.
            y: 0 at the bottom to 1 at the top.
            aspect: width / height of the picture.
        """
        half = math.tan(0.5 * self.field_of_view)
        axes = look_along(self.eye, self.forward)[:3, :3]  # rows: right, up, back
        direction = axes.T @ [(2.0 * x - 1.0) * half * aspect, (2.0 * y - 1.0) * half, -1.0]
        return direction / np.linalg.norm(direction)


def starting_distance(position: np.ndarray) -> float:
    """From how far characters are seen well, m: `position` [N, 15, 3] m, world."""
    place = position[:, 0, :2]
    spread = float(np.linalg.norm(place - place.mean(axis=0), axis=1).max())
    return min(3.9 + 1.1 * spread + (0.6 if spread > 0.0 else 0.0), DISTANCE_LIMITS[1])


def top_of(position: np.ndarray) -> float:
    """Height of the highest head, m: `position` [N, 15, 3] m, world."""
    return float(position[:, _HEAD, 2].max()) + _SKULL


def look_along(eye: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """World to view space (x right, y up, −z ahead), [4, 4], for a camera at `eye` whose horizon is level."""
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    view = np.eye(4)
    view[:3, :3] = right, up, -forward
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def perspective(field_of_view: float, aspect: float, near: float, far: float) -> np.ndarray:
    """View to OpenGL clip space, [4, 4]; `field_of_view` is vertical, rad."""
    scale = 1.0 / math.tan(0.5 * field_of_view)
    depth = near - far
    return np.array(
        [
            [scale / aspect, 0.0, 0.0, 0.0],
            [0.0, scale, 0.0, 0.0],
            [0.0, 0.0, (far + near) / depth, 2.0 * far * near / depth],
            [0.0, 0.0, -1.0, 0.0],
        ]
    )

"""A puppet that walks as it is told to: states at 30 Hz, made up number by number, with no body behind them."""

from __future__ import annotations

import numpy as np

from runtime.character import BODIES, CONTROL_HZ, JOINT_NAMES, State
from training.motion import rotation

ANKLE = 0.05  # m: height of an ankle whose sole lies on the ground


def puppet(
    seconds: float = 5.0,
    speed: float = 1.2,
    strides: float = 1.0,
    heading: float = 0.7,
    lean: float = 7.0,
    width: float = 0.12,
    grounded: float = 0.6,
    height: float = 0.86,
    **angles: float,
) -> State:
    """Walk straight ahead, the root at `height` m bobbing by 2 cm up and down twice a stride.

    The ankles are `width` m apart and swing 30 cm ahead and back `strides` times a second, the hands 20 cm, the other
    way round. A foot is down for the share `grounded` of its cycle, the right one from 5 % of it on, the left one half
    a cycle later; then its knee is bent by 10°, else by 60°. The torso leans by `lean` deg, elbows are bent by 25°,
    the left one's angle being negative; `angles` are of other joints, rad, and held. `heading` in rad, `speed` in m/s.
    """
    t = np.arange(round(seconds * CONTROL_HZ)) / CONTROL_HZ
    count, cycle = len(t), strides * t + 0.005  # cycles; no frame falls on a change
    wave, yaw = np.sin(2 * np.pi * cycle), rotation.about(2, np.full(len(t), heading))
    ahead, left = np.array([np.cos(heading), np.sin(heading), 0]), np.array([-np.sin(heading), np.cos(heading), 0])
    root = speed * t[:, None] * ahead + np.outer(height + 0.02 * np.sin(4 * np.pi * cycle), [0, 0, 1])
    joints, position = np.zeros((count, len(JOINT_NAMES))), np.repeat(root[:, None], len(BODIES), axis=1)
    turned = np.repeat(yaw[:, None], len(BODIES), axis=1)
    turned[:, BODIES.index("torso")] = rotation.multiply(yaw, rotation.about(1, np.full(count, np.radians(lean))))
    for side, sign, late in (("right", 1.0, 0.0), ("left", -1.0, 0.5)):
        down = (cycle - late) % 1.0 < grounded
        foot, hand = BODIES.index(f"{side}_foot"), BODIES.index(f"{side}_hand")
        position[:, foot] += np.outer(sign * 0.15 * wave, ahead) - sign * 0.5 * width * left
        position[:, foot, 2] = ANKLE + np.where(down, 0.0, 0.05)
        position[:, hand] -= np.outer(sign * 0.20 * wave, ahead)
        joints[:, JOINT_NAMES.index(f"{side}_knee")] = np.radians(np.where(down, 10.0, 60.0))
        joints[:, JOINT_NAMES.index(f"{side}_elbow")] = sign * np.radians(25.0)
    for name, angle in angles.items():
        joints[:, JOINT_NAMES.index(name)] = angle
    none = np.zeros((count, 3))
    return State(root, yaw, none + speed * ahead, none, joints, np.zeros_like(joints), position, turned)

"""A recording or a clip as poses at any time: what a player shows.

Frames are interpolated (joint angles linearly, the root's rotation along the shorter way), then MuJoCo's forward
kinematics gives the bodies, the same as in simulation. Beside a clip there may be its source's own skeleton
(NAME.skeleton beside NAME.motion), whose joints and bones can be shown next to the retargeted figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from runtime import Motion, RecordingError, character, load_motion
from runtime.recording import MAGIC
from runtime.replay import Recording
from runtime.skeleton import Skeleton, load_skeleton

_ASIDE = np.array([0.0, 1.0, 0.0])  # m from the figure to its source's skeleton


@dataclass
class Film:
    """Motions of one or more characters, seen together from time 0 on."""

    name: str
    motions: dict[str, Motion]
    """By the character's name."""
    source: Skeleton | None = None
    """The first motion's source, if it lies beside it."""

    def __post_init__(self) -> None:
        """Make what the poses are computed with."""
        self._model = character.model()
        self._data = mujoco.MjData(self._model)
        self._slots = character.find_slots(self._model)

    @property
    def duration(self) -> float:
        """Of the longest motion, s."""
        return max(motion.seconds for motion in self.motions.values())

    @property
    def rate(self) -> float:
        """Frames a second of the first motion."""
        return next(iter(self.motions.values())).rate

    def poses(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Bodies of all characters at a time: positions [N, 15, 3] m, rotations [N, 15, 4] wxyz."""
        position, rotation = [], []
        bodies = slice(self._slots.body, self._slots.body + len(character.BODIES))
        for motion in self.motions.values():
            q = self._slots.qpos
            self._data.qpos[q : q + 35] = at(motion, time)
            mujoco.mj_kinematics(self._model, self._data)
            position.append(self._data.xpos[bodies].copy())
            rotation.append(self._data.xquat[bodies].copy())
        return np.stack(position), np.stack(rotation)

    def source_points(self, time: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """The source's joints beside the figure [J, 3] m, and which of them are joined by bones."""
        if self.source is None:
            return np.zeros((0, 3)), []
        low, high, share = _between(time, self.source.rate, len(self.source))
        points = (1.0 - share) * self.source.positions[low] + share * self.source.positions[high]
        bones = [(joint, parent) for joint, parent in enumerate(self.source.parents) if parent >= 0]
        return points + _ASIDE, bones


def load(path: Path) -> Film:
    """Open a motion file (a clip) or a recording of a world.

    Raises:
        RecordingError: it is neither, or damaged; the message says what was expected.
    """
    try:
        with path.open("rb") as stream:
            clip = stream.read(len(MAGIC)) == MAGIC
        if not clip:
            recording = Recording.load(path)
            return Film(path.stem, {name: recording.motion(name) for name in recording.characters})
        motion, beside = load_motion(path), path.with_suffix(".skeleton")
        return Film(path.stem, {motion.name or path.stem: motion}, load_skeleton(beside) if beside.is_file() else None)
    except OSError as error:
        raise RecordingError(path, "a recording or a clip", error.strerror or str(error)) from error


def at(motion: Motion, time: float) -> np.ndarray:
    """A motion at a time, [35]: root position, rotation wxyz, joint angles; its last frame after its end."""
    low, high, share = _between(time, motion.rate, len(motion))
    turn = motion.root_rotation[high] * np.sign(motion.root_rotation[low] @ motion.root_rotation[high] or 1.0)
    rotation = (1.0 - share) * motion.root_rotation[low] + share * turn
    return np.concatenate([
        (1.0 - share) * motion.root_position[low] + share * motion.root_position[high],
        rotation / np.linalg.norm(rotation),
        (1.0 - share) * motion.joint_position[low] + share * motion.joint_position[high],
    ])  # fmt: skip


def _between(time: float, rate: float, frames: int) -> tuple[int, int, float]:
    """The frames before and after a time, and how far it is from the one to the other."""
    place = min(max(time * rate, 0.0), frames - 1.0)
    low = min(int(place), frames - 1)
    return low, min(low + 1, frames - 1), place - low

"""Many humanoids at once behind one protocol; `create` picks the engine.

An engine owns N independent simulations of `runtime.character.model()`. It is stepped one control period at a time
and shows its state as torch tensors that it refreshes in place; nothing in this package knows about tasks or rewards.
A new engine is a new file and one line in `create`.
"""

from __future__ import annotations

from typing import Protocol

import torch

from runtime import character
from training.config import ConfigError


class Engine(Protocol):
    """N simulations of the humanoid, stepped together.

    The tensors are live: every call refreshes them, and they always belong to one instant (positions, velocities and
    body poses of the state the next step starts from).
    """

    envs: int
    device: torch.device
    blown_up: int
    """How many simulations went non-finite since the engine was made (each was reset, none spread)."""

    qpos: torch.Tensor  # [N, 35] root position 3 (m), rotation wxyz 4, joint angles 28 (rad)
    qvel: torch.Tensor  # [N, 34] root linear 3 (m/s, world), angular 3 (rad/s, BODY frame), joints 28 (rad/s)
    body_position: torch.Tensor  # [N, 15, 3] m, world
    body_rotation: torch.Tensor  # [N, 15, 4] wxyz, world

    def step(self, joint_target: torch.Tensor) -> torch.Tensor:
        """Hold servo targets [N, 28] rad for one control period; return a mask [N] of simulations that blew up.

        A blown-up simulation (non-finite or huge numbers, absurd velocity) has been put back into the default pose.
        """
        ...

    def push(self, force: torch.Tensor) -> None:
        """Apply forces [N, 3] N, world, to the torsos in every step until the next call; a reset ends one's own."""
        ...

    def reset(self, ids: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor) -> None:
        """Put simulations `ids` [n] into states qpos [n, 35], qvel [n, 34]; the others are untouched."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """Copy all that future steps depend on, for a checkpoint."""
        ...

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` gave, here or in another process, with the same numbers."""
        ...


def control_decimation(physics_hz: float, control_hz: float) -> int:
    """Physics steps in one control step; raises ValueError unless it is a whole number."""
    ratio = physics_hz / control_hz
    if ratio < 1 or abs(ratio - round(ratio)) > 1e-9:
        raise ValueError(
            f"a control period must be a whole number of physics steps, but control runs at {control_hz} Hz and "
            f"physics at {physics_hz} Hz ({ratio:.4f} steps a period)"
        )
    return round(ratio)


def create(engine: str, envs: int, threads: int = 1) -> Engine:
    """Make the engine `engine` with `envs` simulations on `threads` native threads; ConfigError where there is none."""
    if engine == "mujoco":
        from training.physics.mujoco import MujocoEngine

        return MujocoEngine(envs, threads, control_decimation(character.PHYSICS_HZ, character.CONTROL_HZ))
    raise ConfigError(f"physics={engine}: expected an engine of training/physics, 'mujoco'")

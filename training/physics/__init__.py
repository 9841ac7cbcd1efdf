"""Many humanoids at once behind one protocol; `create` picks the engine.

An engine owns N independent simulations of `runtime.character.model()`. It is stepped one control period at a time
and shows its state as torch tensors that it refreshes in place; nothing in this package knows about tasks or rewards.
A new engine is a new file and a line each in `ENGINES` and `create`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import torch

from runtime import character
from training.config import ConfigError
from training.physics.variation import Variation

ENGINES = ("mujoco", "mujoco_warp")
SPEED_LIMIT = 200.0
"""rad/s or m/s; nothing a 50 kg body with these servos does comes near."""


class EngineError(RuntimeError):
    """A simulation that is no longer what was asked for."""


class Engine(Protocol):
    """N simulations of the humanoid, stepped together.

    The tensors are live: every call refreshes them, and they always belong to one instant (positions, velocities and
    body poses of the state the next step starts from).
    """

    envs: int
    device: torch.device
    qpos: torch.Tensor  # [N, 35] root position 3 (m), rotation wxyz 4, joint angles 28 (rad)
    qvel: torch.Tensor  # [N, 34] root linear 3 (m/s, world), angular 3 (rad/s, BODY frame), joints 28 (rad/s)
    body_position: torch.Tensor  # [N, 15, 3] m, world
    body_rotation: torch.Tensor  # [N, 15, 4] wxyz, world

    @property
    def blown_up(self) -> int:
        """How many simulations went non-finite since the engine was made (each was reset, none spread)."""
        ...

    def step(self, joint_target: torch.Tensor) -> torch.Tensor:
        """Hold servo targets [N, 28] rad for one control period; return a mask [N] of simulations that blew up.

        A blown-up simulation (non-finite or huge numbers, absurd velocity) has been put back into the default pose.
        """
        ...

    def push(self, force: torch.Tensor) -> None:
        """Apply forces [N, 3] N, world, to the torsos in every step until the next call; a reset ends one's own."""
        ...

    def reset(self, rows: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor) -> None:
        """Put simulations into other states; those not chosen are untouched.

        `rows` are either indices [n], with qpos [n, 35] and qvel [n, 34], or a mask [N] with states for all N, of which
        those under the mask count: so nobody has to ask a GPU how many there are.
        """
        ...

    def check(self) -> None:
        """Raise EngineError when contacts or constraints were lost for want of room; call it once an iteration."""
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


def choose(engine: str) -> str:
    """The engine that `engine` means here: `auto` is mujoco_warp where CUDA and the package are present, else mujoco.

    Raises ConfigError for one that is none, or whose package is missing.
    """
    installed = find_spec("mujoco_warp") is not None
    if engine == "auto":
        return "mujoco_warp" if installed and torch.cuda.is_available() else "mujoco"
    if engine not in ENGINES:
        names = ", ".join(repr(name) for name in ("auto", *ENGINES))
        raise ConfigError(f"physics={engine}: expected an engine of training/physics, {names}")
    if engine == "mujoco_warp" and not installed:
        raise ConfigError("physics=mujoco_warp: the package mujoco-warp is missing: pip install 'mujoco-warp>=4.0,<5'")
    return engine


def device(engine: str) -> torch.device:
    """Where the tensors of `engine` live, and all that is trained on them: this process's GPU, or the CPU."""
    if choose(engine) == "mujoco_warp" and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def create(engine: str, envs: int, threads: int = 1, variation: Variation | None = None) -> Engine:
    """Make an engine (see `choose`) with `envs` simulations; `threads` are native threads of `mujoco`.

    With `variation`, of `envs` factors, they differ from the model and from each other, for as long as the engine is.
    `mujoco_warp` runs on the GPU that `device` names, and where there is none on the CPU, for tests.
    """
    decimation = control_decimation(character.PHYSICS_HZ, character.CONTROL_HZ)
    if choose(engine) == "mujoco_warp":
        from training.physics.mujoco_warp import MujocoWarpEngine

        return MujocoWarpEngine(envs, decimation, device(engine), variation=variation)
    from training.physics.mujoco import MujocoEngine

    return MujocoEngine(envs, threads, decimation, variation)


def default_state(envs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Qpos [N, 35] and qvel [N, 34] of the default pose at rest."""
    qpos = torch.zeros(envs, 35, dtype=torch.float64)
    qpos[:, 2] = character.DEFAULT_HEIGHT
    qpos[:, 3] = 1.0
    qpos[:, 7:] = torch.from_numpy(character.DEFAULT_POSE)
    return qpos, torch.zeros(envs, 34, dtype=torch.float64)

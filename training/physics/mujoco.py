"""The CPU engine: `mujoco.batch.Batch` on native threads, its arrays shared with torch.

The batch keeps one MjData a simulation (`persistent`), so that asking for the position and velocity stages at the
new state costs nothing: the next step continues from them. Its float64 arrays are wrapped, not copied.

MuJoCo puts a simulation with a non-finite or huge number back to its reference pose by itself and goes on as if
nothing had happened; only its warning counters tell. They are read after every step: such an episode has ended.
"""

from __future__ import annotations

import warnings

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from runtime import character
from training.physics import SPEED_LIMIT, EngineError, default_state
from training.physics.variation import Variation, burden

_STAGE = mujoco.mjtStage.mjSTAGE_VEL
_WARNING = mujoco.mjtWarning
_BROKEN = [int(w) for w in (_WARNING.mjWARN_BADQPOS, _WARNING.mjWARN_BADQVEL, _WARNING.mjWARN_BADQACC)]
_FULL = [int(w) for w in (_WARNING.mjWARN_CONTACTFULL, _WARNING.mjWARN_CNSTRFULL)]


class MujocoEngine:
    """`training.physics.Engine` on CPU threads; bit-equal to a loop over MjData at any thread count."""

    def __init__(self, envs: int, threads: int, decimation: int, variation: Variation | None = None) -> None:
        """Make `envs` simulations in the default pose, `decimation` physics steps a control step."""
        self.envs = envs
        self.device = torch.device("cpu")
        self.blown_up = 0
        self._decimation = decimation
        self._batch = Batch(character.model(), envs, threads, persistent=True)
        if variation is not None:
            self._vary(variation)
        slots = character.find_slots(character.model())
        bodies = slice(slots.body, slots.body + len(character.BODIES))
        self.qpos = torch.from_numpy(self._batch.bind("qpos"))
        self.qvel = torch.from_numpy(self._batch.bind("qvel"))
        self._ctrl = torch.from_numpy(self._batch.bind("ctrl"))
        self._warmstart = torch.from_numpy(self._batch.bind("qacc_warmstart"))
        self._force = torch.from_numpy(self._batch.bind("xfrc_applied"))
        self.body_position = _tensor(self._batch.bind("xpos"))[:, bodies]
        self.body_rotation = _tensor(self._batch.bind("xquat"))[:, bodies]
        everyone = torch.arange(envs)
        self.reset(everyone, *default_state(envs))

    def step(self, joint_target: torch.Tensor) -> torch.Tensor:
        """See `Engine.step`."""
        self._ctrl.copy_(joint_target)
        self._batch.step(nstep=self._decimation, stage=_STAGE)
        # NaN fails every comparison, so this catches non-finite states too
        sane = (self.qvel.abs().amax(dim=1) < SPEED_LIMIT) & self.qpos.isfinite().all(dim=1)
        warned = self._batch.warning[:, _BROKEN, 1].any(axis=1)  # [N]; `reset` clears the counters
        blown = ~sane | torch.from_numpy(warned)
        if blown.any():
            ids = blown.nonzero().flatten()
            self.blown_up += len(ids)
            self.reset(ids, *default_state(len(ids)))
        return blown

    def push(self, force: torch.Tensor) -> None:
        """See `Engine.push`."""
        torso = 1 + character.BODIES.index("torso")
        self._force[:, torso, :3] = force.double()

    def reset(self, rows: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor) -> None:
        """See `Engine.reset`."""
        if rows.dtype == torch.bool:
            rows, qpos, qvel = rows.nonzero().flatten(), qpos[rows], qvel[rows]
        if len(rows) == 0:
            return
        ids = rows.sort().values.numpy().astype(np.int32)  # the batch wants them sorted
        self._batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self.qpos[rows] = qpos.double()
        self.qvel[rows] = qvel.double()
        self._warmstart[rows] = 0.0
        self._batch.forward(ids, stage=_STAGE)

    def check(self) -> None:
        """See `Engine.check`."""
        if full := int(self._batch.warning[:, _FULL, 1].any(axis=1).sum()):
            raise EngineError(f"physics=mujoco: contacts or constraints did not fit into memory in {full} simulations")

    def state(self) -> dict[str, torch.Tensor]:
        """See `Engine.state`; joint targets are no part of it, every step sets them."""
        return {name: array.clone() for name, array in self._rows().items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """See `Engine.restore`."""
        self._batch.reset(stage=mujoco.mjtStage.mjSTAGE_NONE)
        for name, array in self._rows().items():
            array.copy_(state[name])
        self._batch.forward(stage=_STAGE)

    def _vary(self, variation: Variation) -> None:
        friction, mass, inertia = map(self._batch.expand, ("geom_friction", "body_mass", "body_inertia"))
        burden(friction, mass, inertia, variation.friction.numpy(), variation.mass.numpy())
        self._batch.set_const()

    def _rows(self) -> dict[str, torch.Tensor]:
        return {"qpos": self.qpos, "qvel": self.qvel, "warmstart": self._warmstart, "force": self._force}


def _tensor(array: np.ndarray) -> torch.Tensor:
    """Share a read-only output array of the batch with torch; torch only warns that it cannot keep it read-only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)

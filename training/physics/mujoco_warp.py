"""The GPU engine: MuJoCo Warp, thousands of worlds in arrays that torch and Warp share without a copy.

    step ── targets written ── one CUDA graph: four physics steps ── broken worlds masked back ── body poses

A control step is a few hundred kernels; captured once as a CUDA graph they start as one. Nothing on that way asks the
GPU for a number, so the host runs ahead of it: resets are masked writes of all rows, and overflows add up in a bit mask
on the device that `check` reads once an iteration.

Warp keeps the contacts of all worlds in one pool and a fixed number of constraint rows for each; what does not fit is
dropped. `capacity` sizes both from the model, and an overflow is an EngineError. On Warp's CPU device the same code
runs without a graph, one world after the other, at about a tenth of the speed of `mujoco`: for tests.

Numbers are float32 here and float64 in `mujoco`. On a GPU the order of atomic sums varies, so two runs differ in the
last bits and a resumed run goes on like, not equal to, one that was not stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mujoco
import mujoco_warp as mjw
import numpy as np
import torch
import warp as wp

from runtime import character
from training.physics import SPEED_LIMIT, EngineError, default_state
from training.physics.variation import Variation, burden

CONTACT_SHARE = 0.5
"""Part of all contacts that the geometry allows for which there is room; 40 falls onto the ground needed 15 of 34."""

wp.config.log_level = wp.LOG_WARNING  # else it lists every kernel at every start

_PLANE_CONTACTS = {
    mujoco.mjtGeom.mjGEOM_SPHERE: 1, mujoco.mjtGeom.mjGEOM_ELLIPSOID: 1, mujoco.mjtGeom.mjGEOM_CAPSULE: 2,
    mujoco.mjtGeom.mjGEOM_BOX: 4, mujoco.mjtGeom.mjGEOM_CYLINDER: 4,
}  # fmt: skip
_PAIR_CONTACTS = 8  # of any other two geoms: two boxes touch in at most 8 points
_LOST = {
    int(mjw.OverflowType.NEFC): "constraint rows",
    int(mjw.OverflowType.NJMAX_NNZ): "entries of constraint rows",
    int(mjw.OverflowType.BROADPHASE): "pairs of geoms that may touch",
    int(mjw.OverflowType.NARROWPHASE): "contacts",
    int(mjw.OverflowType.CCD): "contacts of convex geoms",
}

_VARIED = (
    "geom_friction", "body_mass", "body_inertia",
    "body_subtreemass", "body_invweight0", "dof_invweight0", "actuator_acc0",  # which set_const derives
)  # fmt: skip


class MujocoWarpEngine:
    """`training.physics.Engine` on `device`; its tensors are float32."""

    def __init__(
        self, envs: int, decimation: int, device: torch.device, contacts: int | None = None,
        constraints: int | None = None, variation: Variation | None = None,
    ) -> None:  # fmt: skip
        """Make `envs` worlds in the default pose, `decimation` physics steps a control step.

        `contacts` a world on average and `constraints` (rows) a world at most are chosen from the model if None.
        """
        self.envs, self.device = envs, device
        model = character.model()
        roomy = capacity(model)
        self.contacts, self.constraints = contacts or roomy[0], constraints or roomy[1]
        self._decimation = decimation
        wp.init()
        self._warp = wp.device_from_torch(device)
        with wp.ScopedDevice(self._warp):
            self._model = mjw.put_model(model)
            self._model.opt.warn_overflow = 0  # counted in `overflow`, not printed by every world
            self._data = mjw.make_data(model, nworld=envs, nconmax=self.contacts, njmax=self.constraints)
            if variation is not None:
                self._vary(variation)
        d = self._data
        slots = character.find_slots(model)
        bodies = slice(slots.body, slots.body + len(character.BODIES))
        self.qpos, self.qvel = wp.to_torch(d.qpos), wp.to_torch(d.qvel)
        self.body_position, self.body_rotation = wp.to_torch(d.xpos)[:, bodies], wp.to_torch(d.xquat)[:, bodies]
        self._ctrl, self._warmstart = wp.to_torch(d.ctrl), wp.to_torch(d.qacc_warmstart)
        self._force, self._overflow = wp.to_torch(d.xfrc_applied), wp.to_torch(d.overflow)
        self._blown_up = torch.zeros((), dtype=torch.int64, device=device)
        self._everyone = torch.ones(envs, dtype=torch.bool, device=device)
        self._default = tuple(part.to(self.qpos) for part in default_state(envs))
        self._poses = self._captured(lambda: mjw.kinematics(self._model, self._data))
        self._control_step = self._captured(self._advance)
        self._lost = torch.zeros_like(self._overflow)  # [N] bits of `_LOST`, of all steps
        self._overflow.zero_()
        self.reset(self._everyone, *self._default)

    @property
    def blown_up(self) -> int:
        """See `Engine.blown_up`; reading it waits for the device."""
        return int(self._blown_up)

    def step(self, joint_target: torch.Tensor) -> torch.Tensor:
        """See `Engine.step`."""
        self._ctrl.copy_(joint_target)
        with self._on_torch_stream():
            self._control_step()
        # NaN fails every comparison, so this catches non-finite states too
        blown = ~((self.qvel.abs().amax(dim=1) < SPEED_LIMIT) & self.qpos.isfinite().all(dim=1))
        self._blown_up += blown.sum()
        self._lost |= self._overflow.masked_fill_(blown, 0)  # what a broken world lost is of no account
        self._overflow.zero_()
        self.reset(blown, *self._default)
        return blown

    def push(self, force: torch.Tensor) -> None:
        """See `Engine.push`."""
        self._force[:, 1 + character.BODIES.index("torso"), :3] = force

    def reset(self, rows: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor) -> None:
        """See `Engine.reset`; a mask is the quicker form, and neither makes the host wait."""
        for array, value in ((self.qpos, qpos), (self.qvel, qvel), (self._warmstart, None), (self._force, None)):
            _write(array, rows, value)
        with self._on_torch_stream():
            self._poses()

    def check(self) -> None:
        """See `Engine.check`; waits for the device."""
        seen = self._lost.cpu()
        lost = [f"{what} in {int((seen & kind != 0).sum())}" for kind, what in _LOST.items() if (seen & kind).any()]
        if lost:
            raise EngineError(
                f"physics=mujoco_warp: too little room, some were lost: {', '.join(lost)} of {self.envs} worlds. "
                f"There is room for {self.contacts} contacts a world on average and {self.constraints} constraint rows "
                "in each: raise CONTACT_SHARE in training/physics/mujoco_warp.py"
            )

    def state(self) -> dict[str, torch.Tensor]:
        """See `Engine.state`; raises EngineError where something was lost."""
        self.check()
        return {name: array.clone() for name, array in self._rows().items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """See `Engine.restore`."""
        self.reset(self._everyone, *self._default)
        for name, array in self._rows().items():
            array.copy_(state[name])
        with self._on_torch_stream():
            self._poses()

    def _vary(self, variation: Variation) -> None:
        for name in _VARIED:
            shared = getattr(self._model, name)
            own = np.repeat(shared.numpy(), self.envs, axis=0)
            setattr(self._model, name, wp.array(own, dtype=shared.dtype, device=self._warp))
        own = (wp.to_torch(getattr(self._model, name)) for name in ("geom_friction", "body_mass", "body_inertia"))
        burden(*own, *(factor.float().to(self.device) for factor in (variation.friction, variation.mass)))
        mjw.set_const(self._model, self._data)

    def _rows(self) -> dict[str, torch.Tensor]:
        return {"qpos": self.qpos, "qvel": self.qvel, "warmstart": self._warmstart, "force": self._force}

    def _advance(self) -> None:
        for _ in range(self._decimation):
            mjw.step(self._model, self._data)  # leaves the body poses of the state it began with

    def _captured(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work` as one CUDA graph, or as it is on the CPU."""
        if not self._warp.is_cuda:
            return work
        torch.cuda.synchronize(self.device)
        with wp.ScopedDevice(self._warp):
            work()  # loads every kernel: a capture cannot
            wp.synchronize_device(self._warp)
            with wp.ScopedCapture() as capture:
                work()
        graph = capture.graph
        assert graph is not None
        return lambda: wp.capture_launch(graph)

    @contextmanager
    def _on_torch_stream(self) -> Iterator[None]:
        """Launch on torch's current stream, so that both keep one order."""
        if not self._warp.is_cuda:
            with wp.ScopedDevice(self._warp):
                yield
            return
        with wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(self.device))):
            yield


def capacity(model: mujoco.MjModel, share: float = CONTACT_SHARE) -> tuple[int, int]:
    """Contacts and constraint rows a world needs room for: `share` of all contacts, and every joint at its limit."""
    contacts = rows = 0
    for a in range(model.ngeom):
        for b in range(a + 1, model.ngeom):
            types, affinities = model.geom_contype[[a, b]], model.geom_conaffinity[[b, a]]
            if not (types & affinities).any() or model.geom_bodyid[a] == model.geom_bodyid[b]:
                continue
            first, second = sorted((int(model.geom_type[a]), int(model.geom_type[b])))
            plane = first == mujoco.mjtGeom.mjGEOM_PLANE
            points = _PLANE_CONTACTS.get(mujoco.mjtGeom(second), _PAIR_CONTACTS) if plane else _PAIR_CONTACTS
            dimension = int(max(model.geom_condim[a], model.geom_condim[b]))
            contacts += points
            rows += points * max(1, 2 * (dimension - 1))  # a pyramid of friction has 2 edges an axis
    return math.ceil(share * contacts), math.ceil(share * rows) + int(model.jnt_limited.sum())


def _write(array: torch.Tensor, rows: torch.Tensor, value: torch.Tensor | None) -> None:
    """Set rows (indices [n] or a mask [N]) of `array` [N, ...] to `value` [n or N, ...]; None stands for zeros."""
    if rows.dtype != torch.bool:
        array[rows] = 0.0 if value is None else value.to(array)
        return
    mask = rows.view(-1, *[1] * (array.dim() - 1))
    if value is None:
        array.masked_fill_(mask, 0.0)
    else:
        array.copy_(torch.where(mask, value.to(array), array))

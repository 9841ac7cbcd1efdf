"""The CPU engine against plain MuJoCo."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch

from runtime import character
from runtime.character import CONTROL_HZ, PHYSICS_HZ
from tests.training.engines import random_targets, same, snapshot
from training import physics
from training.config import ConfigError
from training.physics import EngineError, default_state
from training.physics.mujoco import MujocoEngine
from training.physics.variation import Variation


def make(envs: int, threads: int = 1) -> MujocoEngine:
    """The CPU engine."""
    engine = physics.create("mujoco", envs, threads)
    assert isinstance(engine, MujocoEngine)
    return engine


def test_engine_equals_a_plain_loop_bit_for_bit():
    """After each of 50 random control steps positions and velocities are mj_step's, poses those of that very state."""
    engine, model = make(3), character.model()
    body = character.find_slots(model).body
    plain = [mujoco.MjData(model) for _ in range(3)]
    qpos, qvel = default_state(1)
    for data in plain:
        data.qpos[:], data.qvel[:] = qpos[0], qvel[0]
    for target in random_targets(50, 3):
        blown = engine.step(target)
        assert not blown.any()
        for env, data in enumerate(plain):
            data.ctrl[:] = target[env].double().numpy()
            for _ in range(PHYSICS_HZ // CONTROL_HZ):
                mujoco.mj_step(model, data)
            now = mujoco.MjData(model)  # the poses that belong to this instant, computed from nothing but its state
            now.qpos[:], now.qvel[:] = data.qpos, data.qvel
            mujoco.mj_kinematics(model, now)
            assert np.array_equal(engine.qpos[env], data.qpos)
            assert np.array_equal(engine.qvel[env], data.qvel)
            assert np.array_equal(engine.body_position[env], now.xpos[body : body + 15])
            assert np.array_equal(engine.body_rotation[env], now.xquat[body : body + 15])
    assert (engine.qpos[:, 2] < character.DEFAULT_HEIGHT - 0.05).all()  # they moved: standing still is no test


def test_a_varied_simulation_is_plain_mujoco_of_its_own_model():
    """Friction and masses by factor: bit for bit the steps of a model with just these, from a reset on, too."""
    variation = Variation(torch.tensor([0.5, 1.0, 1.5]).double(), torch.tensor([0.8, 1.2, 1.0]).double())
    engine, plain = physics.create("mujoco", 3, variation=variation), []
    for friction, mass in zip(variation.friction.tolist(), variation.mass.tolist(), strict=True):
        model = copy.copy(character.model())
        model.geom_friction[:, 0] *= friction
        model.body_mass[:] *= mass
        model.body_inertia[:] *= mass
        mujoco.mj_setConst(model, mujoco.MjData(model))
        plain.append((model, mujoco.MjData(model)))
    qpos, qvel = default_state(3)
    qvel[:, 0] = 2.0  # sliding, so that friction counts
    engine.step(random_targets(1, 3)[0])
    engine.reset(torch.arange(3), qpos, qvel)
    for env, (_, data) in enumerate(plain):
        data.qpos[:], data.qvel[:] = qpos[env], qvel[env]
    for target in random_targets(20, 3):
        engine.step(target)
        for env, (model, data) in enumerate(plain):
            data.ctrl[:] = target[env].double().numpy()
            mujoco.mj_step(model, data, PHYSICS_HZ // CONTROL_HZ)
            assert np.array_equal(engine.qpos[env], data.qpos) and np.array_equal(engine.qvel[env], data.qvel)
    assert len({round(float(x), 3) for x in engine.qpos[:, 0]}) == 3  # they went different ways
    assert (character.model().geom_friction[:, 0] == 1.0).all()  # the model that all share is as it was


def test_variations_are_drawn_from_their_ranges():
    """Both cover their range, the same seed gives the same, and where nothing may differ nothing does."""
    one, same_seed, other = (Variation.draw(4000, (0.4, 1.5), (0.8, 1.2), seed) for seed in (1, 1, 2))
    assert one is not None and same_seed is not None and other is not None
    for found, (low, high) in ((one.friction, (0.4, 1.5)), (one.mass, (0.8, 1.2))):
        assert low <= found.min() < low + 0.01 and high - 0.01 < found.max() <= high
        assert abs(found.mean() - (low + high) / 2) < 0.02
    assert abs(np.corrcoef(one.friction, one.mass)[0, 1]) < 0.1
    assert torch.equal(one.friction, same_seed.friction) and torch.equal(one.mass, same_seed.mass)
    assert not torch.equal(one.friction, other.friction)
    assert Variation.draw(4000, (1.0, 1.0), (1.0, 1.0), 1) is None


def test_views_share_the_batch_memory():
    """What the engine shows are the arrays of the batch themselves, before and after a step."""
    engine = make(2)
    pairs = [("qpos", engine.qpos), ("qvel", engine.qvel), ("xpos", engine.body_position)]
    for _ in range(2):
        for name, view in pairs:
            assert np.shares_memory(engine._batch.bind(name), view.numpy())
        engine.step(random_targets(1, 2)[0])
    engine.qpos[1, 0] = 7.0
    assert engine._batch.bind("qpos")[1, 0] == 7.0


def test_thread_counts_agree():
    """One thread and three give the same bits."""
    engines = [make(5, threads) for threads in (1, 3)]
    for target in random_targets(20, 5):
        for engine in engines:
            engine.step(target)
    assert same(snapshot(engines[0]), snapshot(engines[1]), list(range(5)))


def test_reset_leaves_others_untouched():
    """Resetting two of four puts these where asked, poses included, and changes no bit of the others, then or later."""
    engine, twin = (make(4) for _ in range(2))
    targets = random_targets(20, 4)
    for target in targets[:10]:
        engine.step(target)
        twin.step(target)
    qpos, qvel = default_state(2)
    qpos[:, 0], qvel[:, 1] = torch.tensor([1.0, 2.0]), 0.5
    engine.reset(torch.tensor([2, 0]), qpos, qvel)
    assert torch.equal(engine.qpos[[2, 0]], qpos) and torch.equal(engine.qvel[[2, 0]], qvel)
    assert torch.equal(engine.body_position[[2, 0], 0], qpos[:, :3])
    for target in targets[10:]:
        assert same(snapshot(engine), snapshot(twin), [1, 3])
        engine.step(target)
        twin.step(target)
    assert same(snapshot(engine), snapshot(twin), [1, 3])
    assert not same(snapshot(engine), snapshot(twin), [0])


def test_reset_by_a_mask_is_reset_by_indices():
    """A mask with states for all does what the indices of its true rows do; an empty one does nothing."""
    one, other = make(3), make(3)
    for target in random_targets(5, 3):
        one.step(target)
        other.step(target)
    qpos, qvel = default_state(3)
    qpos[:, 0] = torch.tensor([1.0, 2.0, 3.0])
    one.reset(torch.tensor([True, False, True]), qpos, qvel)
    other.reset(torch.tensor([0, 2]), qpos[[0, 2]], qvel[[0, 2]])
    one.reset(torch.zeros(3, dtype=torch.bool), qpos, qvel)
    assert same(snapshot(one), snapshot(other), [0, 1, 2]) and one.qpos[2, 0] == 3.0 != one.qpos[1, 0]


def test_lost_contacts_are_an_error():
    """Where MuJoCo says that contacts or constraints did not fit, `check` raises; before it does not."""
    engine = make(2)
    engine.step(random_targets(1, 2)[0])
    engine.check()
    engine._batch = SimpleNamespace(warning=engine._batch.warning.copy())  # a humanoid cannot fill MuJoCo's memory
    engine._batch.warning[1, mujoco.mjtWarning.mjWARN_CNSTRFULL, 1] = 1
    with pytest.raises(EngineError, match="did not fit into memory in 1 simulations"):
        engine.check()


def test_reset_forgets_the_past():
    """A simulation put into a state goes on as a new one put there does: nothing of its past is left."""
    old, new = (make(1) for _ in range(2))
    targets, everyone = random_targets(10, 1), torch.tensor([0])
    for target in targets[:5]:
        old.step(target)
    for engine in (old, new):
        engine.reset(everyone, *default_state(1))
        for target in targets[5:]:
            engine.step(target)
    assert same(snapshot(old), snapshot(new), [0])


@pytest.mark.parametrize(
    ("field", "value"), [("qpos", torch.nan), ("qvel", torch.nan), ("qvel", torch.inf), ("qvel", 1e9), ("qvel", 2e3)]
)
def test_a_broken_simulation_is_reset_counted_and_alone(field, value):
    """NaN, infinity or absurd speed in one simulation: it restarts in the default pose, is told and counted, once."""
    engine, twin = (make(3) for _ in range(2))
    targets = random_targets(10, 3)
    for target in targets[:5]:
        engine.step(target)
        twin.step(target)
    getattr(engine, field)[1, 12] = value
    assert engine.step(targets[5]).tolist() == [False, True, False]
    assert engine.blown_up == 1
    assert torch.equal(engine.qpos[1], default_state(1)[0][0]) and not engine.qvel[1].any()
    twin.step(targets[5])
    for target in targets[6:]:
        assert same(snapshot(engine), snapshot(twin), [0, 2])
        assert not engine.step(target).any()
        twin.step(target)
    assert engine.blown_up == 1 and twin.blown_up == 0
    assert all(part.isfinite().all() for part in snapshot(engine))


def test_state_and_restore_repeat_the_future():
    """A new engine given another's state has the same next ten steps, bit for bit."""
    engine = make(2)
    targets = random_targets(20, 2)
    for target in targets[:10]:
        engine.step(target)
    kept, other = engine.state(), make(2)
    for target in targets[10:]:
        engine.step(target)
    other.restore(kept)
    for target in targets[10:]:
        other.step(target)
    assert same(snapshot(engine), snapshot(other), [0, 1])


def test_push_moves_the_torso():
    """50 N along y for one control step on 50 kg give about 50/50/30 m/s of momentum; zeros end it."""
    engine = make(2)
    qpos, qvel = default_state(2)
    qpos[:, 2] += 1.0  # in the air, where nothing else acts along y
    engine.reset(torch.arange(2), qpos, qvel)
    hold = torch.from_numpy(character.DEFAULT_POSE).float().expand(2, -1)
    engine.push(torch.tensor([[0.0, 50.0, 0.0], [0.0, 0.0, 0.0]]))
    engine.step(hold)
    engine.push(torch.zeros(2, 3))
    momentum = [momentum_y(row) for row in zip(engine.qpos.numpy(), engine.qvel.numpy(), strict=True)]
    engine.step(hold)
    later = momentum_y((engine.qpos[0].numpy(), engine.qvel[0].numpy()))
    assert momentum[0] == pytest.approx(50.0 / CONTROL_HZ, rel=1e-3)
    assert momentum[1] == pytest.approx(0.0, abs=1e-6)
    assert later == pytest.approx(momentum[0], rel=1e-3)


def test_a_push_is_on_the_torso_alone_until_the_next():
    """It acts on no other body and turns nothing, stays through steps, and is replaced as a whole; a reset ends one's.

    A state taken while a push lasts goes on with it.
    """
    engine, torso = make(3), 1 + character.BODIES.index("torso")
    hold = torch.from_numpy(character.DEFAULT_POSE).float().expand(3, -1)
    force = torch.tensor([[10.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 0.0, 30.0]])
    for wanted in (force, force.flip(0)):
        engine.push(wanted)
        for _ in range(2):
            engine.step(hold)
            applied = engine._batch.bind("xfrc_applied").copy()
            assert applied[:, torso, :3].tolist() == wanted.tolist()
            applied[:, torso, :3] = 0.0
            assert not applied.any()
    other = make(3)
    other.restore(engine.state())
    for one in (engine, other):
        one.step(hold)
    assert same(snapshot(engine), snapshot(other), [0, 1, 2])
    engine.reset(torch.tensor([1]), *default_state(1))
    assert engine._batch.bind("xfrc_applied").any(axis=(1, 2)).tolist() == [True, False, True]


def momentum_y(state: tuple[np.ndarray, np.ndarray]) -> float:
    """Linear momentum along y of the whole body, kg·m/s."""
    model = character.model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = state
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    return float(data.subtree_linvel[0, 1] * model.body_subtreemass[0])


def test_control_decimation():
    """120 Hz of physics under 30 Hz of control are 4 steps; what does not divide names both rates."""
    assert physics.control_decimation(120, 30) == 4
    assert physics.control_decimation(90, 30) == 3
    for physics_hz, control_hz in ((100, 30), (15, 30)):
        with pytest.raises(ValueError, match=rf"control runs at {control_hz} Hz and physics at {physics_hz} Hz"):
            physics.control_decimation(physics_hz, control_hz)


def test_unknown_engine_is_named():
    """An engine that is none: one sentence with what was given and what there is."""
    with pytest.raises(ConfigError, match=r"physics=bullet: expected .*'auto', 'mujoco', 'mujoco_warp'"):
        physics.create("bullet", envs=1)

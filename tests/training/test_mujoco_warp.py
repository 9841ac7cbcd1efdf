"""The GPU engine on Warp's CPU device, against the CPU engine.

Warp computes in float32, `mujoco` in float64: a step rounds by about 1e-7 of its numbers, and a foot that lands a
little sooner or later multiplies what has added up. Where rounding decides in which physics step it lands, that is 5e-3
at once; the walk that is compared has no such landing. Measured over the steps that are compared, in m and rad: 5e-6 in
30 steps of walking; 2e-5 in a fall until a pelvis is below .3 m, 9e-5 in the five steps after. The tolerances are ten
times that or more. A servo gain or gravity 1 % off, or poses of another instant, show within 15 steps as .04 and more.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from runtime import Controller, Steering, character
from runtime.character import find_slots, read_state
from tests.training.engines import HOLD, random_targets, same, snapshot
from training import physics, run
from training.config import ConfigError
from training.learning.workers import Worker
from training.physics import EngineError, default_state
from training.physics.mujoco import MujocoEngine
from training.physics.mujoco_warp import MujocoWarpEngine, capacity
from training.physics.variation import Variation

CPU = torch.device("cpu")


def make(envs: int, **sizes: int) -> MujocoWarpEngine:
    """The GPU engine without a GPU."""
    return MujocoWarpEngine(envs, 4, CPU, **sizes)


def apart(one: physics.Engine, other: physics.Engine) -> float:
    """Largest difference of positions (m), angles (rad) and body poses of two engines."""
    parts = ("qpos", "body_position", "body_rotation")
    return max(float((getattr(one, name) - getattr(other, name)).abs().max()) for name in parts)


def walking(envs: int) -> tuple[MujocoEngine, list[torch.Tensor]]:
    """Humanoids after 4 s under a shipped controller at .5 to 2 m/s, and its targets for a second more."""
    controller = Controller.load("exported/steering_facing.onnx")
    goals = np.stack([Steering(speed=0.5 + 1.5 * i / (envs - 1)).vector() for i in range(envs)])
    engine, slots = MujocoEngine(envs, 1, 4), find_slots(character.model())
    xpos, xquat = (engine._batch.bind(name) for name in ("xpos", "xquat"))

    def act() -> torch.Tensor:
        state = read_state(engine.qpos.numpy(), engine.qvel.numpy(), xpos, xquat, slots)
        return torch.from_numpy(controller.act(state, goals.astype(np.float32)))

    for _ in range(120):
        engine.step(act())
    kept, targets = engine.state(), []
    for _ in range(30):
        targets.append(act())
        engine.step(targets[-1])
    engine.restore(kept)
    return engine, targets


def test_walking_equals_that_of_mujoco():
    """From 4 s into a walk and under the same targets, a second of walking agrees to 1e-4 m and rad."""
    engine, targets = walking(4)
    warp = make(4)
    warp.restore(engine.state())
    start = engine.qpos[:, :2].clone()
    for target in targets:
        engine.step(target)
        warp.step(target)
        assert apart(engine, warp) < 1e-4
        assert (engine.qvel - warp.qvel).abs().max() < 2e-3  # m/s and rad/s
    travelled = (engine.qpos[:, :2] - start).norm(dim=1)
    assert travelled.min() > 0.3 and engine.qpos[:, 2].min() > 0.7  # they walked: standing still is no test


def test_varied_worlds_equal_those_of_mujoco():
    """The same walk by humanoids of other masses on other grounds agrees, too, and is another walk.

    On grounds of less than .9 a sliding foot takes `mujoco`'s solver more than the six iterations the model allows, and
    both end elsewhere (measured: 2e-2 in a step, of which 1e-3 is Warp's).
    """
    engine, targets = walking(4)
    start, factors = engine.state(), torch.linspace(0.9, 1.4, 4).double()
    variation = Variation(factors, 2.0 - factors)
    varied, warp = MujocoEngine(4, 1, 4, variation), MujocoWarpEngine(4, 4, CPU, variation=variation)
    for one in (varied, warp):
        one.restore(start)
    for target in targets[:15]:
        for one in (engine, varied, warp):
            one.step(target)
        assert apart(varied, warp) < 1e-4
    assert apart(engine, varied) > 1e-2


def test_a_fall_equals_that_of_mujoco():
    """Under the same random targets: to 2e-4 m and rad while falling, to 1e-3 in five steps on the ground."""
    engine, warp = MujocoEngine(4, 1, 4), make(4)
    for target in random_targets(60, 4):
        engine.step(target)
        warp.step(target)
        lowest = engine.body_position[..., 2].amin(dim=1)  # the body's, soles excepted
        fallen = engine.qpos[:, 2] < 0.3
        if fallen.any():
            break
        assert apart(engine, warp) < 2e-4
    assert fallen.any() and lowest.min() < 0.2
    for target in random_targets(5, 4):
        engine.step(target)
        warp.step(target)
        assert apart(engine, warp) < 1e-3


def test_a_push_acts_as_in_mujoco():
    """A force on the torso moves both engines' humanoids alike, and off where there is none."""
    engine, warp, calm = MujocoEngine(2, 1, 4), make(2), make(2)
    for one in (engine, warp):
        one.push(torch.tensor([[200.0, 100.0, 0.0], [0.0, -300.0, 0.0]]))
    for _ in range(3):
        for one in (engine, warp, calm):
            one.step(HOLD.expand(2, -1))
    assert apart(engine, warp) < 1e-4
    assert apart(warp, calm) > 1e-2


def test_views_share_the_memory_of_warp():
    """What the engine shows are Warp's arrays themselves, before and after a step."""
    engine = make(2)
    for _ in range(2):
        assert engine.qpos.data_ptr() == engine._data.qpos.ptr and engine.qvel.data_ptr() == engine._data.qvel.ptr
        assert engine.body_position.data_ptr() == engine._data.xpos.ptr + 12  # behind the world body
        engine.step(random_targets(1, 2)[0])
    engine.qpos[1, 0] = 7.0
    assert engine._data.qpos.numpy()[1, 0] == 7.0


@pytest.mark.parametrize("form", ["ids", "mask"])
def test_reset_leaves_others_untouched(form):
    """Resetting two of four puts these where asked, poses included, and changes no bit of the others, then or later."""
    engine, twin = make(4), make(4)
    targets = random_targets(12, 4)
    for target in targets[:8]:
        engine.step(target)
        twin.step(target)
    qpos, qvel = default_state(4)
    qpos[:, 0], qvel[:, 1] = torch.tensor([1.0, 2.0, 3.0, 4.0]), 0.5
    if form == "ids":
        engine.reset(torch.tensor([2, 0]), qpos[[2, 0]], qvel[[2, 0]])
    else:
        engine.reset(torch.tensor([True, False, True, False]), qpos, qvel)
    assert torch.equal(engine.qpos[[2, 0]], qpos[[2, 0]].float())
    assert torch.equal(engine.qvel[[2, 0]], qvel[[2, 0]].float())
    assert torch.equal(engine.body_position[[2, 0], 0], qpos[[2, 0], :3].float())
    for target in targets[8:]:
        assert same(snapshot(engine), snapshot(twin), [1, 3])
        engine.step(target)
        twin.step(target)
    assert same(snapshot(engine), snapshot(twin), [1, 3])
    assert not same(snapshot(engine), snapshot(twin), [0])


def test_reset_forgets_the_past():
    """A world put into a state goes on as a new one put there does: nothing of its past is left, pushes included."""
    old, new = make(1), make(1)
    targets = random_targets(8, 1)
    old.push(torch.full((1, 3), 100.0))
    for target in targets[:5]:
        old.step(target)
    for engine in (old, new):
        engine.reset(torch.tensor([0]), *default_state(1))
        for target in targets[5:]:
            engine.step(target)
    assert same(snapshot(old), snapshot(new), [0])


@pytest.mark.parametrize(
    ("field", "value"), [("qpos", math.nan), ("qvel", math.nan), ("qvel", math.inf), ("qvel", 2e3)]
)
def test_a_broken_world_is_reset_counted_and_alone(field, value):
    """NaN, infinity or absurd speed in one world: it restarts in the default pose, is told and counted, once."""
    engine, twin = make(3), make(3)
    targets = random_targets(6, 3)
    for target in targets[:3]:
        engine.step(target)
        twin.step(target)
    getattr(engine, field)[1, 12] = value
    assert engine.step(targets[3]).tolist() == [False, True, False]
    assert engine.blown_up == 1
    assert torch.equal(engine.qpos[1], default_state(1)[0][0].float()) and not engine.qvel[1].any()
    twin.step(targets[3])
    for target in targets[4:]:
        assert not engine.step(target).any()
        twin.step(target)
        assert same(snapshot(engine), snapshot(twin), [0, 2])
    assert all(part.isfinite().all() for part in snapshot(engine))
    engine.check()


def test_state_and_restore_repeat_the_future():
    """A new engine given another's state, a push included, has the same next steps, bit for bit on the CPU."""
    engine = make(2)
    targets = random_targets(12, 2)
    for target in targets[:6]:
        engine.step(target)
    engine.push(torch.tensor([[50.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    kept, other = engine.state(), make(2)
    for target in targets[6:]:
        engine.step(target)
    other.restore(kept)
    for target in targets[6:]:
        other.step(target)
    assert same(snapshot(engine), snapshot(other), [0, 1])


@pytest.mark.parametrize(
    ("sizes", "lost"), [({"constraints": 12}, "constraint rows in 2"), ({"contacts": 3}, "contacts in 2 of 2 worlds")]
)
def test_an_overflow_is_an_error(sizes, lost):
    """Two soles on the ground touch in 8 points, 32 rows: with less room `check` and `state` say what was lost."""
    engine = make(2, **sizes)
    engine.check()
    for _ in range(10):  # until they have settled on their soles
        engine.step(HOLD.expand(2, -1))
    with pytest.raises(EngineError, match=lost):
        engine.check()
    with pytest.raises(EngineError, match="raise CONTACT_SHARE"):
        engine.state()


def test_room_for_a_humanoid_by_hand():
    """On the ground: 6 spheres 1 point each, 10 capsules 2, 2 boxes 4, so 34 with 4 rows each; and 28 joint limits."""
    spheres, capsules, boxes = (int((character.model().geom_type == kind).sum()) for kind in (2, 3, 6))
    assert (spheres, capsules, boxes) == (6, 10, 2)
    assert capacity(character.model(), share=1.0) == (6 + 20 + 8, 4 * 34 + 28)
    assert capacity(character.model()) == (17, 4 * 17 + 28)


def test_which_engine_auto_is(monkeypatch):
    """`auto` is the CPU's engine without CUDA and MuJoCo Warp with it, unless the package is missing."""
    assert physics.choose("auto") == "mujoco"
    assert physics.device("mujoco_warp") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert physics.choose("auto") == "mujoco_warp"
    assert physics.device("auto") == torch.device("cuda", 1)
    assert physics.device("mujoco") == CPU
    monkeypatch.setattr(physics, "find_spec", lambda name: None)
    assert physics.choose("auto") == "mujoco"
    with pytest.raises(ConfigError, match="physics=mujoco_warp: the package mujoco-warp is missing: pip install"):
        physics.create("mujoco_warp", envs=1)


def test_training_runs_on_it_and_goes_on_after_a_break(config):
    """Two iterations, a state as checkpoints have it, and one more: a learner given that state does the same one."""
    config = replace(config, physics="mujoco_warp", learner=replace(config.learner, envs=4))
    learner, other = (run.build(Worker(rank, 1), config) for rank in (0, 1))
    assert isinstance(learner.environment.engine, MujocoWarpEngine)
    for _ in range(2):
        figures = learner.iterate()
    known = {name: value for name, value in figures.items() if not name.startswith("style_by_speed/")}
    assert all(math.isfinite(value) for value in known.values()) and figures["blown_up"] == 0
    kept, own = copy.deepcopy(learner.state()), learner.own_state()
    straight = learner.iterate()
    other.restore(kept, counters=True)
    other.restore_own(own)  # the process's random numbers, too
    assert other.iterate() == pytest.approx(straight, rel=0, abs=0, nan_ok=True)  # nan: nobody is that fast
    assert torch.equal(learner.environment.engine.qpos, other.environment.engine.qpos)
    assert not torch.equal(learner.environment.engine.qpos, own["environment"]["engine"]["qpos"])


def test_a_body_stays_as_it_was_read(config):
    """The engine's tensors are live and float32, too: a body read before a step must not move with them."""
    config = replace(config, physics="mujoco_warp", learner=replace(config.learner, envs=2))
    environment = run.build(Worker(0, 1), config).environment
    before = environment.body
    kept = {name: value.clone() for name, value in vars(before).items()}
    environment.step(torch.zeros(2, environment.num_actions))
    assert all(torch.equal(getattr(before, name), value) for name, value in kept.items())
    assert not torch.equal(environment.body.root_position, kept["root_position"])

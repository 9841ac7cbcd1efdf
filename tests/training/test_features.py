"""Observations and motion windows: what they hold, what they do not depend on, left and right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from runtime import character
from runtime.character import STATE_SHAPES, State
from tests.training.motions import random_angles, stepping
from training import features, rotation
from training.kinematics import Kinematics
from training.motion import edit
from training.motion import windows as motion_windows
from training.motion.clips import motion_states
from training.motion.dataset import Clip


def turning_states(seed: int = 0, frames: int = 12) -> dict[str, Tensor]:
    """States [frames, ...] of a figure that moves all joints, turns and travels; every velocity its own."""
    rng = np.random.default_rng(seed)
    angle = 0.4 + 0.1 * torch.arange(frames)
    yaw = rotation.from_axis(torch.tensor([0.0, 0.0, 1.0]), angle)
    tilt = rotation.from_axis(torch.tensor([0.6, 0.8, 0.0]), 0.3 * angle.sin())
    pose = {
        "root_position": torch.from_numpy(rng.normal(size=(1, 3)) + 0.1 * np.arange(frames)[:, None]).float(),
        "root_rotation": rotation.multiply(yaw, tilt),
        "joint_position": torch.from_numpy(random_angles(rng, frames)).float(),
    }
    position, orientation = Kinematics()(*pose.values())
    drawn = {name: torch.from_numpy(rng.normal(size=(frames, *shape))).float() for name, shape in STATE_SHAPES.items()}
    return drawn | pose | {"body_position": position, "body_rotation": orientation}


def observe(states: dict[str, Tensor]) -> Tensor:
    """Observations [T, 84] of states."""
    return features.observation(**{name: value for name, value in states.items() if name != "body_rotation"})


def window(states: dict[str, Tensor], offsets: Sequence[int] = range(9, -1, -1)) -> Tensor:
    """The window [1, F, 58] of the states that lie `offsets` before the last of them; by default ten in a row."""
    names = ("root_position", "root_rotation", "joint_position")
    last = {name: value[None, [-1 - back for back in offsets]] for name, value in states.items()}
    return features.window(*(last[n] for n in names), features.key_points(last["body_position"], last["body_rotation"]))


def moved(states: dict[str, Tensor], yaw: float, shift: tuple[float, float, float]) -> dict[str, Tensor]:
    """The same states in a world turned by `yaw` rad about z, then shifted by `shift` m."""
    turn, offset = rotation.from_axis(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(yaw)), torch.tensor(shift)

    def turned(name: str, value: Tensor) -> Tensor:
        if name.endswith("rotation"):
            return rotation.multiply(turn.expand_as(value), value)
        if name.startswith("joint"):
            return value
        return rotation.rotate(turn.expand(*value.shape[:-1], 4), value) + (offset if "position" in name else 0.0)

    return {name: turned(name, value) for name, value in states.items()}


def mirrored(states: dict[str, Tensor]) -> dict[str, Tensor]:
    """The states reflected in the x-z plane, left and right bodies and joints swapped: without features' own tables."""
    swap = {"right": "left", "left": "right"}

    def other(names: tuple[str, ...]) -> list[int]:
        sides = [name.split("_", 1) for name in names]
        return [names.index(f"{swap[s[0]]}_{s[1]}") if s[0] in swap else i for i, s in enumerate(sides)]

    flip = {"position": [1.0, -1.0, 1.0], "rotation": [1.0, -1.0, 1.0, -1.0], "linear_velocity": [1.0, -1.0, 1.0]}
    flip["angular_velocity"] = [-1.0, 1.0, -1.0]
    joint_sign = torch.tensor([1.0 if name.endswith(("_y", "knee")) else -1.0 for name in character.JOINT_NAMES])
    result = {}
    for name, value in states.items():
        part, _, kind = name.partition("_")
        if part == "joint":
            result[name] = value[:, other(character.JOINT_NAMES)] * joint_sign
        else:
            result[name] = (value[:, other(character.BODIES)] if part == "body" else value) * torch.tensor(flip[kind])
    return result


def test_names_count_what_comes_out():
    """84 numbers observed, 10 × 58 in a window, every window channel in one group."""
    states = turning_states()
    assert observe(states).shape == (12, 84) and len(features.OBSERVATION_NAMES) == 84
    assert window(states).shape == (1, 10, 58) and len(features.WINDOW_NAMES) == 58
    members = sorted(i for group in features.GROUPS.values() for i in group)
    assert members == list(range(58))
    assert [features.WINDOW_NAMES[i] for i in features.GROUPS["root_travel"]] == ["root_x", "root_y"]
    assert len(features.GROUPS["legs"]) == 14 and len(features.GROUPS["feet"]) == 12


def test_window_by_hand():
    """Walking along y, facing y: 3 cm a frame ahead, none aside, the left hand to the left."""
    states = turning_states()
    yaw = rotation.from_axis(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(math.pi / 2)).expand(12, 4)
    position = torch.tensor([[5.0, 1.0 + 0.03 * t, 0.9] for t in range(12)])
    joints = torch.from_numpy(character.DEFAULT_POSE).float().expand(12, 28)
    bodies, rotations = Kinematics()(position, yaw, joints)
    states |= {"root_position": position, "root_rotation": yaw, "joint_position": joints}
    states |= {"body_position": bodies, "body_rotation": rotations}
    value = dict(zip(features.WINDOW_NAMES, window(states)[0].T, strict=True))
    np.testing.assert_allclose(value["root_x"], 0.03 * np.arange(-9, 1), atol=1e-6)
    np.testing.assert_allclose(value["root_y"], 0, atol=1e-6)
    np.testing.assert_allclose(value["root_height"], 0.9)
    np.testing.assert_allclose(value["root_xx"], 1, atol=1e-6)
    np.testing.assert_allclose(value["left_hand_y"], 0.18311, atol=1e-5)
    np.testing.assert_allclose(value["left_heel_z"], -0.831416 - 0.05, atol=1e-5)
    np.testing.assert_allclose(value["left_heel_x"], 0.045 - 0.0885, atol=1e-5)
    np.testing.assert_allclose(value["right_toe_x"], 0.045 + 0.0885, atol=1e-5)
    np.testing.assert_allclose(value["right_toe_y"], -0.084887, atol=1e-5)


def test_the_last_frame_is_the_frame_of_reference():
    """Its root is at the origin and faces along x, whatever the body does; the first frame's does not."""
    value = window(turning_states())
    cos, sin = rotation.heading(rotation.from_6d(value[0, :, 3:9]))
    assert value[0, -1, :2].abs().max() == 0
    assert sin[-1].abs() < 1e-6 and cos[-1] > 0
    assert sin[0].abs() > 0.5 and value[0, 0, :2].norm() > 0.5


@settings(max_examples=40, deadline=None)
@given(
    yaw=st.floats(-7, 7), x=st.floats(-50, 50), y=st.floats(-50, 50), seed=st.integers(0, 3),
)  # fmt: skip
def test_invariant_to_translation_and_yaw(yaw: float, x: float, y: float, seed: int):
    """Where in the world and which way makes no difference beyond single precision at 50 m."""
    states = turning_states(seed)
    there = moved(states, yaw, (x, y, 0.0))
    torch.testing.assert_close(observe(there), observe(states), atol=1e-4, rtol=0)
    torch.testing.assert_close(window(there), window(states), atol=1e-4, rtol=0)


def test_height_and_tilt_are_seen():
    """10 cm up changes the height by .1 and nothing else; a tilt changes much: the invariance is not blindness."""
    states = turning_states()
    raised = moved(states, 0.0, (0.0, 0.0, 0.1))
    difference = (window(raised) - window(states))[0]
    np.testing.assert_allclose(difference[:, 2], 0.1, atol=1e-6)
    assert difference[:, [0, 1, *range(3, 58)]].abs().max() < 1e-5
    tilt = rotation.from_axis(torch.tensor([0.0, 1.0, 0.0]), torch.tensor(0.5)).expand(12, 4)
    tilted = states | {"root_rotation": rotation.multiply(states["root_rotation"], tilt)}
    assert (observe(tilted) - observe(states))[:, 1:7].abs().max() > 0.2


def test_mirroring_twice_is_nothing():
    """Of observations, windows and joints: index and sign undo themselves."""
    for index, sign in (features.OBSERVATION_MIRROR, features.WINDOW_MIRROR, features.JOINT_MIRROR):
        np.testing.assert_array_equal(index[index], np.arange(len(index)))
        np.testing.assert_array_equal(sign * sign[index], 1.0)
        assert (index != np.arange(len(index))).any() and (sign < 0).any()


def test_mirrored_states_give_mirrored_features():
    """Reflecting the world and then looking is looking and then mirroring the features."""
    states = turning_states()
    other = mirrored(states)
    index, sign = features.OBSERVATION_MIRROR
    torch.testing.assert_close(observe(other), observe(states)[:, index] * torch.from_numpy(sign), atol=1e-5, rtol=0)
    torch.testing.assert_close(window(other), motion_windows.mirror(window(states)), atol=1e-5, rtol=0)


def test_mirrored_joints_mirror_the_body():
    """Forward kinematics of mirrored joints is the mirror image of the body: the joints' signs are right."""
    states = turning_states()
    other = mirrored(states)
    position, _ = Kinematics()(other["root_position"], other["root_rotation"], other["joint_position"])
    torch.testing.assert_close(position, other["body_position"], atol=1e-5, rtol=0)
    index, sign = features.JOINT_MIRROR
    torch.testing.assert_close(other["joint_position"], states["joint_position"][:, index] * torch.from_numpy(sign))


def test_clip_and_simulator_give_the_same_window():
    """A clip played through mj_forward, read as the environment reads it: windows differ by less than 2e-6."""
    motion = stepping(seed=3, frames=40, speed=2.0)
    from_clip = motion_windows.cut([Clip(motion, "walk", "train", "g", 2.0)]).values
    data, slots, read = mujoco.MjData(character.model()), character.find_slots(character.model()), []
    for frame in range(40):
        data.qpos[:] = np.concatenate([a[frame] for a in (motion.root_position, motion.root_rotation)] + [np.zeros(28)])
        data.qpos[7:] = motion.joint_position[frame]
        mujoco.mj_forward(character.model(), data)
        state = character.read_state(data.qpos, data.qvel, data.xpos, data.xquat, slots)
        read.append({name: np.array(value) for name, value in vars(state).items()})
    states = {name: torch.from_numpy(np.stack([r[name] for r in read])).float() for name in STATE_SHAPES}
    ends = range(features.HISTORY, 41)
    from_simulator = torch.cat([window({n: v[:end] for n, v in states.items()}, features.OFFSETS) for end in ends])
    assert from_clip.shape == (13, 10, 58)
    assert (from_clip - from_simulator).abs().max() < 2e-6
    assert from_clip.std() > 0.1


def test_unpacking_a_window_undoes_it():
    """Root, joints and, by kinematics, key points come back, up to where in the world it was."""
    states = turning_states()
    first = window(states)
    position, orientation, joints = poses = features.unpack_window(first)
    again = features.window(position, orientation, joints, features.key_points(*Kinematics()(*poses)))
    torch.testing.assert_close(again, first, atol=2e-6, rtol=0)


def test_mirror_of_a_clip_is_the_mirror_of_its_windows():
    """`edit.mirror` on the motion and `windows.mirror` on the features agree."""
    motion = stepping(seed=1)
    pair = [motion_windows.cut([Clip(m, "walk", "train", "g", 1.0)]).values for m in (motion, edit.mirror(motion))]
    torch.testing.assert_close(motion_windows.mirror(pair[0]), pair[1], atol=1e-5, rtol=0)
    assert isinstance(motion_states(motion), State)

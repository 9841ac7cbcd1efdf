"""Motion capture to clips: conversion against kinematics written independently, editing, cleaning, the dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from runtime.character import BODIES, DEFAULT_POSE
from runtime.recording import Motion
from tests.training.motions import random_angles, standing
from training.motion import (
    deepmimic,
    fit,
    hinges,
    mimickit,
    rotation,
    soles,
)
from training.motion.clips import differences, kinematics, motion_states
from training.motion.edit import is_closed, lift, mirror, resample, reverse, unroll

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
PARENTS = (-1, 0, 1, 1, 3, 4, 1, 6, 7, 0, 9, 10, 0, 12, 13)
OFFSETS = np.array([  # m, of every body from its parent, as in the published humanoid
    [0, 0, 0], [0, 0, 0.236151], [0, 0, 0.223894],
    [-0.02405, -0.18311, 0.24350], [0, -0.274788, 0], [0, -0.258947, 0],
    [-0.02405, 0.18311, 0.24350], [0, 0.274788, 0], [0, 0.258947, 0],
    [0, -0.084887, 0], [0, 0, -0.421546], [0, 0, -0.409870],
    [0, 0.084887, 0], [0, 0, -0.421546], [0, 0, -0.409870],
])  # fmt: skip
BODY_JOINT = {
    "torso": "abdomen", "head": "neck", "right_upper_arm": "right_shoulder", "right_lower_arm": "right_elbow",
    "left_upper_arm": "left_shoulder", "left_lower_arm": "left_elbow", "right_thigh": "right_hip",
    "right_shin": "right_knee", "right_foot": "right_ankle", "left_thigh": "left_hip", "left_shin": "left_knee",
    "left_foot": "left_ankle",
}  # fmt: skip


def rodrigues(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of one rotation vector, by Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def chain(offsets: np.ndarray, local: list[np.ndarray], root: np.ndarray) -> np.ndarray:
    """Body positions [15, 3] of a chain of rotation matrices in the order of `BODIES`."""
    position, matrix = [root], [local[0]]
    for body in range(1, 15):
        parent = PARENTS[body]
        position.append(position[parent] + matrix[parent] @ offsets[body])
        matrix.append(matrix[parent] @ local[body])
    return np.array(position)


def hinge_matrices(angles: np.ndarray) -> dict[str, np.ndarray]:
    """Matrices [T, 3, 3] of every joint: Rx·Ry·Rz of its hinges, written out."""
    found = {}
    for joint in hinges.JOINTED:
        values = angles[:, hinges.columns(joint)]
        axes = {3: np.eye(3), 1: np.eye(3)[[2 if "elbow" in joint else 1]]}[values.shape[1]]
        turns = [[rodrigues(axis * v) for axis, v in zip(axes, row, strict=True)] for row in values]
        found[joint] = np.array([np.linalg.multi_dot([*turn, np.eye(3)]) for turn in turns])
    return found


def log(matrix: np.ndarray) -> np.ndarray:
    """Rotation vector of one matrix (angles below 180°)."""
    angle = np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))
    v = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    return v * (0.5 if angle < 1e-9 else angle / (2 * np.sin(angle)))


# ---- conversion


def test_mimickit_bodies_follow_the_source(tmp_path):
    """Body positions of a converted npz equal those of its rotation vectors, chained independently: within 1e-9 m."""
    rng = np.random.default_rng(1)
    matrices = hinge_matrices(random_angles(rng, 40))
    frames = np.zeros((40, 34))
    frames[:, :3], frames[:, 3:6] = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) * 0.3
    column = 6
    for joint, width in mimickit.LAYOUT:
        vectors = np.array([log(m) for m in matrices[joint]])
        frames[:, column : column + width] = vectors if width == 3 else vectors.sum(axis=1, keepdims=True)
        column += width
    np.savez(tmp_path / "made.npz", fps=np.float32(30), loop=True, frames=frames)
    found = mimickit.read(tmp_path / "made.npz")
    motion = found.motion
    position, _ = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    for t in range(40):
        local = [rodrigues(frames[t, 3:6])] + [
            matrices[BODY_JOINT[body]][t] if body in BODY_JOINT else np.eye(3) for body in BODIES[1:]
        ]
        np.testing.assert_allclose(position[t], chain(OFFSETS, local, frames[t, :3]), atol=1e-9)
    assert (motion.rate, motion.loop, motion.name) == (30.0, True, "made")
    assert found.changed.max() < 1e-6


def test_deepmimic_bodies_follow_the_source(tmp_path):
    """Body positions of a converted JSON equal those of its quaternions, chained with y up and hanging arms: 1e-6 m."""
    rng = np.random.default_rng(2)
    frames, quarter = 30, rodrigues(np.array([np.pi / 2, 0, 0]))
    matrices = hinge_matrices(random_angles(rng, frames))
    swap = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # ours to theirs: x, z, -y
    hang = {"right_shoulder": quarter.T, "left_shoulder": quarter}  # a hanging arm to the T-pose and on
    rows = []
    for t in range(frames):
        root = rng.normal(size=3) * 0.3
        row = [1 / 30, *(swap @ [0.1 * t, 0.2, 0.9]), *to_wxyz(swap @ rodrigues(root) @ swap.T)]
        for joint, width in deepmimic.LAYOUT:
            matrix = swap @ matrices[joint][t] @ hang.get(joint, np.eye(3)) @ swap.T
            sign = {"right_elbow": 1, "left_elbow": -1}.get(joint, -1)
            row += list(to_wxyz(matrix)) if width == 4 else [sign * float(log(matrices[joint][t]).sum())]
        rows.append(row)
    (tmp_path / "humanoid3d_made.txt").write_text(json.dumps({"Loop": "none", "Frames": rows}))
    motion = deepmimic.read(tmp_path / "humanoid3d_made.txt").motion
    position, _ = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    theirs = OFFSETS @ swap.T
    for body, down in ((4, 0.274788), (5, 0.258947), (7, 0.274788), (8, 0.258947)):
        theirs[body] = [0, -down, 0]  # arms hang in their zero pose
    for t in range(frames):
        expected = chain(theirs, their_locals(rows[t]), np.array(rows[t][1:4])) @ swap
        np.testing.assert_allclose(position[t], expected, atol=1e-6)


def to_wxyz(m: np.ndarray) -> np.ndarray:
    """Quaternion of one matrix by its rotation vector."""
    v = log(m)
    angle = np.linalg.norm(v)
    return np.array([np.cos(angle / 2), *(v * (np.sin(angle / 2) / angle if angle > 1e-12 else 0.5))])


def their_locals(row: list[float]) -> list[np.ndarray]:
    """Local matrices of a DeepMimic frame in the order of `BODIES`: quaternions, and hinges about their z."""
    local, column = {"pelvis": rodrigues(2 * vector_half(row[4:8]))}, 8
    body_of = {joint: body for body, joint in BODY_JOINT.items()}
    for joint, width in deepmimic.LAYOUT:
        values = row[column : column + width]
        column += width
        local[body_of[joint]] = (
            rodrigues(2 * vector_half(values)) if width == 4 else rodrigues(np.array([0, 0, values[0]]))
        )
    return [local.get(body, np.eye(3)) for body in BODIES]


def vector_half(q: list[float]) -> np.ndarray:
    """Half the rotation vector of a unit quaternion wxyz."""
    v = np.array(q[1:])
    sine = np.linalg.norm(v)
    return v / max(sine, 1e-12) * np.arctan2(sine, q[0])


def test_deepmimic_zero_pose_and_bends(tmp_path):
    """Their zero pose hangs the arms; elbows of 90° point both forearms forward, knees of -90° the shins back."""
    zero = [1 / 30, 0, 0.9, 0, 1, 0, 0, 0]
    for _, width in deepmimic.LAYOUT:
        zero += [1, 0, 0, 0] if width == 4 else [0]
    bent = list(zero)
    columns, column = {}, 8
    for joint, width in deepmimic.LAYOUT:
        columns[joint], column = column, column + width
    for joint, value in (("right_elbow", 1), ("left_elbow", 1), ("right_knee", -1), ("left_knee", -1)):
        bent[columns[joint]] = value * np.pi / 2
    (tmp_path / "z.txt").write_text(json.dumps({"Loop": "none", "Frames": [zero, bent]}))
    motion = deepmimic.read(tmp_path / "z.txt").motion
    np.testing.assert_allclose(motion.joint_position[0], DEFAULT_POSE, atol=1e-9)
    position, _ = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    for side in ("right", "left"):
        elbow, hand = (position[1, BODIES.index(f"{side}_{part}")] for part in ("lower_arm", "hand"))
        np.testing.assert_allclose(hand - elbow, [0.258947, 0, 0], atol=1e-9)
        knee, ankle = (position[1, BODIES.index(f"{side}_{part}")] for part in ("shin", "foot"))
        np.testing.assert_allclose(ankle - knee, [-0.40987, 0, 0], atol=1e-9)


def test_mimickit_reads_blank_columns_as_rest_and_refuses_other_nan(tmp_path):
    """NaN in every frame of a column is a joint that never moves; NaN in one frame is an error."""
    frames = np.zeros((5, 34))
    frames[:, 9:12] = np.nan
    np.savez(tmp_path / "a.npz", fps=30.0, loop=False, frames=frames)
    np.testing.assert_allclose(mimickit.read(tmp_path / "a.npz").motion.joint_position, 0.0, atol=1e-12)
    frames[:, 9:12] = 0.0
    frames[2, 20] = np.nan
    np.savez(tmp_path / "b.npz", fps=30.0, loop=False, frames=frames)
    with pytest.raises(ValueError, match=r"b\.npz: frames hold values that are not finite"):
        mimickit.read(tmp_path / "b.npz")


def test_ball_angles_recover_hinges_inside_the_limits():
    """Angles inside the limits come back exactly, also beyond a half turn (right shoulder z up to 160°)."""
    t = np.linspace(0, 1, 50)
    angles = np.stack((-1.9 + 4.3 * t, 1.2 * np.sin(6 * t), -1.0 + 3.7 * t), axis=1)
    limits = hinges.LIMITS[hinges.columns("right_shoulder")]
    np.testing.assert_allclose(hinges.ball_angles(hinges.compose(angles), limits), angles, atol=1e-9)


def test_fit_stays_inside_the_limits_and_does_not_jump_at_the_gimbal():
    """A hip that flexes through 90° while it turns: angles in range, under 25 rad/s, the pose within 15°."""
    limits = hinges.LIMITS[hinges.columns("right_hip")]
    t = np.linspace(0, 1, 31)
    vectors = np.stack((0.3 * np.sin(9 * t), -1.5 - 0.5 * np.sin(5 * t), 0.4 * np.cos(7 * t)), axis=1)
    q = rotation.from_rotation_vector(vectors)
    exact = hinges.ball_angles(q, limits)
    assert (np.abs(np.diff(np.clip(exact, limits[:, 0], limits[:, 1]), axis=0)) * 30).max() > 25  # the trouble is real
    angles = fit.fit(q, exact, limits, 30.0)
    assert (angles >= limits[:, 0]).all() and (angles <= limits[:, 1]).all()
    assert (np.abs(np.diff(angles, axis=0)) * 30).max() < 25
    assert np.degrees(fit.error(q, angles).max()) < 15


def test_fit_jacobian_is_the_derivative():
    """Body-frame rotation per angle against finite differences: 1e-6."""
    a = np.array([0.3, -0.7, 1.1])
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-6
        turn = rotation.multiply(rotation.conjugate(hinges.compose(a)), hinges.compose(a + step))
        np.testing.assert_allclose(rotation.to_rotation_vector(turn) / 1e-6, fit.jacobian(a)[:, axis], atol=1e-5)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no motion capture beside the project")
@pytest.mark.parametrize("name", ["run", "dance_a", "punch", "getup_facedown"])
def test_both_sources_of_one_skill_agree(name):
    """The same skill from DeepMimic's JSON and from MimicKit's npz: bodies within 0.1 mm."""
    motions = [
        mimickit.read(SHARED / "mimickit" / f"{name}.npz").motion,
        deepmimic.read(SHARED / "deepmimic" / f"humanoid3d_{name}.txt").motion,
    ]
    positions = [kinematics(m.root_position, m.root_rotation, m.joint_position)[0] for m in motions]
    relative = [p - m.root_position[:1, None] * [1, 1, 0] for p, m in zip(positions, motions, strict=True)]
    np.testing.assert_allclose(relative[0], relative[1], atol=1e-4)


# ---- editing


def test_mirror_reflects_the_bodies():
    """Body positions of the mirrored motion are the reflections of the other side's; twice is the motion itself."""
    rng = np.random.default_rng(3)
    q = rotation.normalise(rng.normal(size=(5, 4)))
    motion = Motion(30.0, rng.normal(size=(5, 3)), q, random_angles(rng, 5))
    image = mirror(motion)
    position, _ = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    reflected, _ = kinematics(image.root_position, image.root_rotation, image.joint_position)
    swap = {"right": "left", "left": "right"}
    order = [BODIES.index("_".join(swap.get(word, word) for word in body.split("_"))) for body in BODIES]
    np.testing.assert_allclose(reflected, position[:, order] * [1, -1, 1], atol=1e-12)
    np.testing.assert_array_equal(mirror(image).joint_position, motion.joint_position)


def test_reverse_walks_backwards():
    """What went 1 m/s along x goes 1 m/s along -x, facing as before, its last pose first; twice is as it was."""
    rng = np.random.default_rng(4)
    path = np.arange(6)[:, None] / 30 * [1.0, 0, 0] + [0, 0, 0.9]
    motion = Motion(30.0, path, np.tile([1.0, 0, 0, 0], (6, 1)), random_angles(rng, 6), name="walk")
    states = motion_states(reverse(motion))
    np.testing.assert_allclose(states.root_linear_velocity, np.tile([-1.0, 0, 0], (6, 1)), atol=1e-12)
    np.testing.assert_array_equal(states.joint_position[0], motion.joint_position[-1])
    np.testing.assert_array_equal(reverse(reverse(motion)).joint_position, motion.joint_position)
    assert reverse(motion).name == "walk_reversed"


def test_resample_by_hand():
    """10 Hz to 20 Hz: positions and angles half way, a yaw of 90° half way is 45°; two frames give three."""
    half = np.sqrt(0.5)
    motion = Motion(10.0, [[0, 0, 1], [2, 0, 1]], [[1, 0, 0, 0], [half, 0, 0, half]], [np.zeros(28), np.ones(28)])
    found = resample(motion, 20.0)
    assert len(found) == 3 and found.rate == 20.0
    np.testing.assert_allclose(found.root_position[:, 0], [0, 1, 2])
    np.testing.assert_allclose(np.degrees(rotation.yaw(found.root_rotation)), [0, 45, 90], atol=1e-9)
    np.testing.assert_allclose(found.joint_position[1], 0.5)


def test_a_coarse_flight_is_resampled_as_a_flight():
    """Half a second of free fall and tumbling at 16 Hz: at 30 Hz within 0.1 mm and 0.1° (chords: 4.8 mm)."""
    t = np.arange(9) / 16
    turns = rotation.about(1, -8.0 * t)
    path = np.stack((t, 0 * t, 1 + 2 * t - 4.905 * t**2), axis=1)
    found = resample(Motion(16.0, path, turns, np.zeros((9, 28))), 30.0)
    t = np.arange(len(found)) / 30
    assert len(found) == 16
    np.testing.assert_allclose(found.root_position[:, 2], 1 + 2 * t - 4.905 * t**2, atol=1e-4)
    apart = rotation.multiply(found.root_rotation, rotation.conjugate(rotation.about(1, -8.0 * t)))
    assert np.degrees(np.linalg.norm(rotation.to_rotation_vector(apart), axis=1)).max() < 0.1


def quarter_turn_loop(closed: bool) -> Motion:
    """One metre forward and a quarter turn to the left in four frames of a quarter metre."""
    steps = 5 if closed else 4
    t = np.arange(steps)
    joints = np.zeros((steps, 28))
    joints[:, 0] = [0.0, 0.3, 0.6, 0.3, 0.0][:steps]
    turns = rotation.about(2, np.pi / 8 * t)
    return Motion(4.0, np.stack((0.25 * t, 0 * t, 1 + 0 * t), axis=1), turns, joints, loop=True)


def test_unrolled_closed_loop_walks_a_square():
    """A closed loop of 1 m and 90°: after four cycles the root is back, having visited the corners of a square."""
    found = unroll(quarter_turn_loop(closed=True), 4)
    assert is_closed(quarter_turn_loop(closed=True)) and not found.loop and len(found) == 16
    np.testing.assert_allclose(found.root_position[::4, :2], [[0, 0], [1, 0], [1, 1], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(np.degrees(rotation.yaw(found.root_rotation[::4])) % 360, [0, 90, 180, 270], atol=1e-9)
    np.testing.assert_allclose(found.joint_position[:8, 0], [0, 0.3, 0.6, 0.3, 0, 0.3, 0.6, 0.3])


def test_unrolled_open_loop_takes_one_more_step():
    """Where the last frame leads to the first, the step between cycles is like the steps around it."""
    loop = quarter_turn_loop(closed=False)
    loop = Motion(4.0, loop.root_position, np.tile([1.0, 0, 0, 0], (4, 1)), loop.joint_position, loop=True)
    found = unroll(loop, 3)
    assert not is_closed(loop) and len(found) == 12
    np.testing.assert_allclose(found.root_position[:, 0], 0.25 * np.arange(12), atol=1e-12)


def test_unroll_refuses_what_is_no_loop():
    """A clip that ends elsewhere is not repeated."""
    with pytest.raises(ValueError, match="not a loop"):
        unroll(standing(), 2)


# ---- states


def test_velocities_are_backward_differences():
    """Turning at 2 rad/s about world z while lying on the side: world frame; the first copies the second."""
    t = np.arange(4) / 30
    q = rotation.multiply(rotation.about(2, 2.0 * t), np.tile(rotation.about(0, np.pi / 2), (4, 1)))
    position = np.stack((t**2, 0 * t, 0 * t), axis=1)
    joints = np.outer(t, np.arange(28.0))
    linear, angular, joint = differences(position, q, joints, 30.0)
    np.testing.assert_allclose(linear[:, 0], [1 / 30, 1 / 30, 3 / 30, 5 / 30])
    np.testing.assert_allclose(angular, np.tile([0, 0, 2.0], (4, 1)), atol=1e-12)
    np.testing.assert_allclose(joint, np.tile(np.arange(28.0), (4, 1)), atol=1e-9)


def test_states_of_a_loop_are_long_enough():
    """A loop of 1.25 s gives four seconds of states; a plain clip gives its own length."""
    loop = quarter_turn_loop(closed=True)
    assert len(motion_states(loop).root_position) == pytest.approx(4 * 30 + 1, abs=8)
    assert motion_states(standing(31)).body_position.shape == (31, 15, 3)


def test_states_need_two_frames():
    """A single frame has no velocity."""
    with pytest.raises(ValueError, match="expected at least 2"):
        motion_states(standing(1))


def test_soles_by_hand():
    """Standing: soles at zero, no skate, no flight; carried at 1 m/s on the ground: skate 1; lifted 2 cm: flight."""
    still = standing(31)
    np.testing.assert_allclose(soles.heights(motion_states(still)), 0.8824 - 0.42155 - 0.40987 - 0.05, atol=1e-5)
    carried = still.root_position.copy()
    carried[:, 0] = np.arange(31) / 30
    sliding = Motion(30.0, carried, still.root_rotation, still.joint_position)
    np.testing.assert_allclose(soles.skate(motion_states(sliding), 30.0), 1.0, atol=1e-9)
    assert len(soles.skate(motion_states(sliding), 30.0)) == 60
    assert not soles.flight(motion_states(still)).any()
    assert soles.flight(motion_states(lift(still, 0.02))).all()
    assert len(soles.skate(motion_states(lift(still, 0.03)), 30.0)) == 0

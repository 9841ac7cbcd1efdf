"""Targets to hinge angles: inverse kinematics on the humanoid, frame by frame, by mink.

Each frame starts where the last one ended and takes two Gauss-Newton steps (the first frame eighty), inside the joint
limits and with no hinge faster than 25 rad/s (past the pose in which two hinges coincide they would flip): both are
constraints of the step's quadratic program. Soles weigh most while they stand, so feet stay where they are put and the
pelvis gives way; then come wrists, elbows and knees, then the axes of trunk and feet.

Steps alone get stuck: an arm on the wrong side of a limit, or turned so that its elbow would have to bend backwards,
stays there. So arms and legs are also drawn, weakly, to the angles that `branches` finds over the whole clip. A
weaker pull to the zero twist settles what nothing else does (a straight leg can turn at the hip or at the ankle).
"""

from __future__ import annotations

import logging
from functools import cache

import mink
import mujoco
import numpy as np

from runtime.character import DEFAULT_POSE, JOINT_NAMES, PREFIX, add_character, scene_spec
from training.motion import rotation
from training.motion.footing import HEEL, TOE
from training.motion.hinges import LIMITS, ball_angles, columns
from training.motion.targets import BODIES, Targets

FIRST_STEPS, STEPS = 80, 2
MAX_SPEED = 25.0  # rad/s
DAMPING = 1e-4
TRUNK = ("pelvis", "torso", "head")
TRUNK_COSTS = ((1.0, 0.5), (0.0, 0.5), (0.0, 0.2))  # 1/m and 1/rad
POINT_COST = {"shin": 0.5, "lower_arm": 0.7, "hand": 1.0}  # 1/m, of knee, elbow, wrist
SWING, STANCE = 2.0, 6.0  # 1/m, of heel and toe edge
FOOT_COST = 0.15  # 1/rad
BRANCH_COST = 0.03  # 1/rad
TWIST = {"ankle_z": 0.03, "ankle_x": 0.03, "neck_x": 0.01, "neck_z": 0.01}
SOLES = ("left_heel", "left_toe", "right_heel", "right_toe")

logging.getLogger("mink").setLevel(logging.ERROR)  # it warns of limits missed by rounding


@cache
def _model() -> mujoco.MjModel:
    """The humanoid with a site at each heel and toe edge."""
    spec = scene_spec()
    add_character(spec)
    for side in ("left", "right"):
        for name, place in (("heel", HEEL), ("toe", TOE)):
            spec.body(f"{PREFIX}{side}_foot").add_site(name=f"{side}_{name}", pos=place)
    return spec.compile()


def retarget(targets: Targets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root position [T, 3] m and rotation [T, 4] wxyz, hinge angles [T, 28] rad, that come nearest to the targets.

    Raises mink's NoSolutionFound when a step's program has no solution.
    """
    solver = _Solver(targets)
    rows = np.empty((len(targets.pelvis), solver.configuration.nq))
    solver.start(targets)
    for t in range(len(rows)):
        rows[t] = solver.follow(targets, t, FIRST_STEPS if t == 0 else STEPS)
    return rows[:, :3], rotation.continuous(rotation.normalise(rows[:, 3:7])), rows[:, 7:]


BALLS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
SINGLES = ("left_elbow", "right_elbow", "left_knee", "right_knee")
_SINGLES = [JOINT_NAMES.index(joint) for joint in SINGLES]
_ON = (1, 1, 0, 0)  # torso, torso, pelvis, pelvis among the trunk's axes


def branches(targets: Targets) -> np.ndarray:
    """Hinge angles [T, 16] of `BALLS` and `SINGLES` inside their limits that turn and bend the limbs as they should be.

    Of a ball joint's equal triples of angles the shortest path in time is taken that keeps to the limits.
    """
    found = []
    for index, (ball, parent) in enumerate(zip(BALLS, _ON, strict=True)):
        local = np.swapaxes(targets.trunk[:, parent], -1, -2) @ targets.limbs[:, index]
        found.append(ball_angles(rotation.from_matrix(local), LIMITS[columns(ball)], held=True))
    found.append(targets.bends * np.sign(LIMITS[_SINGLES].sum(axis=1)))  # a left elbow's angles are negative
    return np.concatenate(found, axis=1)


class _Solver:
    """mink's configuration and tasks, made once a clip."""

    def __init__(self, targets: Targets) -> None:
        self.configuration = mink.Configuration(_model())
        self.trunk = [_frame(f"{PREFIX}{b}", "body", *cost) for b, cost in zip(TRUNK, TRUNK_COSTS, strict=True)]
        self.points = {
            index: _frame(f"{PREFIX}{name}", "body", cost, 0.0)
            for index, name in enumerate(BODIES)
            if (cost := POINT_COST.get(name.partition("_")[2]))
        }
        self.feet = [_frame(f"{PREFIX}{side}_foot", "body", 0.0, FOOT_COST) for side in ("left", "right")]
        self.soles = [_frame(name, "site", SWING, 0.0) for name in SOLES]
        self.drawn = np.concatenate([np.arange(len(JOINT_NAMES))[columns(joint)] for joint in BALLS + SINGLES])
        self.branches = branches(targets)
        costs = np.zeros(_model().nv)
        for index, name in enumerate(JOINT_NAMES):
            costs[6 + index] = TWIST.get(name.removeprefix("left_").removeprefix("right_"), 0.003)
        costs[6 + self.drawn] = BRANCH_COST
        self.posture = mink.PostureTask(_model(), cost=costs)
        self.pose = np.zeros(_model().nq)
        self.pose[3] = 1.0
        self.pose[7:] = DEFAULT_POSE
        self.tasks = [*self.trunk, *self.points.values(), *self.feet, *self.soles, self.posture]
        speeds = {f"{PREFIX}{name}": MAX_SPEED for name in JOINT_NAMES}
        self.limits = [mink.ConfigurationLimit(_model(), gain=0.99), mink.VelocityLimit(_model(), speeds)]

    def start(self, targets: Targets) -> None:
        """Where the first frame's pelvis is, arms and legs as `branches` says, the rest in the default pose."""
        pose = np.concatenate((targets.pelvis[0], rotation.from_matrix(targets.trunk[0, 0]), DEFAULT_POSE))
        pose[7 + self.drawn] = self.branches[0]
        self.configuration.update(pose)

    def follow(self, targets: Targets, t: int, steps: int) -> np.ndarray:
        """The pose [35] of frame `t`."""
        trunk, feet = rotation.from_matrix(targets.trunk[t]), rotation.from_matrix(targets.feet[t])
        for task, q in zip(self.trunk, trunk, strict=True):
            task.set_target(_pose(q, targets.pelvis[t]))
        for task, q in zip(self.feet, feet, strict=True):
            task.set_target(_pose(q, np.zeros(3)))
        self.pose[7 + self.drawn] = self.branches[t]
        self.posture.set_target(self.pose)
        for index, task in self.points.items():
            task.set_target(_pose(_NO_TURN, targets.points[t, index]))
        for task, place, stands in zip(self.soles, targets.held[t], targets.contact[t], strict=True):
            task.set_target(_pose(_NO_TURN, place))
            task.set_position_cost(STANCE if stands else SWING)
        share = 1.0 / (targets.rate * STEPS)  # s, what a step may use of the hinges' speed
        for _ in range(steps):
            velocity = mink.solve_ik(self.configuration, self.tasks, share, "daqp", damping=DAMPING, limits=self.limits)
            self.configuration.integrate_inplace(velocity, share)
        return self.configuration.q.copy()


_NO_TURN = np.array([1.0, 0.0, 0.0, 0.0])


def _pose(q: np.ndarray, place: np.ndarray) -> mink.SE3:
    return mink.SE3(wxyz_xyz=np.concatenate((q, place)))


def _frame(name: str, kind: str, position: float, orientation: float) -> mink.FrameTask:
    return mink.FrameTask(name, kind, position_cost=position, orientation_cost=orientation)

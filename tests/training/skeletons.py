"""Captures made up for tests: a motion of the humanoid written as the BVH file of any skeleton family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from runtime.character import BODIES, DEFAULT_HEIGHT, DEFAULT_POSE, JOINT_NAMES
from runtime.recording import Motion
from training.motion import rotation
from training.motion.clips import kinematics
from training.motion.skeleton import SkeletonMap

TREE = (  # landmark, the landmark it hangs on, the body whose origin and rotation it has
    ("pelvis", "", "pelvis"), ("waist", "pelvis", "torso"), ("torso", "waist", "torso"), ("neck", "torso", "head"),
    ("head", "neck", "head"),
    *((f"{s}_{joint}", f"{s}_{parent}" if parent not in ("torso", "pelvis") else parent, f"{s}_{body}")
      for s in ("left", "right")
      for joint, parent, body in (
          ("shoulder", "torso", "upper_arm"), ("elbow", "shoulder", "lower_arm"), ("wrist", "elbow", "hand"),
          ("hip", "pelvis", "thigh"), ("knee", "hip", "shin"), ("ankle", "knee", "foot"), ("toe", "ankle", "foot"),
      )),
)  # fmt: skip
TOE = np.array([0.13, 0.0, -0.04])  # m, in the foot's frame
TO_FILE = {"+z": np.eye(3), "+y": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])}  # ours to the file's axes


def walking(frames: int = 90, speed: float = 1.0, rate: float = 30.0) -> Motion:
    """Legs that swing, arms that hang, on the spot in height: enough to tell facing and joints; feet do not stand."""
    t = np.arange(frames) / rate
    joints = np.tile(DEFAULT_POSE, (frames, 1))
    for side, sign in (("right", 1.0), ("left", -1.0)):
        swing = np.sin(2 * np.pi * t)
        joints[:, JOINT_NAMES.index(f"{side}_hip_y")] = -0.4 * sign * swing
        joints[:, JOINT_NAMES.index(f"{side}_knee")] = 0.4 + 0.3 * np.cos(2 * np.pi * t + sign)
        joints[:, JOINT_NAMES.index(f"{side}_shoulder_z")] = 0.3 * swing
        joints[:, JOINT_NAMES.index(f"{side}_elbow")] = 0.4 if side == "right" else -0.4
    position = np.stack((speed * t, 0 * t, np.full(frames, DEFAULT_HEIGHT - 0.03)), axis=1)
    return Motion(rate, position, np.tile([1.0, 0, 0, 0], (frames, 1)), joints, name="walk", source="made/walk")


def write_bvh(path: Path, chosen: SkeletonMap, motion: Motion, unit: float = 0.01, up: str = "+y") -> None:
    """Write `motion` under names and local axes of `chosen`, in units of `unit` m; other joints hang on the root."""
    places, turns = kinematics(motion.root_position, motion.root_rotation, motion.joint_position)
    world = TO_FILE[up]
    axes = {landmark: _local(chosen, landmark) for landmark, _, _ in TREE}
    place, turn, order = {}, {}, []
    for landmark, parent, body in TREE:
        name, index = chosen.joints[landmark], BODIES.index(body)
        if name in place:  # one joint that is two landmarks
            continue
        matrix = rotation.to_matrix(turns[:, index])
        place[name] = places[:, index] + (matrix @ TOE if landmark.endswith("toe") else 0.0)
        turn[name] = matrix @ axes[landmark].T
        order.append((name, chosen.joints[parent] if parent else ""))
    known = {name for name, _ in order}
    order += [(name, order[0][0]) for name in sorted(chosen.names - known)]
    for name in chosen.names - known:
        place[name], turn[name] = place[order[0][0]], turn[order[0][0]]
    children = {name: [child for child, parent in order if parent == name] for name, _ in order}
    lines, columns = ["HIERARCHY"], []

    def open_joint(name: str, parent: str, depth: int) -> None:
        offset = np.zeros(3) if not parent else (turn[parent][0].T @ (place[name][0] - place[parent][0])) / unit
        text = " ".join(f"{value:.6f}" for value in offset)
        if name.endswith(".end"):
            lines.extend(["  " * depth + "End Site", "{", f"OFFSET {text}", "}"])
            return
        lines.extend(["  " * depth + ("JOINT " if parent else "ROOT ") + name, "{", f"OFFSET {text}"])
        local = turn[name] if parent == "" else np.swapaxes(turn[parent], -1, -2) @ turn[name]
        if parent == "":
            local = world @ local
            columns.append(place[name] @ world.T / unit)
        lines.append(f"CHANNELS {6 if not parent else 3} " + ("Xposition Yposition Zposition " if not parent else "")
                     + "Zrotation Xrotation Yrotation")  # fmt: skip
        columns.append(Rotation.from_matrix(local).as_euler("ZXY", degrees=True))
        for child in children[name]:
            open_joint(child, name, depth + 1)
        lines.append("}")

    open_joint(order[0][0], "", 0)
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / motion.rate:.7f}"]
    table = np.concatenate(columns, axis=1)
    lines += [" ".join(f"{value:.6f}" for value in row) for row in table]
    path.write_text("\n".join(lines) + "\n")


def _local(chosen: SkeletonMap, landmark: str) -> np.ndarray:
    """Local axes of a landmark's joint, columns forward, left, up: the map's, and the pelvis' for all limbs."""
    body = {"pelvis": "pelvis", "waist": "torso", "torso": "torso", "neck": "torso", "head": "head"}
    return chosen.frames[body.get(landmark, "pelvis")]

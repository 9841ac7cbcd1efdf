"""AMASS files (SMPL, SMPL+H, SMPL-X poses as npz) on the mean body: `poses`, `trans` and `mocap_framerate`.

The rotations are the file's. Bone lengths are those of a mean body, whatever `betas` say: the capture is brought
to the humanoid's size anyway, and the body model itself, which has a licence of its own, is not needed. A root path is
thereby scaled by the mean body's legs instead of the subject's.
AMASS is z up, metres; SMPL's own axes (x left, y up, z forward) are those of the joints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runtime.character import rotate
from training.motion import rotation
from training.motion.bvh import DamagedFileError
from training.motion.capture import Posed
from training.motion.skeleton import FRAMES, SkeletonMap, parse_axes

# Joint, parent, offset from the parent in m: x left, y up, z forward. The mean shape (betas zero) as public humanoids
# made of SMPL have it; not compared with the model itself, which is not at hand.
_JOINTS = (
    ("pelvis", "", (0.0, 0.0, 0.0)),
    ("left_hip", "pelvis", (0.0695, -0.0914, -0.0068)),
    ("right_hip", "pelvis", (-0.0677, -0.0905, -0.0043)),
    ("spine1", "pelvis", (-0.0025, 0.1090, -0.0267)),
    ("left_knee", "left_hip", (0.0343, -0.3752, -0.0045)),
    ("right_knee", "right_hip", (-0.0383, -0.3826, -0.0089)),
    ("spine2", "spine1", (0.0055, 0.1352, 0.0011)),
    ("left_ankle", "left_knee", (-0.0136, -0.3980, -0.0437)),
    ("right_ankle", "right_knee", (0.0158, -0.3984, -0.0423)),
    ("spine3", "spine2", (0.0015, 0.0529, 0.0254)),
    ("left_foot", "left_ankle", (0.0264, -0.0558, 0.1193)),
    ("right_foot", "right_ankle", (-0.0254, -0.0481, 0.1233)),
    ("neck", "spine3", (-0.0028, 0.2139, -0.0429)),
    ("left_collar", "spine3", (0.0788, 0.1217, -0.0341)),
    ("right_collar", "spine3", (-0.0818, 0.1188, -0.0386)),
    ("head", "neck", (0.0052, 0.0650, 0.0513)),
    ("left_shoulder", "left_collar", (0.0910, 0.0305, -0.0089)),
    ("right_shoulder", "right_collar", (-0.0960, 0.0326, -0.0091)),
    ("left_elbow", "left_shoulder", (0.2596, -0.0128, -0.0275)),
    ("right_elbow", "right_shoulder", (-0.2537, -0.0133, -0.0214)),
    ("left_wrist", "left_elbow", (0.2492, 0.0090, -0.0012)),
    ("right_wrist", "right_elbow", (-0.2553, 0.0078, -0.0056)),
)
NAMES = tuple(name for name, _, _ in _JOINTS)
MIN_WIDTH = 3 * len(NAMES)


def _landmarks() -> dict[str, str]:
    joints = {"pelvis": "pelvis", "waist": "spine1", "torso": "spine3", "neck": "neck", "head": "head"}
    for side in ("left", "right"):
        names = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]
        joints |= dict(zip(names, names, strict=True))
        joints[f"{side}_toe"] = f"{side}_foot"
    return joints


MAP = SkeletonMap("smpl", frozenset(NAMES), (), _landmarks(), dict.fromkeys(FRAMES, parse_axes("z x y")))


def read(path: Path) -> Posed:
    """Pose an AMASS npz; raises DamagedFileError naming file and cause."""
    try:
        with np.load(path, allow_pickle=False) as data:
            rate_name = "mocap_framerate" if "mocap_framerate" in data.files else "mocap_frame_rate"
            missing = {"poses", "trans", rate_name} - set(data.files)
            if missing:
                raise DamagedFileError(path, None, f"expected poses, trans, mocap_framerate; missing {sorted(missing)}")
            poses, place, rate = (np.asarray(data[name], dtype=np.float64) for name in ("poses", "trans", rate_name))
    except DamagedFileError:
        raise
    except Exception as error:  # numpy and zipfile raise many types on bad bytes
        raise DamagedFileError(path, None, f"cannot be read as npz: {error}") from error
    if poses.ndim != 2 or poses.shape[1] < MIN_WIDTH or place.shape != (len(poses), 3) or len(poses) < 2:
        expected = f"poses [T > 1, {MIN_WIDTH} or more] and trans [T, 3]"
        raise DamagedFileError(path, None, f"expected {expected}, found {poses.shape} and {place.shape}")
    if rate.size != 1 or not 1.0 <= float(rate) <= 1000.0:
        raise DamagedFileError(path, None, f"a frame rate of {rate} Hz")
    if not (np.isfinite(poses).all() and np.isfinite(place).all()):
        frame = int(np.nonzero(~(np.isfinite(poses).all(axis=1) & np.isfinite(place).all(axis=1)))[0][0])
        raise DamagedFileError(path, None, f"frame {frame + 1} holds a value that is not finite")
    return pose(poses[:, :MIN_WIDTH].reshape(len(poses), -1, 3), place, float(rate))


def pose(vectors: np.ndarray, place: np.ndarray, rate: float) -> Posed:
    """Joints of the mean body for rotation vectors [T, 22, 3] rad and root positions [T, 3] m."""
    local = rotation.from_rotation_vector(vectors)
    parents = np.array([NAMES.index(parent) if parent else -1 for _, parent, _ in _JOINTS])
    offsets = np.array([offset for _, _, offset in _JOINTS])
    positions, rotations = np.empty((len(place), len(NAMES), 3)), np.empty((len(place), len(NAMES), 4))
    for j, parent in enumerate(parents):
        if parent < 0:
            positions[:, j], rotations[:, j] = place, local[:, j]
        else:
            positions[:, j] = positions[:, parent] + rotate(rotations[:, parent], np.tile(offsets[j], (len(place), 1)))
            rotations[:, j] = rotation.multiply(rotations[:, parent], local[:, j])
    return Posed(NAMES, parents, offsets, positions, rotations, rate)

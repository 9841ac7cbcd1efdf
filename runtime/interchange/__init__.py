"""Motion out to other programs: BVH for skeleton animation, glTF 2.0 (.glb) for a skinned character.

    python -m runtime.interchange CLIP OUT.glb          or OUT.bvh

Inside, z is up, x forward and quaternions are wxyz; both formats here are y-up with z forward, glTF's quaternions are
xyzw. The one conversion between the two is `axes.py`: it only renames axes, so no number is rounded. Both writers take
the hierarchy from the character's compiled model (`skeleton.py`), so that the file's own forward kinematics gives the
body positions that MuJoCo gives.

    load ── Motion by character ── save ─┬─ write_gltf ── skeleton, skin, meshes, axes, _glb.Glb
                                         └─ write_bvh ─── skeleton, axes, _euler.xyz_angles
"""

from runtime.interchange.bvh import write_bvh
from runtime.interchange.export import InterchangeError, load, save
from runtime.interchange.gltf import write_gltf

__all__ = ["InterchangeError", "load", "save", "write_bvh", "write_gltf"]

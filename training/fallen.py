"""Fallen poses: humanoids let drop limp in the engine, until they lie.

Each starts in a random pose (joint angles uniform within half their range), at any orientation, the root .9 to 1.6 m
up, moving at up to 1.5 m/s and 3 rad/s along and about each axis; its servos are told the angles they have, which
leaves the joints' own damping. After 3 s its last states are a start window. What still moves at more than .5 m/s
is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime import character
from training import features, physics, rotation

SECONDS = 3.0
LAID_SECONDS = 0.5
STILL = 0.5  # m/s


def drop(count: int, generator: torch.Generator, tip: tuple[float, float] | None = None) -> dict[str, Tensor]:
    """Make at most `count` start windows, fields as `training.learning.starts.Starts` has them; at least half of them.

    With `tip`, quarter turns about x and y from standing, they are laid down that way instead, in about the default
    pose, and hold it for half a second: limp, who is on a side rolls off it, and so does who holds it for longer. What
    was before they were laid down is as they were then. Raises RuntimeError when fewer come to rest.
    """
    engine = physics.create("mujoco", count)
    start = _thrown(count, generator) if tip is None else _laid(count, generator, tip)
    engine.reset(torch.arange(count), *start)
    held, seconds = start[0][:, 7:].float(), SECONDS if tip is None else LAID_SECONDS
    steps = round(seconds * character.CONTROL_HZ)
    frames: list[tuple[Tensor, Tensor, Tensor]] = []
    blown = torch.zeros(count, dtype=torch.bool)
    for step in range(steps):
        blown |= engine.step(engine.qpos[:, 7:].float() if tip is None else held)
        if step >= steps - features.HISTORY:
            points = features.key_points(engine.body_position.float(), engine.body_rotation.float())
            frames.append((engine.qpos.float().clone(), engine.qvel.float().clone(), points))
    frames = [frames[0]] * (features.HISTORY - len(frames)) + frames
    qpos, points = (torch.stack([frame[part] for frame in frames], dim=1) for part in (0, 2))
    qvel = frames[-1][1]
    rest = ~blown & (qvel[:, :3].norm(dim=1) < STILL)
    if int(rest.sum()) < count // 2:
        raise RuntimeError(f"of {count} dropped humanoids only {int(rest.sum())} lie still after {seconds} s")
    position = qpos[..., :3] - qpos[:, -1:, :3] * torch.tensor([1.0, 1.0, 0.0])
    points = points - (qpos[:, -1:, :3] * torch.tensor([1.0, 1.0, 0.0])).unsqueeze(2)
    now = torch.cat((position[:, -1], qpos[:, -1, 3:]), 1)
    windows = {
        "root_position": position, "root_rotation": qpos[..., 3:7], "joint_position": qpos[..., 7:],
        "key_points": points, "qpos": now, "qvel": qvel,
    }  # fmt: skip
    return {name: value[rest].contiguous() for name, value in windows.items()}


def _thrown(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random qpos [count, 35] and qvel [count, 34] in the air."""
    low, high = (torch.tensor([joint.range[end] for joint in character.JOINTS]) for end in (0, 1))
    uniform = torch.rand(count, 28 + 1 + 6, generator=generator, device=generator.device).cpu()
    turn = torch.randn(count, 4, generator=generator, device=generator.device).cpu()
    turn = torch.nn.functional.normalize(turn, dim=1)
    middle = torch.tensor(character.DEFAULT_POSE, dtype=torch.float32).clamp(low, high)
    span = torch.where(uniform[:, :28] < 0.5, middle - low, high - middle)
    joints = middle + 0.5 * (2 * uniform[:, :28] - 1) * span
    height = 0.9 + 0.7 * uniform[:, 28:29]
    qpos = torch.cat((torch.zeros(count, 2), height, turn, joints), 1)
    spread = torch.tensor([1.5] * 3 + [3.0] * 3)
    qvel = torch.cat(((2 * uniform[:, 29:] - 1) * spread, torch.zeros(count, 28)), 1)
    return qpos.double(), qvel.double()


def _laid(count: int, generator: torch.Generator, tip: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Qpos [count, 35] and qvel [count, 34] at rest a little above the ground, each joint up to .2 rad off."""
    low, high = (torch.tensor([joint.range[end] for joint in character.JOINTS]) for end in (0, 1))
    pose = torch.tensor(character.DEFAULT_POSE, dtype=torch.float32)
    joints = (pose + 0.2 * (2 * torch.rand(count, 28, generator=generator) - 1)).clamp(low, high)
    angle = torch.tensor([*tip, 0.0]) * torch.pi / 2
    turn = rotation.from_axis(torch.nn.functional.normalize(angle, dim=0), angle.norm()).expand(count, 4)
    qpos = torch.cat((torch.zeros(count, 2), torch.full((count, 1), 0.2), turn, joints), 1)
    return qpos.double(), torch.zeros(count, 34).double()

"""What tasks are worth, for programs without torch: `python -m training.rewards` writes `exported/tasks/NAME.onnx`.

A file computes what training does after a control step: raw states [N, ...] and goals [N, G] in, `reward` [N] and
`failed` [N] out. `runtime.gym` runs it. Run the command again when a reward has changed; a test compares the two.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runtime.character import STATE_SHAPES
from runtime.goals import SCHEMAS
from training import bodies, onnx_file, tasks
from training.tasks import Body
from training.tasks.dodgeball import Dodgeball
from training.tasks.getup import Getup
from training.tasks.jump import Jump

FOLDER = Path(__file__).parents[1] / "exported" / "tasks"
NAMES = tuple(name for name in tasks.TASKS if name != "skill")
"""Tasks that have a reward."""
_OPTIONS = {"getup": {"fallen_share": 0.0}}  # nobody is dropped for it


class Worth(nn.Module):
    """Reward and failure of a task."""

    def __init__(self, name: str) -> None:
        """Make the task with its own settings."""
        super().__init__()
        self._task: Any = tasks.create(name, _OPTIONS.get(name, {}), 1, torch.Generator())

    def forward(
        self, root_position: Tensor, root_rotation: Tensor, root_linear_velocity: Tensor,
        root_angular_velocity: Tensor, joint_position: Tensor, joint_velocity: Tensor, body_position: Tensor,
        body_rotation: Tensor, goal: Tensor, body_position_before: Tensor | None = None,
        body_rotation_before: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return rewards [N] and failures [N] (bool); dodgeball has to know where bodies were when the step began."""
        body = Body(
            root_position, root_rotation, root_linear_velocity, root_angular_velocity, joint_position, joint_velocity,
            body_position, body_rotation,
        )  # fmt: skip
        self._task.goal = goal
        if isinstance(self._task, Jump):
            self._task.steering.goal = goal[:, :4]
        if isinstance(self._task, Getup):
            self._task.was_up = root_position[:, 2] > -torch.inf  # all: episodes begin standing
        if isinstance(self._task, Dodgeball):
            assert body_position_before is not None and body_rotation_before is not None
            self._task.before = bodies.ends(body_position_before, body_rotation_before)
        return self._task.reward(body), self._task.failed(body)


def write(name: str, path: Path) -> None:
    """Write the file of a task."""
    shapes = STATE_SHAPES | {"goal": (len(SCHEMAS[name]),)}
    if name == "dodgeball":
        shapes |= {f"{each}_before": STATE_SHAPES[each] for each in ("body_position", "body_rotation")}
    inputs = tuple(torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) for shape in shapes.values())
    outputs = ("reward", "failed")
    onnx_file.write(path, Worth(name), inputs, tuple(shapes), outputs, {"task": {"schema": 1, "task": name}})


def main() -> None:
    """Write the files of all tasks, or of those named."""
    parser = argparse.ArgumentParser(prog="python -m training.rewards", description="Export what tasks are worth.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)} (default: all)")
    asked = parser.parse_args().names or NAMES
    if unknown := sorted(set(asked) - set(NAMES)):
        parser.error(f"{', '.join(unknown)}: expected some of {', '.join(NAMES)}")
    for name in asked:
        write(name, FOLDER / f"{name}.onnx")
        print(f"wrote {FOLDER / name}.onnx")


if __name__ == "__main__":
    main()

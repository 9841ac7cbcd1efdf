"""Samples of a prior as a motion to look at: `python -m training.prior.reel PRIOR.onnx OUT.motion [STYLE [STYLE]]`.

Four windows, projected to valid states and laid one after the other along x, each about a second long; with a style all
of them are in it, with two the upper body is in the first and the lower in the second. To see them:

    python -m viewer --recording OUT.motion --headless --strip out.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from runtime.character import CONTROL_HZ
from runtime.recording import Motion, save_motion
from training.prior import file, sampling
from training.prior.projection import Projector
from training.prior.score import Score
from training.prior.style import vector

WINDOWS, GAP = 4, 1.2  # m between the end of one and the start of the next


def reel(score: Score, name: str, styles: list[str], seed: int = 0) -> Motion:
    """Lay four samples end to end; raises KeyError naming a style that the prior has not."""
    generator = torch.Generator().manual_seed(seed)
    told = vector(score.styles, {styles[0]: 1.0}, {styles[-1]: 1.0}).expand(WINDOWS, -1) if styles else None
    projector = Projector(score.offsets)
    poses = projector.dense(projector.project(sampling.ddpm(score, WINDOWS, generator, told)))
    position, place = poses.position.clone(), 0.0
    for window in position:
        window[:, 0] += place - window[:, 0].min()
        place = float(window[:, 0].max()) + GAP
    parts = (position, poses.orientation, poses.joints)
    return Motion(
        float(CONTROL_HZ), *(part.flatten(0, 1).double().numpy() for part in parts), loop=False, name=name,
        source=f"generated/{name}", licence="",
    )  # fmt: skip


def main() -> None:
    """Write the motion; exits with 2 and one sentence on bad input."""
    if len(sys.argv) not in (3, 4, 5):
        print("usage: python -m training.prior.reel PRIOR.onnx OUT.motion [STYLE [STYLE]]", file=sys.stderr)
        raise SystemExit(2)
    try:
        save_motion(Path(sys.argv[2]), reel(file.load(sys.argv[1]).score, Path(sys.argv[1]).stem, sys.argv[3:]))
    except (file.PriorFileError, KeyError) as error:
        print(error.args[0], file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()

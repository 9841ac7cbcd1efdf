"""Videos of a policy while it trains: `training.run … record=10`, or at any time `python -m training.film RUN_FOLDER`.

    training.run ── Films.start ── a process of its own: checkpoint ─> controller ─> python -m viewer --headless ─> mp4

Training neither imports the viewer nor waits for it: another process, of lower priority, exports the checkpoint that
was just written and lets the viewer render the file, as a user would. A video that is not ready when the next is due
means that one is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from training.config import ConfigError, RunConfig
from training.learning.checkpoint import CheckpointError
from training.prior.file import PriorFileError
from training.tasks import TASKS

FOLDER = "videos"
SECONDS = 8  # of a video


class Films:
    """The videos of one run."""

    def __init__(self, config: RunConfig) -> None:
        """Take the run's folder and how often a video is wanted."""
        self._folder, self._seconds = config.folder, config.record * 60
        self._process: subprocess.Popen[bytes] | None = None
        self._last = 0.0

    def due(self, now: float) -> bool:
        """Whether a video is wanted, and none in the making; `now` in s since the run started."""
        making = self._process is not None and self._process.poll() is None
        return 0.0 < self._seconds <= now - self._last and not making

    def start(self, now: float) -> None:
        """Make a video of the checkpoint in the run folder, elsewhere."""
        self._last = now
        command = [sys.executable, "-m", "training.film", self._folder]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # the others are training's
        self._process = subprocess.Popen(command, env=one_thread, start_new_session=True)  # Ctrl-C is not for it

    def close(self) -> None:
        """Wait for the video in the making."""
        if self._process is not None:
            self._process.wait()


def main() -> None:
    """Film the run folder on the command line; exits with 2 and one sentence where that cannot be."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("python -m training.film RUN_FOLDER: a video of what the run has come to", file=sys.stderr)
        raise SystemExit(2)
    os.nice(10)
    try:
        path = film(Path(sys.argv[1]))
    except (CheckpointError, ConfigError, PriorFileError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    except subprocess.CalledProcessError as error:
        print(f"no video: the viewer ended with {error.returncode}: {error.stderr.strip()}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"wrote {path}", flush=True)


def film(folder: Path) -> Path:
    """Export the checkpoint of a run and render it; returns the video's path, `videos/SAMPLES.mp4` in the folder.

    Raises CheckpointError, ConfigError or PriorFileError for a folder that is none, CalledProcessError of the viewer.
    """
    from training import run
    from training.learning import checkpoint

    config = checkpoint.resumed(RunConfig(resume=str(folder), export_only=True))
    with tempfile.TemporaryDirectory() as place:
        config = replace(config, folder=place, output="")
        samples = run.export_only(config)
        path = folder / FOLDER / f"{samples:012d}.mp4"
        path.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "viewer", "--headless", "--controller", f"{place}/controller.onnx"]
        command += ["--seconds", str(SECONDS), "--video", str(path)]
        if config.task.name not in TASKS:
            command += ["--task", config.task.name]
        subprocess.run(command, check=True, capture_output=True, text=True)
    return path


if __name__ == "__main__":
    main()

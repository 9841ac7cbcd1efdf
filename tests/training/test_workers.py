"""Worker processes and how they are stopped. Run as a script, this file is what the tests start and signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from training.learning import workers
from training.learning.workers import Stop, Worker, handling

ROOT = Path(__file__).parents[2]


def work(worker: Worker, folder: Path, mode: str) -> None:
    """Meet the others in every round; in mode `wait` until someone is asked to stop, else for one round."""
    rounds = 0
    (stopped,) = worker.any(False)
    while mode == "wait" and not stopped:
        rounds += 1
        (folder / f"started-{worker.rank}").touch()
        time.sleep(0.01)
        (stopped,) = worker.any(worker.stop.is_set)
    if mode == "fail" and worker.rank == 1:
        raise RuntimeError("one worker fails")
    mean = worker.mean(torch.tensor([1.0, 10.0]) * (worker.rank + 1)).tolist()
    flags = worker.any(worker.rank == 1, worker.rank == 7, True)
    found = {"rounds": rounds, "mean": mean, "flags": flags, "threads": torch.get_num_threads(), "world": worker.world}
    (folder / f"end-{worker.rank}").write_text(json.dumps(found))


def start(folder: Path, mode: str) -> subprocess.Popen[str]:
    """Launch two workers in a process group of their own."""
    command = [sys.executable, __file__, str(folder), mode]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)


def wait_for(process: subprocess.Popen[str], *paths: Path) -> None:
    """Wait until all these files are there; fails when the process ends before."""
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in paths):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killing_the_parent_ends_all_workers_in_order(tmp_path):
    """SIGTERM to the parent alone reaches all: they leave in the same round, exit code 0; test_run.py has Ctrl-C."""
    process = start(tmp_path, "wait")
    try:
        wait_for(process, tmp_path / "started-0", tmp_path / "started-1")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    ends = [json.loads((tmp_path / f"end-{rank}").read_text()) for rank in range(2)]
    assert ends[0]["rounds"] == ends[1]["rounds"] > 0
    assert ends[0]["mean"] == ends[1]["mean"] == [1.5, 15.0]
    assert ends[0]["flags"] == ends[1]["flags"] == [True, False, True]
    assert ends[0]["threads"] == ends[1]["threads"] == 1


def test_a_failing_worker_ends_all(tmp_path):
    """An exception in one worker ends the other too, which would wait for ever, and is told whoever ends first."""
    process = start(tmp_path, "fail")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "worker 1 of 2 failed:" in output and "RuntimeError: one worker fails" in output


def test_one_process_works_here(tmp_path):
    """A single worker runs in this process; handlers of signals are as before afterwards."""
    before = signal.getsignal(signal.SIGINT)
    workers.launch(1, work, tmp_path, "once")
    assert json.loads((tmp_path / "end-0").read_text())["world"] == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_torchrun_is_joined(tmp_path, monkeypatch):
    """Under torchrun's variables nothing is started: this process is the rank they name."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    workers.launch(5, work, tmp_path, "once")
    assert [path.name for path in tmp_path.iterdir()] == ["end-0"]
    assert workers.count(5, 2048) == 1


def test_count_of_processes(monkeypatch):
    """The number asked for, or one for every core that this process may use, if they share the environments evenly."""
    assert workers.count(3, 2048) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert [workers.count(0, envs) for envs in (2048, 12, 7, 6)] == [4, 6, 1, 6]


def test_first_and_second_signal():
    """The first signal sets the wish and calls `first`, every further one calls `again`."""
    heard = []
    stop = Stop(first=lambda: heard.append("first"), again=lambda: heard.append("again"))
    with handling(stop):
        assert not stop.is_set
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
    assert stop.is_set
    assert heard == ["first", "again", "again"]


def test_a_lone_worker_ends_at_the_second_signal():
    """In one process the first Ctrl-C waits for the end of the iteration, the second ends it, by 130."""
    seen = []

    def interrupted(worker: Worker) -> None:
        signal.raise_signal(signal.SIGINT)
        seen.append(worker.stop.is_set)
        signal.raise_signal(signal.SIGINT)
        seen.append("unreachable")

    with pytest.raises(SystemExit) as end:
        workers.launch(1, interrupted)
    assert (seen, end.value.code) == ([True], 130)


if __name__ == "__main__":
    workers.launch(2, work, Path(sys.argv[1]), sys.argv[2])

"""Worker processes: one thread each, gradients averaged over gloo (CPU) or nccl (GPU); and how they are asked to stop.

On a CPU, n processes of one thread train faster than one process of n threads (physics, observation and the prior are
batched within a process, so nothing is left to share). Under `torchrun` the processes are already there and this file
only joins their group; otherwise `launch` starts them.

SIGINT and SIGTERM ask for an end; `Worker.any` spreads it, since all have to leave the loop at the same iteration.
Ctrl-C in a terminal reaches parent and workers alike, `kill` only the parent: it passes the wish on, so a worker may
hear it twice and takes it once. A second signal to the parent ends all at once. Workers are born with both signals
blocked and unblock them when they can be handled, so that none is lost or kills a worker that is still importing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import cast

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Signal handler that remembers a wish to end; `is_set` tells."""

    def __init__(self, first: Callable[[], None] | None = None, again: Callable[[], None] | None = None) -> None:
        """Also call `first` at the first signal and `again` at every further one."""
        self.is_set = False
        self._first = first
        self._again = again

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        action = self._again if self.is_set else self._first
        self.is_set = True
        if action is not None:
            action()


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this is."""

    rank: int
    world: int
    stop: Stop = field(default_factory=Stop)
    """Whether this process was asked to end."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    """Where the group's messages have to be: its GPU under nccl, else the CPU."""

    @property
    def leads(self) -> bool:
        """Whether this process writes logs and the shared checkpoint."""
        return self.rank == 0

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean of `values` over all workers; every worker must call."""
        if self.world > 1:
            values = values.to(self.device)
            dist.all_reduce(values)
            values /= self.world
        return values

    def meet(self) -> None:
        """Wait until every worker has got here."""
        if self.world > 1:
            dist.barrier()

    def from_leader(self, text: str) -> str:
        """Return what the leading worker gives; every worker must call."""
        if self.world == 1:
            return text
        message = [text]
        dist.broadcast_object_list(message, src=0, device=self.device)
        return message[0]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in any worker; every worker must call."""
        return tuple(value > 0 for value in self.mean(torch.tensor(flags, dtype=torch.float32)).tolist())


def under_torchrun() -> bool:
    """Whether torchrun (or another launcher that sets its variables) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def first() -> bool:
    """Whether this process is the only one or the first that torchrun started: the one to prepare the run for all."""
    return not under_torchrun() or os.environ["RANK"] == "0"


def available_cores() -> int:
    """Cores this process may run on (its affinity, not the machine's count)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count(processes: int, envs: int, gpu: bool = False) -> int:
    """How many workers share `envs` environments where `processes` are asked for, or torchrun made them.

    0 means one for every core (or GPU), but of a number that shares the environments evenly: 4 on 6 cores for 2,048.
    """
    if under_torchrun():
        return int(os.environ["WORLD_SIZE"])
    most = torch.cuda.device_count() if gpu else available_cores()
    return processes or max(n for n in range(1, max(most, 1) + 1) if envs % n == 0)


def launch(processes: int, work: Callable[..., None], *arguments: object, gpu: bool = False) -> None:
    """Call `work(worker, *arguments)` in `processes` processes, see `count`, and wait for all of them.

    With `gpu` each has a GPU of its own, the current device of torch. Under torchrun it is called once, here, as the
    rank that torchrun gave. An exception in any worker ends all: it is printed there, and here the first to arrive is
    raised.
    """
    if under_torchrun():
        _join(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), None, gpu, work, arguments)
    elif processes == 1:
        _join(0, 1, None, gpu, work, arguments)
    else:
        _spawn(processes, gpu, work, arguments)


def _spawn(world: int, gpu: bool, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    """Start the workers, pass signals on to them, wait for them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    resource_tracker.ensure_running()  # or the first worker's start would do it, and unblock the signals on the way
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # workers inherit this
    try:
        context = mp.spawn(_join, (world, f"tcp://127.0.0.1:{port}", gpu, work, arguments), nprocs=world, join=False)
        assert context is not None
        processes = cast(list[BaseProcess], context.processes)
        with handling(Stop(first=lambda: _terminate(processes), again=lambda: _kill(processes))):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            while not context.join():
                pass
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _terminate(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()


def _kill(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.kill()
    _leave()


def _leave() -> None:
    raise SystemExit(128 + signal.SIGINT)


def _join(
    rank: int, world: int, address: str | None, gpu: bool, work: Callable[..., None], arguments: tuple[object, ...]
) -> None:  # fmt: skip
    """Be worker `rank` of the group at `address` (None: torchrun's); a lone worker ends itself at a second signal."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    if gpu:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)))
        torch.cuda.set_device(device)
    stop = Stop(again=_leave if world == 1 else None)
    with handling(stop):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if world > 1:
            backend = "nccl" if gpu else "gloo"
            dist.init_process_group(backend, init_method=address, rank=rank, world_size=world)
        try:
            work(Worker(rank, world, stop, device), *arguments)
        except Exception:
            if world > 1:  # the others, left alone, fail too, and the parent may raise one of theirs
                print(f"worker {rank} of {world} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            raise
        finally:
            if world > 1:
                dist.destroy_process_group()
            if address:  # a signal that comes while this process shuts down must not look like a failure
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_IGN)


@contextmanager
def handling(stop: Stop) -> Iterator[None]:
    """Let `stop` handle SIGINT and SIGTERM for a while; what is set for them inside the block stays if it is not it."""
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)
